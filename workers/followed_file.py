"""A file of the user's that a worker follows while it runs: each new version is read, a bad one is not taken."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter, Gauge

from topics.errors import ConfigError

INTERVAL = 1.0
"""Seconds between looks at a file."""

T = TypeVar("T")
_Stamp = tuple[int, int, int] | None

log = structlog.get_logger()


class FollowedFile(Generic[T]):
    """`read` makes something of the file, or raises ConfigError: `refused` is the log's event then.

    `reloads` counts the readings by their result, ok or failed; `broken` is 1 while the file as it is was not taken.
    """

    def __init__(self, path: Path, *, read: Callable[[Path], T], refused: str, reloads: Counter, broken: Gauge) -> None:
        self._path = path
        self._read = read
        self._refused = refused
        self._reloads = reloads
        self._broken = broken
        self._stamp: _Stamp = None

    def load(self) -> T:
        """What is in it at the start. Raises ConfigError."""
        self._stamp = self._stamped()
        found = self._read(self._path)
        self._reloads.labels("ok").inc()
        return found

    async def changed(self) -> T | None:
        """What is in it now, where it is another file than at the last look, and right."""
        stamp = await asyncio.to_thread(self._stamped)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            found = await asyncio.to_thread(self._read, self._path)
        except ConfigError as error:
            # A file that is half written is whole at the next look: it changes again.
            self._reloads.labels("failed").inc()
            self._broken.set(1)
            log.warning(self._refused, problems=str(error).splitlines()[:5], kept="the last good one")
            return None
        self._reloads.labels("ok").inc()
        self._broken.set(0)
        return found

    def _stamped(self) -> _Stamp:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
