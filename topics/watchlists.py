"""What `news.watchlists` holds: pushed watchlists, a record a rule and one manifest each, as plain JSON.

The key of a manifest is `watchlist/ID`, that of a rule `rule/ID/RULE/PUSH`. Each push has rules of its own and writes
its manifest last, so that a push which ends half way leaves the one before whole, for a reader that starts afterwards
too. The latest manifest of an id is in force when as many rules of its push are there as it says, numbered from 0, and
`hash` is theirs. A null under a manifest's key removes the watchlist. Readers pass by keys of other kinds, which are
instructions to workers (`mute/…`, `resume/…`).
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec

from topics.errors import InvalidRecord
from topics.records import Policy, Record

SCHEMA = 1
"""Version of the records below. A reader that meets a greater `v` must not guess."""
MANIFEST = "watchlist"
RULE = "rule"


class WatchlistManifest(Record, frozen=True, kw_only=True):
    """A watchlist without its rules, of which there are `rules`.

    `version` is a digest of the watchlist's contents, `push` names the push that its rules are of. `hash` is the
    SHA-256, in hexadecimal, of the values of the rules' records in the order of their `index`, a line feed after each.
    """

    v: int
    id: str
    desk: str
    policy: Policy = Policy()
    version: str
    rules: int
    hash: str
    push: str
    pushed_at: datetime
    pushed_by: str | None = None


class WatchlistRule(Record, frozen=True, kw_only=True):
    """One rule of a watchlist: its place among them, and its fields as in a watchlist's file."""

    v: int
    watchlist: str
    push: str
    index: int
    rule: dict[str, Any]


class Key(NamedTuple):
    """A record's key, apart. `rule` and `push` are of a rule's."""

    kind: str
    id: str
    rule: str = ""
    push: str = ""


R = TypeVar("R", WatchlistManifest, WatchlistRule)

_manifest_decoder = msgspec.json.Decoder(WatchlistManifest)
_rule_decoder = msgspec.json.Decoder(WatchlistRule)


def manifest_key(watchlist: str) -> bytes:
    return f"{MANIFEST}/{watchlist}".encode()


def rule_key(watchlist: str, rule: str, push: str) -> bytes:
    return f"{RULE}/{watchlist}/{rule}/{push}".encode()


def parse_key(key: bytes | None) -> Key | None:
    """The key of a manifest or a rule; None for any other."""
    parts = (key or b"").decode("utf-8", "replace").split("/")
    if (parts[0], len(parts)) in ((MANIFEST, 2), (RULE, 4)) and all(parts):
        return Key(*parts)
    return None


def hash_of(values: Iterable[bytes]) -> str:
    """The `hash` of a manifest whose rules' records have these values."""
    hashed = sha256()
    for value in values:
        hashed.update(value + b"\n")
    return hashed.hexdigest()


def decode_manifest(value: bytes) -> WatchlistManifest:
    """Raises InvalidRecord, for a later schema too."""
    return _checked(_manifest_decoder, value)


def decode_rule(value: bytes) -> WatchlistRule:
    """Raises InvalidRecord, for a later schema too."""
    return _checked(_rule_decoder, value)


def _checked(decoder: "msgspec.json.Decoder[R]", value: bytes) -> R:
    try:
        record = decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRecord("wrong_type", str(error)) from None
    except RecursionError:
        raise InvalidRecord("too_deep", "nested too deeply") from None
    if record.v > SCHEMA:
        raise InvalidRecord("wrong_type", f"schema {record.v} is newer than this version's {SCHEMA}")
    return record
