"""Where an article is: looked for in every topic that it passes, from the last one that names it to the first.

What is found first says where to look next: an enriched article where it arrived, its hits which partitions hold its
alerts, its stories how far back those begin.
"""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from msgspec.structs import replace

from topics.codec import decode_enriched
from topics.errors import ConfigError, InvalidRecord
from topics.records import EnrichedArticle
from workers.commands.reading import errors_of
from workers.letters.letter import Place as Letter
from workers.letters.letter import marked
from workers.settings import Settings
from workers.stream import inputs, kafka
from workers.tracing import deliveries
from workers.tracing.alerting import SLACK, Alerting
from workers.tracing.arrivals import Step
from workers.tracing.found import Place, Trace, Way
from workers.tracing.scan import Progress, Scanner, place_of, scanning
from workers.tracing.sought import Sought

MAX_ENTITIES = 20
_NEVER = datetime.max.replace(tzinfo=UTC)


async def trace(
    settings: Settings, asked: str, *, since: datetime | None, thorough: bool = False, progress: Progress
) -> Trace:
    """Everything about an article since a time (None: since the topics begin).

    The topics of raw articles are looked through where nothing else names it; always, if `thorough`.

    Raises ConfigError where not even the topics are there, and KafkaError or TimeoutError for brokers that are away.
    """
    async with AsyncExitStack() as stack:
        scanner = await stack.enter_async_context(scanning(settings, progress=progress))
        admin = await stack.enter_async_context(kafka.admin(settings))
        search = _Search(settings, scanner, admin, Sought(asked), since)
        stack.push_async_callback(search.close)
        return await search.run(thorough=thorough)


class _Search:
    """One look for one article."""

    def __init__(
        self, settings: Settings, scanner: Scanner, admin: Any, sought: Sought, since: datetime | None
    ) -> None:
        self._settings = settings
        self._scanner = scanner
        self._admin = admin
        self._sought = sought
        self._since = since
        self._step: Step | None = None
        self._redriven: dict[Letter, Place] = {}

    async def run(self, *, thorough: bool) -> Trace:
        ways = [way async for way in self._enriched()]
        letters = [message async for message in self._letters()]
        ways += [way async for way in self._dead(letters)]
        # What a sink took in the end it has not refused.
        letters = [message for message in letters if _letter(message) not in self._redriven]
        if thorough or not ways:
            known = {str(way.arrived) for way in ways}
            ways += [way async for way in self._arrived() if str(way.arrived) not in known]
        ways = _once(ways)
        if any(way.id for way in ways):
            alerting = Alerting(self._settings, self._scanner, self._admin, self._sought)
            ways = await alerting.follow(ways, letters, since=_first(ways, self._since), now=_now())
        return Trace(asked=self._sought.asked, ways=tuple(ways), searched=tuple(self._scanner.searched.values()))

    async def close(self) -> None:
        if self._step is not None:
            await self._step.close()

    @property
    def step(self) -> Step:
        """Made at its first use: it takes a moment."""
        self._step = self._step or Step(self._settings)
        return self._step

    # --- news.enriched

    async def _enriched(self) -> AsyncIterator[Way]:
        partitions = self._scanner.partitions(self._settings.topic("enriched"))
        if not partitions and not inputs.present(self._settings, self._scanner.topics):
            raise ConfigError(
                f"no topic {self._settings.topic('enriched')} on {self._settings.brokers}, nor any of raw articles"
            )
        for part in self._in_turn(partitions):
            found = False
            async for message in self._scanner.records(
                await self._scanner.spans(part, self._since), self._sought.in_ours()
            ):
                article = _decoded(message)
                if article is not None and self._sought.is_it(article.id, article.url):
                    found = True
                    self._sought.add(article.id)
                    yield _way(article, place_of(message))
            if found:
                return

    def _in_turn(self, partitions: Sequence[TopicPartition]) -> list[list[TopicPartition]]:
        """All at once for a URL, which several articles may have; else first where the id's key leads."""
        if self._sought.url is not None or len(partitions) < 2:
            return [list(partitions)]
        key = self._sought.asked.encode()
        first = DefaultPartitioner()(key, sorted(partitions), sorted(partitions))
        return [[first], [tp for tp in partitions if tp != first]]

    # --- news.dead-letters

    async def _letters(self) -> AsyncIterator[Any]:
        """Dead letters that may be about it: the record itself, or an alert on it that a sink refused."""
        partitions = self._scanner.partitions(self._settings.topic("dead-letters"))
        raw, ours = self._sought.in_raw(), self._sought.in_ours()
        spans = await self._scanner.spans(partitions, self._since)
        found: set[Letter] = set()

        def near(record: Any) -> bool:
            return marked(record) in found or raw(record) or ours(record)

        async for message in self._scanner.records(spans, near):
            letter = marked(message)  # a marker comes after its letter
            if letter is None:
                found.add(_letter(message))
                yield message
            elif letter in found:
                self._redriven[letter] = place_of(message)

    async def _dead(self, letters: Iterable[Any]) -> AsyncIterator[Way]:
        """Those that `enrich` gave up."""
        for message in letters:
            errors = errors_of(message)
            if errors.get("stage") != "enrich":
                continue
            record = await self.step.record(message, topic=errors.get("topic"))
            if not self.step.is_it(record, self._sought):
                continue
            way = self.step.about(record)
            if way.id is not None:
                self._sought.add(way.id)
            yield replace(
                way,
                outcome="dead_lettered" if way.id else "unreadable",
                reason=errors.get("reason"),
                message=errors.get("message"),
                arrived=_origin(errors),
                letter=place_of(message),
                redriven=self._redriven.get(_letter(message)),
            )

    # --- the input topics

    async def _arrived(self) -> AsyncIterator[Way]:
        """Records that left nothing behind them: they wait, or were filtered."""
        topics = inputs.present(self._settings, self._scanner.topics)
        for named in self._settings.input_topics:
            self._scanner.partitions(named)  # so that it is said if it is not there
        partitions = [tp for topic in topics for tp in self._scanner.partitions(topic)]
        group = self._settings.group_of("enrich")
        offsets, _ = await deliveries.committed(self._admin, group, partitions)
        committed = {tp: offset for tp, (offset, _) in offsets.items()}
        spans = await self._scanner.spans(partitions, self._since)
        async for message in self._scanner.records(spans, self._sought.in_raw()):
            record = await self.step.record(message)
            if self.step.is_it(record, self._sought):
                way = self.step.way(record, committed)
                if way.id is not None:
                    self._sought.add(way.id)
                yield way


