"""Kills, freezes and rolling restarts of the alert stage on real Kafka.

In the end the alerts are those of the offline fold over the same hits, ids and contents, none missing and none twice,
and so are the stories.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from zlib import crc32

import pytest

from tests.alert_stage import Worker, assert_exact, publish, wait_folded
from tests.conftest import KafkaFactory
from tests.hit_logs import made_up_log
from tests.kafka.broker import Cluster
from topics.records import HitRecord

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

DESKS = [f"desk-{n}" for n in range(16)]
PARTITIONS = 4
SESSION = 6.0
Start = Callable[[str, str], Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts supervised workers, and ends them after the test."""
    workers: list[Worker] = []

    def make(bootstrap: str, prefix: str) -> Worker:
        log = tmp_path / f"worker-{len(workers)}.log"
        workers.append(Worker(bootstrap, prefix, log, session=SESSION, supervised=True))
        return workers[-1]

    yield make
    for worker in workers:
        worker.kill()


def load(seconds: float, pace: float, seed: int) -> list[tuple[int, HitRecord]]:
    """Hits for so many seconds at `pace`, each in its desk's partition; withdrawals in all of them."""
    placed: list[tuple[int, HitRecord]] = []
    for record in made_up_log(int(seconds * pace), desks=DESKS, seed=seed, pace=30):
        desk = getattr(record, "desk", None)
        chosen = range(PARTITIONS) if desk is None else [crc32(desk.encode()) % PARTITIONS]
        placed += [(number, record) for number in chosen]
    return placed


@asynccontextmanager
async def under_load(
    cluster: Cluster, topic: str, *, seconds: float, seed: int, pace: float = 400
) -> AsyncIterator[None]:
    """Hits come while the block runs, and after it until all have come."""
    coming = asyncio.create_task(publish(cluster.bootstrap, topic, load(seconds, pace, seed), pace=pace))
    try:
        yield
        await coming
    finally:
        coming.cancel()


async def begun(workers: list[Worker]) -> None:
    await asyncio.gather(*(asyncio.to_thread(worker.wait_for, "state_restored") for worker in workers))


async def test_kill_9_under_load_loses_and_repeats_nothing(kafka: Cluster, prefix: str, start: Start) -> None:
    topics = await kafka.create_topics(prefix, PARTITIONS)
    workers = [start(kafka.bootstrap, prefix) for _ in range(2)]
    await begun(workers)
    dice, kills = random.Random(1), 0
    async with under_load(kafka, topics["hits"], seconds=22, seed=21):
        for _ in range(6):
            await asyncio.sleep(dice.uniform(2.5, 4.5))  # the fault is to come at any moment of the work
            kills += dice.choice(workers).signal(signal.SIGKILL)
    await wait_folded(kafka.bootstrap, topics, timeout=90, workers=workers)
    alerts = await assert_exact(kafka.bootstrap, topics)
    print(f"{kills} kills, {alerts} alerts, none missing, none repeated")
    assert kills >= 4


async def test_a_worker_frozen_for_longer_than_its_session_changes_nothing(
    kafka: Cluster, prefix: str, start: Start
) -> None:
    topics = await kafka.create_topics(prefix, PARTITIONS)
    workers = [start(kafka.bootstrap, prefix) for _ in range(2)]
    await begun(workers)
    async with under_load(kafka, topics["hits"], seconds=24, seed=22):
        for worker in workers:
            await asyncio.sleep(1.0)
            assert worker.signal(signal.SIGSTOP)
            await asyncio.sleep(SESSION + 3)  # the group has given its partitions to the other
            worker.signal(signal.SIGCONT)
    await wait_folded(kafka.bootstrap, topics, timeout=90, workers=workers)
    alerts = await assert_exact(kafka.bootstrap, topics)
    frozen = sum("did not run" in str(line["error"]) for worker in workers for line in worker.events("ending"))
    print(f"{alerts} alerts, {frozen} frozen workers ended themselves")
    assert frozen == 2


async def test_rolling_restarts_lose_and_repeat_nothing(kafka: Cluster, prefix: str, start: Start) -> None:
    topics = await kafka.create_topics(prefix, PARTITIONS)
    workers = [start(kafka.bootstrap, prefix) for _ in range(2)]
    await begun(workers)
    async with under_load(kafka, topics["hits"], seconds=12, seed=23):
        for worker in workers:
            await asyncio.sleep(1.5)
            assert await asyncio.to_thread(worker.terminate) == 0
            before = len(worker.events("state_restored"))
            worker.restart()
            await asyncio.to_thread(worker.wait_for, "state_restored", count=before + 1)
    await wait_folded(kafka.bootstrap, topics, timeout=90, workers=workers)
    await assert_exact(kafka.bootstrap, topics)


async def test_a_frozen_broker_loses_and_repeats_nothing(
    kafka_cluster: KafkaFactory, prefix: str, start: Start
) -> None:
    """The leader of a third of all partitions freezes under load, a worker is killed meanwhile, and both return."""
    cluster = await asyncio.to_thread(kafka_cluster, 3)
    topics = await cluster.create_topics(prefix, PARTITIONS)
    workers = [start(cluster.bootstrap, prefix) for _ in range(2)]
    await begun(workers)
    async with under_load(cluster, topics["hits"], seconds=25, seed=24, pace=200):
        for broker in cluster.brokers[1:]:
            await asyncio.sleep(2)
            broker.freeze()
            try:
                await asyncio.sleep(3)
                workers[0].signal(signal.SIGKILL)
                await asyncio.sleep(5)
            finally:
                broker.thaw()
    await wait_folded(cluster.bootstrap, topics, timeout=120, workers=workers)
    await assert_exact(cluster.bootstrap, topics)
