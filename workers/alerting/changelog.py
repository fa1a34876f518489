"""A partition of `news.stories` as it is read: the latest form of every story, and how far the partition was folded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from topics.errors import ConfigError, InvalidRecord
from topics.stories import (
    CURSOR_KEY,
    DIGEST_KEY,
    Cursor,
    Digest,
    Story,
    decode_cursor,
    decode_digest,
    decode_story,
)
from workers.alerting.marks import Entry, Mark, mark_of


@dataclass(slots=True)
class Changelog:
    """A partition of `news.stories`, read from its beginning: for each key the record with the highest mark."""

    kept: dict[bytes, tuple[Mark, bytes | None]] = field(default_factory=dict)
    stale: set[bytes] = field(default_factory=set)
    records: int = 0

    def read(self, entry: Entry) -> None:
        """Take in the next record. One without a mark is not ours."""
        mark = mark_of(entry.headers)
        if mark is None or entry.key is None:
            return
        self.records += 1
        known = self.kept.get(entry.key)
        if known is not None and known[0] > mark[0]:
            # Compaction keeps the last record of a key, and that is not the right one: it has to be written again.
            self.stale.add(entry.key)
        else:
            self.kept[entry.key] = (mark[0], entry.value)
            self.stale.discard(entry.key)

    def cursor(self) -> Cursor | None:
        """How far the partition was folded; None if it never was. Raises ConfigError (a newer version's record)."""
        _, value = self.kept.get(CURSOR_KEY, (None, None))
        return None if value is None else _readable(decode_cursor, CURSOR_KEY, value)

    def stories(self) -> Iterable[Story]:
        """The live stories. Raises ConfigError (a newer version's record)."""
        for key, (_, value) in self.kept.items():
            if key != CURSOR_KEY and not key.startswith(DIGEST_KEY) and value is not None:
                yield _readable(decode_story, key, value)

    def digests(self) -> Iterable[Digest]:
        """What desks have missed and are not told yet. Raises ConfigError (a newer version's record)."""
        for key, (_, value) in self.kept.items():
            if key.startswith(DIGEST_KEY) and value is not None:
                yield _readable(decode_digest, key, value)

    def rewrites(self) -> list[Entry]:
        """What must be written again, so that the last record of each key is the right one."""
        return [Entry(key, self.kept[key][1], (self.kept[key][0].header(),)) for key in sorted(self.stale)]


def _readable(decode: Callable[[bytes], Any], key: bytes, value: bytes) -> Any:
    try:
        return decode(value)
    except InvalidRecord as error:
        raise ConfigError(f"the state record {key[:80]!r} cannot be read: {error.message}") from None
