"""What the alert stage does, as metrics."""

import time
from collections.abc import Iterable

from workers.alert_part import Part, Work
from workers.metrics import Metrics


class AlertCounting:
    """Counts for a stage that folds the partitions of `topic`."""

    def __init__(self, metrics: Metrics, topic: str) -> None:
        self._metrics = metrics
        self._topic = topic
        self._folded_at: dict[int, float] = {}

    def settled(self, work: Work) -> None:
        """What the work led to is written."""
        metrics, wall = self._metrics, time.time()
        metrics.hits.inc(work.hits)
        metrics.repeated.inc(work.repeated)
        for alert in work.published:
            metrics.alerts.labels(alert.kind, alert.severity).inc()
            metrics.desk_alerts.labels(alert.desk, alert.severity).inc()
            if alert.kind == "hit" and alert.article.published_at is not None:
                metrics.alert_age_seconds.observe(max(0.0, wall - alert.article.published_at.timestamp()))
        for reason in work.suppressed:
            metrics.suppressed.labels(reason).inc()
        for reason in work.reasons:
            metrics.dead_lettered.labels(reason).inc()

    def folded(self, messages: Iterable[tuple[int, float]]) -> None:
        """Messages are done: of each the partition, and the brokers' time in seconds."""
        wall, number = time.time(), 0
        for partition, timestamp in messages:
            number += 1
            self._folded_at[partition] = timestamp
            self._metrics.latency_seconds.observe(max(0.0, wall - timestamp))
        self._metrics.consumed.labels(self._topic).inc(number)

    def measured(self, partition: int, part: Part, *, end: int, lag: int) -> None:
        """Where a partition stands, and where it ends."""
        metrics, labels = self._metrics, (self._topic, str(partition))
        metrics.lag.labels(*labels).set(lag)
        # What waits came after the hit that was folded last.
        folded = self._folded_at.get(partition)
        metrics.lag_seconds.labels(*labels).set(max(0.0, time.time() - folded) if lag > 0 and folded else 0.0)
        metrics.end.labels(*labels).set(end)
        metrics.position.labels(*labels).set(part.next or 0)
        metrics.committed.labels(*labels).set(part.next or 0)  # the cursor is what counts, and is written with it
