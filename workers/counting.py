"""What the enrich worker's loop does, as metrics."""

import time
from collections.abc import Callable, Mapping, Sequence

from aiokafka import TopicPartition

from workers import series
from workers.label_values import ENTITIES, OTHER, PARAGRAPHS
from workers.messages import DEAD_LETTERED, ENRICHED, Headers, Record, Result
from workers.metrics import Metrics
from workers.stream.brakes import Brakes
from workers.stream.consumer import Books
from workers.stream.place import Place
from workers.waiting import Waiting

MAX_RULES = 1000
"""Rules with a series of their own."""

Told = Callable[[Sequence[Record], Sequence[Result]], None]


class Counting:
    """The observer of a loop (`workers.stream.consumer.Observer`). `sources` is told what was settled."""

    def __init__(
        self, metrics: Metrics, *, sources: Told, brakes: Brakes, now: Callable[[], float] = time.time
    ) -> None:
        self._metrics = metrics
        self._sources = sources
        self._brakes = brakes
        self._now = now
        self._rules: set[tuple[str, str]] = set()
        self._waiting: Waiting[TopicPartition] = Waiting(now=now)

    def consumed(self, records: Sequence[Record]) -> None:
        self._metrics.consumed.labels(records[0].topic).inc(len(records))
        self._waiting.read(partition_of(records), records)

    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None:
        self._metrics.stage_seconds.labels("send").observe(sent)
        self._waiting.settled(partition_of(records), records)
        self._sources(records, results)
        now = self._now()
        for record, result in zip(records, results, strict=True):
            trace = exemplar(record.headers)
            self._outcome(result, trace)
            if record.timestamp > 0:
                took = max(0.0, now - record.timestamp / 1000)
                self._metrics.latency_seconds.observe(took, exemplar=trace)

    def _outcome(self, result: Result, trace: dict[str, str] | None) -> None:
        metrics = self._metrics
        metrics.processed.labels(result.outcome).inc()
        if result.outcome == DEAD_LETTERED and result.reason:
            metrics.dead_lettered.labels(result.reason).inc()
        for stage, seconds in result.stages.items():
            metrics.stage_seconds.labels(stage).observe(seconds)
        for kind, number in result.furniture.items():
            metrics.furniture.labels(kind).inc(number)
        for field in result.missing:
            metrics.input_missing.labels(field).inc()
        if result.age is not None:
            metrics.article_age_seconds.observe(max(0.0, result.age), exemplar=trace)
        if result.outcome == ENRICHED:
            self._enriched(result)

    def _enriched(self, result: Result) -> None:
        metrics = self._metrics
        metrics.hits.inc(len(result.desks))
        for kind, paragraphs in zip(PARAGRAPHS, result.paragraphs, strict=True):
            metrics.paragraph_cache.labels(kind).inc(paragraphs)
        for label, number in result.entities.items():
            # A model of the user's may have labels of its own.
            metrics.entities.labels(label if label in ENTITIES else OTHER).inc(number)
        for desk, severity in result.desks:
            metrics.desk_hits.labels(desk, severity).inc()
        for watchlist, rule in result.rules:
            metrics.rule_hits.labels(*self._shown(watchlist, rule)).inc()

    def _shown(self, watchlist: str, rule: str) -> tuple[str, str]:
        """As what a rule is counted: the first `MAX_RULES` that were met have series of their own."""
        met = (watchlist, rule)
        if met not in self._rules and len(self._rules) >= MAX_RULES:
            met = (OTHER, OTHER)
        self._rules.add(met)
        return met

    def measured(self, books: Mapping[TopicPartition, tuple[Books, int]]) -> None:
        """Where partitions stand, and where they end."""
        metrics = self._metrics
        for tp, (stand, end) in books.items():
            labels = (tp.topic, str(tp.partition))
            lag = max(0, end - stand.committed)
            metrics.position.labels(*labels).set(stand.position)
            metrics.committed.labels(*labels).set(stand.committed)
            metrics.end.labels(*labels).set(end)
            metrics.lag.labels(*labels).set(lag)
            metrics.lag_seconds.labels(*labels).set(self._waiting.seconds(tp, lag=lag))
            metrics.unaccounted.labels(*labels).set(stand.unaccounted)

    def committed(self, ok: bool) -> None:
        series.commit(self._metrics, ok)

    def rebalanced(self) -> None:
        self._metrics.rebalances.inc()

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            series.forget(self._metrics, tp.topic, tp.partition)
            self._waiting.forget(tp)
        self._brakes.revoked(partitions)

    def misplaced(self, place: Place) -> None:
        series.misplaced(self._metrics, place.partition.topic, place.skipped)
        if place.anew:
            self._brakes.forget(place.partition)
            self._waiting.forget(place.partition)


def exemplar(headers: Headers) -> dict[str, str] | None:
    """The trace that a record is of, from its `traceparent` (W3C Trace Context): a metric's way back to one article."""
    value = next((value for name, value in headers if name == "traceparent"), None) or b""
    parts = value.decode("ascii", "replace").split("-")
    if len(parts) == 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef"):
        return {"trace_id": parts[1]}
    return None


def partition_of(records: Sequence[Record]) -> TopicPartition:
    """The one that they all are of."""
    return TopicPartition(records[0].topic, records[0].partition)
