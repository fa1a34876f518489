"""The listed sources while a worker runs: the file is followed, and when each was heard of last is told as metrics."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import structlog

from alerts.sources import Sources, load
from workers import series
from workers.followed_file import FollowedFile
from workers.messages import Record, Result
from workers.metrics import Metrics

log = structlog.get_logger()


class SourceWatch:
    """`current` are the sources of the last version of the file that was right; none where there is no file.

    `on_change` is called, in the event loop, after each new one. `now` is wall time, as brokers stamp records.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        metrics: Metrics,
        on_change: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._file = FollowedFile(
            path,
            refused="sources.refused",
            empty=Sources(),
            read=load,
            version=attrgetter("version"),
            reloads=metrics.sources_reloads,
            broken=metrics.refused_files.labels("sources"),
            taken=self._taken,
            on_change=on_change,
        )
        self._metrics = metrics
        self._now = now
        self._last: dict[str, float] = {}

    @property
    def current(self) -> Sources:
        return self._file.current

    def load(self) -> None:
        """Read the file for the first time. Raises SourcesError."""
        self._file.load()

    async def run(self) -> None:
        """Follow the file and keep the metrics, for ever. Nothing that becomes of the file ends it."""
        await self._file.follow(self.show)

    def settled(self, records: Sequence[Record], results: Sequence[Result]) -> None:
        """These have come. A source that is not listed (any more) makes no series."""
        for record, result in zip(records, results, strict=True):
            if result.source is None or result.source not in self._last:
                continue
            self._last[result.source] = max(self._last[result.source], record.timestamp / 1000)
            if result.boilerplate:
                self._metrics.boilerplate.labels(result.source).inc(result.boilerplate)

    def show(self) -> None:
        """Set the metrics to how things are now."""
        now = self._now()
        for source in self.current.listed:
            age = max(0.0, now - self._last[source.id])
            self._metrics.source_age.labels(source.id).set(age)
            self._metrics.source_active.labels(source.id).set(source.publishes(datetime.fromtimestamp(now, tz=UTC)))

    def _taken(self, found: Sources) -> None:
        """A source counts as heard of when it is first listed: nobody knows better."""
        now = self._now()
        series.expect_sources(
            self._metrics, {source.id: source.expect_every for source in found.listed}, gone=self._last
        )
        self._last = {source.id: self._last.get(source.id, now) for source in found.listed}
        self.show()
        log.info("sources", listed=len(found.listed), version=found.version)
