"""Whether this process still runs, and whether what it waits for still comes."""

import time
from collections.abc import Callable


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
