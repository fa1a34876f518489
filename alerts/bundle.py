"""What articles are held against, as one piece: watchlists, sources, the user's names; with a revision of all."""

from collections.abc import Sequence

import msgspec

from alerts import gazetteer
from alerts import watchlist as lists
from alerts.gazetteer import Entry
from alerts.sources import Source, Sources
from alerts.watchlist import Watchlist
from topics.identity import digest


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """For a process that matches."""

    watchlists: tuple[Watchlist, ...]
    sources: tuple[Source, ...] = ()
    names: tuple[Entry, ...] = ()


def encode(watchlists: Sequence[Watchlist], sources: Sources | None = None, names: Sequence[Entry] = ()) -> bytes:
    """For another process; `decode` gives the same back."""
    return _ENCODER.encode(Bundle(tuple(watchlists), sources.listed if sources else (), tuple(names)))


def decode(data: bytes) -> Bundle:
    """What `encode` was given. Raises msgspec.DecodeError for anything else."""
    return _DECODER.decode(data)


def revision(watchlists: Sequence[Watchlist], sources: Sources | None = None, names: Sequence[Entry] = ()) -> str:
    """A digest of all that is in the bundle."""
    known = lists.revision(watchlists)
    others = [sources.version] if sources and sources.listed else []
    others += [gazetteer.version(names)] if names else []
    return digest("bundle", known, *others) if others else known


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Bundle)
