"""What became of records of the input topics that left nothing behind them: read again as `enrich` reads them."""

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
from workers.article.pipeline import Pipeline
from workers.enrich import options
from workers.messages import DEAD_LETTERED, FILTERED, Record
from workers.settings import Settings
from workers.tracing.found import Way
from workers.tracing.scan import place_of
from workers.tracing.sought import Sought


class Step:
    """The enrich step without a model: what it makes of a record, by the settings as they are now."""

    def __init__(self, settings: Settings) -> None:
        self._pipeline = Pipeline(dataclasses.replace(options(settings), model=NONE))
        sources = load_sources(settings.sources_file) if settings.sources_file else None
        self._pipeline.use_watchlists(bundle.encode((), sources))

    def article(self, message: Any, *, topic: str | None = None) -> RawArticle | None:
        """The article that a record holds; None where it holds none that can be read.

        `topic` is where it came, if it is not there any more: how it is to be read hangs on that.
        """
        try:
            return self._pipeline.article(_record(message, topic))
        except InvalidRecord:
            return None

    def is_it(self, message: Any, sought: Sought, *, topic: str | None = None) -> bool:
        """Whether a record is the article; one that nobody can read is where it holds what was asked for, as it is."""
        article = self.article(message, topic=topic)
        if article is None:
            return sought.holds_asked(message)
        return sought.is_it(article_id_of(article), article.url)

    def about(self, message: Any, *, topic: str | None = None) -> Way:
        """What the record is, and where."""
        return Way(outcome="missing", arrived=place_of(message), **_about(self.article(message, topic=topic)))

    def way(self, message: Any, committed: Mapping[TopicPartition, int]) -> Way:
        """What became of the record, or what will."""
        way = self.about(message)
        reached = committed.get(TopicPartition(message.topic, message.partition))
        result = self._pipeline([_record(message)])[0]
        reason = result.reason if result.outcome in (FILTERED, DEAD_LETTERED) else None
        if reached is None or message.offset >= reached:
            before = None if reached is None else message.offset - reached
            return replace(way, outcome="waiting", before=before, reason=reason)
        return replace(way, outcome="filtered" if result.outcome == FILTERED else "missing", reason=reason)


def _record(message: Any, topic: str | None = None) -> Record:
    """A record as the pool is given it."""
    headers = tuple((name, None if value is None else bytes(value)) for name, value in message.headers)
    key = None if message.key is None else bytes(message.key)
    value = None if message.value is None else bytes(message.value)
    return Record(topic or message.topic, message.partition, message.offset, message.timestamp, key, value, headers)


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
