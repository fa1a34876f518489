"""The newest record of a partition, read beside the group that works through it."""

import asyncio

from aiokafka import TopicPartition

from workers.messages import Record
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.batches import record_of

TIMEOUT = 10.0
_FETCH_WAIT = 1.0
_BACK = 50
"""Offsets at the end that may hold no record: the markers of transactions."""


async def newest(settings: Settings, tp: TopicPartition) -> Record | None:
    """None where the last few offsets hold no record. Raises KafkaError and TimeoutError."""
    async with asyncio.timeout(TIMEOUT), kafka.running(kafka.consumer(settings, worker="enrich")) as consumer:
        consumer.assign([tp])
        first = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.seek(tp, max(first, end - _BACK))
        found = None
        while (await consumer.position(tp)) < end:
            messages = (await consumer.getmany(tp, timeout_ms=int(_FETCH_WAIT * 1000))).get(tp)
            if messages:
                found = messages[-1]
        return record_of(found) if found is not None else None
