"""Places that are no longer in their log, on a real Kafka: read on from the earliest record, counted, never stuck."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.e2e.test_start import read, send
from tests.kafka.broker import Cluster
from tests.reading_loop import Reader, reading
from tests.worker_processes import Workers, until
from workers.messages import Record, Result

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def delete_before(bootstrap: str, tp: TopicPartition, offset: int) -> None:
    async with admin(bootstrap) as client:
        await client.delete_records({tp: RecordsToDelete(before_offset=offset)})


async def make_anew(cluster: Cluster, topic: str) -> None:
    """Delete a topic and make it again."""
    async with admin(cluster.bootstrap) as client:
        await client.delete_topics([topic])
        while not (await client.describe_topics([topic]))[0]["error_code"]:  # noqa: ASYNC110 - brokers tell us nothing
            await asyncio.sleep(0.02)
    await cluster.create_topic(topic)


async def committed(bootstrap: str, reader: Reader) -> dict[TopicPartition, int]:
    async with admin(bootstrap) as client:
        found = await client.list_consumer_group_offsets(reader.group)
    return {tp: entry.offset for tp, entry in found.items()}


def places(reader: Reader) -> list[tuple[int | None, int, int]]:
    return [(place.lost, place.start, place.skipped) for place in reader.misplacings]


@pytest.fixture
async def tp(kafka: Cluster, prefix: str) -> TopicPartition:
    """A topic's only partition, with nothing in it."""
    return TopicPartition(await kafka.create_topic(f"{prefix}.raw"), 0)


async def test_what_retention_took_while_nobody_read_is_counted_and_the_rest_is_read(
    kafka: Cluster, prefix: str, tp: TopicPartition
) -> None:
    await send(kafka.bootstrap, tp.topic, [b"0", b"1"])
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(b"0", b"1"))
    await send(kafka.bootstrap, tp.topic, [b"%d" % n for n in range(2, 10)])
    await delete_before(kafka.bootstrap, tp, 6)
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(b"6", b"7", b"8", b"9"))
        assert places(reader) == [(2, 6, 4)]
    assert await committed(kafka.bootstrap, reader) == {tp: 10}


async def test_retention_overtakes_a_reader_that_is_slow(kafka: Cluster, prefix: str, tp: TopicPartition) -> None:
    await send(kafka.bootstrap, tp.topic, [b"%d" % n + b" " * 200_000 for n in range(100)])
    go = asyncio.Event()

    async def publish(records: Sequence[Record], results: Sequence[Result]) -> None:
        await go.wait()

    async with reading(kafka.bootstrap, prefix, publish=publish, records=20) as reader:
        await reader.until(lambda reader: reader.fetched >= 20)
        await delete_before(kafka.bootstrap, tp, 95)
        go.set()
        await reader.until(lambda reader: 99 in reader.offsets[tp])
        ((lost, start, skipped),) = places(reader)
        assert lost is not None
        assert (start, skipped) == (95, 95 - lost)
        assert reader.offsets[tp] == [*range(lost), *range(95, 100)]
        books = await reader.until_read(tp)
        assert (books.unaccounted, books.position) == (0, 100)
    assert await committed(kafka.bootstrap, reader) == {tp: 100}


async def test_a_topic_made_anew_while_it_is_read_is_read_from_its_beginning(
    kafka: Cluster, prefix: str, tp: TopicPartition
) -> None:
    await send(kafka.bootstrap, tp.topic, [b"old"] * 5)
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(*[b"old"] * 5))
        await make_anew(kafka, tp.topic)
        await send(kafka.bootstrap, tp.topic, [b"new 0", b"new 1"])
        await reader.until(read(*[b"old"] * 5, b"new 0", b"new 1"))
        books = await reader.until_read(tp)
        assert (books.unaccounted, books.position) == (0, 2)
    assert await committed(kafka.bootstrap, reader) == {tp: 2}


async def test_a_topic_made_anew_while_nobody_read_is_read_from_its_beginning(
    kafka: Cluster, prefix: str, tp: TopicPartition
) -> None:
    await send(kafka.bootstrap, tp.topic, [b"old"] * 5)
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(*[b"old"] * 5))
    await make_anew(kafka, tp.topic)
    await send(kafka.bootstrap, tp.topic, [b"new 0", b"new 1"])
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(b"new 0", b"new 1"))


async def test_a_place_past_the_end_is_given_up_for_good(kafka: Cluster, prefix: str, tp: TopicPartition) -> None:
    """As after a failover to a cluster that has less. The next owner does not fall for it when the log has grown."""
    await send(kafka.bootstrap, tp.topic, [b"0"])
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(b"0"))
    await commit(kafka.bootstrap, reader.group, tp, 7)
    stuck = asyncio.Event()

    async def publish(records: Sequence[Record], results: Sequence[Result]) -> None:
        await stuck.wait()

    async with reading(kafka.bootstrap, prefix, publish=publish) as reader:
        await reader.until(lambda reader: reader.fetched > 0)
        assert places(reader) == [(7, 0, 0)]
    assert await committed(kafka.bootstrap, reader) == {tp: 0}
    await send(kafka.bootstrap, tp.topic, [b"%d" % n for n in range(1, 10)])
    async with reading(kafka.bootstrap, prefix) as reader:
        await reader.until(read(*[b"%d" % n for n in range(10)]))


@pytest.mark.timeout(120)
async def test_deliver_counts_what_retention_took_and_goes_on(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    tp = TopicPartition((await kafka.create_topics(prefix, 1))["alerts"], 0)
    await send(kafka.bootstrap, tp.topic, [b"no alert"] * 5)
    await commit(kafka.bootstrap, f"{prefix}-deliver-out", tp, 1)
    await delete_before(kafka.bootstrap, tp, 3)
    env = {"WIREWATCH_DELIVER__ROUTE": '[{"name": "out", "sink": {"kind": "stdout"}}]'}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        (worker,) = workers.start("deliver")
        await asyncio.to_thread(worker.wait_ready)
        await until(lambda: worker.total("wirewatch_dead_letters_total") == 2)
        assert worker.total("wirewatch_out_of_range_total") == 1
        assert worker.total("wirewatch_skipped_records_total") == 2
        assert worker.stop() == 0


async def commit(bootstrap: str, group: str, tp: TopicPartition, offset: int) -> None:
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    async with consumer:
        consumer.assign([tp])
        await consumer.commit({tp: offset})
