"""What is committed of a group's partitions: the ends of their contiguous settled prefixes, and when it is due."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetMetadataTooLargeError

from workers.stream import ahead
from workers.stream.ledger import Ledger

TIMEOUT = 4.0
"""How long a commit may take, in seconds: a rebalance waits for it, no heartbeat is sent meanwhile, and sessions are
short."""
REFUSED_AFTER = 30.0
"""Commits may fail for so long, in seconds, in a rebalance or while a coordinator moves."""

log = structlog.get_logger()


class Commits:
    """Commits with `consumer` what `ledger` says is settled, every `interval` seconds; `told` whether it was done.

    With `keep_ahead`, what is settled beyond a committed offset is noted in the commit (`workers.stream.ahead`).
    """

    def __init__(
        self,
        consumer: Any,
        ledger: Ledger[TopicPartition],
        *,
        interval: float,
        told: Callable[[bool], None],
        keep_ahead: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._interval = interval
        self._told = told
        self._keep_ahead = keep_ahead
        self._now = now
        self._notes: dict[TopicPartition, str] = {}
        self._last = now()
        self._refused: tuple[float, str] | None = None

    @property
    def due(self) -> bool:
        return self._now() - self._last >= self._interval

    @property
    def trouble(self) -> str | None:
        """Why nothing is remembered of what is done: commits fail, and not only for a rebalance."""
        since, error = self._refused or (math.inf, "")
        seconds = self._now() - since
        return f"commits fail for {seconds:.0f} s: {error}" if seconds > REFUSED_AFTER else None

    async def settled(self) -> None:
        """Commit what has been settled since the last time. A failure is normal in a rebalance: it stays due."""
        self._last = self._now()
        ends = self._moved()
        if not ends or not await self._commit(ends):
            return
        for tp, (end, note) in ends.items():
            self._ledger.committed(tp, end)
            self._notes[tp] = note

    async def place(self, tp: TopicPartition, start: int) -> None:
        """Say to the group that a partition, of which nothing is in flight, is read from `start`."""
        await self._commit({tp: (start, "")})

    def forget(self, tp: TopicPartition) -> None:
        """The partition is no longer ours."""
        self._notes.pop(tp, None)

    async def _commit(self, ends: Mapping[TopicPartition, tuple[int, str]]) -> bool:
        try:
            await asyncio.wait_for(self._consumer.commit(ends), TIMEOUT)
        except (CommitFailedError, IllegalStateError, KafkaError, TimeoutError) as error:
            self._keep_ahead = self._keep_ahead and not isinstance(error, OffsetMetadataTooLargeError)
            self._told(False)
            log.warning("commit failed", error=repr(error))
            self._refused = (self._refused or (self._now(), ""))[0], repr(error)
            return False
        self._told(True)
        self._refused = None
        return True

    def _moved(self) -> dict[TopicPartition, tuple[int, str]]:
        """Offsets, with their notes, that have moved since the last commit; or whose notes have."""
        assigned = self._consumer.assignment()
        ends = {tp: (end, "") for tp, end in self._ledger.committable().items() if tp in assigned}
        if not self._keep_ahead:
            return ends
        for tp in filter(self._ledger.holds, assigned):
            end = ends[tp][0] if tp in ends else self._ledger.base(tp)
            note = ahead.encode(end, self._ledger.ahead(tp))
            if tp in ends or note != self._notes.get(tp, ""):
                ends[tp] = (end, note)
        return ends
