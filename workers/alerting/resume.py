"""What a partition's owner does about time: ticks in the log of hits, and hits that waited for an owner.

The fold knows no clock but the brokers'. Where nothing comes that could tell it the time, the owner appends a tick to
the partition and reads the time off it. When it takes over, the same tick says how long the hits that wait have waited.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from topics.codec import encode
from topics.records import Tick
from workers.alerting.marks import Entry
from workers.alerting.part import Part, when
from workers.alerting.restored import Restored
from workers.settings import Settings
from workers.stream import kafka

SHORT = timedelta(seconds=2)
"""A wait that changes nothing: the fold forgives the stream as much at least (`alerts.digests.patience`)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Ticked(NamedTuple):
    """Where a tick is in the log, and what the broker's clock said."""

    offset: int
    at: datetime


class Clock:
    """Appends ticks to partitions of `topic`. `timeout` is in seconds."""

    def __init__(self, producer: Any, topic: str, *, timeout: float) -> None:
        self._producer = producer
        self._topic = topic
        self._timeout = timeout
        self._unread: dict[int, int] = {}

    async def tick(self, number: int, part: Part) -> Ticked:
        """Append one, acknowledged. It moves no desk's clock. Raises what aiokafka raises."""
        value = encode(Tick(seen_at=part.state.ticked or _EPOCH))
        async with asyncio.timeout(self._timeout):
            done = await self._producer.send_and_wait(self._topic, value, partition=number)
        self._unread[number] = done.offset
        at = when(done.timestamp) or datetime.fromtimestamp(time.time(), UTC)
        part.hear(at)
        return Ticked(done.offset, at)

    async def tick_where_due(self, number: int, part: Part) -> None:
        """Append one where a digest seems to be due, unless the one before is still to be read."""
        if part.overdue() and (part.next or 0) > self._unread.get(number, -1):
            await self.tick(number, part)


async def find_waiting(consumer: Any, settings: Settings, restored: dict[int, Restored]) -> None:
    """Find out where each partition goes on, and when the first hit that waits there was appended."""
    topic = settings.topic("hits")
    committed = await _committed(settings, [number for number, found in restored.items() if found.next is None])
    for number, found in restored.items():
        assert found.hits is not None
        begin = committed.get(number, found.hits.start) if found.next is None else found.next
        found.begin = max(begin, found.hits.start) if begin <= found.hits.end else found.hits.start
        if found.begin < found.hits.end:
            found.oldest = await _appended(consumer, TopicPartition(topic, number), found.begin, found.hits.end)


async def _committed(settings: Settings, numbers: Iterable[int]) -> dict[int, int]:
    """Where partitions that have no state begin: the group may have offsets all the same."""
    names = [TopicPartition(settings.topic("hits"), number) for number in numbers]
    if not names:
        return {}
    async with kafka.admin(settings, worker="alert") as admin:
        found = await admin.list_consumer_group_offsets(settings.group_of("alert"), partitions=names)
    return {tp.partition: entry.offset for tp, entry in found.items() if entry.offset >= 0}


async def _appended(consumer: Any, name: TopicPartition, begin: int, end: int) -> datetime | None:
    consumer.assign([name])
    consumer.seek(name, begin)
    while await consumer.position(name) < end:
        for records in (await consumer.getmany(timeout_ms=200, max_records=1)).values():
            return when(records[0].timestamp)
    return None


async def resumption(clock: Clock, number: int, part: Part, found: Restored) -> Entry | None:
    """The cursor that says how long hits have waited, to be written before they are folded; None: there is no need.

    A partition where nobody watched yet gets a tick in any case: from then on somebody does.
    """
    if found.oldest is None and part.state.live_since is not None:
        return None
    ticked = await clock.tick(number, part)
    if found.oldest is None or ticked.at - part.waited(found.begin, found.oldest) <= SHORT:
        return None
    return part.resume(ticked.at, begin=found.begin, until=ticked.offset)
