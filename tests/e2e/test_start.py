"""Where a new group begins, on a real Kafka: what `start` says, once; and never past a record that came later."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.reading_loop import Reader, reading
from tests.worker_processes import Workers, until
from workers.settings import load
from workers.stream import start

pytestmark = pytest.mark.kafka


async def send(bootstrap: str, topic: str, values: Sequence[bytes], *, partition: int = 0, at: float = 0) -> None:
    """Write records, all with one time (`at`, seconds since the epoch) where the topic takes the writer's."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=partition, timestamp_ms=int(at * 1000) if at else None)


async def add_partitions(bootstrap: str, topic: str, total: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(total)})
    finally:
        await admin.close()


def read(*values: bytes) -> "ReadAll":
    return ReadAll(values)


class ReadAll:
    """Whether a reader has read exactly these values so far, in any order."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self._values = sorted(values)

    def __call__(self, reader: Reader) -> bool:
        return sorted(value or b"" for value in reader.values) == self._values


async def test_by_default_a_new_group_reads_everything(kafka: Cluster, prefix: str) -> None:
    raw = await kafka.create_topic(f"{prefix}.raw", 2)
    await send(kafka.bootstrap, raw, [b"a", b"b"], partition=1)
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(b"a", b"b"))


async def test_latest_leaves_out_what_is_there_and_nothing_else(kafka: Cluster, prefix: str) -> None:
    """Not what comes to an idle partition, nor to one that was added and written to before it was noticed."""
    raw = await kafka.create_topic(f"{prefix}.raw", 2)
    await send(kafka.bootstrap, raw, [b"old"])
    async with reading(kafka.bootstrap, prefix, start="latest") as reader:
        await reader.joined()
        await send(kafka.bootstrap, raw, [b"new"])
        await send(kafka.bootstrap, raw, [b"idle no more"], partition=1)
        await add_partitions(kafka.bootstrap, raw, 3)
        await send(kafka.bootstrap, raw, [b"before it was noticed", b"after"], partition=2)
        wanted = (b"new", b"idle no more", b"before it was noticed", b"after")
        await reader.until(read(*wanted))
    await send(kafka.bootstrap, raw, [b"while nobody read"])
    await add_partitions(kafka.bootstrap, raw, 4)
    await send(kafka.bootstrap, raw, [b"in a partition of which nobody knew"], partition=3)
    async with reading(kafka.bootstrap, prefix, start="latest") as reader:
        await reader.until(read(b"while nobody read", b"in a partition of which nobody knew"))


async def test_a_time_or_so_long_ago_begins_at_the_first_record_of_then(kafka: Cluster, prefix: str) -> None:
    raw = await kafka.create_topic(f"{prefix}.raw", 3)
    now = time.time()
    for hours in (5, 3, 1):
        await send(kafka.bootstrap, raw, [b"%d" % hours], at=now - hours * 3600)
    await send(kafka.bootstrap, raw, [b"before"], partition=1, at=now - 9000)
    async with reading(kafka.bootstrap, prefix, start="-2h", group="ago") as reader:
        await send(kafka.bootstrap, raw, [b"after", b"it"], partition=1)
        await reader.until(read(b"1", b"after", b"it"))
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 4 * 3600))
    async with reading(kafka.bootstrap, prefix, start=when, group="time") as reader:
        await reader.until(read(b"3", b"1", b"before", b"after", b"it"))


async def test_two_workers_that_start_at_once_agree(kafka: Cluster, prefix: str) -> None:
    raw = await kafka.create_topic(f"{prefix}.raw", 4)
    for partition in range(4):
        await send(kafka.bootstrap, raw, [b"old"], partition=partition)
    async with (
        reading(kafka.bootstrap, prefix, start="latest") as one,
        reading(kafka.bootstrap, prefix, start="latest") as two,
    ):
        await asyncio.gather(one.joined(), two.joined())
        for partition in range(4):
            await send(kafka.bootstrap, raw, [b"new %d" % partition], partition=partition)
        async with asyncio.timeout(30):
            while set(one.values + two.values) != {b"new %d" % n for n in range(4)}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_what_start_says_is_no_concern_of_a_group_that_reads(kafka: Cluster, prefix: str) -> None:
    """Its worker began at the earliest record and has committed nothing yet: the latecomer may not skip it."""
    raw = await kafka.create_topic(f"{prefix}.raw", 2)
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.joined()
        settings = load(brokers=kafka.bootstrap, prefix=prefix, start="latest")
        await start.place(settings, reader.group)
        await send(kafka.bootstrap, raw, [b"x"])
        await reader.until(lambda reader: reader.offsets == {TopicPartition(raw, 0): [0]})


async def test_a_topic_that_appears_later_and_matches_is_read_from_its_beginning(kafka: Cluster, prefix: str) -> None:
    first = await kafka.create_topic(f"{prefix}.feeds.a")
    await kafka.create_topic(f"{prefix}.feeds.a.other")
    await send(kafka.bootstrap, first, [b"old"])
    pattern = [{"topics": rf"{prefix}\.feeds\.[a-z]+"}]
    async with reading(kafka.bootstrap, prefix, start="latest", input=pattern) as reader:
        await reader.joined()
        await send(kafka.bootstrap, f"{prefix}.feeds.a.other", [b"no match"])
        later = await kafka.create_topic(f"{prefix}.feeds.b", 2)
        await send(kafka.bootstrap, later, [b"before it was noticed"], partition=1)
        await send(kafka.bootstrap, first, [b"new"])
        await reader.until(read(b"before it was noticed", b"new"))


@pytest.mark.timeout(120)
async def test_a_pattern_without_a_topic_waits_for_one_and_says_so(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    """A whole worker: it is not ready, says for what it waits, and begins when the topic comes."""
    names = await kafka.create_topics(prefix, 1)
    env = {"WIREWATCH_INPUT": json.dumps([{"topics": rf"{prefix}\.feeds\..*"}])}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        (worker,) = workers.start("enrich", "--model", "none", "--processes", "1", "--start", "-2h")
        await asyncio.to_thread(worker.wait_up)
        await until(lambda: "waiting for the first that matches" in worker.tail())
        await send(kafka.bootstrap, await kafka.create_topic(f"{prefix}.feeds.a"), [b'{"id": "a", "body": "Geneva."}'])
        await asyncio.to_thread(worker.wait_ready)
        await until(lambda: worker.total("wirewatch_processed_articles_total") > 0)
        assert worker.stop() == 0
    assert len(await whole_topic(kafka.bootstrap, names["enriched"])) == 1
