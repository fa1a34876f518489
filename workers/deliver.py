"""The deliver worker: alerts to people and to topics of their own, each route in a consumer group of its own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import structlog

from topics.errors import ConfigError
from workers import health
from workers.checks import at_start as checks
from workers.clock_check import ClockCheck
from workers.courier import STALLED_AFTER, WAITING_ALERTS, WAITING_BYTES, Courier
from workers.metrics import Metrics
from workers.sections import Route
from workers.settings import Settings
from workers.stream.session import cancelled
from workers.stream.watchdog import Watchdog

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
