"""How long what a partition holds has waited: lag in seconds."""

import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from workers.messages import Record

P = TypeVar("P", bound=Hashable)


class Waiting(Generic[P]):
    """The records of each partition that were read and are not settled, by their brokers' time. `now` is wall time.

    Records are told in the partition's order, and settled in any.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._open: dict[P, deque[tuple[int, float]]] = {}
        self._settled: dict[P, set[int]] = {}
        self._last: dict[P, float] = {}

    def read(self, partition: P, records: Sequence[Record]) -> None:
        """These were read."""
        waiting = self._open.setdefault(partition, deque())
        waiting.extend((record.offset, record.timestamp / 1000) for record in records)

    def settled(self, partition: P, records: Sequence[Record]) -> None:
        """These are done."""
        waiting = self._open.get(partition)
        if waiting is None:
            return
        done = self._settled.setdefault(partition, set())
        done.update(record.offset for record in records)
        while waiting and waiting[0][0] in done:
            offset, at = waiting.popleft()
            done.discard(offset)
            self._last[partition] = at

    def seconds(self, partition: P, *, lag: int) -> float:
        """For how long the oldest record has waited; 0 where there is none.

        Of records that were not read yet only their number is known, `lag`: they came after the last that was.
        """
        if lag <= 0:
            return 0.0
        waiting = self._open.get(partition)
        oldest = waiting[0][1] if waiting else self._last.get(partition)
        return max(0.0, self._now() - oldest) if oldest else 0.0

    def forget(self, partition: P) -> None:
        """The partition is somebody else's."""
        for known in (self._open, self._settled, self._last):
            known.pop(partition, None)
