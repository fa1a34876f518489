"""One route of the deliver worker: alerts to its sink, in a consumer group of its own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from alerts import sinks
from topics.errors import TransientError
from topics.records import Alert
from workers import routes, series
from workers.clock_check import ClockCheck
from workers.delivery import Delivery
from workers.delivery_counting import DeliveryCounting
from workers.messages import TRACE, Record, Result
from workers.metrics import Metrics
from workers.rights import route_rights
from workers.sections import Route
from workers.sessions import Ends, Sessions, Stands
from workers.settings import Settings
from workers.stream.ahead import Ahead
from workers.stream.consumer import Limits, Loop
from workers.stream.lane import Submit
from workers.stream.publisher import Publisher
from workers.stream.unordered import Unordered

if TYPE_CHECKING:
    from workers.spans import Spans

WAITING_ALERTS = 10_000
"""Alerts that a route may hold, under embargo or behind a sink that is down, before its partitions are paused."""
WAITING_BYTES = 64 * 1024 * 1024
# Membership is by heartbeats, and a stalled process is ended by its watchdog: a full route that does not poll while
# its sink is down for hours must not lose its place. (The largest value that the client takes.)
MAX_POLL_INTERVAL_MS = 2**31 - 1
STALLED_AFTER = 120.0

SETTLED_BEFORE = Result("settled_before")
"""By this partition's owner before us, beyond the offset that it could commit."""


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
        self._settings = settings
        self._topic = settings.topic("alerts")
        self.sink = routes.make_sink(settings, route, self._publish)
        self._counting = DeliveryCounting(metrics, route.name, clock=self._clock, gone=self._gone, spans=spans)
        self._delivery = Delivery(
            route,
            self.sink,
            counted=self._counting.attempted,
            now=self._clock.brokers,
            reached=self._clock.latest,
            max_age=routes.max_age(settings, route, self.sink),
        )
        group = settings.group_of(f"deliver-{route.name}")
        self._deliver: Submit = self._delivery.submit
        if spans:
            self._deliver = spans.delivering(self._delivery.submit, route=route.name, group=group)
        needed = route_rights(settings, route)
        self._sessions = Sessions(settings, "deliver", group=group, metrics=metrics, stopping=stopping, needed=needed)
        self._producer: Any = None
        self._ahead: Ahead | None = None
        self._lanes: list[Unordered] = []
        written = [self.sink.topic] if isinstance(self.sink, sinks.Kafka) else []
        series.expect_topics(metrics, read=[self._topic], written=[*written, settings.topic("dead-letters")])

    async def run(self) -> None:
        """Until `stopping` is set and what was being sent then is through, or the drain is over."""
        await self._sessions.run(self._session)

    # --- a session with the brokers

    async def _session(self) -> None:
        async with self._sessions.clients(max_poll_interval_ms=MAX_POLL_INTERVAL_MS) as clients:
            self._producer = clients.producer
            self._ahead = Ahead(clients.consumer)
            self._lanes.clear()
            publisher = Publisher(clients.producer, topic=self._settings.topic, sent=self._counting.sent)
            loop = Loop(
                clients.consumer,
                submit=self._submit,
                publish=publisher.publish,
                limits=self._limits(),
                observer=self._counting,
                lane=self._open_lane,
                keep_ahead=True,
            )
            try:
                await self._sessions.read(loop, [self._topic], clients, reached=self._reached, drain=self._drain)
            finally:
                self._producer = None

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

    async def _drain(self) -> None:
        """Let what is being sent end, and begin nothing more."""
        await asyncio.gather(*(lane.abandon(self._settings.deliver.drain) for lane in self._lanes))

    def _gone(self, tp: TopicPartition) -> None:
        if self._ahead is not None:
            self._ahead.forget(tp)

    async def _publish(self, topic: str, key: bytes | None, value: bytes, alert: Alert) -> None:
        """For the Kafka sink. Whatever is wrong with Kafka ends the session, and the next one sends again."""
        if self._producer is None:
            raise TransientError("no connection to Kafka")
        began = self._clock.now()
        done = await routes.publish(self._producer, self._settings, topic, key, value, alert)
        self._counting.sent(topic)
        self._clock.acknowledged(began, done)

    def _reached(self, ends: Ends, stands: Stands) -> bool:
        """The brokers have answered; whether they have more."""
        self._counting.measured(ends, stands)
        return any(end > books.position for books, end in stands.values())

    # --- health

    @property
    def loop(self) -> Loop | None:
        """What reads the alerts now; None where nothing does."""
        return self._sessions.loop

    @property
    def unaccounted(self) -> dict[TopicPartition, int]:
        """Offsets that nothing accounts for, by partition."""
        return self._counting.unaccounted

    def ready(self) -> str | None:
        """Why this route delivers nothing; None where it does."""
        why = self._sessions.unready() or self._sessions.trouble
        return f"route {self.name}: {why}" if why else None

    def stalled(self) -> str | None:
        """Why this route is stuck for good: brokers answer and have more, nothing waits, and nothing comes."""
        loop = self.loop
        if loop is None or loop.records:
            return None
        idle = self._sessions.idle()
        return f"route {self.name}: lag, and no progress for {idle:.0f} s" if idle > STALLED_AFTER else None
