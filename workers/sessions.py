"""A consumer group's sessions with the brokers, one after the other: for `enrich`, and for each of `deliver`'s routes.

A session begins once the brokers say that all that is needed is there and allowed. It ends when Kafka fails, when
topics or rights come or go, or when the worker is told to stop.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import structlog
from aiokafka import TopicPartition

from workers import permits, series
from workers.metrics import Metrics
from workers.rights import Right
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.consumer import Books, Loop
from workers.stream.membership import Membership
from workers.stream.session import cancelled, either, keep_running, probe

Ends = Mapping[TopicPartition, int]
"""Where the brokers have the partitions end that are ours."""
Stands = Mapping[TopicPartition, tuple[Books, int]]
"""Where those stand of which something was read, and where they end."""

log = structlog.get_logger()


class Clients(NamedTuple):
    """Of one session."""

    consumer: Any
    producer: Any


class Sessions:
    """The sessions of a worker, `who` (a key of `rights.NEEDS`), in one group; it outlives the brokers' absence.

    `needed` are the rights, by default all that `who` needs. `standing` is what the session began with, and `loop` its
    loop while it reads.
    """

    def __init__(
        self,
        settings: Settings,
        who: str,
        *,
        group: str,
        metrics: Metrics,
        stopping: asyncio.Event,
        needed: Sequence[Right] = (),
    ) -> None:
        self._settings = settings
        self._who = who
        self._group = group
        self._stopping = stopping
        self._needed = needed
        self._membership = Membership(taken_from_us=partial(series.displaced, metrics))
        self._waiting: str | None = "starting"
        self._behind = False
        self.standing = permits.Standing()
        self.loop: Loop | None = None

    async def run(self, session: Callable[[], Awaitable[None]]) -> None:
        """One `session` after the other until `stopping` is set. Raises what no waiting mends."""
        await keep_running(partial(self._permitted, session), stopping=self._stopping, waiting=self._wait)

    async def _permitted(self, session: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            self.standing = await permits.look(self._settings, self._who, self._needed)
            self.standing.require()
            if self.standing.partly:
                log.warning("not all inputs can be read", why=self.standing.partly)
            async with permits.explained(self._settings, self._who, self._needed):
                await session()

    @asynccontextmanager
    async def clients(self, **options: Any) -> AsyncIterator[Clients]:
        """A producer, and a consumer in the group, that have started. `options` are the consumer's."""
        async with (
            kafka.running(kafka.producer(self._settings, worker=self._who)) as producer,
            kafka.running(self._consumer(**options)) as consumer,
        ):
            yield Clients(consumer, producer)

    def _consumer(self, **options: Any) -> Any:
        options = {"worker": self._who, "auto_offset_reset": "none"} | options
        return self._membership.guard(kafka.consumer(self._settings, self._group, **options))

    async def read(
        self,
        loop: Loop,
        topics: Sequence[str] | re.Pattern[str],
        clients: Clients,
        *,
        reached: Callable[[Ends, Stands], bool],
        beside: Iterable[Coroutine[Any, Any, None]] = (),
        drain: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Run the session's loop to its end, with what goes on `beside` it.

        Whenever the brokers answer `reached` is told, and says whether there is more to do. Before the loop is ended
        `drain` has what it would not wait for itself end.
        """
        self.loop = loop
        changed, end = asyncio.Event(), asyncio.Event()
        works = (
            probe(*clients, reached=partial(self._reached, reached), away=self._wait),
            permits.watch(self._settings, self._who, self.standing, changed.set, self._needed),
            self._end(end, changed, drain),
            *beside,
        )
        background = [asyncio.create_task(work) for work in works]
        try:
            await loop.run(topics, end)
        finally:
            self.loop = None
            await cancelled(background)

    async def _end(
        self, end: asyncio.Event, changed: asyncio.Event, drain: Callable[[], Awaitable[object]] | None
    ) -> None:
        await either(self._stopping, changed)
        if drain is not None:
            await drain()
        end.set()

    def _wait(self, reason: str) -> None:
        self._waiting = reason

    def _reached(self, reached: Callable[[Ends, Stands], bool], ends: Ends) -> None:
        self._waiting = None
        loop = self.loop
        if loop is None:
            return
        stands = {tp: (books, end) for tp, end in ends.items() if (books := loop.books(tp)) is not None}
        self._behind = reached(ends, stands)
        if not self._behind:
            loop.idle()

    def unready(self) -> str | None:
        """Why the group does not read; None where it does."""
        if (waits := self._waiting or self._membership.taken) is not None:
            return waits
        return None if self.loop is not None and self.loop.joined else "waiting for an assignment"

    @property
    def trouble(self) -> str | None:
        """Why what it does will be done again; None where offsets are committed."""
        return self.loop.trouble if self.loop is not None else None

    def idle(self, *, active_at: float = 0.0) -> float:
        """For how many seconds nothing was settled although brokers answer and have more; 0.0 where that is not so.

        `active_at` is another time, on the monotonic clock, at which work was seen to get on.
        """
        loop = self.loop
        if loop is None or self._waiting is not None or not self._behind:
            return 0.0
        return time.monotonic() - max(loop.progress_at, active_at)
