"""The main job while workers are killed and frozen and brokers stand still: the end state is the same."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import KafkaFactory
from tests.e2e.main_job import ENV, Job
from tests.kafka.broker import Cluster
from tests.worker_processes import WorkerProcess, Workers

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.shared]

SESSION = 6.0
FAST = ENV | {
    "WIREWATCH_KAFKA__SESSION_TIMEOUT": str(SESSION),
    "WIREWATCH_KAFKA__REQUEST_TIMEOUT": "8",
    "WIREWATCH_ENRICH__COMMIT_INTERVAL": "0.5",
}
ARTICLES = 2000


class Running(NamedTuple):
    """The main job, what it must come to, and the workers that do it."""

    job: Job
    expected: bytes
    enrich: list[WorkerProcess]
    alert: list[WorkerProcess]


MainJob = Callable[[Cluster], AbstractContextManager[Running]]


@pytest.fixture
def main_job(prefix: str, shared_data: Path, tmp_path: Path) -> MainJob:
    """Starts the main job on a cluster, with two workers of each kind and no articles yet."""

    @contextmanager
    def running(cluster: Cluster) -> Iterator[Running]:
        job = Job(cluster.bootstrap, prefix, tmp_path, shared_data, articles=ARTICLES)
        expected = job.offline("--model", "none")
        job.create_topics()
        with Workers(cluster.bootstrap, prefix, tmp_path, FAST) as workers:
            enrich = workers.start("enrich", *job.enrich_flags, "--model", "none", "--processes", "1", number=2)
            yield Running(job, expected, enrich, workers.start("alert", number=2))

    return running


async def _published(job: Job, *, seconds: float) -> None:
    """Publish the articles over a time, so that there is work whenever something happens."""
    await asyncio.to_thread(job.publish, rate=len(job.values) / seconds)


async def _checked(job: Job, expected: bytes) -> None:
    await job.settled(timeout=150)
    outcome = await job.outcome()
    outcome.check(expected=expected, bad=job.bad, repeats=True)
    print(f"\n{outcome.described()}")
    assert not outcome.repeated["alerts"], "no alert is told twice"


@pytest.mark.timeout(400)
async def test_kills_of_every_worker_change_nothing(kafka: Cluster, main_job: MainJob) -> None:
    with main_job(kafka) as (job, expected, enrich, alert):
        publishing = asyncio.create_task(_published(job, seconds=25))
        turn = 0
        while not publishing.done():
            await asyncio.sleep(3.5)
            victim = (*enrich, *alert)[turn % 4]
            victim.kill()
            victim.start()
            turn += 1
        await publishing
        assert turn >= 6
        await _checked(job, expected)


@pytest.mark.timeout(400)
async def test_workers_frozen_past_their_session_change_nothing(kafka: Cluster, main_job: MainJob) -> None:
    with main_job(kafka) as (job, expected, enrich, alert):
        publishing = asyncio.create_task(_published(job, seconds=30))
        await asyncio.sleep(6)
        for worker in (enrich[0], alert[0]):
            worker.signal_all(signal.SIGSTOP)
        await asyncio.sleep(2.5 * SESSION)
        for worker in (enrich[0], alert[0]):
            worker.signal_all(signal.SIGCONT)
        await publishing
        await _checked(job, expected)


@pytest.mark.timeout(500)
async def test_a_frozen_broker_with_a_worker_killed_meanwhile_changes_nothing(
    kafka_cluster: KafkaFactory, main_job: MainJob
) -> None:
    cluster = kafka_cluster(3)
    with main_job(cluster) as (job, expected, enrich, alert):
        publishing = asyncio.create_task(_published(job, seconds=40))
        await asyncio.sleep(6)
        await asyncio.to_thread(cluster.brokers[1].freeze)
        await asyncio.sleep(6)
        for worker in (enrich[0], alert[0]):
            worker.kill()
        await asyncio.sleep(6)
        await asyncio.to_thread(cluster.brokers[1].thaw)
        for worker in (enrich[0], alert[0]):
            worker.start()
        await publishing
        await _checked(job, expected)


@pytest.mark.timeout(400)
async def test_workers_stopped_in_turn_repeat_nothing(kafka: Cluster, main_job: MainJob) -> None:
    with main_job(kafka) as (job, expected, enrich, alert):
        publishing = asyncio.create_task(_published(job, seconds=20))
        turn = 0
        while not publishing.done() or turn < 4:  # a busy machine starts workers slowly
            await asyncio.sleep(3)
            worker = (*enrich, *alert)[turn % 4]
            await asyncio.to_thread(worker.wait_up)  # before, SIGTERM just ends it
            assert await asyncio.to_thread(worker.stop) == 0
            worker.start()
            turn += 1
        await publishing
        await job.settled(timeout=150)
        outcome = await job.outcome()
        outcome.check(expected=expected, bad=job.bad, repeats=False)
