"""What `news.stories` holds: the stories that each desk has, and one cursor a partition.

It is a view for readers and, at the same time, the changelog that the alert worker's state is read back from. The
key of a story is `desk/story`; keys that begin with a NUL are the worker's own: the cursor, and for each desk the
digest that is to come. A reader that meets a greater `v` than its own `SCHEMA` must not guess.
"""

from datetime import datetime
from typing import TypeVar

import msgspec

from topics.errors import InvalidRecord
from topics.records import AlertArticle, Missed, Record, RuleMet

SCHEMA = 1
"""Version of the records below."""
CURSOR_KEY = b"\x00cursor"
"""Key of the cursor. No desk's id starts with a NUL."""
DIGEST_KEY = b"\x00digest/"
"""What the key of a desk's digest begins with."""


class Telling(Record, frozen=True, kw_only=True):
    """One article of a story, as the desk last saw it.

    `hits` are the ids of its latest hits, `rules` is a digest of the rules that it meets. `alerted` is the article as
    the desk was last alerted on it, None where it was only counted. `missed` is the article as it came while nobody
    watched, at `missed_at` on the clock of the log (`Digest`): a digest tells of it.
    """

    id: str
    hits: tuple[str, ...]
    seen_at: datetime
    severity: str
    rules: str
    alerted: AlertArticle | None = None
    embargo_until: datetime | None = None
    withdrawn_at: datetime | None = None
    missed: AlertArticle | None = None
    missed_at: datetime | None = None


class Story(Record, frozen=True, kw_only=True):
    """Articles that tell the same thing, to one desk.

    `first_seen`, `last_seen` and `alerted_at` are on the desk's own clock, `expires` too: from then on the story is
    forgotten. `alerts` counts the alerts so far, `first_alert` is the id of the first. `severity` is the highest and
    `rules` are all that the desk was alerted on, their evidence left out. `signatures` and `titles` are those by which
    further articles are recognised. `articles`, `sources` and `suppressed` count; `tellings` and `source_names` hold
    only the latest.
    """

    v: int = SCHEMA
    id: str
    desk: str
    first_seen: datetime
    last_seen: datetime
    expires: datetime
    title: str | None = None
    alerts: int = 0
    first_alert: str | None = None
    alerted_at: datetime | None = None
    severity: str | None = None
    rules: tuple[RuleMet, ...] = ()
    signatures: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    articles: int = 0
    sources: int = 0
    suppressed: int = 0
    tellings: tuple[Telling, ...] = ()
    source_names: tuple[str, ...] = ()

    @property
    def key(self) -> bytes:
        """The record's key in `news.stories`."""
        return story_key(self.desk, self.id)


class Digest(Record, frozen=True, kw_only=True):
    """What a desk has missed so far, until it is told of it.

    `since` and `last` are when the first and the last of it were appended to the log of hits, by the broker's clock;
    `patience` is for how many seconds nothing more must come. `first_seen` and `last_seen` are the articles' own times.
    `articles` and `stories` count all, `missed` holds the most severe. `rules` come without evidence.
    """

    v: int = SCHEMA
    id: str
    desk: str
    since: datetime
    last: datetime
    patience: float
    first_seen: datetime
    last_seen: datetime
    articles: int
    stories: int
    severity: str
    rules: tuple[RuleMet, ...]
    missed: tuple[Missed, ...]

    @property
    def key(self) -> bytes:
        """The record's key in `news.stories`."""
        return digest_key(self.desk)


class Resumed(Record, frozen=True, kw_only=True):
    """Hits at offsets from `begin` to below `until` waited for an owner, who came when the brokers' clock said `at`."""

    at: datetime
    begin: int
    until: int


class Cursor(Record, frozen=True, kw_only=True):
    """How far a partition is folded: the next hit, and the end of the alerts that came of those before it.

    `epoch` counts the logs of hits that the partition has had (it is raised where the cursor names a hit that the log
    does not have). `ticked` is the latest tick; `closing` are desks whose stories are being forgotten, with the clock
    that they had. `live_since` is the time from which somebody watched (None: not yet): what came before
    is no news that a desk has missed. `resumed` are the waits that the hits from `next` on were found in.
    """

    v: int = SCHEMA
    next: int
    alerts_end: int
    epoch: int = 0
    ticked: datetime | None = None
    closing: dict[str, datetime] = msgspec.field(default_factory=dict)
    live_since: datetime | None = None
    resumed: tuple[Resumed, ...] = ()


R = TypeVar("R", Story, Cursor, Digest)

_story_decoder = msgspec.json.Decoder(Story)
_cursor_decoder = msgspec.json.Decoder(Cursor)
_digest_decoder = msgspec.json.Decoder(Digest)


def story_key(desk: str, story_id: str) -> bytes:
    """`desk/story` in UTF-8. Story ids hold no slash, desks may."""
    return f"{desk}/{story_id}".encode()


def digest_key(desk: str) -> bytes:
    """The key of a desk's digest, in UTF-8."""
    return DIGEST_KEY + desk.encode()


def decode_digest(value: bytes) -> Digest:
    """Raises InvalidRecord, for a later schema too."""
    return _checked(_digest_decoder, value)


def decode_story(value: bytes) -> Story:
    """Raises InvalidRecord, for a later schema too."""
    return _checked(_story_decoder, value)


def decode_cursor(value: bytes) -> Cursor:
    """Raises InvalidRecord, for a later schema too."""
    return _checked(_cursor_decoder, value)


def _checked(decoder: "msgspec.json.Decoder[R]", value: bytes) -> R:
    try:
        record = decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRecord("wrong_type", str(error)) from None
    if record.v > SCHEMA:
        raise InvalidRecord("wrong_type", f"schema {record.v} is newer than this version's {SCHEMA}")
    return record
