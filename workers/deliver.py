"""The deliver worker: alerts to people and to topics of their own, each route in a consumer group of its own."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError

from alerts import sinks
from alerts.sinks import Sink
from topics import events
from topics.catalog import TOPICS
from topics.errors import ConfigError, InvalidRecord, TransientError
from topics.records import Alert
from workers import health, permits, series
from workers.checks import at_start as checks
from workers.clock_check import ClockCheck
from workers.counting import exemplar
from workers.delivery import DELIVERED, Delivery
from workers.messages import DEAD_LETTERED, TRACE, Record, Result
from workers.metrics import Metrics
from workers.rights import route_rights
from workers.sections import Route
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.ahead import Ahead
from workers.stream.consumer import Books, Limits, Loop
from workers.stream.lane import Submit
from workers.stream.membership import Membership
from workers.stream.place import Place
from workers.stream.publisher import Publisher
from workers.stream.session import PROBE_TIMEOUT, cancelled, follow, keep_running, probe
from workers.stream.unordered import Unordered
from workers.stream.watchdog import Watchdog
from workers.waiting import Waiting

WAITING_ALERTS = 10_000
"""Alerts that a route may hold, under embargo or behind a sink that is down, before its partitions are paused."""
WAITING_BYTES = 64 * 1024 * 1024
# Membership is by heartbeats, and a stalled process is ended by its watchdog: a full route that does not poll while
# its sink is down for hours must not lose its place. (The largest value that the client takes.)
MAX_POLL_INTERVAL_MS = 2**31 - 1
STALLED_AFTER = 120.0

SETTLED_BEFORE = Result("settled_before")
"""By this partition's owner before us, beyond the offset that it could commit."""

if TYPE_CHECKING:
    from workers.spans import Spans

log = structlog.get_logger()


async def run(
    settings: Settings,
    metrics: Metrics,
    stopping: asyncio.Event,
    *,
    now: Callable[[], float] = time.time,
    spans: "Spans | None" = None,
) -> None:
    """Deliver until `stopping` is set. `now` is wall time, for embargoes.

    Raises ConfigError where there is no route, or one is wrong.
    """
    clock = ClockCheck(metrics.clock_offset_seconds.set, now=now)
    couriers = [
        Courier(settings, route, metrics=metrics, stopping=stopping, now=now, clock=clock, spans=spans)
        for route in routes(settings)
    ]
    beat = health.Beat(limit=STALLED_AFTER)

    def stalled() -> str | None:
        return beat.check() or _first(courier.stalled() for courier in couriers)

    def unready() -> str | None:
        return _first(courier.ready() for courier in couriers)

    metrics.ready_while(unready)
    async with AsyncExitStack() as stack:
        for courier in couriers:
            stack.push_async_callback(courier.sink.close)
        stack.enter_context(Watchdog(stalled, patience=STALLED_AFTER))
        port = await stack.enter_async_context(
            health.serve(
                host=settings.host,
                port=settings.port,
                registry=metrics.registry,
                live=stalled,
                ready=unready,
            )
        )
        log.info("deliver", brokers=settings.brokers, routes=[courier.name for courier in couriers], port=port)
        background = [
            asyncio.create_task(health.watch_loop(metrics.loop_delay_seconds.observe)),
            asyncio.create_task(_measure(couriers, metrics, beat)),
            asyncio.create_task(checks.tell(settings, "deliver")),
        ]
        stack.push_async_callback(cancelled, background)
        await _all(courier.run() for courier in couriers)


def routes(settings: Settings) -> tuple[Route, ...]:
    """The routes of the settings. Raises ConfigError where there are none or two share a name."""
    found = settings.deliver.route
    if not found:
        raise ConfigError("deliver.route: no route; name at least one ([[deliver.route]] with a name and a sink)")
    names = [route.name for route in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"deliver.route: each name is a consumer group, so it can be there once: {', '.join(twice)}")
    return found


