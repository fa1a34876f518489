"""`resume/TOPIC/PARTITION` on the watchlists' topic: somebody lets a partition's records through, up to an offset.

Every enrich worker reads them from the beginning of that topic, so that a restart knows of them, too.
"""

from datetime import datetime

import msgspec
from aiokafka import TopicPartition

SCHEMA = 1
KIND = "resume"
"""What the keys begin with."""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever cannot be read below the offset `until` goes to the dead letters. `at` is when this was said."""

    v: int = SCHEMA
    topic: str
    partition: int
    until: int
    at: datetime


_decoder = msgspec.json.Decoder(Resume)


def key(record: Resume) -> bytes:
    return f"{KIND}/{record.topic}/{record.partition}".encode()


def encode(record: Resume) -> bytes:
    return msgspec.json.encode(record)


def decode(value: bytes | None) -> tuple[TopicPartition, int] | None:
    """The partition and the offset; None for what is no such record, or of a version that we do not know."""
    try:
        record = _decoder.decode(value or b"")
    except (msgspec.DecodeError, RecursionError):
        return None
    return (TopicPartition(record.topic, record.partition), record.until) if record.v == SCHEMA else None
