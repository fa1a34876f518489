"""The enrich worker: raw articles in, enriched articles, hits and dead letters out."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from workers import health, resume, series
from workers.article_pool import make_pool
from workers.checks import at_start as checks
from workers.clock_check import ClockCheck
from workers.closing import caught_up
from workers.counting import Counting
from workers.current_bundle import CurrentBundle
from workers.messages import Record, Result
from workers.metrics import Metrics
from workers.sessions import Ends, Sessions, Stands
from workers.settings import Settings
from workers.stream import inputs, start
from workers.stream.brake import Rules
from workers.stream.brakes import Brakes
from workers.stream.consumer import Limits, Loop
from workers.stream.lane import Lane
from workers.stream.newest import newest
from workers.stream.publisher import Publisher
from workers.stream.registry import Registries
from workers.stream.session import cancelled
from workers.stream.watchdog import Watchdog

if TYPE_CHECKING:
    from workers.spans import Spans

LOAD_INTERVAL = 0.25

log = structlog.get_logger()


class Enrich:
    """The worker's state between sessions: the pool and the watchlists outlive a broker's absence."""

    def __init__(
        self, settings: Settings, *, metrics: Metrics, stopping: asyncio.Event, spans: "Spans | None" = None
    ) -> None:
        group = settings.group_of("enrich")
        self._articles = spans.of_articles(group=group) if spans else None
        self._work = self._articles.submit(self._submit) if self._articles else self._submit
        self._settings = settings
        self._metrics = metrics
        self._stopping = stopping
        self._pool = make_pool(settings, metrics)
        self._bundle = CurrentBundle(
            settings, metrics=metrics, use=self._pool.use_watchlists, controls={resume.KIND: self._resumed}
        )
        self._following: asyncio.Task[None] | None = None
        self._sessions = Sessions(settings, "enrich", group=group, metrics=metrics, stopping=stopping)
        self._beat = health.Beat(limit=settings.enrich.stalled_after)
        self._claims = inputs.Claims(settings)
        self._registries = Registries(settings.inputs)
        self._placed = False
        self._brakes = Brakes(
            Rules(**settings.enrich.brake.model_dump()), submit=self._work, newest=partial(newest, settings)
        )
        self._clock = ClockCheck(metrics.clock_offset_seconds.set)
        self._counting = Counting(
            metrics, sources=self._bundle.sources.settled, brakes=self._brakes, now=self._clock.brokers
        )
        metrics.ready_while(self.ready)
        written = [settings.topic(role) for role in ("enriched", "hits", "dead-letters")]
        series.expect_topics(metrics, read=settings.input_topics, written=written)
        metrics.in_flight_limit.set(settings.enrich.max_in_flight)
        metrics.in_flight_limit_bytes.set(settings.enrich.max_in_flight_bytes)

    async def run(self) -> None:
        """Until `stopping` is set. Raises ConfigError (WatchlistError, SourcesError, GazetteerError) and PoolBroken."""
        async with AsyncExitStack() as stack:
            stack.callback(self._pool.close)
            stack.push_async_callback(self._registries.close)
            first = self._bundle.load()
            self._following = asyncio.create_task(self._bundle.follow_watchlists(self._stopping))
            stack.push_async_callback(cancelled, [self._following])
            await self._pool.start(*first)
            stack.enter_context(Watchdog(self.stalled, patience=self._settings.enrich.stalled_after))
            port = await stack.enter_async_context(
                health.serve(
                    host=self._settings.host,
                    port=self._settings.port,
                    registry=self._metrics.registry,
                    live=self.stalled,
                    ready=self.ready,
                )
            )
            log.info(
                "enrich",
                brokers=self._settings.brokers,
                inputs=[one.topics for one in self._settings.inputs],
                port=port,
            )
            loop_delay = health.watch_loop(self._metrics.loop_delay_seconds.observe)
            background = [
                asyncio.create_task(work)
                for work in (
                    self._show_load(),
                    self._bundle.follow_files(),
                    loop_delay,
                    checks.tell(self._settings, "enrich"),
                )
            ]
            stack.push_async_callback(cancelled, background)
            await self._sessions.run(self._session)

    def _resumed(self, key: str, value: bytes | None) -> None:
        """Somebody lets a partition's records through (`wirewatch resume`)."""
        if (told := resume.decode(value)) is not None:
            self._brakes.resume(*told)
        elif value is not None:
            log.warning("not a record of ours: no brake is taken off", key=key)

    # --- a session with the brokers

    async def _session(self) -> None:
        if not await self._bundle.settled(self._stopping):
            return
        async with self._sessions.clients(metadata_max_age_ms=inputs.METADATA_MAX_AGE_MS) as clients:
            await self._find_inputs(clients.consumer)
            publisher = Publisher(
                clients.producer,
                topic=self._settings.topic,
                sent=lambda t: self._metrics.produced.labels(t).inc(),
                clock=self._clock,
            )
            loop = Loop(
                clients.consumer,
                submit=self._work,
                publish=self._articles.publish(publisher.publish) if self._articles else publisher.publish,
                limits=self._limits(),
                observer=self._counting,
                lane=partial(Lane, gate=self._brakes.gate),
            )

            async def settled() -> None:
                await caught_up(loop.ledger, clients.consumer.assignment())

            await self._sessions.read(
                loop,
                inputs.subscription(self._settings, without=self._sessions.standing.left_out),
                clients,
                reached=self._reached,
                beside=[self._bundle.closing.run(settled, publisher.send)],
            )

    async def _find_inputs(self, consumer: Any) -> None:
        """See what there is of the inputs, and give a new group its place. Raises TransientError and ConfigError."""
        topics = await consumer.topics()
        inputs.require(self._settings, topics)
        self._check_claims(topics)
        if not self._placed:
            group, left_out = self._settings.group_of("enrich"), self._sessions.standing.left_out
            await start.place(self._settings, group, without=left_out)
            self._placed = True

    def _limits(self) -> Limits:
        enrich = self._settings.enrich
        return Limits(
            batch=enrich.batch,
            records=enrich.max_in_flight,
            bytes=enrich.max_in_flight_bytes,
            commit_interval=enrich.commit_interval,
            drain=enrich.drain,
        )

    async def _submit(self, batch: Sequence[Record]) -> list[Result]:
        batch = await self._registries.prepared(batch)
        started = time.perf_counter()
        results = await self._pool.submit(batch, self._bundle.revision)
        worked = sum(sum(result.stages.values()) for result in results)
        self._metrics.stage_seconds.labels("queue").observe(max(0.0, time.perf_counter() - started - worked))
        return results

    def _reached(self, ends: Ends, stands: Stands) -> bool:
        """The brokers have answered; whether they have more that is not held."""
        self._brakes.ends(ends)
        held = self._brakes.held()  # waits, and does not stand still
        self._counting.measured(stands)
        self._check_claims({tp.topic for tp in ends})
        return any(end > books.committed and tp not in held for tp, (books, end) in stands.items())

    def _check_claims(self, topics: Collection[str]) -> None:
        self._metrics.claimed_twice.inc(self._claims.check(topics))

    # --- health

    async def _show_load(self) -> None:
        """What is in flight, for ever; and the sign that the event loop runs."""
        metrics = self._metrics
        while True:
            self._beat.tick()
            loop = self._sessions.loop
            metrics.in_flight.set(loop.records if loop else 0)
            metrics.pool_busy.set(self._pool.busy)
            metrics.in_flight_bytes.set(loop.bytes if loop else 0)
            metrics.assigned_partitions.set(loop.assigned if loop else 0)
            metrics.paused_partitions.set(loop.paused if loop else 0)
            series.braked(metrics, self._brakes.held())
            if loop and self._registries.waiting is not None:
                loop.idle()  # a registry that is away is waited for, as brokers are
            await asyncio.sleep(LOAD_INTERVAL)

    def stalled(self) -> str | None:
        """Why this process is stuck for good: its event loop stands still, or its lag does while brokers answer."""
        if (late := self._beat.check()) is not None:
            return late
        if self._following is not None and self._following.done() and not self._stopping.is_set():
            return "the watchlists are not followed any more"
        if self._registries.waiting is not None:
            return None
        # A batch of texts that hang is tried one by one: for as long as the pool gets on, so do we.
        idle = self._sessions.idle(active_at=self._pool.active_at)
        return f"lag, and no progress for {idle:.0f} s" if idle > self._settings.enrich.stalled_after else None

    def ready(self) -> str | None:
        """Why it does not read; None where it does, all of it."""
        sessions = self._sessions
        waits = self._bundle.waiting or self._registries.waiting or sessions.unready()
        # It reads what it can. But a rollout that takes an input's rights away must not pass for a good one.
        return waits or self._brakes.why() or sessions.trouble or sessions.standing.partly
