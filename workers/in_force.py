"""Which watchlists are in force: those of files and those on the topic, together."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from alerts.document import Problem
from alerts.watchlist import Watchlist, WatchlistError, revision
from workers.label_values import WATCHLIST_ORIGINS
from workers.settings import Settings
from workers.watchlist_files import WatchlistFiles, none_in
from workers.watchlist_topic import Control, Placed, WatchlistTopic

Changed = Callable[[tuple[Watchlist, ...], frozenset[str]], None]
"""Takes the watchlists that are in force now, and the desks that have none any more."""

log = structlog.get_logger()


class InForce:
    """Follows files and topic. `current` is the last set of both that was right; `origins` counts where they are from.

    `on_change` is called, in the event loop, with every new set once `settled` has given the first; `on_error` with
    what is wrong with one that was not taken. The watchlists that ship are in force while the user has named none,
    neither in the settings nor on the topic.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_change: Changed,
        on_error: Callable[[str], None] = lambda message: None,
        controls: Mapping[str, Control] | None = None,
    ) -> None:
        self.current: tuple[Watchlist, ...] = ()
        self.origins: dict[str, int] = dict.fromkeys(WATCHLIST_ORIGINS, 0)
        self._settings = settings
        self._on_change = on_change
        self._on_error = on_error
        self._settled = False
        self._at_odds = False
        self._files = WatchlistFiles(
            settings.watchlists,
            on_change=lambda _: self._changed(),
            on_error=on_error,
            may_be_empty=lambda: not self._settled or bool(self._topic.current),
        )
        self._topic = WatchlistTopic(
            settings, on_change=lambda _: self._changed(), on_error=on_error, controls=controls
        )

    def load(self) -> tuple[Watchlist, ...]:
        """Reads the files for the first time. Raises WatchlistError."""
        self._files.load()
        self._combine()
        return self.current

    async def watch(self, stop: asyncio.Event) -> None:
        """Follows both until `stop` is set."""
        work = [self._files.watch(stop)] if self._settings.watchlists else []
        if self._settings.enrich.watchlists_topic:
            work.append(self._topic.follow(stop))
        await asyncio.gather(*work)

    async def settled(self, stop: asyncio.Event) -> bool:
        """Waits until the topic was read to its end, and has files and topic together in force; False where `stop`
        came first. Raises WatchlistError where the two are at odds, or hold nothing though they should, and what ended
        the reading of the topic."""
        if self._settled:
            return True
        if self._settings.enrich.watchlists_topic:
            waiting = [asyncio.create_task(event.wait()) for event in (self._topic.read, stop)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            if not self._topic.read.is_set():
                return False
        if self._topic.failed is not None:
            raise self._topic.failed
        before = self.current
        self._combine()
        if not self.current and self._settings.watchlists:
            raise none_in(self._settings.watchlists)
        self._settled = True
        if revision(self.current) != revision(before):
            self._on_change(self.current, frozenset())
        return True

    @property
    def waiting(self) -> str | None:
        """Why the watchlists on the topic are not known, if they are not."""
        return self._topic.waiting if self._settings.enrich.watchlists_topic else None

    @property
    def refused(self) -> int:
        """Changes that were not taken and are not mended: of the files, of each watchlist on the topic, of both."""
        return self._files.refused + self._topic.refused + self._at_odds

    def _changed(self) -> None:
        """A new set of files, or of the topic: in force from now on, unless the two are at odds."""
        if not self._settled:
            return
        before, origins = self.current, self.origins
        try:
            self._combine()
        except WatchlistError as error:
            self._at_odds = True
            log.warning("watchlists.refused", problems=list(map(str, error.problems)), kept=revision(before))
            self._on_error(str(error))
            return
        self._at_odds = False
        if (revision(self.current), self.origins) != (revision(before), origins):
            self._on_change(self.current, desks(before) - desks(self.current))

    def _combine(self) -> None:
        named = self._settings.watchlists_named
        files = self._files.placed if named or not self._topic.current else {}
        self.current = combined(files, self._topic.current)
        self.origins = dict(zip(WATCHLIST_ORIGINS, (0, len(self._topic.current), 0), strict=True))
        self.origins["file" if named else "shipped"] = len(files)


def combined(files: Mapping[Path, Watchlist], pushed: Mapping[str, Placed]) -> tuple[Watchlist, ...]:
    """All of them. Raises WatchlistError that names both places of an id that is in two."""
    problems = [
        Problem(
            file=str(path),
            line=1,
            field="id",
            expected="an id of its own",
            found=f"“{watchlist.id}”, which {pushed[watchlist.id].place} on the topic has, too",
        )
        for path, watchlist in files.items()
        if watchlist.id in pushed
    ]
    if problems:
        raise WatchlistError(problems)
    return (*files.values(), *(pushed[id].watchlist for id in sorted(pushed)))


def desks(watchlists: tuple[Watchlist, ...]) -> frozenset[str]:
    """Whom these are for."""
    return frozenset(watchlist.desk for watchlist in watchlists)