def _letter(message: Any) -> Letter:
    """By what a dead letter is named."""
    return Letter(message.partition, message.offset)


def _decoded(message: Any) -> EnrichedArticle | None:
    try:
        return decode_enriched(message.value)
    except InvalidRecord:
        return None


def _way(article: EnrichedArticle, place: Place) -> Way:
    origin = article.origin
    arrived = None
    if origin is not None:
        arrived = Place(topic=origin.topic, partition=origin.partition, offset=origin.offset, at=origin.timestamp)
    names = dict.fromkeys(mention.name for mention in article.entities)
    return Way(
        outcome="enriched",
        id=article.id,
        revision=article.revision,
        title=article.title,
        url=article.url,
        source=article.source,
        language=article.language,
        arrived=arrived,
        enriched=place,
        entities=tuple(names)[:MAX_ENTITIES],
        removed=len(article.removed),
        truncated=article.truncated,
        warnings=article.warnings,
    )


def _origin(errors: dict[str, str]) -> Place | None:
    try:
        return Place(topic=errors["topic"], partition=int(errors["partition"]), offset=int(errors["offset"]))
    except (KeyError, ValueError):
        return None


def _once(ways: Iterable[Way]) -> list[Way]:
    """In order of arrival; an arrival that a crash let through twice is one."""
    found: dict[object, Way] = {}
    for way in ways:
        place = way.arrived or way.enriched or way.letter
        found.setdefault((str(place), way.outcome, way.revision), way)
    return sorted(found.values(), key=_when)


def _when(way: Way) -> datetime:
    times = [place.at for place in (way.arrived, way.enriched, way.letter) if place is not None and place.at]
    return min(times, default=_NEVER)


def _first(ways: Iterable[Way], since: datetime | None) -> datetime | None:
    """From when on its hits can be."""
    first = min(map(_when, ways))
    return since if first == _NEVER else first - SLACK


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), tz=UTC)
