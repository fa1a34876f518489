"""What articles are held against, as one piece: the watchlists and the listed sources, with a revision of both."""

from collections.abc import Sequence

import msgspec

from alerts import watchlist as lists
from alerts.sources import Source, Sources
from alerts.watchlist import Watchlist
from topics.identity import digest


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """For a process that matches."""

    watchlists: tuple[Watchlist, ...]
    sources: tuple[Source, ...] = ()


def encode(watchlists: Sequence[Watchlist], sources: Sources | None = None) -> bytes:
    """For another process; `decode` gives the same back."""
    return _ENCODER.encode(Bundle(tuple(watchlists), sources.listed if sources else ()))


def decode(data: bytes) -> Bundle:
    """What `encode` was given. Raises msgspec.DecodeError for anything else."""
    return _DECODER.decode(data)


def revision(watchlists: Sequence[Watchlist], sources: Sources | None = None) -> str:
    """A digest of all that is in the bundle."""
    known = lists.revision(watchlists)
    return digest("bundle", known, sources.version) if sources and sources.listed else known


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Bundle)
