"""What is in flight: the lanes of the partitions that are ours, and how much each of them may hold."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import TopicPartition

from workers.messages import Record
from workers.stream.batches import BATCH_BYTES
from workers.stream.lane import Lane
from workers.stream.unordered import Unordered


class Lanes:
    """The lanes of `consumer`'s partitions. At most `records` and `bytes` are in flight, over all of them.

    What is held is bounded by its partition's share, and is no work: it takes none of the others' room.
    """

    def __init__(self, consumer: Any, *, batch: int, records: int, bytes: int) -> None:
        self._consumer = consumer
        self._batch = batch
        self._most_records = records
        self._most_bytes = bytes
        self._lanes: dict[TopicPartition, Lane | Unordered] = {}

    def __contains__(self, tp: TopicPartition) -> bool:
        return tp in self._lanes

    def open(self, tp: TopicPartition, lane: Lane | Unordered) -> None:
        """From now on a partition's batches go through this lane."""
        self._lanes[tp] = lane

    def add(self, tp: TopicPartition, batch: Sequence[Record]) -> None:
        """Take a batch whose offsets follow those of the partition's last. KeyError where it has no lane."""
        self._lanes[tp].add(batch)

    def forget(self, tp: TopicPartition) -> None:
        self._lanes.pop(tp, None)

    @property
    def partitions(self) -> list[TopicPartition]:
        return list(self._lanes)

    @property
    def at_work(self) -> list[TopicPartition]:
        """The partitions that are not held."""
        return [tp for tp, lane in self._lanes.items() if not lane.held]

    @property
    def records(self) -> int:
        return sum(lane.records for lane in self._lanes.values())

    @property
    def bytes(self) -> int:
        return sum(lane.bytes for lane in self._lanes.values())

    def room(self) -> int:
        """How many records may be fetched."""
        lanes = [lane for lane in self._lanes.values() if not lane.held]
        full = sum(lane.bytes for lane in lanes) >= self._most_bytes
        return 0 if full else self._most_records - sum(lane.records for lane in lanes)

    def regulate(self) -> None:
        """Pause partitions that hold more than their share, so that a slow one leaves room for the others."""
        assigned = self._consumer.assignment()
        paused = self._consumer.paused()
        share = max(2 * self._batch, self._most_records // max(1, len(assigned)))
        room = max(BATCH_BYTES, self._most_bytes // max(1, len(assigned)))
        for tp in assigned:
            lane = self._lanes.get(tp)
            full = lane is not None and (lane.held or lane.records >= share or lane.bytes >= room)
            if full and tp not in paused:
                self._consumer.pause(tp)
            elif not full and tp in paused:
                self._consumer.resume(tp)

    def raise_failure(self) -> None:
        """Raises what has ended a lane, if anything has."""
        for lane in self._lanes.values():
            if lane.failed is not None:
                raise lane.failed

    async def abandon(self, partitions: Iterable[TopicPartition], timeout: float) -> None:
        """Give partitions up: what is being published may end, within `timeout` seconds; the rest is dropped."""
        lanes = [lane for tp in partitions if (lane := self._lanes.get(tp)) is not None]
        await asyncio.gather(*(lane.abandon(timeout) for lane in lanes))
