"""Told to stop, a worker ends within its deadline, whatever the brokers do; nothing of it stays behind."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import KafkaFactory
from tests.kafka.broker import Broker
from tests.worker_processes import Workers, run_command
from workers.stopping import GRACE

pytestmark = pytest.mark.kafka

DRAIN = 1.0
ENV = {
    "WIREWATCH_ENRICH__DRAIN": str(DRAIN),
    "WIREWATCH_ALERT__DRAIN": str(DRAIN),
    "WIREWATCH_DELIVER__DRAIN": str(DRAIN),
    "WIREWATCH_DELIVER__ROUTE": '[{"name": "out", "sink": {"kind": "stdout"}}]',
    "WIREWATCH_KAFKA__SESSION_TIMEOUT": "6",
}


def _group_is_gone(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(pid, 0)
        return False
    return True


@pytest.mark.parametrize("away", [Broker.freeze, Broker.kill], ids=["frozen", "dead"])
@pytest.mark.parametrize("started", [False, True], ids=["while starting", "at work"])
async def test_workers_end_in_time_with_the_broker_away(
    kafka_cluster: KafkaFactory, prefix: str, tmp_path: Path, away: Callable[[Broker], None], started: bool
) -> None:
    cluster = kafka_cluster(1)
    run_command("topics", "create", "--brokers", cluster.bootstrap, "--prefix", prefix)
    with Workers(cluster.bootstrap, prefix, tmp_path, ENV) as workers:
        if not started:
            await asyncio.to_thread(away, cluster.brokers[0])
        workers.start("enrich", "--model", "none", "--processes", "1")
        workers.start("alert")
        workers.start("deliver")
        for worker in workers.all:
            await asyncio.to_thread(worker.wait_ready if started else worker.wait_up)
        if started:
            await asyncio.to_thread(away, cluster.brokers[0])
            await asyncio.sleep(2)  # time to notice, and to be busy with it
        began = time.monotonic()
        codes = [await asyncio.to_thread(worker.stop) for worker in workers.all]
        assert codes == [0, 0, 0]
        # One after the other, each within its own deadline; an interpreter may need a moment for its end.
        assert time.monotonic() - began < len(codes) * (DRAIN + GRACE + 2)
        # multiprocessing's resource tracker goes when it notices that its parent went.
        async with asyncio.timeout(5):
            while not all(_group_is_gone(worker.pid) for worker in workers.all):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
