"""What a fetch brings, as records of ours, in the batches that go to the pool."""

from collections.abc import Sequence
from typing import Any

from workers.messages import Headers, Record
from workers.stream.lane import size_of

BATCH_BYTES = 1024 * 1024


def record_of(message: Any) -> Record:
    """What aiokafka hands out, as one of ours."""
    headers: Headers = tuple((name, _bytes(value)) for name, value in message.headers)
    key, value = _bytes(message.key), _bytes(message.value)
    return Record(message.topic, message.partition, message.offset, message.timestamp, key, value, headers)


def _bytes(data: bytes | bytearray | None) -> bytes | None:
    """As bytes, which are hashable and pickle well; what are bytes already are not copied."""
    return None if data is None else bytes(data)


def batches(records: Sequence[Record], size: int) -> list[list[Record]]:
    """Runs of at most `size` records and about `BATCH_BYTES`."""
    found: list[list[Record]] = []
    held = 0
    for record in records:
        if not found or len(found[-1]) == size or held + size_of(record) > BATCH_BYTES:
            found.append([])
            held = 0
        found[-1].append(record)
        held += size_of(record)
    return found
