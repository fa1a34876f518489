"""What the alert worker writes: records that carry a mark, which hit they come of.

The state of a partition is, for each key, the record with the highest mark, wherever in the log it is: what a worker
wrote that had been frozen and did not know that its partition was gone comes late and stays without effect.
"""

from typing import NamedTuple

from workers.messages import Headers

MARK = "wirewatch.fold"
"""Header with the mark: `epoch/offset` of the hit, and `/index` among its alerts."""


class Mark(NamedTuple):
    """The hit that a record comes of: the log of hits it is in (`Cursor.epoch`), and its offset."""

    epoch: int
    offset: int

    def header(self, index: int | None = None) -> tuple[str, bytes]:
        text = f"{self.epoch}/{self.offset}" if index is None else f"{self.epoch}/{self.offset}/{index}"
        return MARK, text.encode()


class Entry(NamedTuple):
    """A record to write, or one that was read. A value of None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def mark_of(headers: Headers) -> tuple[Mark, int] | None:
    """The mark in a record's headers and the alert's index (0 where it has none); None if there is none of ours."""
    for name, value in headers:
        if name == MARK and value is not None:
            parts = value.split(b"/")
            if len(parts) in (2, 3) and all(part.isdigit() for part in parts):
                epoch, offset, *index = map(int, parts)
                return Mark(epoch, offset), index[0] if index else 0
    return None
