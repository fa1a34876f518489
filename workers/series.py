"""What becomes of several series at once: those that begin at 0, that say what is there now, that end."""

from collections.abc import Iterable, Mapping

from topics.records import SEVERITIES
from workers import label_values as values
from workers.metrics import Metrics


def in_force(metrics: Metrics, versions: Mapping[str, str], *, desks: Iterable[str]) -> None:
    """These watchlists (id -> version), and no others; `desks` are those that they serve."""
    for desk in desks:
        for severity in SEVERITIES:
            metrics.desk_hits.labels(desk, severity)
    metrics.watchlist_info.clear()
    for watchlist, version in versions.items():
        metrics.watchlist_info.labels(watchlist, version).set(1)


def expect_sources(metrics: Metrics, expected: Mapping[str, float | None], *, gone: Iterable[str] = ()) -> None:
    """Show these sources, with the seconds in which something is expected of each, instead of those before."""
    for source in set(gone) - set(expected):
        for metric in (metrics.source_age, metrics.source_active, metrics.source_expect_every, metrics.boilerplate):
            metric.remove(source)
    for source, seconds in expected.items():
        metrics.boilerplate.labels(source)
        metrics.source_expect_every.remove(source)
        if seconds is not None:
            metrics.source_expect_every.labels(source).set(seconds)


def expect_sink(metrics: Metrics, sink: str) -> None:
    """Show a sink's deliveries as 0 before the first one."""
    metrics.delivery_waiting.labels(sink)
    for result in values.DELIVERIES:
        metrics.deliveries.labels(sink, result)


def expect_topics(metrics: Metrics, *, read: Iterable[str], written: Iterable[str]) -> None:
    """Show what is counted of these topics as 0 before the first record."""
    for topic in read:
        for counter in (metrics.consumed, metrics.out_of_range, metrics.skipped):
            counter.labels(topic)
    for topic in written:
        metrics.produced.labels(topic)


def braked(metrics: Metrics, partitions: Mapping[tuple[str, int], int]) -> None:
    """The partitions (topic, number) whose brake is on, with how many records were bad; no others."""
    metrics.brake_partitions.set(len(partitions))
    metrics.brake_bad.clear()
    for (topic, partition), bad in partitions.items():
        metrics.brake_bad.labels(topic, str(partition)).set(bad)


def displaced(metrics: Metrics, taken: bool) -> None:
    """Another process has taken this one's place in a group, or has left it."""
    metrics.displaced_groups.inc(1 if taken else -1)


def misplaced(metrics: Metrics, topic: str, skipped: int) -> None:
    """A place in a topic was out of range, and `skipped` records are lost by it."""
    metrics.out_of_range.labels(topic).inc()
    metrics.skipped.labels(topic).inc(skipped)


def forget(metrics: Metrics, topic: str, partition: int) -> None:
    """Drop the series of a partition that is no longer ours; whoever has it now reports them."""
    for gauge in (
        metrics.lag,
        metrics.lag_seconds,
        metrics.end,
        metrics.position,
        metrics.committed,
        metrics.unaccounted,
    ):
        gauge.remove(topic, str(partition))


def forget_delivery(metrics: Metrics, sink: str, partition: int) -> None:
    """The same for a partition of the alerts that a sink's group no longer gives to us."""
    for gauge in (
        metrics.delivery_lag,
        metrics.delivery_lag_seconds,
        metrics.delivery_position,
        metrics.delivery_committed,
    ):
        gauge.remove(sink, str(partition))


def commit(metrics: Metrics, done: bool) -> None:
    """Offsets were committed, or could not be."""
    metrics.commits.labels("ok" if done else "failed").inc()