class Courier:
    """One route: its sink, its consumer group, and what outlives a broker's absence (the ids already delivered)."""

    def __init__(
        self,
        settings: Settings,
        route: Route,
        *,
        metrics: Metrics,
        stopping: asyncio.Event,
        now: Callable[[], float] = time.time,
        clock: ClockCheck | None = None,
        spans: "Spans | None" = None,
    ) -> None:
        self.name = route.name
        self._clock = clock or ClockCheck(now=now)
        self._ends: tuple[float, Mapping[TopicPartition, int]] = (0.0, {})
        self._settings = settings
        self._needed = route_rights(settings, route)
        self._metrics = metrics
        self._stopping = stopping
        self._topic = settings.topic("alerts")
        self.sink = self._make_sink(route)
        self._delivery = Delivery(
            route,
            self.sink,
            counted=self._counted,
            now=self._clock.brokers,
            reached=self._clock.latest,
            max_age=self._max_age(route),
        )
        self._open: Waiting[TopicPartition] = Waiting(now=self._clock.brokers)
        self._spans = spans
        self._deliver: Submit = self._delivery.submit
        if spans:
            group = settings.group_of(f"deliver-{route.name}")
            self._deliver = spans.delivering(self._delivery.submit, route=route.name, group=group)
        self._producer: Any = None
        self._ahead: Ahead | None = None
        self._lanes: list[Unordered] = []
        self.unaccounted: dict[TopicPartition, int] = {}
        self.loop: Loop | None = None
        self._waiting: str | None = "starting"
        self._membership = Membership(taken_from_us=partial(series.displaced, metrics))
        self._behind = False
        series.expect_sink(metrics, route.name)
        written = [self.sink.topic] if isinstance(self.sink, sinks.Kafka) else []
        series.expect_topics(metrics, read=[self._topic], written=[*written, settings.topic("dead-letters")])

    def _make_sink(self, route: Route) -> Sink:
        options = route.sink.model_extra or {}
        sink = sinks.make(route.name, route.sink.kind, options, publish=self._publish)
        ours = [self._settings.topic(role) for role in TOPICS]
        if isinstance(sink, sinks.Kafka) and sink.topic in ours:
            raise ConfigError(f"deliver.route {route.name}: sink.topic: {sink.topic} is one of our own; name another")
        return sink

    def _max_age(self, route: Route) -> float:
        """A topic is read by programs, which get every alert unless the route says otherwise."""
        if route.max_alert_age is not None:
            return route.max_alert_age
        return math.inf if isinstance(self.sink, sinks.Kafka) else self._settings.deliver.max_alert_age

    async def run(self) -> None:
        """Until `stopping` is set and what was being sent then is through, or the drain is over."""
        await keep_running(self._session, stopping=self._stopping, waiting=self._wait)

    # --- a session with the brokers

    async def _session(self) -> None:
        """Deliver until told to stop, or until Kafka fails; begun anew when topics or rights come or go."""
        while not self._stopping.is_set():
            standing = await permits.look(self._settings, "deliver", self._needed)
            standing.require()
            async with permits.explained(self._settings, "deliver", self._needed):
                await self._read(standing)

    async def _read(self, standing: permits.Standing) -> None:
        settings = self._settings
        async with (
            kafka.running(kafka.producer(settings, worker="deliver")) as producer,
            kafka.running(self._consumer()) as consumer,
        ):
            self._producer = producer
            self._ahead = Ahead(consumer)
            self._lanes.clear()
            publisher = Publisher(producer, topic=settings.topic, sent=self._sent)
            self.loop = Loop(
                consumer,
                submit=self._submit,
                publish=publisher.publish,
                limits=self._limits(),
                observer=self,
                lane=self._open_lane,
                keep_ahead=True,
            )
            changed, told, end = asyncio.Event(), asyncio.Event(), asyncio.Event()
            background = [
                asyncio.create_task(probe(consumer, producer, reached=self._lag, away=self._wait)),
                asyncio.create_task(permits.watch(settings, "deliver", standing, changed.set, self._needed)),
                asyncio.create_task(follow(told, self._stopping, changed)),
                asyncio.create_task(self._drained(told, end)),
            ]
            try:
                await self.loop.run([self._topic], end)
            finally:
                self.loop = self._producer = None
                await cancelled(background)

    def _consumer(self) -> Any:
        consumer = kafka.consumer(
            self._settings,
            self._settings.group_of(f"deliver-{self.name}"),
            worker="deliver",
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            auto_offset_reset="none",
        )
        return self._membership.guard(consumer)

    def _limits(self) -> Limits:
        deliver = self._settings.deliver
        # A batch is settled as a whole, so it is one alert. The drain is ours: the loop would wait for embargoes.
        return Limits(
            batch=1, records=WAITING_ALERTS, bytes=WAITING_BYTES, commit_interval=deliver.commit_interval, drain=0
        )

    async def _submit(self, batch: Sequence[Record]) -> list[Result]:
        for record in batch:  # of one: see `_limits`
            tp = TopicPartition(record.topic, record.partition)
            if self._ahead is not None and await self._ahead.holds(tp, record.offset):
                return [SETTLED_BEFORE]
            sinks.CARRIED.set(tuple(header for header in record.headers if header[0] in TRACE))
        return await self._deliver(batch)

    def _open_lane(self, **parts: Any) -> Unordered:
        lane = Unordered(**parts)
        self._lanes = [*(lane for lane in self._lanes if not lane.closed), lane]
        return lane

    async def _drained(self, told: asyncio.Event, end: asyncio.Event) -> None:
        """When told to stop: let what is being sent end, begin nothing more, and only then end the loop."""
        await told.wait()
        await asyncio.gather(*(lane.abandon(self._settings.deliver.drain) for lane in self._lanes))
        end.set()

    async def _publish(self, topic: str, key: bytes | None, value: bytes, alert: Alert) -> None:
        """For the Kafka sink. Whatever is wrong with Kafka ends the session, and the next one sends again."""
        if self._producer is None:
            raise TransientError("no connection to Kafka")
        limit = 2 * self._settings.kafka.request_timeout
        headers = [*events.headers(alert, source=events.source_of(self._settings.prefix)), *sinks.CARRIED.get()]
        began = self._clock.now()
        try:
            sending = self._producer.send_and_wait(topic, value, key=key, headers=headers)
            done = await asyncio.wait_for(sending, limit)
        except (MessageSizeTooLargeError, RecordTooLargeError) as error:
            raise InvalidRecord("refused", f"topic {topic}: {error}") from error
        self._sent(topic)
        self._clock.acknowledged(began, done)

    def _lag(self, ends: Mapping[TopicPartition, int]) -> None:
        """The brokers have answered: they have the partitions end there."""
        self._waiting = None
        self._behind = False
        self._ends = self._clock.now() - 2 * PROBE_TIMEOUT, ends
        for tp, end in ends.items():
            books = self.loop.books(tp) if self.loop else None
            if books is not None:
                self._show_lag(tp, books, lag=max(0, end - books.committed))
                self._behind |= end > books.position
                self.unaccounted[tp] = books.unaccounted
        if self.loop is not None and not self._behind:
            self.loop.idle()

    def _show_lag(self, tp: TopicPartition, books: Books, *, lag: int) -> None:
        metrics, labels = self._metrics, (self.name, str(tp.partition))
        metrics.delivery_lag.labels(*labels).set(lag)
        metrics.delivery_lag_seconds.labels(*labels).set(self._open.seconds(tp, lag=lag))
        metrics.delivery_position.labels(*labels).set(books.position)
        metrics.delivery_committed.labels(*labels).set(books.committed)

    # --- health

    def _wait(self, reason: str) -> None:
        self._waiting = reason

    def ready(self) -> str | None:
        joined = self.loop is not None and self.loop.joined
        waits = self._waiting or self._membership.taken
        why = waits or (None if joined else "waiting for an assignment") or (self.loop and self.loop.trouble)
        return f"route {self.name}: {why}" if why else None

    def stalled(self) -> str | None:
        """Why this route is stuck for good: brokers answer and have more, nothing waits, and nothing comes."""
        loop = self.loop
        if loop is None or self._waiting is not None or not self._behind or loop.records:
            return None
        idle = time.monotonic() - loop.progress_at
        return f"route {self.name}: lag, and no progress for {idle:.0f} s" if idle > STALLED_AFTER else None

    # --- the loop's observer

    def _counted(self, result: str) -> None:
        self._metrics.deliveries.labels(self.name, result).inc()
        if self._spans:
            self._spans.attempted(result)

    def _sent(self, topic: str) -> None:
        self._metrics.produced.labels(topic).inc()

    def consumed(self, records: Sequence[Record]) -> None:
        self._metrics.consumed.labels(records[0].topic).inc(len(records))
        self._open.read(TopicPartition(records[0].topic, records[0].partition), records)
        last, (asked, ends) = records[-1], self._ends
        end = ends.get(TopicPartition(last.topic, last.partition))
        if end is not None and last.offset >= end:  # it was not there yet when the brokers were asked
            self._clock.appended(asked, last.timestamp)

    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None:
        self._open.settled(TopicPartition(records[0].topic, records[0].partition), records)
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
            series.forget_delivery(self._metrics, self.name, tp.partition)
            self._open.forget(tp)
            self.unaccounted.pop(tp, None)
            if self._ahead is not None:
                self._ahead.forget(tp)

    def misplaced(self, place: Place) -> None:
        series.misplaced(self._metrics, place.partition.topic, place.skipped)
        if place.anew:
            self._open.forget(place.partition)


