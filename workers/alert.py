"""The alert worker: hits in, alerts and stories out, on Faust. `alerting.stage` says how nothing is lost on the way."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import faust
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from workers import garbage, health, permits, series, telemetry
from workers.alerting import faust_app
from workers.alerting.ending import BAD_CONFIGURATION, end_process
from workers.alerting.stage import Stage
from workers.alerting.writer import MAX_BATCH_BYTES
from workers.checks import at_start as checks
from workers.former_life import FormerLife
from workers.metrics import Metrics
from workers.settings import Settings
from workers.stopping import stopping_by_signal
from workers.stream import kafka
from workers.stream.membership import Membership
from workers.stream.session import keep_running
from workers.supervisor import follow_supervisor, left_by_former

if TYPE_CHECKING:
    from workers.spans import Spans

MEMBER = "member"
"""By this name the next process finds the id that the brokers gave to the one before."""

log = structlog.get_logger()


async def _connected(settings: Settings, stage: Stage, stopping: asyncio.Event) -> None:
    """Wait until brokers answer, and have and allow all that the fold needs."""

    async def look() -> None:
        (await permits.look(settings, "alert")).require()
        stage.away = None

    def wait(reason: str) -> None:
        stage.away = reason

    await keep_running(look, stopping=stopping, waiting=wait)


async def _watch_rights(settings: Settings, stage: Stage) -> None:
    """Look again and again: some rights are only used when a worker starts, and it would not come up again."""
    while True:
        await asyncio.sleep(permits.AGAIN)
        try:
            lacking = (await permits.look(settings, "alert")).lacking
        except (KafkaError, TimeoutError, OSError):  # the stage's own measuring says so
            continue
        if lacking != stage.lacking:
            stage.lacking = lacking
            log.warning("topics or rights have changed", lacking=lacking)


async def _start(stage: Stage, app: faust.App, producer: AIOKafkaProducer) -> None:
    await producer.start()
    stage.connect()
    faust_app.seek_back(app, stage.assignment.place, hold=lambda: stage.assignment.owned.held)
    await faust_app.start(app)


async def _fold(
    stage: Stage,
    app: faust.App,
    producer: AIOKafkaProducer,
    settings: Settings,
    metrics: Metrics,
    stopping: asyncio.Event,
) -> None:
    # From the start: with brokers away it waits, and is alive.
    tasks = [asyncio.create_task(stage.watch())]
    await _connected(settings, stage, stopping)
    if stopping.is_set():
        return
    starting = asyncio.create_task(_start(stage, app, producer))
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # the brokers went while it started: there is nothing to drain
        return
    await starting
    loop_delay = health.watch_loop(metrics.loop_delay_seconds.observe)
    works = (stage.run(), stage.tick(), stage.measure(), _watch_rights(settings, stage))
    tasks += [asyncio.create_task(work) for work in (*works, loop_delay, checks.tell(settings, "alert"))]
    await told
    log.info("draining", seconds=settings.alert.drain)
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.alert.drain):
            await stage.drain()
            for task in tasks:
                task.cancel()
            await app.stop()
            await kafka.stop(producer)


async def run(
    settings: Settings, metrics: Metrics, *, former: FormerLife | None = None, spans: "Spans | None" = None
) -> None:
    """Fold hits until SIGTERM or SIGINT, then drain. Raises ConfigError. In any other trouble the process ends.

    `former` keeps from one process to the next as whom it was a member of its group.
    """
    stopping = stopping_by_signal(drain=settings.alert.drain, end=end_process)
    former = former or FormerLife()
    membership = Membership(
        former=former.get(MEMBER),
        remember=partial(former.leave, MEMBER),
        taken_from_us=partial(series.displaced, metrics),
    )
    app = faust_app.app(settings, settings.group_of("alert"), membership, committed=partial(series.commit, metrics))
    # Batches are made whole by us: nothing is gained by waiting for more. zstd takes a sixth of lz4's time (aiokafka
    # has that at its highest level), and makes less of them.
    producer = kafka.producer(
        settings, worker="alert", linger_ms=0, compression_type="zstd", max_batch_size=MAX_BATCH_BYTES
    )
    stage = Stage(app, settings, metrics, producer, membership=membership, spans=spans)
    metrics.ready_while(stage.unready)
    async with health.serve(
        host=settings.host,
        port=settings.port,
        registry=metrics.registry,
        live=stage.beat.check,
        ready=stage.unready,
    ) as port:
        log.info("health", port=port)
        await _fold(stage, app, producer, settings, metrics, stopping)


def main(settings: Settings) -> int:
    """The alert worker, until it is told to stop: the exit code. Raises ConfigError."""
    garbage.look_rarely()
    metrics = Metrics(CollectorRegistry())
    metrics.restarts.inc(follow_supervisor())

    async def run_and_end() -> None:
        async with telemetry.exporting("alert") as spans:
            await run(settings, metrics, former=left_by_former(), spans=spans)
        # Clients that could not be stopped in time, with the brokers away, must not keep the process alive: neither
        # their threads nor their tasks, which asyncio would cancel and then wait for.
        end_process(0)

    asyncio.run(run_and_end())
    return 0


__all__ = ["BAD_CONFIGURATION", "main", "run"]
