"""The enrich worker: raw articles in, enriched articles, hits and dead letters out."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import TopicPartition

from alerts import bundle
from alerts.watchlist import Watchlist
from topics.events import source_of
from workers import health, permits, resume, series
from workers.article.build import build
from workers.article.options import Options
from workers.checks import at_start as checks
from workers.clock_check import ClockCheck
from workers.closing import Closing, caught_up
from workers.counting import Counting
from workers.gazetteer_watch import GazetteerWatch
from workers.in_force import InForce, desks
from workers.messages import Record, Result
from workers.metrics import Metrics
from workers.settings import Settings
from workers.source_watch import SourceWatch
from workers.stream import inputs, kafka, start
from workers.stream.brake import Rules
from workers.stream.brakes import Brakes
from workers.stream.consumer import Limits, Loop
from workers.stream.lane import Lane
from workers.stream.membership import Membership
from workers.stream.newest import newest
from workers.stream.pool import Pool
from workers.stream.publisher import Publisher
from workers.stream.registry import Registries
from workers.stream.session import cancelled, follow, keep_running, probe
from workers.stream.sizing import pool_size
from workers.stream.watchdog import Watchdog

if TYPE_CHECKING:
    from workers.spans import Spans

LOAD_INTERVAL = 0.25

log = structlog.get_logger()


def options(settings: Settings) -> Options:
    """What of the settings the pipeline needs."""
    enrich = settings.enrich
    return Options(
        model=settings.model,
        models=settings.models,
        paragraph_cache=enrich.paragraph_cache,
        entities=enrich.entities,
        languages=enrich.languages,
        sources=enrich.sources,
        exclude_sources=enrich.exclude_sources,
        on_null=enrich.on_null,
        max_alert_age=enrich.max_alert_age,
        max_output_bytes=enrich.max_output_bytes,
        inputs=tuple(one.form for one in settings.inputs),
        event_source=source_of(settings.prefix),
    )


def make_pool(settings: Settings, metrics: Metrics | None = None) -> Pool:
    """The pool of the settings. Its processes start at once and load the model."""
    size = pool_size(models=len(options(settings).recognisers))
    processes = settings.enrich.processes or size.processes
    decided_by = "enrich.processes" if settings.enrich.processes else size.decided_by
    log.info("pool", processes=processes, decided_by=decided_by, memory_bytes=size.memory_bytes, **size.bounds)
    if problem := size.problem(processes):
        log.warning("pool.memory", problem=problem)
    pool = Pool(
        partial(build, options(settings)),
        processes=processes,
        time_budget=settings.enrich.time_budget,
        memory_limit=settings.enrich.memory_limit,
        recycle_after=settings.enrich.recycle_after,
        on_restart=lambda reason: metrics.pool_restarts.labels(reason).inc() if metrics else None,
    )
    if metrics:
        metrics.pool_processes.set(processes)
        metrics.pool_memory.set_function(pool.memory)
        metrics.memory_limit.set(size.memory_bytes or 0)
    return pool


class Enrich:
    """The worker's state between sessions: the pool and the watchlists outlive a broker's absence."""

    def __init__(
        self, settings: Settings, *, metrics: Metrics, stopping: asyncio.Event, spans: "Spans | None" = None
    ) -> None:
        self._articles = spans.of_articles(group=settings.group_of("enrich")) if spans else None
        self._work = self._articles.submit(self._submit) if self._articles else self._submit
        self._settings = settings
        self._metrics = metrics
        self._stopping = stopping
        self._pool = make_pool(settings, metrics)
        self._revision = ""
        self._watched: tuple[Watchlist, ...] = ()
        self._sources = SourceWatch(settings.sources_file, metrics=metrics, on_change=self._rebundle)
        self._names = GazetteerWatch(settings.gazetteer_file, metrics=metrics, on_change=self._rebundle)
        self._loop: Loop | None = None
        self._waiting: str | None = "starting"
        self._closing = Closing()
        self._membership = Membership(taken_from_us=partial(series.displaced, metrics))
        self._in_force = InForce(
            settings,
            on_change=self._watchlists,
            on_error=self._not_reloaded,
            controls={resume.KIND: self._resumed},
        )
        self._following: asyncio.Task[None] | None = None
        self._beat = health.Beat(limit=settings.enrich.stalled_after)
        self._behind = False
        self._claims = inputs.Claims(settings)
        self._standing = permits.Standing()
        self._registries = Registries(settings.inputs)
        self._placed = False
        self._brakes = Brakes(
            Rules(**settings.enrich.brake.model_dump()), submit=self._work, newest=partial(newest, settings)
        )
        self._clock = ClockCheck(metrics.clock_offset_seconds.set)
        self._counting = Counting(metrics, sources=self._sources.settled, brakes=self._brakes, now=self._clock.brokers)
        metrics.ready_while(self.ready)
        metrics.refused_watchlists.set_function(lambda: self._in_force.refused)
        written = [settings.topic(role) for role in ("enriched", "hits", "dead-letters")]
        series.expect_topics(metrics, read=settings.input_topics, written=written)
        metrics.in_flight_limit.set(settings.enrich.max_in_flight)
        metrics.in_flight_limit_bytes.set(settings.enrich.max_in_flight_bytes)

    async def run(self) -> None:
        """Until `stopping` is set. Raises ConfigError (WatchlistError, SourcesError, GazetteerError) and PoolBroken."""
        async with AsyncExitStack() as stack:
            stack.callback(self._pool.close)
            stack.push_async_callback(self._registries.close)
            self._sources.load()
            self._names.load()
            watchlists = self._encoded(self._in_force.load())
            self._following = asyncio.create_task(self._in_force.watch(self._stopping))
            stack.push_async_callback(cancelled, [self._following])
            await self._pool.start(*watchlists)
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
                    self._sources.run(),
                    self._names.run(),
                    loop_delay,
                    checks.tell(self._settings, "enrich"),
                )
            ]
            stack.push_async_callback(cancelled, background)
            await keep_running(self._session, stopping=self._stopping, waiting=self._wait)

    # --- watchlists

    def _encoded(self, watchlists: Sequence[Watchlist]) -> tuple[bytes, str]:
        self._watched = tuple(watchlists)
        self._metrics.watchlist_rules.set(sum(len(watchlist.rules) for watchlist in watchlists))
        self._metrics.watchlist_reloads.labels("ok").inc()
        for origin, number in self._in_force.origins.items():
            self._metrics.watchlists.labels(origin).set(number)
        versions = {watchlist.id: watchlist.version for watchlist in watchlists}
        series.in_force(self._metrics, versions, desks=desks(self._watched))
        log.info("watchlists", versions=versions, **self._in_force.origins)
        return self._bundle()

    def _bundle(self) -> tuple[bytes, str]:
        """All that articles are held against, and its revision."""
        held = self._watched, self._sources.current, self._names.current
        self._revision = bundle.revision(*held)
        return bundle.encode(*held), self._revision

    def _rebundle(self) -> None:
        self._pool.use_watchlists(*self._bundle())

    def _watchlists(self, watchlists: tuple[Watchlist, ...], closed: frozenset[str]) -> None:
        self._closing.change(closed=closed, alive=desks(watchlists))
        self._pool.use_watchlists(*self._encoded(watchlists))

    def _not_reloaded(self, message: str) -> None:
        self._metrics.watchlist_reloads.labels("failed").inc()

    def _resumed(self, key: str, value: bytes | None) -> None:
        """Somebody lets a partition's records through (`wirewatch resume`)."""
        if (told := resume.decode(value)) is not None:
            self._brakes.resume(*told)
        elif value is not None:
            log.warning("not a record of ours: no brake is taken off", key=key)

    # --- a session with the brokers

    async def _session(self) -> None:
        """Consume until told to stop, or until Kafka fails; begun anew when topics or rights come or go."""
        while not self._stopping.is_set():
            self._standing = await permits.look(self._settings, "enrich")
            self._standing.require()
            if self._standing.partly:
                log.warning("not all inputs can be read", why=self._standing.partly)
            async with permits.explained(self._settings, "enrich"):
                await self._read(self._standing)

    async def _read(self, standing: permits.Standing) -> None:
        settings = self._settings
        changed, end = asyncio.Event(), asyncio.Event()
        if not await self._in_force.settled(self._stopping):
            return
        async with (
            kafka.running(kafka.producer(settings, worker="enrich")) as producer,
            kafka.running(self._consumer()) as consumer,
        ):
            there = await consumer.topics()
            inputs.require(settings, there)
            self._check_claims(there)
            if not self._placed:
                await start.place(settings, settings.group_of("enrich"), without=standing.left_out)
                self._placed = True
            publisher = Publisher(
                producer,
                topic=settings.topic,
                sent=lambda t: self._metrics.produced.labels(t).inc(),
                clock=self._clock,
            )
            self._loop = Loop(
                consumer,
                submit=self._work,
                publish=self._articles.publish(publisher.publish) if self._articles else publisher.publish,
                limits=self._limits(),
                observer=self._counting,
                lane=partial(Lane, gate=self._brakes.gate),
            )
            ledger = self._loop.ledger
            background = [
                asyncio.create_task(work)
                for work in (
                    probe(consumer, producer, reached=self._measure, away=self._wait),
                    self._closing.run(lambda: caught_up(ledger, consumer.assignment()), publisher.send),
                    permits.watch(settings, "enrich", standing, changed.set),
                    follow(end, self._stopping, changed),
                )
            ]
            try:
                await self._loop.run(inputs.subscription(settings, without=standing.left_out), end)
            finally:
                self._loop = None
                await cancelled(background)

    def _consumer(self) -> Any:
        settings = self._settings
        consumer = kafka.consumer(
            settings,
            settings.group_of("enrich"),
            worker="enrich",
            metadata_max_age_ms=inputs.METADATA_MAX_AGE_MS,
            auto_offset_reset="none",
        )
        return self._membership.guard(consumer)

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
        results = await self._pool.submit(batch, self._revision)
        worked = sum(sum(result.stages.values()) for result in results)
        self._metrics.stage_seconds.labels("queue").observe(max(0.0, time.perf_counter() - started - worked))
        return results

    def _measure(self, ends: Mapping[TopicPartition, int]) -> None:
        """The brokers have answered: they have the partitions end there."""
        loop = self._loop
        self._waiting = None
        if loop is None:
            return
        self._brakes.ends(ends)
        held = self._brakes.held()  # waits, and does not stand still
        books = {tp: (stand, end) for tp, end in ends.items() if (stand := loop.books(tp)) is not None}
        self._counting.measured(books)
        self._behind = any(end > stand.committed and tp not in held for tp, (stand, end) in books.items())
        if not self._behind:
            loop.idle()
        self._check_claims({tp.topic for tp in ends})

    def _check_claims(self, topics: Collection[str]) -> None:
        self._metrics.claimed_twice.inc(self._claims.check(topics))

    # --- health

    def _wait(self, reason: str) -> None:
        self._waiting = reason

    async def _show_load(self) -> None:
        """What is in flight, for ever; and the sign that the event loop runs."""
        metrics = self._metrics
        while True:
            self._beat.tick()
            loop = self._loop
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
        loop = self._loop
        waits = self._waiting is not None or self._registries.waiting is not None
        if loop is None or waits or not self._behind:
            return None
        # A batch of texts that hang is tried one by one: for as long as the pool gets on, so do we.
        idle = time.monotonic() - max(loop.progress_at, self._pool.active_at)
        return f"lag, and no progress for {idle:.0f} s" if idle > self._settings.enrich.stalled_after else None

    def ready(self) -> str | None:
        waits = self._in_force.waiting or self._registries.waiting or self._waiting or self._membership.taken
        if waits is not None:
            return waits
        if self._loop is None or not self._loop.joined:
            return "waiting for an assignment"
        # It reads what it can. But a rollout that takes an input's rights away must not pass for a good one.
        return self._brakes.why() or self._loop.trouble or self._standing.partly
