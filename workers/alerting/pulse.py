"""Whether this process still runs, and whether what it waits for still comes."""

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
    """Knows since when hits of a partition were seen to wait while none came. `limit` is in seconds, `now` monotonic.

    When the last one came says nothing: one that comes after a quiet hour is on its way, too.
    """

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._since: dict[int, float] = {}

    def begin(self) -> None:
        """Partitions came anew."""
        self._since.clear()

    def moved(self, numbers: Iterable[int]) -> None:
        """Hits of these partitions came, and are done."""
        for number in numbers:
            self._since.pop(number, None)

    def check(self, number: int, lag: int) -> None:
        """So many hits of a partition wait now. Raises Stalled where some have for too long and none came."""
        if lag <= 0:
            self._since.pop(number, None)
            return
        away = self._now() - self._since.setdefault(number, self._now())
        if away > self._limit:
            raise Stalled(f"partition {number}: {lag} hits wait, none came for {away:.0f} s")