async def _measure(couriers: Sequence[Courier], metrics: Metrics, beat: health.Beat, every: float = 0.5) -> None:
    """What the routes hold together, and the sign that the event loop runs."""
    metrics.in_flight_limit.set(WAITING_ALERTS * len(couriers))
    metrics.in_flight_limit_bytes.set(WAITING_BYTES * len(couriers))
    while True:
        beat.tick()
        loops = [courier.loop for courier in couriers if courier.loop is not None]
        metrics.in_flight.set(sum(loop.records for loop in loops))
        metrics.in_flight_bytes.set(sum(loop.bytes for loop in loops))
        metrics.paused_partitions.set(sum(loop.paused for loop in loops))
        metrics.assigned_partitions.set(sum(loop.assigned for loop in loops))
        for courier in couriers:
            metrics.delivery_waiting.labels(courier.name).set(courier.loop.records if courier.loop else 0)
        _show_unaccounted(couriers, metrics)
        await asyncio.sleep(every)


def _show_unaccounted(couriers: Sequence[Courier], metrics: Metrics) -> None:
    # The groups read the same partitions: what any of them misses shows.
    metrics.unaccounted.clear()
    for tp in {tp for courier in couriers for tp in courier.unaccounted}:
        total = sum(courier.unaccounted.get(tp, 0) for courier in couriers)
        metrics.unaccounted.labels(tp.topic, str(tp.partition)).set(total)


def _first(problems: Any) -> str | None:
    return next((problem for problem in problems if problem is not None), None)


async def _all(works: Any) -> None:
    """Run all; the first failure ends the others."""
    tasks: list[asyncio.Task[None]] = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancelled(tasks)
