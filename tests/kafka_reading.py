"""What tests read from a broker: whole topics."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


async def whole_topic(bootstrap: str, topic: str) -> list[Any]:
    """Every record of a topic, partition by partition, in offset order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[TopicPartition, list[Any]] = {tp: [] for tp in partitions}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                found[tp] += records
        return [record for tp in partitions for record in found[tp]]
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    # A consumer without a subscription is asked for no topic's metadata but by this.
    cluster = await consumer._client.fetch_all_metadata()
    return [TopicPartition(topic, partition) for partition in sorted(cluster.partitions_for_topic(topic))]
