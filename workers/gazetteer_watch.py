"""The user's own gazetteer while a worker runs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from alerts.gazetteer import Entry, version
from workers.article.own_gazetteer import load
from workers.followed_file import INTERVAL, FollowedFile
from workers.metrics import Metrics

log = structlog.get_logger()


class GazetteerWatch:
    """`current` are the entries of the last version of the file that was right; none where there is no file.

    `on_change` is called, in the event loop, after each new one.
    """

    def __init__(self, path: Path | None, *, metrics: Metrics, on_change: Callable[[], None] = lambda: None) -> None:
        self.current: tuple[Entry, ...] = ()
        self._file = path and FollowedFile(
            path,
            read=load,
            refused="gazetteer.refused",
            reloads=metrics.gazetteer_reloads,
            broken=metrics.refused_files.labels("gazetteer"),
        )
        self._on_change = on_change

    def load(self) -> None:
        """Read the file for the first time. Raises GazetteerError."""
        if self._file:
            self._take(self._file.load())

    async def run(self) -> None:
        """Follow the file, for ever. Nothing that becomes of it ends this."""
        while self._file:
            found = await self._file.changed()
            if found is not None and version(found) != version(self.current):
                self._take(found)
                self._on_change()
            await asyncio.sleep(INTERVAL)

    def _take(self, found: tuple[Entry, ...]) -> None:
        self.current = found
        log.info("gazetteer", own=len(found), version=version(found))
