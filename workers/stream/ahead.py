"""What is settled beyond the committed offset, kept with it as the commit's metadata: a restart repeats none of it."""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition

PREFIX = "ahead:"
BITS = 24_000
"""How far a note looks past the committed offset: 4,006 characters, where brokers take 4,096 unless told otherwise."""
TIMEOUT = 10.0


def encode(end: int, offsets: Iterable[int]) -> str:
    """A note of `offsets`, relative to the committed offset `end`. Those too far ahead are left out."""
    bits = bytearray(BITS // 8)
    for offset in offsets:
        place = offset - end
        if 0 <= place < BITS:
            bits[place // 8] |= 1 << place % 8
    kept = bytes(bits).rstrip(b"\0")
    return PREFIX + base64.b64encode(kept).decode("ascii") if kept else ""


def decode(end: int, note: str | None) -> frozenset[int]:
    """The offsets of a note; none where somebody else wrote it."""
    if not note or not note.startswith(PREFIX):
        return frozenset()
    try:
        bits = base64.b64decode(note.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return frozenset()
    return frozenset(end + place for place in range(len(bits) * 8) if bits[place // 8] >> place % 8 & 1)


class Ahead:
    """What the notes of a consumer's partitions say, read once an assignment."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._asked: dict[TopicPartition, asyncio.Task[frozenset[int]]] = {}

    async def holds(self, tp: TopicPartition, offset: int) -> bool:
        """Whether an offset was settled by the partition's owner before us. Raises what a fetch of offsets raises."""
        task = self._asked.get(tp)
        if task is None:
            task = self._asked[tp] = asyncio.create_task(self._ask(tp))
        return offset in (task.result() if task.done() else await asyncio.shield(task))

    async def _ask(self, tp: TopicPartition) -> frozenset[int]:
        # aiokafka's public `committed` leaves the metadata out; an admin client would need connections of its own.
        fetch = self._consumer._coordinator.fetch_committed_offsets([tp])
        found = (await asyncio.wait_for(fetch, TIMEOUT)).get(tp)
        return decode(found.offset, found.metadata) if found is not None else frozenset()

    def forget(self, tp: TopicPartition) -> None:
        """The partition is gone; what comes with its next assignment is another note."""
        task = self._asked.pop(tp, None)
        if task is not None:
            task.cancel()
