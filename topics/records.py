"""The records that cross Kafka. Field names are a contract: they may be added to, never changed.

Readers accept fields and enum values that they do not know, so enums are plain strings here; the tuples of
constants list the values that we write. Offsets (`start`, `end`, `marks`) count Unicode code points. Times are
aware datetimes, RFC 3339 in UTC on the wire.
"""

from datetime import datetime
from typing import Any

import msgspec

SEVERITIES = ("info", "urgent", "flash")
"""From the least to the most severe."""
STATUSES = ("usable", "withheld", "canceled")
LABELS = (
    *("PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"),
    *("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL"),
)
"""Of mentions: OntoNotes'."""
KINDS = ("hit", "corroborated", "escalated", "corrected", "withdrawn", "burst", "quiet", "digest")


def severity_rank(severity: str) -> int:
    """0 for the least severe. A severity that we do not know ranks as the least."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What all records have in common: immutable, absent fields left out on the wire."""


class Warn(Record, frozen=True, kw_only=True):
    """A field that could not be read as it came and was set to null or mended."""

    field: str
    reason: str


class RawArticle(Record, frozen=True, kw_only=True):
    """An article as a source published it. At least one of `title` and `body` has text.

    `extra` holds every field of the input that we have no name for.
    """

    id: str | None = None
    url: str | None = None
    source: str | None = None
    title: str | None = None
    body: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    version: str | None = None
    status: str = "usable"
    embargo_until: datetime | None = None
    language: str | None = None
    content_type: str | None = None
    section: str | None = None
    authors: tuple[str, ...] = ()
    extra: dict[str, Any] = {}


class Mention(Record, frozen=True, kw_only=True):
    """A span that names something. `label` is spaCy's (OntoNotes); `entity_id` a Wikidata id or the user's.

    `value`, where it is certain: of a DATE in ISO 8601, a day, a month, a year or an interval of them
    (`2025-10-01/2025-10-03`); of MONEY the ISO 4217 code and the amount (`USD 1500000000`); of a PERCENT the figure; of
    a QUANTITY figure and unit (`5000 t`). "About" and "more than" are in the text alone.
    """

    field: str
    start: int
    end: int
    text: str
    label: str
    name: str
    entity_id: str | None = None
    value: str | None = None


class Evidence(Record, frozen=True, kw_only=True):
    """Why a rule was met: the text in `field` (title | text) from `start` to `end` is what `clause` asks for.

    `clause` is the rule's term as its author wrote it; where an alias matched, `alias_of` is the canonical term
    and `clause` the alias. Where the term asks for a mention with a label, `label` is what the mention here has; where
    it asks for an entity, `entity` and `clause` are its id.
    """

    field: str
    start: int
    end: int
    text: str
    clause: str
    alias_of: str | None = None
    label: str | None = None
    entity: str | None = None


class RuleMet(Record, frozen=True, kw_only=True):
    """One rule of one watchlist that an article met. `version` names the watchlist's contents."""

    watchlist: str
    version: str
    rule: str
    severity: str
    name: str | None = None
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = {}
    evidence: tuple[Evidence, ...]


class ArticleHit(Record, frozen=True, kw_only=True):
    """A rule that was met, as the enriched article lists it."""

    desk: str
    watchlist: str
    rule: str
    severity: str
    evidence: tuple[Evidence, ...]


class Snippet(Record, frozen=True, kw_only=True):
    """A piece of the article for people. `marks` are the (start, end) of what matched, within `text`."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


class Origin(Record, frozen=True, kw_only=True):
    """Where the raw record was. `timestamp` is the broker's."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime


class EnrichedArticle(Record, frozen=True, kw_only=True):
    """An article, cleaned, with what it names and which rules it met."""

    id: str
    revision: str
    url: str | None = None
    source: str | None = None
    title: str | None = None
    language: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    status: str = "usable"
    section: str | None = None
    text: str
    entities: tuple[Mention, ...] = ()
    hits: tuple[ArticleHit, ...] = ()
    fingerprint: str | None = None
    removed: tuple[str, ...] = ()
    warnings: tuple[Warn, ...] = ()
    truncated: bool = False
    origin: Origin | None = None
    model: str | None = None
    watchlists: dict[str, str] = {}


