"""The listed sources while a worker runs: the file is followed, and when each was heard of last is told as metrics."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from alerts.sources import Sources, SourcesError, load
from workers.messages import Record, Result
from workers.metrics import Metrics

INTERVAL = 1.0
"""Seconds between looks at the file, and between updates of the metrics."""

_Stamp = tuple[int, int, int] | None

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
        self.current = Sources()
        self._path = path
        self._metrics = metrics
        self._on_change = on_change
        self._now = now
        self._stamp: _Stamp = None
        self._last: dict[str, float] = {}

    def load(self) -> None:
        """Read the file for the first time. Raises SourcesError."""
        if self._path is not None:
            self._stamp = _stamp(self._path)
            self._take(load(self._path))
            self._metrics.sources_reloads.labels("ok").inc()

    async def run(self) -> None:
        """Follow the file and keep the metrics, for ever. Nothing that becomes of the file ends it."""
        while self._path is not None:
            await self._reload_if_changed(self._path)
            self.show()
            await asyncio.sleep(INTERVAL)

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

    async def _reload_if_changed(self, path: Path) -> None:
        stamp = await asyncio.to_thread(_stamp, path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = await asyncio.to_thread(load, path)
        except SourcesError as error:
            # A file that is half written is whole at the next look: it changes again.
            self._metrics.sources_reloads.labels("failed").inc()
            log.warning("sources.refused", problems=str(error).splitlines()[:5], kept=self.current.version)
            return
        self._metrics.sources_reloads.labels("ok").inc()
        if found.version != self.current.version:
            self._take(found)
            self._on_change()

    def _take(self, found: Sources) -> None:
        """A source counts as heard of when it is first listed: nobody knows better."""
        now = self._now()
        self._metrics.expect_sources({source.id: source.expect_every for source in found.listed}, gone=self._last)
        self._last = {source.id: self._last.get(source.id, now) for source in found.listed}
        self.current = found
        self.show()
        log.info("sources", listed=len(found.listed), version=found.version)


def _stamp(path: Path) -> _Stamp:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
