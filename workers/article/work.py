"""An article on its way through the enrich step."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from alerts.matcher import DeskMatch
from alerts.sources import Source
from topics.records import Mention, RawArticle, Warn
from workers.article.options import NONE
from workers.messages import Record, Result

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_ARTICLE = RawArticle()


@dataclass(slots=True)
class Work:
    """What is known of an article so far. `result` is what became of it, once that is decided.

    `names` are what its source is called, `boilerplate` and `furniture` what was taken out of its text (see
    `workers.messages.Result`), `missing` the mapped fields that it lacks, `stages` seconds by stage.
    `model` is the name and version of the model that looked for entities, `paragraphs` how many it knew and tagged.
    """

    record: Record
    stages: dict[str, float] = field(default_factory=dict)
    warnings: list[Warn] = field(default_factory=list)
    article: RawArticle = NO_ARTICLE
    listed: Source | None = None
    names: tuple[str, ...] = ()
    boilerplate: int = 0
    furniture: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    seen_at: datetime = EPOCH
    title: str = ""
    text: str = ""
    removed: tuple[str, ...] = ()
    language: str = "und"
    model: str = NONE
    paragraphs: tuple[int, int] = (0, 0)
    mentions: tuple[Mention, ...] = ()
    matches: tuple[DeskMatch, ...] = ()
    result: Result | None = None
