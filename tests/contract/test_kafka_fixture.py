"""What tests may count on of the real broker."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.kafka.broker import Cluster

pytestmark = pytest.mark.kafka


async def test_the_catalogue_has_its_topics_and_partitions(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix, partitions=3, raw=5)
    async with AIOKafkaConsumer(*names.values(), bootstrap_servers=kafka.bootstrap) as consumer:
        partitions = {role: len(consumer.partitions_for_topic(name) or ()) for role, name in names.items()}
    assert partitions.pop("raw") == 5
    assert partitions.pop("watchlists") == 1
    assert set(partitions.values()) == {3}


async def test_what_is_produced_is_consumed(kafka: Cluster, prefix: str) -> None:
    topic = await kafka.create_topic(prefix, 1)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(topic, b"value", key=b"key")
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        record = await consumer.getone()
    assert (record.key, record.value) == (b"key", b"value")
