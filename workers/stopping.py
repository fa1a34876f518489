"""How a worker is told to stop: by SIGTERM or SIGINT, with a deadline that holds whatever it hangs in."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable

import structlog

GRACE = 5.0
"""How long after its drain a worker may take to put its clients down, in seconds. Then it ends all the same."""
_SAME = 1.0
# One Ctrl-C comes twice to a worker with a supervisor: from the terminal, and from the supervisor.

log = structlog.get_logger()


def stopping_by_signal(*, drain: float, end: Callable[[int], object] = os._exit) -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; to be called in a running event loop.

    `drain` seconds and `GRACE` later the process ends with 0: what is not committed by then comes again. A second
    signal ends it at once with 130.
    """
    stopping = asyncio.Event()
    first = 0.0

    def late() -> None:
        log.warning("not down in time: ending", seconds=drain + GRACE)
        end(0)

    def stop() -> None:
        nonlocal first
        if stopping.is_set():
            if time.monotonic() - first > _SAME:
                end(130)
            return
        first = time.monotonic()
        # A thread: an event loop that is blocked runs no timer.
        timer = threading.Timer(drain + GRACE, late)
        timer.daemon = True
        timer.start()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopping
