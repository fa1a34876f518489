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
    """`current` is what the last version of the file held that was right; `empty` where there is no `path`.

    `read` makes something of the file, or raises ConfigError; `version` is the same for what is the same. `taken` is
    told of each version, the first one too; `on_change` is called after each but that, in the event loop.

    `reloads` counts the readings by their result, ok or failed; `broken` is 1 while the file as it is was not taken,
    and `refused` is the log's event then.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        refused: str,
        empty: T,
        read: Callable[[Path], T],
        version: Callable[[T], str],
        reloads: Counter,
        broken: Gauge,
        taken: Callable[[T], None],
        on_change: Callable[[], None],
    ) -> None:
        self.current = empty
        self._path = path
        self._refused = refused
        self._read = read
        self._version = version
        self._reloads = reloads
        self._broken = broken
        self._taken = taken
        self._on_change = on_change
        self._stamp: _Stamp = None

    def load(self) -> None:
        """Read it for the first time. Raises ConfigError."""
        if self._path is None:
            return
        self._stamp = _stamp(self._path)
        found = self._read(self._path)
        self._reloads.labels("ok").inc()
        self._take(found)

    async def follow(self, each: Callable[[], None] = lambda: None) -> None:
        """Look at it for ever, and call `each` after every look. Nothing that becomes of the file ends this."""
        while self._path is not None:
            found = await self._changed(self._path)
            if found is not None and self._version(found) != self._version(self.current):
                self._take(found)
                self._on_change()
            each()
            await asyncio.sleep(INTERVAL)

    async def _changed(self, path: Path) -> T | None:
        """What is in it now, where it is another file than at the last look, and right."""
        stamp = await asyncio.to_thread(_stamp, path)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            found = await asyncio.to_thread(self._read, path)
        except ConfigError as error:
            # A file that is half written is whole at the next look: it changes again.
            self._reloads.labels("failed").inc()
            self._broken.set(1)
            log.warning(self._refused, problems=str(error).splitlines()[:5], kept="the last good one")
            return None
        self._reloads.labels("ok").inc()
        self._broken.set(0)
        return found

    def _take(self, found: T) -> None:
        self.current = found
        self._taken(found)


def _stamp(path: Path) -> _Stamp:
    """Changes whenever the file does; None while it is away."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
