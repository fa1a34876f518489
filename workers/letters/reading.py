"""The dead-letter topic, read twice: for the markers, which come after their letters, and for the letters."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition

from topics.errors import ConfigError
from workers.commands.administering import no_topic
from workers.letters.letter import Letter, Mark, Place, Wanted, letter_of, mark_of, marked
from workers.settings import Settings
from workers.tracing.scan import Progress, Scanner, Span, scanning


class Marks:
    """Which letters of some partitions were redriven: a bit for each offset, so that millions are no matter."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._starts = {span.partition.partition: span.start for span in spans}
        self._bits = {span.partition.partition: bytearray((span.end - span.start + 7) // 8) for span in spans}

    def add(self, place: Place) -> None:
        """One before the span is passed by."""
        byte, bit = divmod(place.offset - self._starts[place.partition], 8)
        if byte >= 0:
            self._bits[place.partition][byte] |= 1 << bit

    def __contains__(self, place: Place) -> bool:
        byte, bit = divmod(place.offset - self._starts[place.partition], 8)
        return bool(self._bits[place.partition][byte] >> bit & 1)


class Letters:
    """The letters that there were when reading began: what comes meanwhile is not among them."""

    def __init__(self, scanner: Scanner, spans: Sequence[Span], wanted: Wanted) -> None:
        self._scanner = scanner
        self._spans = spans
        self._wanted = wanted
        self._marks = Marks(spans)
        self.marks: dict[Place, Mark] = {}
        """Those of the places that were named, with what they say."""
        self.missing: set[Place] = set(wanted.places)
        """Places that were named and where no letter was found yet."""

    def __contains__(self, letter: Letter) -> bool:
        """Whether it was redriven. `find_marks` has to be done."""
        return letter.place in self._marks

    def partitions(self, topic: str) -> list[int]:
        """Those of any topic; none where it is not there."""
        return [tp.partition for tp in self._scanner.partitions(topic)]

    async def find_marks(self, progress: Progress | None = None) -> None:
        """Read all markers. Raises TimeoutError and KafkaError where the brokers are away."""
        async for message in self._scanner.records(self._spans, _is_mark, progress=progress):
            place = marked(message)
            if place is not None:
                self._marks.add(place)
                if place in self._wanted.places:
                    self.marks[place] = mark_of(message)

    async def read(self, progress: Progress | None = None) -> AsyncIterator[Letter]:
        """The letters that are wanted, those of a partition in their order. Raises as `find_marks` does."""
        async for message in self._scanner.records(self._narrowed(), self._near, progress=progress):
            if not _is_mark(message) and self._wanted(letter := letter_of(message)):
                self.missing.discard(letter.place)
                yield letter

    def _near(self, message: Any) -> bool:
        places = self._wanted.places
        return not places or Place(message.partition, message.offset) in places

    def _narrowed(self) -> list[Span]:
        """No further than the last place that was named."""
        if not self._wanted.places:
            return list(self._spans)
        last = {number: offset for number, offset in sorted(self._wanted.places)}
        return [span._replace(end=min(span.end, last[span.partition.partition] + 1)) for span in self._spans]


@asynccontextmanager
async def reading(settings: Settings, wanted: Wanted) -> AsyncIterator[Letters]:
    """The dead letters of the settings' cluster.

    Raises ConfigError where there is no such topic, and what `workers.stream.kafka.running` raises.
    """
    async with scanning(settings, progress=lambda topic, done, total: None) as scanner:
        topic = settings.topic("dead-letters")
        partitions = scanner.partitions(topic)
        if not partitions:
            raise ConfigError(no_topic(settings, topic))
        since = None if wanted.since is None else datetime.fromtimestamp(wanted.since, tz=UTC)
        yield Letters(scanner, _spans(await scanner.spans(_named(partitions, wanted), since), wanted), wanted)


def _is_mark(message: Any) -> bool:
    return marked(message) is not None


def _named(partitions: Sequence[TopicPartition], wanted: Wanted) -> list[TopicPartition]:
    numbers = {place.partition for place in wanted.places}
    return [tp for tp in partitions if not numbers or tp.partition in numbers]


def _spans(spans: Sequence[Span], wanted: Wanted) -> list[Span]:
    """From the first place that was named: its marker is behind it."""
    first = {number: offset for number, offset in sorted(wanted.places, reverse=True)}
    return [
        span._replace(start=min(span.end, max(span.start, first.get(span.partition.partition, 0)))) for span in spans
    ]
