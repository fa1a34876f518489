"""What a trace found, for people and programs: an article's way, from its arrival to each sink."""

from datetime import datetime

import msgspec

from topics.records import RuleMet, Warn


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all parts of a trace have in common."""


class Place(Part, frozen=True, kw_only=True):
    """Where a record is. `at` is its broker's time."""

    topic: str
    partition: int
    offset: int
    at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Delivery(Part, frozen=True, kw_only=True):
    """What became of an alert on one route.

    `state`: delivered; waiting (`before`: alerts of the partition that come first, where that is known); refused by
    the sink, so a dead letter; not_wanted by the route; passed: the route is past it, and which alerts it takes is
    not known here; unknown. `reason` is for people.
    """

    route: str
    state: str
    before: int | None = None
    reason: str | None = None


class Ring(Part, frozen=True, kw_only=True):
    """An alert. Of a digest, `title` and `article_id` are those of the first article that it tells of."""

    id: str
    kind: str
    severity: str
    desk: str
    story_id: str
    title: str | None = None
    article_id: str
    place: Place
    deliveries: tuple[Delivery, ...] = ()


class Folded(Part, frozen=True, kw_only=True):
    """The story that a hit belongs to, as the desk has it now."""

    id: str
    title: str | None = None
    first_seen: datetime
    articles: int
    sources: int
    suppressed: int
    alerts: int
    first_alert: str | None = None


class Met(Part, frozen=True, kw_only=True):
    """A hit: the article met rules of one desk.

    `outcome`: alerted, folded (`reason` says why it did not ring: backfill, late, repeat, cooldown), digest (missed,
    and told with others in one alert; there is none yet while that is to come), waiting for the alert worker
    (`before`: hits that come first), or unknown.
    """

    desk: str
    severity: str
    place: Place
    rules: tuple[RuleMet, ...]
    outcome: str
    reason: str | None = None
    before: int | None = None
    story: Folded | None = None
    alerts: tuple[Ring, ...] = ()


class Way(Part, frozen=True, kw_only=True):
    """One arrival of an article.

    `outcome`: enriched; filtered or dead_lettered (`reason`); waiting for enrich (`before`: records that come first);
    missing: read, and what became of it is not there (any more); unreadable: a dead letter that holds what was asked
    for, in a record that nobody can read. `redriven` is the marker of a letter that was sent back: that is another
    arrival. `withdrawals` are alerts that took it back.
    """

    outcome: str
    reason: str | None = None
    message: str | None = None
    id: str | None = None
    revision: str | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None
    language: str | None = None
    arrived: Place | None = None
    before: int | None = None
    enriched: Place | None = None
    letter: Place | None = None
    redriven: Place | None = None
    entities: tuple[str, ...] = ()
    removed: int = 0
    truncated: bool = False
    warnings: tuple[Warn, ...] = ()
    hits: tuple[Met, ...] = ()
    withdrawals: tuple[Ring, ...] = ()


class Searched(Part, frozen=True, kw_only=True):
    """A topic that was looked through: how many records, from the earliest to the latest. `there`: whether it is."""

    topic: str
    records: int = 0
    since: datetime | None = None
    until: datetime | None = None
    there: bool = True


class Trace(Part, frozen=True, kw_only=True):
    """All that was found of what was asked for, the oldest first; and where it was looked for."""

    asked: str
    ways: tuple[Way, ...] = ()
    searched: tuple[Searched, ...] = ()
