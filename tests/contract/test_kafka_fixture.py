"""What tests may count on of the real broker."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError

from tests.conftest import KafkaFactory
from tests.kafka import broker, jars
from tests.kafka.broker import Broker, BrokerError, Cluster
from tests.kafka.probe import Metadata
from workers.sections import Kafka
from workers.settings import Settings
from workers.stream import kafka as clients

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


async def test_a_broker_that_is_killed_comes_back_on_its_port_with_its_records(kafka_cluster: KafkaFactory) -> None:
    cluster = kafka_cluster(1)
    topic = await cluster.create_topic("kept")
    (only,) = cluster.brokers
    async with clients.running(clients.producer(Settings(brokers=cluster.bootstrap))) as producer:
        await producer.send_and_wait(topic, b"before", partition=0)
        only.kill()
        assert only.pid is None
        assert Metadata(only.bootstrap).brokers() == set()
        await asyncio.to_thread(only.restart)
        await producer.send_and_wait(topic, b"after", partition=0)
    assert await values(cluster, topic, 2) == [b"before", b"after"]


async def test_three_brokers_outlive_a_frozen_leader_and_then_a_dead_one(kafka_cluster: KafkaFactory) -> None:
    cluster = kafka_cluster(3)
    topic = await cluster.create_topic("replicated")
    settings = Settings(brokers=cluster.bootstrap, kafka=Kafka(request_timeout=3.0))
    async with clients.running(clients.producer(settings)) as producer:
        await producer.send_and_wait(topic, b"all three", partition=0)

        leader = await leader_of(cluster, topic)
        leader.freeze()
    async with clients.running(clients.producer(settings_without(cluster, leader))) as producer:
        await send_until_acknowledged(producer, topic, b"one frozen")
        leader.thaw()
        await asyncio.to_thread(leader.wait_ready, 3)

    leader = await leader_of(cluster, topic)
    leader.kill()
    async with clients.running(clients.producer(settings_without(cluster, leader))) as producer:
        await send_until_acknowledged(producer, topic, b"one dead")
        await asyncio.to_thread(leader.restart)
    got = await values(cluster, topic, 3)
    assert list(dict.fromkeys(got)) == [b"all three", b"one frozen", b"one dead"]


def test_a_broker_that_does_not_start_shows_its_log(kafka_cluster: KafkaFactory) -> None:
    with pytest.raises(BrokerError, match=r"num\.io\.threads"):
        kafka_cluster(1, properties={"num.io.threads": "no-number"})


def test_nothing_is_left_when_a_cluster_is_closed(kafka_installation: jars.Kafka, tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    with broker.running(kafka_installation, folder) as cluster:
        only = cluster.brokers[0]
        assert only.pid is not None
        only.freeze()
    assert only.pid is None
    assert not folder.exists()


async def values(cluster: Cluster, topic: str, number: int) -> list[bytes]:
    """The first so many values of the first partition."""
    async with clients.running(clients.consumer(Settings(brokers=cluster.bootstrap))) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value for _ in range(number)]


async def leader_of(cluster: Cluster, topic: str) -> Broker:
    """The broker that leads the first partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    leader: int = described["partitions"][0]["leader"]
    return next(broker for broker in cluster.brokers if broker.node_id == leader)


def settings_without(cluster: Cluster, broker: Broker) -> Settings:
    """Settings that bootstrap from the others: a frozen broker takes connections and answers nothing."""
    others = ",".join(other.bootstrap for other in cluster.brokers if other is not broker)
    return Settings(brokers=others, kafka=Kafka(request_timeout=3.0))


async def send_until_acknowledged(producer: AIOKafkaProducer, topic: str, value: bytes) -> None:
    """The client gives a batch up after its request timeout, which a failover may take longer than."""
    async with asyncio.timeout(60):
        while True:
            try:
                await producer.send_and_wait(topic, value, partition=0)
                return
            except KafkaTimeoutError:
                continue
