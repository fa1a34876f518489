"""The brakes of all partitions: what waits, why, and what lets it go on.

A partition whose brake is on has a batch that waits between the pool and its publication, and all that came after it
behind that: nothing of it is published, nothing committed. It goes on

- when it is told to (`wirewatch resume`): up to the offset that was the end then, at full speed, for somebody said so;
- when the record that could not be read reads well, tried again every `probe_interval`;
- when the newest record of the partition reads well: its publisher has mended itself. What is bad in between goes to
  the dead letters, at no more than `rate` a second, until the window is good again or that record is reached.

Dead letters that somebody redrives do not count: they say nothing of the publisher, and those that are still bad must
hold up nobody. They are dead letters again at once.

What a partition may cost before the brake is on: `minimum` - 1 bad records after a start of the process, which knows
nothing of it, and `share` of a window of good ones. A rebalance costs nothing more where the process has it again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from workers.dead_letters import was_redriven, why
from workers.messages import Record, Result
from workers.stream.brake import Rules, Window, is_bad

SAMPLE_BYTES = 200
_LOOKS = 2
"""Newest records that are looked for at once: each takes a connection."""

log = structlog.get_logger()

Submit = Callable[[Sequence[Record]], Awaitable[list[Result]]]
Newest = Callable[[TopicPartition], Awaitable[Record | None]]


@dataclass(slots=True)
class _Partition:
    """What is known of a partition. It outlives an assignment, so that a rebalance lets nothing through.

    `free_until`: below this offset somebody has let everything through. `beyond`: at so many looks the partition
    ended before that. `drain_until`: up to this offset bad records pass at the rate. `mended`: what was tried before
    may read well now.
    """

    window: Window
    free_until: int = 0
    beyond: int = 0
    drain_until: int | None = None
    mended: bool = False
    next_at: float = 0.0
    said: str = ""
    told: asyncio.Event = field(default_factory=asyncio.Event)


class Brakes:
    """`gate` is for a lane. `submit` is the pool's; `newest` reads the newest record of a partition, if it can."""

    def __init__(
        self,
        rules: Rules,
        *,
        submit: Submit,
        newest: Newest,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rules = rules
        self._submit = submit
        self._newest = newest
        self._now = now
        self._sleep = sleep
        self._partitions: dict[TopicPartition, _Partition] = {}
        self._held: dict[TopicPartition, int] = {}
        self._looking = asyncio.Semaphore(_LOOKS)

    # --- what others want to know

    def held(self) -> dict[TopicPartition, int]:
        """The partitions that wait, or are drained slowly, with how many records of their window are bad."""
        return dict(self._held)

    def why(self) -> str | None:
        """Why one of them waits, for people; None where none does."""
        return next((self._partitions[tp].said for tp in self._held), None)

    # --- what others tell

    def resume(self, tp: TopicPartition, until: int) -> None:
        """Let everything below the offset `until` through. It may come before the partition does, and again."""
        part = self._part(tp)
        part.free_until, part.beyond = max(part.free_until, until), 0
        if part.drain_until is not None and part.drain_until < until:
            self._end_drain(tp, part)
        part.told.set()

    def ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """Where partitions end now. One that ends before what was let through was made anew since: that is void.

        It takes two looks: the first may be older than what was told in between.
        """
        for tp, end in ends.items():
            part = self._partitions.get(tp)
            if part is None or part.free_until <= end:
                continue
            part.beyond += 1
            if part.beyond > 1:
                log.info("told to resume another log: void", partition=_name(tp), until=part.free_until, end=end)
                part.free_until = part.beyond = 0

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """They are somebody else's now, or nobody's. What is known of them is kept, in case they come back."""
        for tp in partitions:
            self._held.pop(tp, None)

    def forget(self, tp: TopicPartition) -> None:
        """The partition is another log now: what was known of its offsets is void."""
        self._held.pop(tp, None)
        self._partitions.pop(tp, None)

    # --- the gate of a lane

    async def gate(self, batch: Sequence[Record], results: list[Result]) -> list[Result]:
        """The results that may be published. Returns at once, or when the brake is off again."""
        if not self._rules.enabled:
            return results
        tp = TopicPartition(batch[0].topic, batch[0].partition)
        part = self._part(tp)
        if part.mended:
            results = await self._again(part, batch, results)
        tripped = self._count(part, batch, results)
        while tripped and part.drain_until is None:
            try:
                results = await self._hold(tp, part, batch, results)
            finally:
                self._held.pop(tp, None)
            part.window.clear()
            tripped = self._count(part, batch, results)
        if part.drain_until is not None:
            await self._drain(tp, part, batch, results)
        return results

    def _part(self, tp: TopicPartition) -> _Partition:
        if tp not in self._partitions:
            self._partitions[tp] = _Partition(Window(self._rules))
        return self._partitions[tp]

    def _count(self, part: _Partition, batch: Sequence[Record], results: Sequence[Result]) -> bool:
        """Count what is not let through anyway; whether that puts the brake on."""
        pairs = zip(batch, results, strict=True)
        return part.window.add([is_bad(result) for record, result in pairs if _counts(part, record)])

    async def _again(self, part: _Partition, batch: Sequence[Record], results: list[Result]) -> list[Result]:
        """What waited behind a record that reads well now was tried before it did: once more, while that helps."""
        bad = sum(map(is_bad, results))
        if bad:
            results = await self._submit(batch)
        part.mended = not bad or sum(map(is_bad, results)) < bad
        return results

    # --- the brake is on

    async def _hold(
        self, tp: TopicPartition, part: _Partition, batch: Sequence[Record], results: list[Result]
    ) -> list[Result]:
        """Wait until something lets the batch go on. Its results are new ones where the records read well now."""
        pairs = zip(batch, results, strict=True)
        # There is one: only a bad record that counts puts the brake on.
        record, result = next((r, x) for r, x in pairs if is_bad(x) and _counts(part, r))
        self._say(tp, part, record, result)
        while record.offset >= part.free_until:
            part.told.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(part.told.wait(), self._rules.probe_interval)
                continue
            if not any(map(is_bad, await self._submit([record]))):
                log.info("brake off: the record reads well now", partition=_name(tp), offset=record.offset)
                part.mended = True
                return await self._submit(batch)
            newest = await self._try_newest(tp)
            if newest is not None and newest.offset > record.offset:
                self._begin_drain(tp, part, newest.offset)
                return results
        log.info("brake off: told to resume", partition=_name(tp), until=part.free_until)
        return results

    async def _try_newest(self, tp: TopicPartition) -> Record | None:
        """The newest record, where it reads well."""
        try:
            async with self._looking:
                newest = await self._newest(tp)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("brake: the newest record could not be had", partition=_name(tp), error=repr(error))
            return None
        if newest is None or any(map(is_bad, await self._submit([newest]))):
            return None
        return newest

    def _begin_drain(self, tp: TopicPartition, part: _Partition, until: int) -> None:
        part.drain_until = until
        part.next_at = self._now()
        log.warning(
            "brake eased: the newest record reads well, what is bad before it goes to the dead letters slowly",
            partition=_name(tp),
            newest=until,
            rate=self._rules.rate,
        )

    async def _drain(
        self, tp: TopicPartition, part: _Partition, batch: Sequence[Record], results: Sequence[Result]
    ) -> None:
        """Wait as long as the bad ones of this batch take at the rate."""
        until = part.drain_until or 0
        pairs = zip(batch, results, strict=True)
        bad = sum(is_bad(result) for record, result in pairs if _counts(part, record))
        part.said = f"brake on {_name(tp)}: what is bad before offset {until} goes to the dead letters slowly"
        self._held[tp] = part.window.bad
        part.next_at = max(part.next_at, self._now()) + bad / self._rules.rate
        await self._sleep(max(0.0, part.next_at - self._now()))
        good = part.window.records >= self._rules.minimum and not part.window.over
        if good or batch[-1].offset >= until:
            self._end_drain(tp, part)

    def _end_drain(self, tp: TopicPartition, part: _Partition) -> None:
        part.drain_until = None
        part.window.clear()
        self._held.pop(tp, None)
        log.info("brake off: what was bad is through", partition=_name(tp))

    def _say(self, tp: TopicPartition, part: _Partition, record: Record, result: Result) -> None:
        bad, records = part.window.bad, part.window.records
        self._held[tp] = bad
        remedy = f"mend the publisher or the settings; or give them up: wirewatch resume {_name(tp)}"
        part.said = (
            f"brake on {_name(tp)}: {bad} of the last {records} records could not be read, such as the one at offset "
            f"{record.offset} ({why(result)}); {remedy}"
        )
        log.error(
            "brake on: too many records cannot be read, nothing more of the partition goes out",
            partition=_name(tp),
            bad=bad,
            of=records,
            offset=record.offset,
            reason=why(result),
            begins=repr((record.value or b"")[:SAMPLE_BYTES]),
            remedy=remedy,
        )


def _counts(part: _Partition, record: Record) -> bool:
    """Whether a record says something of its publisher, and is not let through anyway."""
    return record.offset >= part.free_until and was_redriven(record.headers) is None


def _name(tp: TopicPartition) -> str:
    return f"{tp.topic}/{tp.partition}"
