"""The enrich worker: raw articles in, enriched articles, hits and dead letters out."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from alerts import watchlist as lists
from alerts.watchlist import Watchlist
from topics.errors import TransientError
from workers import health
from workers.article.options import Options, build
from workers.messages import DEAD_LETTERED, ENRICHED, Record, Result
from workers.metrics import Metrics
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.consumer import Limits, Loop
from workers.stream.pool import Pool
from workers.stream.publisher import Publisher
from workers.stream.retry import keep_running
from workers.stream.sizing import pool_size
from workers.stream.watchdog import Watchdog
from workers.watchlist_files import WatchlistFiles

PROBE_INTERVAL = 2.0
PROBE_TIMEOUT = 10.0
LOOP_STALLED = 30.0
"""An event loop that has not run for so long, in seconds, has lost its place in the group: not live."""

log = structlog.get_logger()


def options(settings: Settings) -> Options:
    """What of the settings the pipeline needs."""
    enrich = settings.enrich
    return Options(
        model=settings.model,
        languages=enrich.languages,
        sources=enrich.sources,
        exclude_sources=enrich.exclude_sources,
        on_null=enrich.on_null,
        max_alert_age=enrich.max_alert_age,
        max_output_bytes=enrich.max_output_bytes,
    )


def make_pool(settings: Settings, metrics: Metrics | None = None) -> Pool:
    """The pool of the settings. Its processes start at once and load the model."""
    processes, bounds = pool_size()
    processes = settings.enrich.processes or processes
    log.info("pool", processes=processes, **{name.replace(" ", "_"): bound for name, bound in bounds.items()})
    if metrics:
        metrics.pool_processes.set(processes)
    return Pool(
        partial(build, options(settings)),
        processes=processes,
        time_budget=settings.enrich.time_budget,
        memory_limit=settings.enrich.memory_limit,
        recycle_after=settings.enrich.recycle_after,
        on_restart=lambda reason: metrics.pool_restarts.labels(reason).inc() if metrics else None,
    )


class Enrich:
    """The worker's state between sessions: the pool and the watchlists outlive a broker's absence."""

    def __init__(self, settings: Settings, *, metrics: Metrics, stopping: asyncio.Event) -> None:
        self._settings = settings
        self._metrics = metrics
        self._stopping = stopping
        self._pool = make_pool(settings, metrics)
        self._revision = ""
        self._loop: Loop | None = None
        self._waiting: str | None = "starting"
        self._beat = time.monotonic()
        self._behind = False
        metrics.in_flight_limit.set(settings.enrich.max_in_flight)
        metrics.in_flight_limit_bytes.set(settings.enrich.max_in_flight_bytes)

    async def run(self) -> None:
        """Until `stopping` is set. Raises ConfigError, PoolBroken, WatchlistError."""
        files = WatchlistFiles(self._settings.watchlists, on_change=self._watchlists, on_error=self._not_reloaded)
        async with AsyncExitStack() as stack:
            stack.callback(self._pool.close)
            await self._pool.start(*self._encoded(files.load()))
            stack.enter_context(Watchdog(self.stalled, patience=self._settings.enrich.stalled_after))
            port = await stack.enter_async_context(
                health.serve(
                    host=self._settings.host,
                    port=self._settings.port,
                    registry=self._metrics.registry,
                    live=self.live,
                    ready=self.ready,
                )
            )
            log.info("enrich", brokers=self._settings.brokers, inputs=self._settings.inputs, port=port)
            background = [asyncio.create_task(work) for work in (files.watch(self._stopping), self._heart())]
            stack.push_async_callback(_cancelled, background)
            await keep_running(self._session, stopping=self._stopping, waiting=self._wait)

    # --- watchlists

    def _encoded(self, watchlists: Sequence[Watchlist]) -> tuple[bytes, str]:
        self._revision = lists.revision(watchlists)
        self._metrics.watchlist_rules.set(sum(len(watchlist.rules) for watchlist in watchlists))
        self._metrics.watchlist_reloads.labels("ok").inc()
        log.info("watchlists", versions={watchlist.id: watchlist.version for watchlist in watchlists})
        return lists.encode(watchlists), self._revision

    def _watchlists(self, watchlists: Sequence[Watchlist]) -> None:
        self._pool.use_watchlists(*self._encoded(watchlists))

    def _not_reloaded(self, message: str) -> None:
        self._metrics.watchlist_reloads.labels("failed").inc()

    # --- a session with the brokers

    async def _session(self) -> None:
        """Consume until told to stop, or until Kafka fails."""
        settings = self._settings
        async with (
            kafka.running(kafka.producer(settings)) as producer,
            kafka.running(kafka.consumer(settings, f"{settings.group}-enrich")) as consumer,
        ):
            await self._require_topics(consumer)
            publisher = Publisher(producer, topic=settings.topic, sent=lambda t: self._metrics.produced.labels(t).inc())
            self._loop = Loop(
                consumer, submit=self._submit, publish=publisher.publish, limits=self._limits(), observer=self
            )
            probe = asyncio.create_task(self._probe(consumer, producer))
            try:
                await self._loop.run(settings.inputs, self._stopping)
            finally:
                self._loop = None
                await _cancelled([probe])

    def _limits(self) -> Limits:
        enrich = self._settings.enrich
        return Limits(
            batch=enrich.batch,
            records=enrich.max_in_flight,
            bytes=enrich.max_in_flight_bytes,
            commit_interval=enrich.commit_interval,
            drain=enrich.drain,
        )

    async def _require_topics(self, consumer: Any) -> None:
        settings = self._settings
        there = await consumer.topics()
        needed = [*settings.inputs, *(settings.topic(role) for role in ("enriched", "hits", "dead-letters"))]
        missing = [topic for topic in needed if topic not in there]
        if missing:
            raise TransientError(f"no topic {', '.join(missing)} (make them: wirewatch topics create)")

    async def _submit(self, batch: Sequence[Record]) -> list[Result]:
        started = time.perf_counter()
        results = await self._pool.submit(batch, self._revision)
        worked = sum(sum(result.stages.values()) for result in results)
        self._metrics.stage_seconds.labels("queue").observe(max(0.0, time.perf_counter() - started - worked))
        return results

    async def _probe(self, consumer: Any, producer: Any) -> None:
        """Ask the brokers every few seconds: for the lag, and whether they can be reached at all."""
        while True:
            try:
                assigned = consumer.assignment()
                ends = await asyncio.wait_for(consumer.end_offsets(assigned), PROBE_TIMEOUT) if assigned else {}
                await asyncio.wait_for(producer.client.fetch_all_metadata(), PROBE_TIMEOUT)
            except (KafkaError, TimeoutError) as error:
                self._wait(f"no answer from the brokers: {error!r}")
            else:
                self._waiting = None
                self._measure(ends)
            await asyncio.sleep(PROBE_INTERVAL)

    def _measure(self, ends: dict[TopicPartition, int]) -> None:
        loop, metrics = self._loop, self._metrics
        if loop is None:
            return
        self._behind = False
        for tp, end in ends.items():
            books = loop.books(tp)
            if books is None:
                continue
            labels = (tp.topic, str(tp.partition))
            metrics.position.labels(*labels).set(books.position)
            metrics.committed.labels(*labels).set(books.committed)
            metrics.lag.labels(*labels).set(max(0, end - books.committed))
            metrics.unaccounted.labels(*labels).set(books.unaccounted)
            self._behind |= end > books.committed

    # --- health

    def _wait(self, reason: str) -> None:
        self._waiting = reason

    async def _heart(self) -> None:
        """Shows that the event loop runs, and how late."""
        while True:
            due = time.monotonic() + 0.25
            await asyncio.sleep(0.25)
            self._beat = time.monotonic()
            self._metrics.loop_delay_seconds.observe(max(0.0, self._beat - due))
            loop = self._loop
            self._metrics.in_flight.set(loop.records if loop else 0)
            self._metrics.in_flight_bytes.set(loop.bytes if loop else 0)
            self._metrics.paused_partitions.set(loop.paused if loop else 0)

    def stalled(self) -> str | None:
        """Why this process is stuck for good: its event loop stands still, or its lag does while brokers answer."""
        now, patience = time.monotonic(), self._settings.enrich.stalled_after
        if now - self._beat > patience:
            return f"the event loop has stood still for {now - self._beat:.0f} s"
        loop = self._loop
        if loop is None or self._waiting is not None or not self._behind:
            return None
        idle = now - loop.progress_at
        return f"lag, and no progress for {idle:.0f} s" if idle > patience else None

    def live(self) -> str | None:
        late = time.monotonic() - self._beat
        if late > LOOP_STALLED:
            return f"the event loop has stood still for {late:.0f} s"
        return self.stalled()

    def ready(self) -> str | None:
        if self._waiting is not None:
            return self._waiting
        return None if self._loop and self._loop.joined else "waiting for an assignment"

    # --- the loop's observer

    def consumed(self, records: Sequence[Record]) -> None:
        self._metrics.consumed.labels(records[0].topic).inc(len(records))

    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None:
        metrics = self._metrics
        now = time.time()
        metrics.stage_seconds.labels("send").observe(sent)
        for record, result in zip(records, results, strict=True):
            metrics.processed.labels(result.outcome).inc()
            if result.outcome == DEAD_LETTERED and result.reason:
                metrics.dead_lettered.labels(result.reason).inc()
            for stage, seconds in result.stages.items():
                metrics.stage_seconds.labels(stage).observe(seconds)
            if record.timestamp > 0:
                metrics.latency_seconds.observe(max(0.0, now - record.timestamp / 1000))
            if result.age is not None:
                metrics.article_age_seconds.observe(max(0.0, result.age))
            if result.outcome == ENRICHED:
                metrics.hits.inc(len(result.first))

    def committed(self, ok: bool) -> None:
        self._metrics.commits.labels("ok" if ok else "failed").inc()

    def rebalanced(self, assigned: int) -> None:
        self._metrics.rebalances.inc()
        self._metrics.assigned_partitions.set(assigned)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            self._metrics.forget(tp.topic, tp.partition)


async def _cancelled(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
