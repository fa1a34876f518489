"""What became of records of the input topics that left nothing behind them: read again as `enrich` reads them."""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from msgspec.structs import replace

from alerts import bundle
from alerts.sources import load as load_sources
from topics.errors import InvalidRecord
from topics.identity import article_id_of, revision_of
from topics.records import RawArticle
from workers.article.options import NONE
from workers.article.own_gazetteer import load as load_names
from workers.article.pipeline import Pipeline
from workers.article_pool import options
from workers.messages import DEAD_LETTERED, FILTERED, Record
from workers.settings import Settings
from workers.stream.registry import Registries
from workers.tracing.found import Way
from workers.tracing.scan import place_of
from workers.tracing.sought import Sought


class Step:
    """The enrich step without a model: what it makes of a record, by the settings as they are now."""

    def __init__(self, settings: Settings) -> None:
        self._pipeline = Pipeline(dataclasses.replace(options(settings), model=NONE))
        sources = load_sources(settings.sources_file) if settings.sources_file else None
        names = load_names(settings.gazetteer_file) if settings.gazetteer_file else ()
        self._pipeline.use_watchlists(bundle.encode((), sources, names))
        self._registries = Registries(settings.inputs)
        self._patience: float | None = settings.kafka.request_timeout

    async def close(self) -> None:
        await self._registries.close()

    async def record(self, message: Any, *, topic: str | None = None) -> Record:
        """A record as the pool is given it, with its schema if it has one.

        `topic` is where it came, if it is not there any more: how it is to be read hangs on that. A registry that
        does not answer is waited for once; then records are taken without.
        """
        headers = tuple((name, None if value is None else bytes(value)) for name, value in message.headers)
        key = None if message.key is None else bytes(message.key)
        value = None if message.value is None else bytes(message.value)
        place = (topic or message.topic, message.partition, message.offset, message.timestamp)
        record = Record(*place, key, value, headers)
        if self._patience is not None:
            try:
                (record,) = await asyncio.wait_for(self._registries.prepared([record]), self._patience)
            except TimeoutError:
                self._patience = None
        return record

    def article(self, record: Record) -> RawArticle | None:
        """The article that a record holds; None where it holds none that can be read."""
        try:
            return self._pipeline.article(record)
        except InvalidRecord:
            return None

    def is_it(self, record: Record, sought: Sought) -> bool:
        """Whether a record is the article; one that nobody can read is where it holds what was asked for, as it is."""
        article = self.article(record)
        if article is None:
            return sought.holds_asked(record)
        return sought.is_it(article_id_of(article), article.url)

    def about(self, record: Record) -> Way:
        """What the record is, and where."""
        return Way(outcome="missing", arrived=place_of(record), **_about(self.article(record)))

    def way(self, record: Record, committed: Mapping[TopicPartition, int]) -> Way:
        """What became of the record, or what will."""
        way = self.about(record)
        reached = committed.get(TopicPartition(record.topic, record.partition))
        result = self._pipeline([record])[0]
        reason = result.reason if result.outcome in (FILTERED, DEAD_LETTERED) else None
        if reached is None or record.offset >= reached:
            before = None if reached is None else record.offset - reached
            return replace(way, outcome="waiting", before=before, reason=reason)
        return replace(way, outcome="filtered" if result.outcome == FILTERED else "missing", reason=reason)


def _about(article: RawArticle | None) -> dict[str, Any]:
    if article is None:
        return {}
    return {
        "id": article_id_of(article),
        "revision": revision_of(article),
        "title": article.title,
        "url": article.url,
        "source": article.source,
        "language": article.language,
    }
