"""Whether this process still runs, and whether what it waits for still comes."""

import math
import time
from collections.abc import Callable, Iterable


class Frozen(Exception):
    """This process did not run for so long that its partitions may have gone to another."""


class Stalled(Exception):
    """Hits wait and none are handed to us."""


class Pulse:
    """Knows when this process last ran. `now` is monotonic and goes on while the process is stopped."""

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._last = now()

    def beat(self) -> None:
        """Raises Frozen where the last beat is too long ago."""
        self.check()
        self._last = self._now()

    def check(self) -> None:
        """Raises Frozen."""
        away = self._now() - self._last
        if away > self._limit:
            raise Frozen(f"did not run for {away:.1f} s, of {self._limit:.1f} s at most")


class Progress:
    """Knows when hits of a partition last came. `limit` is in seconds, `now` monotonic."""

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._moved: dict[int, float] = {}

    def begin(self, numbers: Iterable[int]) -> None:
        """These are the partitions from now on."""
        self._moved = dict.fromkeys(numbers, self._now())

    def moved(self, numbers: Iterable[int]) -> None:
        """Hits of these partitions came, and are done."""
        self._moved.update(dict.fromkeys(numbers, self._now()))

    def check(self, number: int, lag: int) -> None:
        """Raises Stalled where hits wait and have not come for too long."""
        away = self._now() - self._moved.get(number, math.inf)
        if lag > 0 and away > self._limit:
            raise Stalled(f"partition {number}: {lag} hits wait, none came for {away:.0f} s")
