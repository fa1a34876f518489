"""How the records of a topic are to be read: what an `[[input]]` of the settings says, checked and plain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from topics.records import RawArticle

FORMATS = ("json", "connect-json", "debezium", "cloudevents", "avro", "ninjs")
FIELDS = tuple(name for name in RawArticle.__struct_fields__ if name != "extra")
"""What a map may name: RawArticle's fields."""
EXPECTED = ("title", "body", "url", "published_at")
"""What an article should have, where no map says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An input's form. `topics` are names, or one pattern.

    `map` gives paths by RawArticle's field, the first that leads somewhere wins; `source`, `language` and
    `content_type` are for articles that do not say. `dates` are patterns of strptime's or names of
    `topics.inputs.moments.EPOCHS`; `timezone` is that of dates without one. `registry` is the URL, without secrets,
    of the registry whose schemas come with the records. `deletes` of a database's rows: ignore or withdraw.
    """

    topics: tuple[str, ...] | str = ()
    format: str = "json"
    map: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str | None = None
    language: str | None = None
    content_type: str | None = None
    dates: tuple[str, ...] = ()
    timezone: str | None = None
    registry: str | None = None
    deletes: str = "ignore"

    def claims(self, topic: str) -> bool:
        """Whether a topic is one of this input's."""
        return re.fullmatch(self.topics, topic) is not None if isinstance(self.topics, str) else topic in self.topics

    @property
    def expected(self) -> tuple[str, ...]:
        """The fields that are counted where they are missing."""
        return tuple(name for name, paths in self.map.items() if paths) or EXPECTED
