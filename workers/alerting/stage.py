"""The alert stage at work, between Faust's consumer and our producer.

Hits are taken in small batches (`intake`). For each batch (`folding`, `settling`): its alerts are written and
acknowledged, then each partition's changed stories with the cursor in one batch, then the hits are acknowledged to
Faust. When partitions come, their state is read back before hits flow (`restoring`). One lock lies over both. There is
one way out of trouble (`ending`).
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP

from topics.errors import ConfigError
from workers.alerting import faust_app
from workers.alerting.assignment import Assignment
from workers.alerting.counting import AlertCounting
from workers.alerting.ending import CrashOnly
from workers.alerting.folding import Folder
from workers.alerting.intake import LIMIT, Intake
from workers.alerting.measuring import Measuring
from workers.alerting.partitions import Topics
from workers.alerting.pulse import Pulse
from workers.alerting.restoring import Restorer
from workers.alerting.resume import Clock
from workers.alerting.settling import Settler
from workers.alerting.writer import Writer
from workers.clock_check import ClockCheck
from workers.health import Beat
from workers.metrics import Metrics
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.membership import Membership
from workers.stream.publisher import Publisher

if TYPE_CHECKING:
    from workers.spans import Spans

TICK = 0.5
"""Seconds between two looks at whether a tick is due, and two beats."""
FROZEN = 0.75
"""Of the session timeout. Later than that, another worker may have the partitions."""
LIVE = 30.0
"""The event loop ran within so many seconds, or the process is not live."""


class Stage:
    """The fold of the partitions that this process owns, between Faust's consumer and our producer."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        metrics: Metrics,
        producer: AIOKafkaProducer,
        *,
        membership: Membership,
        spans: "Spans | None" = None,
    ) -> None:
        self.away: str | None = None
        """Why the brokers could not be reached when it started; None once they were."""
        self.lacking: str | None = None
        """What it may not do any more, though it needs it only at its next start."""
        self.assignment = Assignment()
        self.beat = Beat(limit=LIVE)
        self._app = app
        self._settings = settings
        self._membership = membership
        self._topics = Topics(settings.topic("hits"), settings.topic("alerts"), settings.topic("stories"))
        self._crash = CrashOnly()
        self._pulse = Pulse(FROZEN * settings.kafka.session_timeout)
        kafka.before_each_request(producer, self._end_if_frozen)
        self._intake = Intake(linger=settings.alert.linger)
        metrics.in_flight.set_function(self._intake.in_flight)
        metrics.in_flight_limit.set(LIMIT)
        clock = ClockCheck(metrics.clock_offset_seconds.set)
        self._counting = AlertCounting(metrics, self._topics, now=clock.brokers)
        timeout = 1.5 * settings.kafka.request_timeout
        self._ticker = Clock(producer, self._topics.hits, timeout=timeout)
        writer = Writer(producer, timeout=timeout, clock=clock)
        self._restorer = Restorer(
            settings, self._topics, writer=writer, clock=self._ticker, pulse=self._pulse, counting=self._counting
        )
        publisher = Publisher(producer, topic=settings.topic, sent=lambda topic: metrics.produced.labels(topic).inc())
        settler = Settler(self._topics, writer, publisher, pulse=self._pulse, counting=self._counting, timeout=timeout)
        self._folder = Folder(
            self.assignment,
            settler.settle,
            pulse=self._pulse,
            counting=self._counting,
            log_start=self._log_start,
            traced=partial(spans.folding, group=settings.group_of("alert")) if spans else None,
        )
        self._measuring = Measuring(
            app, producer, self._topics, self.assignment, membership=membership, counting=self._counting
        )

    def connect(self) -> None:
        """Hang the stage into the app: its agent, and what is to be done when partitions come and go."""
        topic = self._app.topic(self._topics.hits, key_type=bytes, value_type=bytes)
        self._app.agent(topic, name="fold", concurrency=1)(self._intake.take)
        self._app.on_partitions_revoked.connect(self._revoked)
        self._app.on_rebalance_complete.connect(self._restored)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """The batch in hand may end, if it does so soon; the consumer cannot rejoin before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.kafka.session_timeout / 4), self.assignment.lock:
                self.assignment.pause()

    async def _restored(self, *_: Any, **__: Any) -> None:
        """Read back the state of the partitions that are ours now. Runs again for each generation."""
        try:
            generation = self._app.consumer_generation_id
            async with self.assignment.lock:
                await self._restore(generation)
        except ConfigError as error:
            self._crash.misconfigured(error)
        except BaseException as error:
            self._crash.fail(error)

    async def _restore(self, generation: int) -> None:
        def passed() -> bool:
            return bool(self._app.consumer_generation_id != generation)

        self._counting.forget(self.assignment.owned.parts)
        self.assignment.drop()
        numbers = sorted(tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._topics.hits)
        owned = await self._restorer.restore(numbers, stop=passed)
        if owned is not None:
            self.assignment.begin(generation, owned)

    async def run(self) -> None:
        """Fold what the agent passes on, for ever. Ends the process on any error."""
        with self._crash.guard():
            async for events in self._intake.batches():
                await self._folder.flush(events)

    async def watch(self) -> None:
        """Beat, for ever. Ends the process when it was frozen, when it stands still, or when Faust has crashed."""
        with self._crash.guard():
            while True:
                self._pulse.beat()
                self.beat.tick()
                if self._app._crash_reason is not None:
                    raise self._app._crash_reason
                await asyncio.sleep(TICK)

    async def tick(self) -> None:
        """Append ticks where a digest is due and nothing comes, for ever. Ends the process where that fails."""
        with self._crash.guard():
            while True:
                await asyncio.sleep(TICK)
                parts = self.assignment.owned.parts if self.assignment.generation is not None else {}
                for number, part in parts.items():
                    await self._ticker.tick_where_due(number, part)

    async def measure(self) -> None:
        """Ask the brokers where the partitions end, for ever: lag, whether they answer, and whether we get on.

        aiokafka may stop fetching without a word (aio-libs/aiokafka#1154): then the process ends.
        """
        with self._crash.guard():
            await self._measuring.run()

    def unready(self) -> str | None:
        """Why it does not fold; None when it does, or stands by with no partition."""
        if (waits := self.away or self._membership.taken) is not None:
            return waits
        if self.assignment.generation is None:
            return "no assignment yet, or its state is being read back"
        if not self._measuring.answered():
            known = f": {self._measuring.reason}" if self._measuring.reason else ""
            return f"the brokers at {self._settings.brokers} do not answer{known}"
        return self.assignment.owned.unequal or self.lacking

    async def drain(self) -> None:
        """Let the batch in hand end, commit what is done, and fold no more."""
        await self.assignment.lock.acquire()
        self.assignment.pause()
        await self._app.consumer.commit()
        faust_app.end_commits(self._app)

    def _end_if_frozen(self) -> None:
        """What the producer is about to write may be another's to write by now."""
        with self._crash.guard():
            self._pulse.check()

    async def _log_start(self, tp: TP) -> int:
        starts = await self._app.consumer.earliest_offsets(tp)
        return int(next(iter(starts.values())))
