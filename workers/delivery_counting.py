"""What a route of the deliver worker does, as metrics."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from workers import series
from workers.clock_check import ClockCheck
from workers.counting import exemplar, partition_of
from workers.delivery import DELIVERED
from workers.messages import DEAD_LETTERED, Record, Result
from workers.metrics import Metrics
from workers.sessions import Ends, Stands
from workers.stream.consumer import Books
from workers.stream.place import Place
from workers.stream.session import PROBE_TIMEOUT
from workers.waiting import Waiting

if TYPE_CHECKING:
    from workers.spans import Spans


class DeliveryCounting:
    """The observer of a route's loop (`workers.stream.consumer.Observer`). `gone` is told what is no longer ours.

    `unaccounted` is by partition: the groups read the same ones, so the worker adds up those of all routes.
    """

    def __init__(
        self,
        metrics: Metrics,
        route: str,
        *,
        clock: ClockCheck,
        gone: Callable[[TopicPartition], None] = lambda tp: None,
        spans: "Spans | None" = None,
    ) -> None:
        self._metrics = metrics
        self._route = route
        self._clock = clock
        self._gone = gone
        self._spans = spans
        self._waiting: Waiting[TopicPartition] = Waiting(now=clock.brokers)
        self._ends: tuple[float, Ends] = (0.0, {})
        self.unaccounted: dict[TopicPartition, int] = {}
        series.expect_sink(metrics, route)

    def attempted(self, result: str) -> None:
        """An alert was tried, or left: `result` is one of `label_values.DELIVERIES`."""
        self._metrics.deliveries.labels(self._route, result).inc()
        if self._spans:
            self._spans.attempted(result)

    def sent(self, topic: str) -> None:
        """A record is acknowledged."""
        self._metrics.produced.labels(topic).inc()

    def measured(self, ends: Ends, stands: Stands) -> None:
        """Where partitions end, which the brokers have just said, and where those stand that are read."""
        self._ends = self._clock.now() - 2 * PROBE_TIMEOUT, ends
        for tp, (books, end) in stands.items():
            self._show_lag(tp, books, lag=max(0, end - books.committed))
            self.unaccounted[tp] = books.unaccounted

    def _show_lag(self, tp: TopicPartition, books: Books, *, lag: int) -> None:
        metrics, labels = self._metrics, (self._route, str(tp.partition))
        metrics.delivery_lag.labels(*labels).set(lag)
        metrics.delivery_lag_seconds.labels(*labels).set(self._waiting.seconds(tp, lag=lag))
        metrics.delivery_position.labels(*labels).set(books.position)
        metrics.delivery_committed.labels(*labels).set(books.committed)

    def consumed(self, records: Sequence[Record]) -> None:
        self._metrics.consumed.labels(records[0].topic).inc(len(records))
        self._waiting.read(partition_of(records), records)
        last, (asked, ends) = records[-1], self._ends
        end = ends.get(partition_of(records))
        if end is not None and last.offset >= end:  # it was not there yet when the brokers were asked
            self._clock.appended(asked, last.timestamp)

    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None:
        self._waiting.settled(partition_of(records), records)
        for record, result in zip(records, results, strict=True):
            if result is DELIVERED:
                took = max(0.0, self._clock.brokers() - record.timestamp / 1000)
                self._metrics.latency_seconds.observe(took, exemplar=exemplar(record.headers))
            elif result.outcome == DEAD_LETTERED and result.reason:
                self._metrics.dead_lettered.labels(result.reason).inc()

    def committed(self, ok: bool) -> None:
        series.commit(self._metrics, ok)

    def rebalanced(self) -> None:
        self._metrics.rebalances.inc()

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            series.forget_delivery(self._metrics, self._route, tp.partition)
            self._waiting.forget(tp)
            self.unaccounted.pop(tp, None)
            self._gone(tp)

    def misplaced(self, place: Place) -> None:
        series.misplaced(self._metrics, place.partition.topic, place.skipped)
        if place.anew:
            self._waiting.forget(place.partition)
