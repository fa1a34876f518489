"""State read back when partitions come, and the partitions taken over: nothing is folded before."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError

from topics.errors import TransientError
from topics.events import source_of
from workers import permits
from workers.alerting import partitions
from workers.alerting.assignment import Owned
from workers.alerting.counting import AlertCounting
from workers.alerting.part import Part, Place
from workers.alerting.partitions import Topics
from workers.alerting.pulse import Pulse
from workers.alerting.read_back import read_back
from workers.alerting.restored import Restored
from workers.alerting.resume import Clock, find_waiting, resumption
from workers.alerting.writer import Writer
from workers.settings import Settings
from workers.stream import kafka

RETRY_MIN, RETRY_MAX = 0.5, 30.0

log = structlog.get_logger()


class _Found(NamedTuple):
    """What the logs hold, and what cannot be folded (see `Owned`)."""

    restored: Mapping[int, Restored] = {}
    held: frozenset[int] = frozenset()
    unequal: str | None = None


class Restorer:
    """Takes over partitions of hits, for `writer` and `clock` to write to what is theirs."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        *,
        writer: Writer,
        clock: Clock,
        pulse: Pulse,
        counting: AlertCounting,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._writer = writer
        self._clock = clock
        self._pulse = pulse
        self._counting = counting

    async def restore(self, numbers: Sequence[int], *, stop: Callable[[], bool]) -> Owned | None:
        """The partitions with these numbers, ready to be folded; None once `stop` says so.

        With brokers away it waits. Raises ConfigError for a newer version's state; after any other error, too, the
        process has to go.
        """
        started = time.monotonic()
        found = await self._read_back(numbers, stop)
        if found is None or stop():
            return None
        restored = found.restored
        parts = {number: await self._take_over(number, restored[number]) for number in sorted(restored)}
        self._pulse.check()
        seconds = time.monotonic() - started
        self._counting.restored(restored.values(), seconds=seconds)
        records = sum(one.records for one in restored.values())
        log.info("state_restored", partitions=list(parts), records=records, seconds=round(seconds, 3))
        return Owned(parts, found.held, found.unequal)

    async def _read_back(self, numbers: Sequence[int], stop: Callable[[], bool]) -> _Found | None:
        """With brokers away it waits, until `stop` says so."""
        wait = RETRY_MIN
        while not stop():
            try:
                return await self._read_once(numbers, stop) if numbers else _Found()
            except permits.REFUSED:  # a fresh start says what is not allowed, and waits
                raise
            except (KafkaError, TransientError, OSError) as error:
                log.warning("state_not_restored", error=repr(error), retry_in=wait)
                await asyncio.sleep(wait)
                wait = min(RETRY_MAX, wait * 2)
        return None

    async def _read_once(self, numbers: Sequence[int], stop: Callable[[], bool]) -> _Found:
        """Of those partitions that all three topics have. The others are held."""
        async with kafka.running(kafka.consumer(self._settings, worker="alert")) as consumer:
            counts = await partitions.counted(consumer._client, self._topics)
            whole = [number for number in numbers if number < partitions.foldable(counts)]
            held = frozenset(numbers) - frozenset(whole)
            self._counting.held(len(held))
            unequal = partitions.unequal(counts, self._settings.brokers, held)
            if unequal:
                log.error("unequal_partitions", why=unequal)
            restored = await read_back(consumer, self._topics, whole, stop=stop) if whole else {}
            await find_waiting(consumer, self._settings, restored)
            return _Found(restored, held, unequal)

    async def _take_over(self, number: int, found: Restored) -> Part:
        if found.lost:
            log.error("place_lost", partition=number, why=found.lost)
        self._writer.expect(self._topics.alerts, number, found.alerts_end)
        self._writer.expect(self._topics.stories, number, found.stories_end)
        if found.rewrites:
            log.warning("stale_records", partition=number, keys=len(found.rewrites))
            await self._writer.append(self._topics.stories, number, found.rewrites, whole=False)
        part = Part(Place(self._topics.hits, number), found, event_source=source_of(self._settings.prefix))
        resumed = await resumption(self._clock, number, part, found)
        self._pulse.check()
        if resumed is not None:
            await self._writer.append(self._topics.stories, number, [resumed], whole=True)
            log.info("hits_waited", partition=number, hits=found.waiting, since=str(found.oldest))
        return part
