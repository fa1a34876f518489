"""Watchlists in files, kept up to date while a worker runs."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import structlog
from watchfiles import awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

from alerts.document import Problem
from alerts.watchlist import Watchlist, WatchlistError, files, load_placed, revision

POLL = 0.5
"""Seconds between looks at the files' times and sizes, beside the system's notifications: network file systems and
replaced folders send none."""
SETTLE = 0.2
"""Seconds that a file which cannot be read is given before we complain: it may be half written."""
_SHOWN = 5
_log = structlog.get_logger()

_Stamp = tuple[tuple[str, int, int, int], ...]


class WatchlistFiles:
    """The watchlists in these files and directories. `current` is the last set that was right.

    `on_change` is called, in the event loop, with every new set; `on_error` with what is wrong with one that was
    not taken. Where there is none at all, that is wrong, too, unless `may_be_empty` says that it is not.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        on_change: Callable[[tuple[Watchlist, ...]], None],
        on_error: Callable[[str], None] = lambda message: None,
        may_be_empty: Callable[[], bool] = lambda: False,
    ) -> None:
        self.placed: dict[Path, Watchlist] = {}
        self._paths = tuple(paths)
        self._on_change = on_change
        self._on_error = on_error
        self._may_be_empty = may_be_empty
        self._stamp: _Stamp = ()
        self.refused = False
        """Whether what the files hold now was not taken."""

    @property
    def current(self) -> tuple[Watchlist, ...]:
        return tuple(self.placed.values())

    def load(self) -> tuple[Watchlist, ...]:
        """Reads them for the first time. Raises WatchlistError, also where there is none and there must be."""
        self._stamp = _stamp(self._paths)
        self.placed = self._load()
        return self.current

    async def watch(self, stop: asyncio.Event) -> None:
        """Follows the files until `stop` is set. Nothing that becomes of them ends it."""
        while not stop.is_set():
            try:
                await self._follow(stop)
            except (OSError, WatchfilesRustInternalError) as error:
                _log.debug("watchlists.no_notifications", error=str(error))
                await self._reload_if_changed()
                await _wait(stop, POLL)

    async def _follow(self, stop: asyncio.Event) -> None:
        watched = _folders(self._paths)
        changes = awatch(
            *watched,
            watch_filter=None,
            stop_event=stop,
            debounce=400,
            rust_timeout=int(POLL * 1000),
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(changes):
            async for _ in changes:
                await self._reload_if_changed()
                if _folders(self._paths) != watched:
                    return  # a link points elsewhere now: watch there

    async def _reload_if_changed(self) -> None:
        stamp = await asyncio.to_thread(_stamp, self._paths)
        if stamp == self._stamp:
            return
        try:
            loaded = await asyncio.to_thread(self._load)
        except WatchlistError as error:
            await asyncio.sleep(SETTLE)
            if await asyncio.to_thread(_stamp, self._paths) == stamp:
                self._stamp = stamp
                self._refuse(error)
            return
        self._stamp, self.refused = stamp, False
        changed = revision(loaded.values()) != revision(self.current)
        self.placed = loaded
        if changed:
            _log.info("watchlists.changed", watchlists=len(loaded), revision=revision(self.current))
            self._on_change(self.current)

    def _load(self) -> dict[Path, Watchlist]:
        loaded = load_placed(self._paths)
        if not loaded and not self._may_be_empty():
            raise none_in(self._paths)
        return loaded

    def _refuse(self, error: WatchlistError) -> None:
        shown = [str(problem) for problem in error.problems[:_SHOWN]]
        more = len(error.problems) - len(shown)
        kept = revision(self.current)
        self.refused = True
        _log.warning("watchlists.refused", problems=shown, more=more, kept=kept)
        self._on_error(str(error))


def none_in(paths: Sequence[Path]) -> WatchlistError:
    """What to raise where there is no watchlist, and there must be one."""
    where = ", ".join(map(str, paths)) or "no path"
    return WatchlistError(
        [Problem(file=where, line=1, field="file", expected="at least one watchlist (*.yaml)", found="none")]
    )


def _stamp(paths: Sequence[Path]) -> _Stamp:
    """Changes whenever a file does: saved, replaced, or reached by a link that points elsewhere."""
    stamps = []
    for path in _listed(paths):
        try:
            stat = path.stat()
        except OSError:
            stamps.append((str(path), 0, 0, 0))
        else:
            stamps.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(stamps)


def _listed(paths: Sequence[Path]) -> tuple[Path, ...]:
    try:
        return files(paths)
    except OSError:
        return tuple(paths)


def _folders(paths: Sequence[Path]) -> tuple[Path, ...]:
    """What to watch: the folders, since editors and Kubernetes replace files, and those that links lead to."""
    folders = {folder for path in paths for folder in (path if path.is_dir() else path.parent,)}
    folders |= {Path(os.path.realpath(file)).parent for file in _listed(paths)}
    return tuple(sorted(folder for folder in folders if folder.is_dir()))


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
