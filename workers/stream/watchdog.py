"""Ends a process that has stalled, so that its supervisor starts a fresh one.

It runs in a thread of its own: a blocked event loop cannot watch itself.
"""

import os
import threading
import time
from collections.abc import Callable

import structlog

EXIT_STALLED = 75
"""sysexits' EX_TEMPFAIL: start me again."""

log = structlog.get_logger()


class Watchdog:
    """Ends the process when `stalled` gives a reason at two looks in a row, a quarter of `patience` seconds apart.

    `stalled` is called from the watchdog's thread and must only read. `end` is what ending means.
    """

    def __init__(
        self,
        stalled: Callable[[], str | None],
        *,
        patience: float,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._stalled = stalled
        self._interval = patience / 4
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._over.wait(self._interval):
            # A process that was itself frozen (SIGSTOP, a suspended laptop) gets a look's time to catch up.
            frozen = time.monotonic() - looked > 2 * self._interval
            looked = time.monotonic()
            reason = None if frozen else self._stalled()
            if reason and not self._over.wait(self._interval) and self._stalled():
                log.error("stalled: ending the process", reason=reason)
                self._end(EXIT_STALLED)
                return
            looked = time.monotonic()
