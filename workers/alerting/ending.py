"""One way out of trouble: the process ends at once and is started again.

A failed or expired write, a write by somebody else, a gap in the hits, a freeze: whatever this process knows may be out
of date by then.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog

from topics.errors import ConfigError

log = structlog.get_logger()

RESTART = 75
"""Exit code (EX_TEMPFAIL) of a process that is to be started again."""
BAD_CONFIGURATION = 78


def end_process(code: int) -> NoReturn:
    """End at once: no handler, no flush, no goodbye to Kafka."""
    os._exit(code)


class CrashOnly:
    """Ends the process by `end`, which is given the exit code and does not return."""

    def __init__(self, end: Callable[[int], NoReturn] = end_process) -> None:
        self._end = end

    def fail(self, error: BaseException) -> NoReturn:
        """End, to be started again."""
        log.error("ending", error=repr(error), restart=True)
        self._end(RESTART)

    def misconfigured(self, error: ConfigError) -> NoReturn:
        """End for good: a new process would fare no better."""
        log.error("configuration", error=str(error))
        self._end(BAD_CONFIGURATION)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around what runs for ever: whatever ends it, but for a cancellation, ends the process."""
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.fail(error)
