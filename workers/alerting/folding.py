"""A batch of hits: folded, then settled, then acknowledged to Faust."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from faust.types import TP, EventT

from workers.alerting.assignment import Assignment
from workers.alerting.counting import AlertCounting
from workers.alerting.part import Gap, Part, Work
from workers.alerting.pulse import Pulse
from workers.alerting.writer import MAX_BATCH_BYTES
from workers.messages import Headers, Record

MAX_STATE_BYTES = MAX_BATCH_BYTES // 4
"""State that a batch may have gathered when it takes one more hit, whose own changes are far below the rest."""


class Folder:
    """Folds the hits of the partitions that are assigned.

    `settle` writes what the hits of one partition lead to. `log_start` tells where a partition's log begins. `traced`,
    where spans are made, gives a record with the span of its fold.
    """

    def __init__(
        self,
        assignment: Assignment,
        settle: Callable[[Part, Work], Awaitable[None]],
        *,
        pulse: Pulse,
        counting: AlertCounting,
        log_start: Callable[[TP], Awaitable[int]],
        traced: Callable[[Record], tuple[Record, Any]] | None = None,
    ) -> None:
        self._assignment = assignment
        self._settle = settle
        self._pulse = pulse
        self._counting = counting
        self._log_start = log_start
        self._traced = traced

    async def flush(self, events: Sequence[EventT[bytes]]) -> None:
        """Fold the events, write what comes of them, and acknowledge them. After an error the process has to go."""
        async with self._assignment.lock:
            while events:
                self._pulse.check()
                # Those of another generation come again: Faust has sought back to what was committed.
                events = [event for event in events if event.message.generation_id == self._assignment.generation]
                parts = self._assignment.owned.parts
                works: dict[int, Work] = {}
                taken = await self._fold(events, works)
                await asyncio.gather(*(self._settle(parts[number], work) for number, work in works.items()))
                for event in events[:taken]:
                    event.ack()
                self._count(events[:taken])
                events = events[taken:]

    async def _fold(self, events: Sequence[EventT[bytes]], works: dict[int, Work]) -> int:
        """Fold as many as fit one batch; how many that were."""
        for at, event in enumerate(events):
            message = event.message
            work = works.setdefault(message.partition, Work())
            if work.size > MAX_STATE_BYTES:
                return at
            record = _record(message)
            part = self._assignment.owned.parts[message.partition]
            if self._traced and (part.next is None or message.offset >= part.next):
                record, span = self._traced(record)
                work.spans.append(span)
            try:
                part.fold(record, work)
            except Gap:
                part.fold(record, work, log_start=await self._log_start(message.tp))
        return len(events)

    def _count(self, events: Sequence[EventT[bytes]]) -> None:
        messages = [event.message for event in events]
        self._assignment.progress.moved({message.partition for message in messages})
        self._counting.folded((message.partition, message.timestamp, _headers(message)) for message in messages)


def _record(message: Any) -> Record:
    milliseconds = int(message.timestamp * 1000)
    return Record(
        message.topic,
        message.partition,
        message.offset,
        milliseconds,
        message.key,
        message.value,
        _headers(message),
    )


def _headers(message: Any) -> Headers:
    return tuple(cast("Headers", message.headers or ()))
