"""Batches written to `news.alerts` and `news.stories`, and what tells that somebody else wrote there."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from workers.alerting.marks import Entry
from workers.clock_check import ClockCheck

MAX_BATCH_BYTES = 8 * 1024 * 1024
"""A state batch before compression. The topic takes as much (`topics.catalog`)."""
ALERT_BATCH_BYTES = 512 * 1024


class ForeignWrite(Exception):
    """Somebody else wrote to a partition that is ours: what we know of it is out of date."""


class Writer:
    """Writes to partitions that nobody else may write to, and notices when somebody does."""

    def __init__(self, producer: AIOKafkaProducer, *, timeout: float, clock: ClockCheck | None = None) -> None:
        """`timeout` in seconds bounds every write: aiokafka's own waits have no end while brokers are away."""
        self._producer = producer
        self._clock = clock or ClockCheck()
        self._timeout = timeout
        self._ends: dict[tuple[str, int], int] = {}

    def expect(self, topic: str, partition: int, end: int) -> None:
        """The partition ends here: the next record that we write has this offset."""
        self._ends[topic, partition] = end

    async def append(self, topic: str, partition: int, entries: Sequence[Entry], *, whole: bool) -> int:
        """Write the entries in order and wait for the acknowledgement; the offset after the last.

        `whole`: in one batch, so that either all are in the log or none. Raises ForeignWrite when the partition did
        not end where it should have, and anything that aiokafka raises: after either, nothing is known of the
        partition's end, and the process has to go.
        """
        began = self._clock.now()
        async with asyncio.timeout(self._timeout):
            sent = [await self._send(topic, partition, part) for part in self._batches(entries, whole=whole)]
            for acknowledged, count in sent:
                done = await acknowledged
                self._check(topic, partition, done.offset, count)
                self._clock.acknowledged(began, done)
        return self._ends[topic, partition]

    def _check(self, topic: str, partition: int, base: int, count: int) -> None:
        expected = self._ends[topic, partition]
        if base != expected:
            raise ForeignWrite(f"{topic}/{partition}: our batch is at {base}, the one before ended at {expected}")
        self._ends[topic, partition] = base + count

    def _batches(self, entries: Sequence[Entry], *, whole: bool) -> Iterable[Sequence[Entry]]:
        if whole:
            yield entries
            return
        start, size = 0, 0
        for at, entry in enumerate(entries):
            size += len(entry.value or b"")
            if size > ALERT_BATCH_BYTES and at > start:
                yield entries[start:at]
                start, size = at, len(entry.value or b"")
        yield entries[start:]

    async def _send(self, topic: str, partition: int, entries: Sequence[Entry]) -> tuple[Awaitable[Any], int]:
        batch = self._producer.create_batch()
        for entry in entries:
            # A full batch says None, closes itself, and would go out without the rest.
            if batch.append(key=entry.key, value=entry.value, timestamp=None, headers=list(entry.headers)) is None:
                raise OverflowError(f"{topic}/{partition}: {len(entries)} records are more than one batch takes")
        batch.close()
        return await self._producer.send_batch(batch, topic, partition=partition), len(entries)
