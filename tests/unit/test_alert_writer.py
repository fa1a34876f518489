"""Batches of the alert worker: one that is not where the one before ended was not the only one."""

import asyncio
from typing import Any

import pytest

from workers.alerting.marks import Entry
from workers.alerting.writer import ALERT_BATCH_BYTES, ForeignWrite, Writer


class FakeProducer:
    """Appends whole batches to logs in memory; `room` is how many records a batch takes."""

    def __init__(self, room: int = 1000) -> None:
        self.logs: dict[tuple[str, int], list[Entry]] = {}
        self.batches: list[int] = []
        self._room = room

    def create_batch(self) -> "FakeBatch":
        return FakeBatch(self._room)

    async def send_batch(self, batch: "FakeBatch", topic: str, *, partition: int) -> "asyncio.Future[Any]":
        log = self.logs.setdefault((topic, partition), [])
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(type("Metadata", (), {"offset": len(log), "timestamp_type": 0}))
        log += batch.entries
        self.batches.append(len(batch.entries))
        return done


class FakeBatch:
    def __init__(self, room: int) -> None:
        self.entries: list[Entry] = []
        self._room = room

    def append(self, *, key: bytes, value: bytes, timestamp: None, headers: list[tuple[str, bytes]]) -> object | None:
        if len(self.entries) == self._room:
            return None
        self.entries.append(Entry(key, value, tuple(headers)))
        return object()

    def close(self) -> None:
        pass


def writer(producer: FakeProducer) -> Writer:
    made = Writer(producer, timeout=5)
    made.expect("stories", 0, 0)
    return made


async def test_batches_that_follow_each_other_are_fine() -> None:
    ours = writer(FakeProducer())
    assert await ours.append("stories", 0, [Entry(b"k", b"1"), Entry(b"k", b"2")], whole=True) == 2
    assert await ours.append("stories", 0, [Entry(b"k", b"3")], whole=True) == 3


async def test_a_write_by_somebody_else_is_noticed() -> None:
    producer = FakeProducer()
    ours, theirs = writer(producer), writer(producer)
    await ours.append("stories", 0, [Entry(b"k", b"1")], whole=True)
    with pytest.raises(ForeignWrite):
        await theirs.append("stories", 0, [Entry(b"k", b"2")], whole=True)
    with pytest.raises(ForeignWrite, match="our batch is at 2, the one before ended at 1"):
        await ours.append("stories", 0, [Entry(b"k", b"3")], whole=True)


async def test_state_goes_in_one_batch_or_not_at_all() -> None:
    producer = FakeProducer(room=3)
    with pytest.raises(OverflowError):
        await writer(producer).append("stories", 0, [Entry(b"k", b"v")] * 4, whole=True)
    assert producer.logs == {}


async def test_alerts_are_split_into_batches_in_order() -> None:
    producer = FakeProducer()
    big = [Entry(b"%d" % at, b"x" * (ALERT_BATCH_BYTES // 3)) for at in range(8)]
    assert await writer(producer).append("stories", 0, big, whole=False) == 8
    assert producer.batches == [3, 3, 2]
    assert [entry.key for entry in producer.logs["stories", 0]] == [b"%d" % at for at in range(8)]


async def test_a_write_that_no_broker_answers_ends_in_time() -> None:
    class Silent(FakeProducer):
        async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
            return asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        await Writer(Silent(), timeout=0.01).append("stories", 0, [Entry(b"k", b"v")], whole=True)
