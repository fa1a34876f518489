"""What our own clients promise on a real broker."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.kafka.broker import Cluster
from workers.alerting.marks import Entry
from workers.alerting.pulse import Frozen
from workers.alerting.writer import Writer
from workers.settings import Settings
from workers.stream import kafka as clients

pytestmark = pytest.mark.kafka


async def test_what_was_queued_when_the_process_froze_is_not_written(kafka: Cluster, prefix: str) -> None:
    """By then the partition may be another's. The last look is after `send_batch`, right before the connection."""
    topic = await kafka.create_topic(prefix, 1)
    frozen = False

    def check() -> None:
        if frozen:
            raise Frozen("did not run")

    producer = clients.producer(Settings(brokers=kafka.bootstrap), linger_ms=0)
    clients.before_each_request(producer, check)
    async with clients.running(producer):
        writer = Writer(producer, timeout=5)
        writer.expect(topic, 0, 0)
        assert await writer.append(topic, 0, [Entry(b"key", b"before")], whole=True) == 1
        writing = asyncio.create_task(writer.append(topic, 0, [Entry(b"key", b"late")], whole=True))
        await asyncio.sleep(0)  # now the batch is in the producer's hands
        frozen = True
        with pytest.raises(Exception, match=r"Unexpected|did not run"):
            await writing
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        place = TopicPartition(topic, 0)
        assert (await consumer.end_offsets([place]))[place] == 1
