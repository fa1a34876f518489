"""Whether this host's clock agrees with the brokers': measured by what happens anyway, said once where it does not.

The fold's decisions hang on the brokers' time alone. Where the two differ by more than `MOST`, what is old is said by
the brokers' clock, too, and an embargo ends when both say so. Only where `start = "-2h"` begins hangs on ours.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog

MOST = 60.0
"""A difference of so many seconds is worth a warning."""
_A_TIME = 946_684_800_000  # the year 2000, in milliseconds
_LOG_APPEND_TIME = 1

log = structlog.get_logger()


class ClockCheck:
    """`show` is given the offset in seconds: this clock minus the brokers'. `now` is wall time."""

    def __init__(self, show: Callable[[float], None] = lambda offset: None, *, now: Callable[[], float] = time.time):
        self._show = show
        self._off = 0.0
        self.now = now

    def brokers(self) -> float:
        """Wall time by the brokers' clock, as far as it is known to be another than ours."""
        return self.now() - self._off

    def latest(self) -> float:
        """The time that both clocks have reached: nothing may be told before."""
        return min(self.now(), self.brokers())

    def acknowledged(self, began: float, done: Any) -> None:
        """A record that was sent at `began` has been appended: `done` is aiokafka's RecordMetadata."""
        if done.timestamp_type == _LOG_APPEND_TIME and done.timestamp is not None:
            self.appended(began, done.timestamp)

    def appended(self, after: float, timestamp: int) -> None:
        """A broker appended a record between `after` and now, by this clock, and at `timestamp` (ms) by its own.

        As far as both can be so, the offset is 0: a slow broker is no wrong clock. One from before the
        year 2000 is none: the embedded broker counts from 0.
        """
        if timestamp < _A_TIME:
            return
        brokers = timestamp / 1000
        offset = max(after - brokers, min(0.0, self.now() - brokers))
        self._show(offset)
        if abs(offset) > MOST and not self._off:
            log.warning("this host's clock is not the brokers': set one of them right", seconds_ahead=round(offset, 1))
        self._off = offset if abs(offset) > MOST else 0.0
