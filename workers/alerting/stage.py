"""The alert stage at work, between Faust's consumer and our producer.

Hits are taken in small batches. For each batch: its alerts are written and acknowledged, then each partition's changed
stories with the cursor in one batch, then the hits are acknowledged to Faust. When partitions come, their state is read
back before hits flow (`read_back`). One lock lies over both.

There is one way out of trouble: the process ends at once and is started again. A failed or expired write, a write by
somebody else, a gap in the hits, a freeze: whatever this process knows may be out of date by then.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, cast

import faust
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP, EventT

from topics.errors import ConfigError, TransientError
from topics.events import source_of
from workers import permits, series
from workers.alerting import faust_app, partitions
from workers.alerting.counting import AlertCounting
from workers.alerting.part import Gap, Part, Place, Work
from workers.alerting.partitions import Topics
from workers.alerting.pulse import Pulse, Stalled
from workers.alerting.read_back import read_back
from workers.alerting.restored import Restored
from workers.alerting.resume import Clock, find_waiting, resumption
from workers.alerting.writer import MAX_BATCH_BYTES, Writer
from workers.clock_check import ClockCheck
from workers.health import Beat
from workers.messages import Headers, Record
from workers.metrics import Metrics
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.diagnose import Reason
from workers.stream.membership import Membership
from workers.stream.publisher import Publisher

if TYPE_CHECKING:
    from workers.spans import Spans

log = structlog.get_logger()

RESTART = 75
"""Exit code (EX_TEMPFAIL) of a process that is to be started again."""
BAD_CONFIGURATION = 78
MAX_HITS = 512
"""Hits in one batch."""
MAX_STATE_BYTES = MAX_BATCH_BYTES // 4
"""State that a batch may have gathered when it takes one more hit, whose own changes are far below the rest."""
TICK = 0.5
FROZEN = 0.75
"""Of the session timeout. Later than that, another worker may have the partitions."""
RETRY_MIN, RETRY_MAX = 0.5, 30.0
LIVE = 30.0
"""The event loop ran within so many seconds, or the process is not live."""
MEASURE, REACHABLE = 5.0, 10.0
"""How often the brokers are asked where the partitions end, and how long they may take."""
STALLED = 120.0
"""Hits that wait for so long while none come: the consumer hangs."""


class Mended(Exception):
    """What this process could not work with is as it should be: a new one can."""


def end_process(code: int) -> NoReturn:
    """End at once: no handler, no flush, no goodbye to Kafka."""
    os._exit(code)


class Stage:
    """The fold of the partitions that this process owns, between Faust's consumer and our producer."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        metrics: Metrics,
        producer: AIOKafkaProducer,
        *,
        membership: Membership | None = None,
        end: Callable[[int], NoReturn] = end_process,
        spans: "Spans | None" = None,
    ) -> None:
        self._spans = spans
        self._membership = membership or Membership()
        self.topics = Topics(settings.topic("hits"), settings.topic("alerts"), settings.topic("stories"))
        self.parts: dict[int, Part] = {}
        self.away: str | None = None
        """Why the brokers could not be reached when it started; None once they were."""
        self.lacking: str | None = None
        """What it may not do any more, though it needs it only at its next start."""
        self.held: frozenset[int] = frozenset()
        """Partitions of hits that are ours and cannot be folded: alerts or stories do not have them (yet)."""
        self.unequal: str | None = None
        """Why that is, or might come to be."""
        self.pulse = Pulse(FROZEN * settings.kafka.session_timeout)
        self.beat = Beat(limit=LIVE)
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._producer = producer
        self._publisher = Publisher(
            producer, topic=settings.topic, sent=lambda topic: metrics.produced.labels(topic).inc()
        )
        checked = ClockCheck(metrics.clock_offset_seconds.set)
        self._writer = Writer(producer, timeout=1.5 * settings.kafka.request_timeout, clock=checked)
        self._clock = Clock(producer, self.topics.hits, timeout=1.5 * settings.kafka.request_timeout)
        self._end = end
        kafka.before_each_request(producer, self.ending_if_frozen)
        self._queue: asyncio.Queue[EventT[bytes]] = asyncio.Queue(MAX_HITS * 4)
        self._in_hand = 0
        metrics.in_flight.set_function(lambda: self._queue.qsize() + self._in_hand)
        metrics.in_flight_limit.set(MAX_HITS * 5)
        self._lock = asyncio.Lock()
        self._generation: int | None = None
        self._moved: dict[int, float] = {}
        self._counting = AlertCounting(metrics, self.topics, now=checked.brokers)
        self._reached = -math.inf
        self._why = Reason(producer)

    def connect(self) -> None:
        """Hang the stage into the app: its agent, and what is to be done when partitions come and go."""
        topic = self._app.topic(self.topics.hits, key_type=bytes, value_type=bytes)
        self._app.agent(topic, name="fold", concurrency=1)(self._take)
        self._app.on_partitions_revoked.connect(self._revoked)
        self._app.on_rebalance_complete.connect(self._restored)

    async def _take(self, stream: Any) -> None:
        # It only passes events on: an agent that raises, or is cancelled over an event, has lost it. Events are
        # acknowledged in _settle, and there alone.
        async for event in stream.noack().events():
            await self._queue.put(event)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """The batch in hand may end, if it does so soon; the consumer cannot rejoin before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.kafka.session_timeout / 4), self._lock:
                self._generation = None

    async def _restored(self, *_: Any, **__: Any) -> None:
        """Read back the state of the partitions that are ours now. Runs again for each generation."""
        try:
            generation = self._app.consumer_generation_id
            async with self._lock:
                self._generation = None
                await self._restore(generation)
        except ConfigError as error:
            log.error("configuration", error=str(error))
            self._end(BAD_CONFIGURATION)
        except BaseException as error:
            self._fail(error)

    async def _restore(self, generation: int) -> None:
        def passed() -> bool:
            return bool(self._app.consumer_generation_id != generation)

        self._forget()
        self.parts, self.held, self.unequal = {}, frozenset(), None
        numbers = sorted(tp.partition for tp in self._app.consumer.assignment() if tp.topic == self.topics.hits)
        started = time.monotonic()
        restored = await self._read_back(numbers, passed)
        if passed():
            return
        numbers = sorted(restored)
        for number, found in restored.items():
            await self._take_over(number, found)
        self.pulse.check()
        self._generation = generation
        self._moved = dict.fromkeys(numbers, time.monotonic())
        self._metrics.rebalances.inc()
        self._metrics.assigned_partitions.set(len(numbers))
        self._metrics.restored_seconds.observe(time.monotonic() - started)
        log.info(
            "state_restored",
            partitions=numbers,
            records=sum(found.records for found in restored.values()),
            seconds=round(time.monotonic() - started, 3),
        )

    def _forget(self) -> None:
        """Partitions that are not ours any more are not to be measured here."""
        for number in self.parts:
            series.forget(self._metrics, self.topics.hits, number)
        self._metrics.assigned_partitions.set(0)
        self._metrics.paused_partitions.set(0)

    async def _read_back(self, numbers: Sequence[int], passed: Callable[[], bool]) -> dict[int, Restored]:
        """With brokers away it waits, as long as the generation lasts."""
        wait = RETRY_MIN
        while numbers and not passed():
            try:
                async with kafka.running(kafka.consumer(self._settings, worker="alert")) as consumer:
                    whole = await self._whole(consumer, numbers)
                    found = await read_back(consumer, self.topics, whole, stop=passed) if whole else {}
                    await find_waiting(consumer, self._settings, found)
                    return found
            except permits.REFUSED as error:  # a fresh start says what is not allowed, and waits
                self._fail(error)
            except (KafkaError, TransientError, TimeoutError, OSError) as error:
                log.warning("state_not_restored", error=repr(error), retry_in=wait)
                await asyncio.sleep(wait)
                wait = min(RETRY_MAX, wait * 2)
        return {}

    async def _whole(self, consumer: Any, numbers: Sequence[int]) -> Sequence[int]:
        """Those partitions that all three topics have. The others are held."""
        counts = await partitions.counted(consumer._client, self.topics)
        whole = [number for number in numbers if number < partitions.foldable(counts)]
        self.held = frozenset(numbers) - frozenset(whole)
        self._metrics.paused_partitions.set(len(self.held))
        self.unequal = partitions.unequal(counts, self._settings.brokers, self.held)
        if self.unequal:
            log.error("unequal_partitions", why=self.unequal)
        return whole

    async def _take_over(self, number: int, found: Restored) -> None:
        if found.lost:
            self._metrics.lost_places.inc()
            log.error("place_lost", partition=number, why=found.lost)
        self._writer.expect(self.topics.alerts, number, found.alerts_end)
        self._writer.expect(self.topics.stories, number, found.stories_end)
        if found.rewrites:
            log.warning("stale_records", partition=number, keys=len(found.rewrites))
            await self._writer.append(self.topics.stories, number, found.rewrites, whole=False)
        self._metrics.restored_records.inc(found.records)
        part = Part(Place(self.topics.hits, number), found, event_source=source_of(self._settings.prefix))
        resumed = await resumption(self._clock, number, part, found)
        self.pulse.check()
        if resumed is not None:
            await self._writer.append(self.topics.stories, number, [resumed], whole=True)
            log.info("hits_waited", partition=number, hits=found.waiting, since=str(found.oldest))
        self.parts[number] = part

    def ending_if_frozen(self) -> None:
        """End the process if it was frozen: what it is about to write may be another's to write by now."""
        with self._ending():
            self.pulse.check()

    def place(self, number: int) -> int | None:
        """The hit that a partition's state goes on from."""
        part = self.parts.get(number)
        return part.next if part else None

    async def run(self) -> None:
        """Fold what the agent passes on, for ever. Ends the process on any error."""
        with self._ending():
            while True:
                events = await self._batch()
                self._in_hand = len(events)
                await self._flush(events)
                self._in_hand = 0

    async def watch(self) -> None:
        """Beat, for ever. Ends the process when it was frozen, when it stands still, or when Faust has crashed."""
        with self._ending():
            while True:
                self.pulse.beat()
                self.beat.tick()
                if self._app._crash_reason is not None:
                    raise self._app._crash_reason
                await asyncio.sleep(TICK)

    async def tick(self) -> None:
        """Append ticks where a digest is due and nothing comes, for ever. Ends the process where that fails."""
        with self._ending():
            while True:
                await asyncio.sleep(TICK)
                for number, part in list(self.parts.items()) if self._generation is not None else ():
                    await self._clock.tick_where_due(number, part)

    async def measure(self) -> None:
        """Ask the brokers where the partitions end, for ever: lag, whether they answer, and whether we get on.

        aiokafka may stop fetching without a word (aio-libs/aiokafka#1154): then the process ends.
        """
        while True:
            try:
                async with asyncio.timeout(REACHABLE):
                    counts = await partitions.counted(self._producer.client, self.topics)
                    await self._measure_lag()
                if self.unequal and not partitions.unequal(counts, ""):
                    raise Mended("hits, alerts and stories have the same number of partitions now: beginning anew")
                self._reached = time.monotonic()
            except (Stalled, Mended) as error:
                self._fail(error)
            except Exception as error:  # whatever it is, it only measures
                log.warning("not_measured", error=repr(error), why=await self._why())
            await asyncio.sleep(MEASURE)

    async def _measure_lag(self) -> None:
        if self._membership.taken:  # these partitions are another's, and its standstill is not ours
            self._forget()
            return
        parts = {TP(self.topics.hits, number): part for number, part in self.parts.items()}
        ends = await self._app.consumer.highwaters(*parts) if parts else {}
        for tp, part in parts.items():
            lag = ends[tp] - part.next if part.next is not None else 0
            self._counting.measured(tp.partition, part, end=ends[tp], lag=lag)
            away = time.monotonic() - self._moved.get(tp.partition, math.inf)
            if lag > 0 and away > STALLED:
                raise Stalled(f"{tp.topic}/{tp.partition}: {lag} hits wait, none came for {away:.0f} s")

    def unready(self) -> str | None:
        """Why it does not fold; None when it does, or stands by with no partition."""
        if (waits := self.away or self._membership.taken) is not None:
            return waits
        if self._generation is None:
            return "no assignment yet, or its state is being read back"
        if time.monotonic() - self._reached > MEASURE + REACHABLE:
            known = f": {self._why.found}" if self._why.found else ""
            return f"the brokers at {self._settings.brokers} do not answer{known}"
        return self.unequal or self.lacking

    async def drain(self) -> None:
        """Let the batch in hand end, commit what is done, and fold no more."""
        await self._lock.acquire()
        self._generation = None
        await self._app.consumer.commit()
        faust_app.end_commits(self._app)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Around what runs for ever: whatever ends it, but for a cancellation, ends the process."""
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> NoReturn:
        log.error("ending", error=repr(error), restart=True)
        self._end(RESTART)

    async def _batch(self) -> list[EventT[bytes]]:
        events = [await self._queue.get()]
        if self._queue.qsize() < MAX_HITS:
            await asyncio.sleep(self._settings.alert.linger)
        while len(events) < MAX_HITS and not self._queue.empty():
            events.append(self._queue.get_nowait())
        return events

    async def _flush(self, events: Sequence[EventT[bytes]]) -> None:
        async with self._lock:
            while events:
                self.pulse.check()
                # Those of another generation come again: Faust has sought back to what was committed.
                events = [event for event in events if event.message.generation_id == self._generation]
                works: dict[int, Work] = {}
                taken = await self._fold(events, works)
                await asyncio.gather(*(self._settle(self.parts[number], work) for number, work in works.items()))
                for event in events[:taken]:
                    event.ack()
                self._count(events[:taken])
                events = events[taken:]

    async def _fold(self, events: Sequence[EventT[bytes]], works: dict[int, Work]) -> int:
        """Fold as many as fit one batch; how many that were."""
        for at, event in enumerate(events):
            message = event.message
            work = works.setdefault(message.partition, Work())
            if work.size > MAX_STATE_BYTES:
                return at
            record = Record(
                message.topic,
                message.partition,
                message.offset,
                int(message.timestamp * 1000),
                message.key,
                message.value,
                tuple(cast("Headers", message.headers or ())),
            )
            part = self.parts[message.partition]
            if self._spans and (part.next is None or message.offset >= part.next):
                record, span = self._spans.folding(record, group=self._settings.group_of("alert"))
                work.spans.append(span)
            try:
                part.fold(record, work)
            except Gap:
                part.fold(record, work, log_start=await self._log_start(message.tp))
        return len(events)

    async def _log_start(self, tp: Any) -> int:
        starts = await self._app.consumer.earliest_offsets(tp)
        return int(next(iter(starts.values())))

    async def _settle(self, part: Part, work: Work) -> None:
        """Write what the work leads to. Once this returns, its hits are done."""
        number = part.place.partition
        await self._send_dead_letters(work)
        if work.alerts:
            part.alerts_end = await self._writer.append(self.topics.alerts, number, work.alerts, whole=False)
        self.pulse.check()
        if work.mark is not None:
            await self._writer.append(self.topics.stories, number, part.entries(work), whole=True)
        for span in work.spans:
            span.end()
        self._counting.settled(work)

    async def _send_dead_letters(self, work: Work) -> None:
        if work.dead_letters:
            async with asyncio.timeout(1.5 * self._settings.kafka.request_timeout):
                await self._publisher.send(work.dead_letters)

    def _count(self, events: Sequence[EventT[bytes]]) -> None:
        messages = [event.message for event in events]
        self._moved.update(dict.fromkeys((message.partition for message in messages), time.monotonic()))
        self._counting.folded(
            (message.partition, message.timestamp, tuple(cast("Headers", message.headers or ())))
            for message in messages
        )
