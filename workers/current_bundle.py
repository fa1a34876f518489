"""What articles are held against while a worker runs: watchlists, sources and the user's names, as they change."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from alerts import bundle
from alerts.watchlist import Watchlist
from workers import series
from workers.closing import Closing
from workers.gazetteer_watch import gazetteer_watch
from workers.in_force import InForce, desks
from workers.metrics import Metrics
from workers.settings import Settings
from workers.source_watch import SourceWatch
from workers.watchlist_topic import Control

log = structlog.get_logger()


class CurrentBundle:
    """The bundle (`alerts.bundle`) that is in force; `revision` is its own. `use` is given each new one, with it.

    `closing` knows the desks that no watchlist serves any more. `controls` are told of instructions to workers
    (`watchlist_topic.WatchlistTopic`).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        use: Callable[[bytes, str], None],
        controls: Mapping[str, Control],
    ) -> None:
        self.revision = ""
        self.closing = Closing()
        self.sources = SourceWatch(settings.sources_file, metrics=metrics, on_change=self._renew)
        self._names = gazetteer_watch(settings.gazetteer_file, metrics=metrics, on_change=self._renew)
        self._watchlists: tuple[Watchlist, ...] = ()
        self._in_force = InForce(settings, on_change=self._changed, on_error=self._refused, controls=controls)
        self._metrics = metrics
        self._use = use
        metrics.refused_watchlists.set_function(lambda: self._in_force.refused)

    def load(self) -> tuple[bytes, str]:
        """The first one, of the files. Raises WatchlistError, SourcesError and GazetteerError."""
        self.sources.load()
        self._names.load()
        self._take(self._in_force.load())
        return self._encoded()

    async def follow_watchlists(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what no waiting mends comes out."""
        await self._in_force.watch(stop)

    async def follow_files(self) -> None:
        """Follow the other files and keep the sources' metrics, for ever."""
        await asyncio.gather(self.sources.run(), self._names.follow())

    async def settled(self, stop: asyncio.Event) -> bool:
        """Wait until the watchlists on the topic are known, too; False where `stop` came first. See `InForce`."""
        return await self._in_force.settled(stop)

    @property
    def waiting(self) -> str | None:
        """Why the watchlists on the topic are not known, if they are not."""
        return self._in_force.waiting

    def _changed(self, watchlists: tuple[Watchlist, ...], closed: frozenset[str]) -> None:
        self.closing.change(closed=closed, alive=desks(watchlists))
        self._take(watchlists)
        self._renew()

    def _take(self, watchlists: tuple[Watchlist, ...]) -> None:
        self._watchlists = watchlists
        self._metrics.watchlist_rules.set(sum(len(watchlist.rules) for watchlist in watchlists))
        self._metrics.watchlist_reloads.labels("ok").inc()
        for origin, number in self._in_force.origins.items():
            self._metrics.watchlists.labels(origin).set(number)
        versions = {watchlist.id: watchlist.version for watchlist in watchlists}
        series.in_force(self._metrics, versions, desks=desks(watchlists))
        log.info("watchlists", versions=versions, **self._in_force.origins)

    def _refused(self, message: str) -> None:
        self._metrics.watchlist_reloads.labels("failed").inc()

    def _renew(self) -> None:
        self._use(*self._encoded())

    def _encoded(self) -> tuple[bytes, str]:
        held = self._watchlists, self.sources.current, self._names.current
        self.revision = bundle.revision(*held)
        return bundle.encode(*held), self.revision
