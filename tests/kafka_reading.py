"""What tests read from a broker: whole topics, and how far a group is behind."""

import asyncio
from collections.abc import Awaitable, Callable
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


async def behind(bootstrap: str, group: str, topic: str) -> int:
    """How many records of a topic a group has not committed. All of them, where it never committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topic)
        ends = await consumer.end_offsets(partitions)
        starts = await consumer.beginning_offsets(partitions)
        committed = {tp: await consumer.committed(tp) for tp in partitions}
        return sum(end - (committed[tp] or starts[tp]) for tp, end in ends.items())
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    found = None
    while not found:
        await consumer.topics()
        found = consumer.partitions_for_topic(topic)
    return [TopicPartition(topic, partition) for partition in sorted(found)]


async def until(done: Callable[[], Awaitable[bool]], *, timeout: float, what: str) -> None:
    """Ask again and again until it is so. Fails, saying what was waited for."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not await done():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(0.3)
