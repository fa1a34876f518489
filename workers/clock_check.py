"""Whether this host's clock agrees with the brokers': measured by what happens anyway, said once where it does not.

The fold's decisions hang on the brokers' time alone. What is decided by this clock is when an embargo ends and what a
route calls too old (`deliver`), where `start = "-2h"` begins, and some metrics.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog

MOST = 60.0
"""A difference of so many seconds is worth a warning."""
_LOG_APPEND_TIME = 1

log = structlog.get_logger()


class ClockCheck:
    """`show` is given the offset in seconds: this clock minus the brokers'. `now` is wall time."""

    def __init__(self, show: Callable[[float], None] = lambda offset: None, *, now: Callable[[], float] = time.time):
        self._show = show
        self._off = False
        self.now = now

    def acknowledged(self, began: float, done: Any) -> None:
        """A record that was sent at `began` has been appended: `done` is aiokafka's RecordMetadata."""
        if done.timestamp_type == _LOG_APPEND_TIME and done.timestamp is not None:
            self.appended(began, done.timestamp)

    def appended(self, after: float, timestamp: int) -> None:
        """A broker appended a record between `after` and now, by this clock, and at `timestamp` (ms) by its own.

        As far as both can be so, the offset is 0: a slow broker is no wrong clock.
        """
        brokers = timestamp / 1000
        offset = max(after - brokers, min(0.0, self.now() - brokers))
        self._show(offset)
        if abs(offset) <= MOST:
            self._off = False
        elif not self._off:
            self._off = True
            log.warning(
                "this host's clock is not the brokers': set one of them right; embargoes and max_alert_age of deliver "
                "go by this host's",
                seconds_ahead=round(offset, 1),
            )
