"""Parts of topics read from a time to their present end, by no consumer group, with a quick test on every record."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from workers.settings import Settings
from workers.stream import kafka, lenient
from workers.tracing.found import Place, Searched
from workers.tracing.sought import Test

FETCH = 0.5
MOST = 5_000
"""Records that are tested before anything else may run."""
FETCH_BYTES = 32 * 1024 * 1024

Progress = Callable[[str, int, int], None]
"""Is told a topic, how many of its records were read, and how many there are to read."""


class Span(NamedTuple):
    """A part of a partition: from `start` to below `end`."""

    partition: TopicPartition
    start: int
    end: int


class Scanner:
    """Reads the cluster. `searched` tells, by topic, what was read so far."""

    def __init__(self, consumer: Any, cluster: Any, *, patience: float, progress: Progress) -> None:
        self.searched: dict[str, Searched] = {}
        self._consumer = consumer
        self._cluster = cluster
        self._patience = patience
        self._progress = progress
        self._next: dict[TopicPartition, int] = {}

    @property
    def topics(self) -> set[str]:
        """The topics that there are, as far as we may see them."""
        found: set[str] = self._cluster.topics()
        return found

    def partitions(self, topic: str) -> list[TopicPartition]:
        """A topic's partitions; none where it is not there."""
        numbers = sorted(self._cluster.partitions_for_topic(topic) or ())
        self.searched.setdefault(topic, Searched(topic=topic, there=bool(numbers)))
        return [TopicPartition(topic, number) for number in numbers]

    async def spans(self, partitions: Iterable[TopicPartition], since: datetime | None = None) -> list[Span]:
        """What there is of these partitions, from a time on (None: from their beginning)."""
        asked = list(partitions)
        if not asked:
            return []
        async with asyncio.timeout(self._patience):
            ends = await self._consumer.end_offsets(asked)
            starts = await self._consumer.beginning_offsets(asked)
            if since is not None:
                milliseconds = max(0, int(since.timestamp() * 1000))
                found = await self._consumer.offsets_for_times(dict.fromkeys(asked, milliseconds))
                starts = {tp: max(starts[tp], found[tp].offset) if found.get(tp) else ends[tp] for tp in asked}
        return [Span(tp, starts[tp], ends[tp]) for tp in asked]

    async def records(
        self, spans: Iterable[Span], wanted: Test, *, progress: Progress | None = None
    ) -> AsyncIterator[Any]:
        """The records that pass the test, of a partition in order."""
        progress = progress or self._progress
        left = {span.partition: span for span in spans if span.start < span.end}
        total = sum(span.end - span.start for span in left.values())
        topic = next((tp.topic for tp in left), "")
        done = 0
        await self._seek(left)
        while left:
            fetched = await self._fetch(left)
            for tp, messages in fetched.items():
                span = left.get(tp)
                kept = [message for message in messages if span is not None and message.offset < span.end]
                self._count(tp.topic, kept)
                self._next[tp] = messages[-1].offset + 1
                done += len(kept)
                for message in kept:
                    if wanted(message):
                        yield message
            progress(topic, done, total)
            await self._finish(left)

    async def _seek(self, left: Mapping[TopicPartition, Span]) -> None:
        self._consumer.assign(list(left))
        for tp, span in left.items():
            self._consumer.seek(tp, span.start)
            self._next[tp] = span.start

    async def _fetch(self, left: Mapping[TopicPartition, Span]) -> Mapping[TopicPartition, list[Any]]:
        """The next records. Raises TimeoutError once the brokers say nothing any more."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience
        while True:
            try:
                fetched: Mapping[TopicPartition, list[Any]] = await self._consumer.getmany(
                    timeout_ms=int(FETCH * 1000), max_records=MOST
                )
            except UnicodeDecodeError:  # a header's name; what else was fetched is lost with it
                lenient.install()
                for tp in left:
                    self._consumer.seek(tp, self._next[tp])
                continue
            # Markers of transactions at the end of a partition are no records: the position tells.
            if fetched or await self._any_done(left):
                return fetched
            if clock() > deadline:
                raise TimeoutError
            await asyncio.wait_for(self._consumer.end_offsets(list(left)), self._patience)

    async def _any_done(self, left: Mapping[TopicPartition, Span]) -> bool:
        return any([await self._consumer.position(tp) >= span.end for tp, span in left.items()])

    async def _finish(self, left: dict[TopicPartition, Span]) -> None:
        done = [tp for tp, span in left.items() if await self._consumer.position(tp) >= span.end]
        for tp in done:
            del left[tp]
            self._consumer.pause(tp)

    def _count(self, topic: str, messages: list[Any]) -> None:
        if not messages:
            return
        known = self.searched.get(topic, Searched(topic=topic))
        times = [message.timestamp for message in (messages[0], messages[-1])]
        first, last = _time(min(times)), _time(max(times))
        self.searched[topic] = Searched(
            topic=topic,
            records=known.records + len(messages),
            since=min(filter(None, (known.since, first)), default=None),
            until=max(filter(None, (known.until, last)), default=None),
        )


@asynccontextmanager
async def scanning(settings: Settings, *, progress: Progress) -> AsyncIterator[Scanner]:
    """A scanner of the settings' cluster. Raises what `workers.stream.kafka.running` raises."""
    made = kafka.consumer(settings, fetch_max_bytes=FETCH_BYTES)
    async with kafka.running(made) as consumer:
        cluster = await consumer._client.fetch_all_metadata()  # its own has only topics that it was asked for
        yield Scanner(consumer, cluster, patience=settings.kafka.request_timeout, progress=progress)


def place_of(message: Any) -> Place:
    """Where a record is."""
    return Place(topic=message.topic, partition=message.partition, offset=message.offset, at=_time(message.timestamp))


def _time(milliseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