class Policy(Record, frozen=True, kw_only=True):
    """How a desk wants to be alerted. `cooldown` is in seconds."""

    cooldown: float = 6 * 3600.0


class Hit(Record, frozen=True, kw_only=True, tag_field="type", tag="hit"):
    """One article, in one revision, met one desk's rules. `id` hashes desk, article and revision.

    `seen_at` is the raw record's broker time: the only clock that decisions use. `signature` is a MinHash of the
    text (`alerts.stories`), `backfill` marks an article that was too old to ring anybody when it came. `stale_at` is
    the time from which it is; None: never. Who comes to the hit later than that alerts nobody by it, either.
    """

    id: str
    desk: str
    seen_at: datetime
    article_id: str
    revision: str
    url: str | None = None
    source: str | None = None
    owner: str | None = None
    language: str | None = None
    title: str | None = None
    published_at: datetime | None = None
    backfill: bool = False
    stale_at: datetime | None = None
    embargo_until: datetime | None = None
    severity: str
    rules: tuple[RuleMet, ...]
    snippet: Snippet
    signature: str | None = None
    entities: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    policy: Policy = Policy()


class Withdrawn(Record, frozen=True, kw_only=True, tag_field="type", tag="withdrawn"):
    """A canceled article, sent to every partition: whichever desk alerted on it says so."""

    article_id: str
    seen_at: datetime
    url: str | None = None
    title: str | None = None
    source: str | None = None


class Tick(Record, frozen=True, kw_only=True, tag_field="type", tag="tick"):
    """Time has passed: nothing else moves a desk's clock when no article comes.

    When it was appended to the log makes a digest due. The owner of a partition appends those that move no clock.
    """

    seen_at: datetime


class Closed(Record, frozen=True, kw_only=True, tag_field="type", tag="closed"):
    """A desk whose last watchlist is gone: its stories may be forgotten."""

    desk: str
    seen_at: datetime


class AlertArticle(Record, frozen=True, kw_only=True):
    """The article that an alert is about."""

    id: str
    revision: str
    url: str | None = None
    title: str | None = None
    source: str | None = None
    language: str | None = None
    published_at: datetime | None = None


class Counts(Record, frozen=True, kw_only=True):
    """What a story has gathered for one desk. `suppressed` articles were folded in without an alert."""

    articles: int = 0
    sources: int = 0
    suppressed: int = 0


class Missed(Record, frozen=True, kw_only=True):
    """A story in a digest. The article is its most severe, the latest among equals; `rules` are names.

    `kind` is that of its last alert, where it had alerts that were not delivered in time.
    """

    story_id: str
    article_id: str
    revision: str
    title: str | None = None
    url: str | None = None
    source: str | None = None
    severity: str
    rules: tuple[str, ...] = ()
    articles: int = 1
    first_seen: datetime
    last_seen: datetime
    kind: str | None = None


class Alert(Record, frozen=True, kw_only=True):
    """What a desk is told. It stands alone: link, headline, and the snippet with the match marked.

    `id` hashes desk, story, kind and ordinal. `seq` counts the story's alerts from 0, `updates` is the id of its
    first one.

    A `digest` is one alert for all that came while nobody watched. `missed` are its stories, the most severe first
    and not more than a few; `counts` counts all of them, `article` is that of the first, the snippet is a sentence.
    """

    id: str
    kind: str
    desk: str
    story_id: str
    seq: int
    updates: str | None = None
    severity: str
    rules: tuple[RuleMet, ...]
    article: AlertArticle
    snippet: Snippet
    counts: Counts
    first_seen: datetime
    last_seen: datetime
    embargo_until: datetime | None = None
    missed: tuple[Missed, ...] = ()


HitRecord = Hit | Withdrawn | Tick | Closed
"""What `news.hits` holds."""
