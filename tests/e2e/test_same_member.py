"""Two processes with the same static member id on a real Kafka: one works, the other waits and says why."""

import asyncio
import json
import os
import time
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.alert_stage import assert_exact, publish, wait_folded
from tests.hit_logs import made_up_log
from tests.kafka.broker import Cluster
from tests.worker_processes import WorkerProcess, Workers, until

pytestmark = pytest.mark.kafka

SESSION = 6
TAKEN = "wirewatch_displaced_groups"
ENV = {
    "WIREWATCH_KAFKA": json.dumps({"session_timeout": SESSION, "consumer": {"group_instance_id": "news-0"}}),
    "WIREWATCH_DELIVER__ROUTE": json.dumps([{"name": "log", "sink": {"kind": "stdout"}}]),
    "WIREWATCH_ENRICH__PROCESSES": "1",
    "WIREWATCH_ENRICH__STALLED_AFTER": "8",
    "WIREWATCH_MODEL": "none",
}


def waits(worker: WorkerProcess) -> bool:
    status, said = worker.asked("readyz")
    return status == 503 and "same group_instance_id, news-0" in said


def child_of(worker: WorkerProcess) -> int:
    """The process that its supervisor has started."""
    (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return int(child)


async def displaced(workers: Workers, kind: str) -> tuple[WorkerProcess, WorkerProcess]:
    """A worker that has lost its id, and the one that has it."""
    (first,) = workers.start(kind)
    await asyncio.to_thread(first.wait_ready)
    (second,) = workers.start(kind)
    await until(lambda: waits(first))
    await asyncio.to_thread(second.wait_ready)
    return first, second


@pytest.mark.parametrize("kind", ["enrich", "alert", "deliver"])
async def test_who_came_last_works_and_the_other_waits_and_says_why(
    kafka: Cluster, prefix: str, tmp_path: Path, kind: str
) -> None:
    await kafka.create_topics(prefix, partitions=4)
    with Workers(kafka.bootstrap, prefix, tmp_path, ENV) as workers:
        first, second = await displaced(workers, kind)
        before = [worker.total("wirewatch_rebalances_total") for worker in (first, second)]
        deadline = time.monotonic() + 2 * SESSION
        while time.monotonic() < deadline:  # they would take it from each other every 2 or 3 seconds
            assert waits(first)
            assert first.asked("livez")[0] == second.asked("readyz")[0] == 200
            await asyncio.sleep(0.5)
        assert [worker.total("wirewatch_rebalances_total") for worker in (first, second)] == before
        assert (first.total(TAKEN), second.total(TAKEN)) == (1, 0)
        assert first.total("wirewatch_lag_records") == first.total("wirewatch_assigned_partitions") == 0
        assert "another process has this one's group_instance_id" in first.tail()
        assert await asyncio.to_thread(first.stop) == 0
        assert second.asked("readyz")[0] == 200


@pytest.mark.parametrize("kind", ["enrich", "alert", "deliver"])
async def test_who_waits_goes_on_when_the_other_is_gone(kafka: Cluster, prefix: str, tmp_path: Path, kind: str) -> None:
    await kafka.create_topics(prefix, partitions=4)
    with Workers(kafka.bootstrap, prefix, tmp_path, ENV) as workers:
        first, second = await displaced(workers, kind)
        second.signal_all(SIGKILL)
        await asyncio.to_thread(first.wait_ready)
        assert first.total(TAKEN) == 0
        assert await asyncio.to_thread(first.stop) == 0


async def test_no_alert_is_lost_and_none_is_another_while_two_at_work_have_one_id(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    topics = await kafka.create_topics(prefix, partitions=2)
    hits = [(number % 2, hit) for number, hit in enumerate(made_up_log(4000, desks=("trade", "asia"), seed=5))]
    with Workers(kafka.bootstrap, prefix, tmp_path, ENV) as workers:
        (first,) = workers.start("alert")
        await asyncio.to_thread(first.wait_ready)
        publishing = asyncio.create_task(publish(kafka.bootstrap, topics["hits"], hits, pace=200))
        await until(lambda: first.total("wirewatch_hits_total") > 200)
        # Each notices the other's writes and ends itself; only the one whose id it is joins again.
        (second,) = workers.start("alert")
        await until(lambda: waits(first))
        await publishing
        await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[])
        assert waits(first)
        assert second.asked("readyz")[0] == 200
        assert sum(worker.total("wirewatch_restarts_total") for worker in (first, second)) <= 4
        await assert_exact(kafka.bootstrap, topics, repeats=True)


async def test_an_alert_worker_that_is_started_again_does_not_take_the_id_back(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    await kafka.create_topics(prefix, partitions=2)
    with Workers(kafka.bootstrap, prefix, tmp_path, ENV) as workers:
        first, second = await displaced(workers, "alert")
        before = second.total("wirewatch_rebalances_total")
        os.kill(child_of(first), SIGKILL)
        await until(lambda: waits(first) and first.total("wirewatch_restarts_total") == 1)
        await asyncio.sleep(SESSION)
        assert waits(first)
        assert second.total("wirewatch_rebalances_total") == before
