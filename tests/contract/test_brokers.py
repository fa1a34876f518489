"""What the workers count on of a broker, through their own clients: on the embedded one and on real Kafka."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from tests.kafka.broker import Cluster
from topics.errors import ConfigError
from workers.sections import Kafka
from workers.settings import Settings
from workers.stream import kafka as clients
from workers.stream.backlog import Backlog, backlog
from workers.stream.embedded import EmbeddedBroker

PARTITIONS = 2
READ_TIMEOUT = 30.0
BYTES = (b"", b"text", bytes(range(256)), None)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker with one topic of two partitions, for one test. `name` is the topic and good for a group too."""

    settings: Settings
    name: str
    partitions: tuple[TopicPartition, ...] = field(default=())

    @property
    def first(self) -> TopicPartition:
        return TopicPartition(self.name, 0)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def broker(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[Broker]:
    if request.param == "embedded":
        with EmbeddedBroker({prefix: PARTITIONS}) as embedded:
            yield described(embedded.bootstrap, prefix)
    else:
        cluster: Cluster = request.getfixturevalue("kafka")
        await cluster.create_topic(prefix, PARTITIONS)
        yield described(cluster.bootstrap, prefix)


def described(bootstrap: str, topic: str) -> Broker:
    # The embedded broker keeps who comes back to a group waiting for a session timeout: a short one.
    settings = Settings(brokers=bootstrap, kafka=Kafka(session_timeout=2.0))
    return Broker(settings, topic, tuple(TopicPartition(topic, number) for number in range(PARTITIONS)))


async def read(consumer: AIOKafkaConsumer, number: int) -> list[ConsumerRecord]:
    async with asyncio.timeout(READ_TIMEOUT):
        return [await consumer.getone() for _ in range(number)]


async def read_first(broker: Broker, number: int) -> list[ConsumerRecord]:
    """The first records of the first partition."""
    async with clients.running(clients.consumer(broker.settings)) as consumer:
        consumer.assign([broker.first])
        return await read(consumer, number)


async def test_keys_and_values_come_back_as_they_were(broker: Broker) -> None:
    sent = [(key, value) for key in BYTES for value in BYTES if key is not None or value is not None]
    async with clients.running(clients.producer(broker.settings)) as producer:
        await asyncio.gather(*[await producer.send(broker.name, value, key=key, partition=0) for key, value in sent])
    assert [(record.key, record.value) for record in await read_first(broker, len(sent))] == sent


async def test_a_record_of_nulls_can_be_sent_in_a_batch(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        batch = producer.create_batch()  # `send` refuses a record without key and value
        assert batch.append(key=None, value=None, timestamp=None, headers=[("reason", b"empty_value")]) is not None
        batch.close()
        await (await producer.send_batch(batch, broker.name, partition=0))
    (record,) = await read_first(broker, 1)
    assert (record.key, record.value, list(record.headers)) == (None, None, [("reason", b"empty_value")])


async def test_headers_come_back_in_order_with_repeats_empty_names_nulls_and_any_bytes(broker: Broker) -> None:
    headers = [("a", b"1"), ("", b"no name"), ("null", None), ("", None), ("a", b"2"), ("bytes", b"\xff\xfe\x00")]
    headers += [(f"wirewatch.{n}", str(n).encode()) for n in range(500)]
    async with clients.running(clients.producer(broker.settings)) as producer:
        await producer.send_and_wait(broker.name, b"value", partition=0, headers=headers)
    (record,) = await read_first(broker, 1)
    assert list(record.headers) == headers


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batches_are_read(broker: Broker, compression: str) -> None:
    values = [f"{n} ".encode() * 300 for n in range(100)]
    async with clients.running(clients.producer(broker.settings, compression_type=compression)) as producer:
        await asyncio.gather(*[await producer.send(broker.name, value, partition=0) for value in values])
    assert [record.value for record in await read_first(broker, len(values))] == values


async def test_a_large_record_is_read(broker: Broker) -> None:
    value = bytes(900_000)
    async with clients.running(clients.producer(broker.settings)) as producer:
        await producer.send_and_wait(broker.name, value, partition=0)
        await producer.send_and_wait(broker.name, b"next", partition=0)
    assert [record.value for record in await read_first(broker, 2)] == [value, b"next"]


async def test_the_idempotent_producer_keeps_order_and_learns_the_offsets(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        sent = [await producer.send(broker.name, b"%d" % n, partition=0) for n in range(500)]
        acknowledged = await asyncio.gather(*sent)
    assert [result.offset for result in acknowledged] == list(range(500))
    assert [record.value for record in await read_first(broker, 500)] == [b"%d" % n for n in range(500)]


async def test_a_second_producer_continues_where_the_first_one_ended(broker: Broker) -> None:
    offsets = []
    for value in (b"first", b"second"):
        async with clients.running(clients.producer(broker.settings)) as producer:
            offsets.append((await producer.send_and_wait(broker.name, value, partition=0)).offset)
    assert offsets == [0, 1]


async def test_a_batch_is_appended_as_one_and_names_its_first_offset(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        await producer.send_and_wait(broker.name, b"before", partition=0)
        batch = producer.create_batch()
        for n in range(3):
            assert batch.append(key=b"key", value=b"%d" % n, timestamp=None) is not None
        batch.close()
        result = await (await producer.send_batch(batch, broker.name, partition=0))
    assert result.offset == 1
    assert [(r.offset, r.value) for r in await read_first(broker, 4)][1:] == [(1, b"0"), (2, b"1"), (3, b"2")]


async def test_offsets_of_beginning_and_end(broker: Broker) -> None:
    async with (
        clients.running(clients.producer(broker.settings)) as producer,
        clients.running(clients.consumer(broker.settings)) as consumer,
    ):
        assert set((await consumer.end_offsets(list(broker.partitions))).values()) == {0}
        for n in range(3):
            await producer.send_and_wait(broker.name, b"%d" % n, partition=1)
        assert await consumer.end_offsets(list(broker.partitions)) == dict(zip(broker.partitions, (0, 3), strict=True))
        assert set((await consumer.beginning_offsets(list(broker.partitions))).values()) == {0}


async def test_seek_back_and_to_the_end(broker: Broker) -> None:
    async with (
        clients.running(clients.producer(broker.settings)) as producer,
        clients.running(clients.consumer(broker.settings)) as consumer,
    ):
        for n in range(5):
            await producer.send_and_wait(broker.name, b"%d" % n, partition=0)
        consumer.assign([broker.first])
        assert len(await read(consumer, 5)) == 5
        consumer.seek(broker.first, 3)
        assert [record.offset for record in await read(consumer, 2)] == [3, 4]
        consumer.seek(broker.first, 0)
        await consumer.seek_to_end(broker.first)
        await producer.send_and_wait(broker.name, b"new", partition=0)
        assert [record.value for record in await read(consumer, 1)] == [b"new"]


async def test_a_group_is_assigned_every_partition_and_goes_on_where_it_committed(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        for n in range(6):
            await producer.send_and_wait(broker.name, b"%d" % n, partition=n % PARTITIONS)

    async with clients.running(clients.consumer(broker.settings, broker.name)) as consumer:
        consumer.subscribe([broker.name])
        assert {record.value for record in await read(consumer, 6)} == {b"%d" % n for n in range(6)}
        assert consumer.assignment() == set(broker.partitions)
        await consumer.commit({broker.first: OffsetAndMetadata(2, "note"), broker.partitions[1]: 1})

    async with clients.running(clients.consumer(broker.settings, broker.name)) as consumer:
        consumer.subscribe([broker.name])
        assert {(record.partition, record.offset) for record in await read(consumer, 3)} == {(0, 2), (1, 1), (1, 2)}
        assert await consumer.committed(broker.first) == 2


async def test_groups_do_not_see_each_others_commits(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        await producer.send_and_wait(broker.name, b"for both", partition=0)
    for group in ("one", "other"):
        async with clients.running(clients.consumer(broker.settings, f"{broker.name}-{group}")) as consumer:
            consumer.subscribe([broker.name])
            assert [record.value for record in await read(consumer, 1)] == [b"for both"]
            await consumer.commit()


async def test_the_backlog_is_what_a_group_has_yet_to_commit(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        for n in range(4):
            await producer.send_and_wait(broker.name, b"%d" % n, partition=0)
    behind = Backlog(broker.settings.brokers, {broker.name: [broker.name]})
    async with clients.running(clients.consumer(broker.settings, broker.name)) as consumer, behind:
        assert await behind.largest() == 4
        consumer.subscribe([broker.name])
        await read(consumer, 4)
        assert await behind.largest() == 4  # read is not committed
        await consumer.commit({broker.first: 3})
        assert await backlog(broker.settings.brokers, broker.name, [broker.name]) == {
            broker.first: 1,
            broker.partitions[1]: 0,
        }


async def test_waiting_for_a_backlog_ends_with_the_commit_that_clears_it(broker: Broker) -> None:
    async with clients.running(clients.producer(broker.settings)) as producer:
        for _ in range(4):
            await producer.send_and_wait(broker.name, b"value", partition=0)
    behind = Backlog(broker.settings.brokers, {broker.name: [broker.name]})
    async with clients.running(clients.consumer(broker.settings, broker.name)) as consumer, behind:
        consumer.subscribe([broker.name])
        await read(consumer, 4)
        waiting = asyncio.create_task(behind.wait(at_most=1))
        await consumer.commit({broker.first: 2})
        assert await behind.largest() == 2
        assert not waiting.done()
        await consumer.commit({broker.first: 3})
        await asyncio.wait_for(waiting, READ_TIMEOUT)


@pytest.mark.kafka
async def test_a_topic_that_is_not_there_has_no_backlog_of_nothing(kafka: Cluster, prefix: str) -> None:
    """On the embedded broker, a question makes the topic."""
    with pytest.raises(ConfigError, match=f"{prefix}: no such topic"):
        await backlog(kafka.bootstrap, prefix, [prefix])
