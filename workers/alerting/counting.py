"""What the alert stage does, as metrics."""

import time
from collections.abc import Callable, Collection, Iterable

from workers import series
from workers.alerting.part import Part, Work
from workers.alerting.partitions import Topics
from workers.alerting.restored import Restored
from workers.counting import exemplar
from workers.messages import Headers
from workers.metrics import Metrics


class AlertCounting:
    """Counts for a stage that folds the hits of `topics`. `now` is wall time, as brokers stamp records."""

    def __init__(self, metrics: Metrics, topics: Topics, *, now: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._topics = topics
        self._now = now
        series.expect_topics(metrics, read=[topics.hits], written=[topics.alerts, topics.stories])
        self._folded_at: dict[int, float] = {}

    def held(self, number: int) -> None:
        """So many partitions are ours and cannot be folded."""
        self._metrics.paused_partitions.set(number)

    def restored(self, found: Collection[Restored], *, seconds: float) -> None:
        """Partitions have been read back, in so many seconds."""
        metrics = self._metrics
        metrics.rebalances.inc()
        metrics.assigned_partitions.set(len(found))
        metrics.lost_places.inc(sum(one.lost is not None for one in found))
        metrics.restored_records.inc(sum(one.records for one in found))
        metrics.restored_seconds.observe(seconds)

    def forget(self, numbers: Iterable[int]) -> None:
        """These partitions are not ours any more: they are not to be measured here."""
        for number in numbers:
            series.forget(self._metrics, self._topics.hits, number)
        self._metrics.assigned_partitions.set(0)
        self.held(0)

    def settled(self, work: Work) -> None:
        """What the work led to is written."""
        metrics, wall = self._metrics, self._now()
        metrics.hits.inc(work.hits)
        metrics.repeated.inc(work.repeated)
        metrics.produced.labels(self._topics.alerts).inc(len(work.alerts))
        if work.mark is not None:
            metrics.produced.labels(self._topics.stories).inc(len(work.state) + 1)  # the cursor, too
        for alert, entry in zip(work.published, work.alerts, strict=True):
            metrics.alerts.labels(alert.kind, alert.severity).inc()
            metrics.desk_alerts.labels(alert.desk, alert.severity).inc()
            if alert.kind == "hit" and alert.article.published_at is not None:
                age = max(0.0, wall - alert.article.published_at.timestamp())
                metrics.alert_age_seconds.observe(age, exemplar=exemplar(entry.headers))
        for reason in work.suppressed:
            metrics.suppressed.labels(reason).inc()
        for reason in work.reasons:
            metrics.dead_lettered.labels(reason).inc()

    def folded(self, messages: Iterable[tuple[int, float, Headers]]) -> None:
        """Messages are done: of each the partition, the brokers' time in seconds, and its headers."""
        wall, number = self._now(), 0
        for partition, timestamp, headers in messages:
            number += 1
            self._folded_at[partition] = timestamp
            self._metrics.latency_seconds.observe(max(0.0, wall - timestamp), exemplar=exemplar(headers))
        self._metrics.consumed.labels(self._topics.hits).inc(number)

    def measured(self, partition: int, part: Part, *, end: int, lag: int) -> None:
        """Where a partition stands, and where it ends."""
        metrics, labels = self._metrics, (self._topics.hits, str(partition))
        metrics.lag.labels(*labels).set(lag)
        # What waits came after the hit that was folded last.
        folded = self._folded_at.get(partition)
        metrics.lag_seconds.labels(*labels).set(max(0.0, self._now() - folded) if lag > 0 and folded else 0.0)
        metrics.end.labels(*labels).set(end)
        metrics.position.labels(*labels).set(part.next or 0)
        metrics.committed.labels(*labels).set(part.next or 0)  # the cursor is what counts, and is written with it
