"""The loop, on a consumer that does what the test says: what is committed was settled, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from workers.messages import ENRICHED, Record, Result
from workers.stream.consumer import Limits, Loop
from workers.stream.lane import Lane
from workers.stream.place import Place

TP = TopicPartition("news.raw", 0)
LIMITS = Limits(batch=4, records=100, bytes=1_000_000, commit_interval=0.0, drain=1.0)


class Message(NamedTuple):
    """What aiokafka hands out."""

    offset: int
    topic: str = TP.topic
    partition: int = TP.partition
    timestamp: int = 1
    key: bytes | None = None
    value: bytes | None = b"x"
    headers: tuple[tuple[str, bytes], ...] = ()


class FakeConsumer:
    """Hands out one answer of `fetches` at each call of getmany; each moves the position to its number."""

    def __init__(self, fetches: Sequence[tuple[Sequence[int], int] | KafkaError], *, beginning: int = 0) -> None:
        self._fetches = list(fetches)
        self.beginning = beginning
        self.seeks: list[int] = []
        self.while_asked: Callable[[], Awaitable[None]] = self._nothing
        self.at = 0
        self.commits: list[int] = []
        self.stopped: set[TopicPartition] = set()
        self.during: Callable[[], None] = lambda: None
        self.done = asyncio.Event()

    def subscribe(self, *, topics: Sequence[str], listener: Any) -> None:
        self.listener = listener

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    def paused(self) -> set[TopicPartition]:
        return self.stopped

    def pause(self, tp: TopicPartition) -> None:
        self.stopped.add(tp)

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Mapping[TopicPartition, Sequence[Message]]:
        await asyncio.sleep(0)
        if not self._fetches:
            self.done.set()
            return {}
        fetch = self._fetches.pop(0)
        if isinstance(fetch, KafkaError):
            raise fetch
        offsets, self.at = fetch
        self.during()
        return {TP: [Message(offset) for offset in offsets]} if offsets else {}

    async def _nothing(self) -> None: ...

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        await self.while_asked()
        return {TP: self.beginning}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.seeks.append(offset)

    async def position(self, tp: TopicPartition) -> int:
        return self.at

    async def commit(self, ends: Mapping[TopicPartition, tuple[int, str]]) -> None:
        self.commits.append(ends[TP][0])


class Silent:
    """An observer that only notes what was settled."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    def consumed(self, records: Sequence[Record]) -> None: ...
    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None:
        self.offsets += [record.offset for record in records]

    def committed(self, ok: bool) -> None: ...
    def rebalanced(self) -> None: ...
    def revoked(self, partitions: Sequence[TopicPartition]) -> None: ...
    def misplaced(self, place: Place) -> None: ...


async def _submit(batch: Sequence[Record]) -> list[Result]:
    return [Result(ENRICHED) for _ in batch]


async def _publish(records: Sequence[Record], results: Sequence[Result]) -> None:
    await asyncio.sleep(0)


async def _run(consumer: FakeConsumer, **parts: Any) -> tuple[Loop, Silent]:
    """Run the loop until the consumer has nothing more."""
    observer = Silent()
    loop = Loop(consumer, limits=LIMITS, observer=observer, **({"submit": _submit, "publish": _publish} | parts))
    running = asyncio.create_task(loop.run(["news.raw"], consumer.done))
    await asyncio.wait_for(running, 10)
    return loop, observer


async def test_all_that_is_settled_is_committed_when_it_stops() -> None:
    consumer = FakeConsumer([([0, 1, 2], 3), ([3], 4)])
    _, observer = await _run(consumer)
    assert observer.offsets == [0, 1, 2, 3]
    assert consumer.commits[-1] == 4


async def test_offsets_without_records_are_committed_with_those_before() -> None:
    consumer = FakeConsumer([([0, 1], 2), ([], 3)])
    await _run(consumer)
    assert consumer.commits[-1] == 3


async def test_records_dropped_by_a_rebalance_are_never_committed() -> None:
    """They have moved the consumer's position, and are fetched again by whoever gets the partition."""
    consumer = FakeConsumer([([0], 1), ([1, 2], 3), ([], 3)])
    calls = 0

    def rebalance() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            consumer.listener._rebalancing = True

    consumer.during = rebalance
    _, observer = await _run(consumer)
    assert observer.offsets == [0]
    assert max(consumer.commits) == 1


async def test_nothing_beyond_a_batch_that_is_not_published_is_committed() -> None:
    consumer = FakeConsumer([([0, 1, 2, 3], 4), ([4], 5)])

    async def publish(records: Sequence[Record], results: Sequence[Result]) -> None:
        if records[0].offset == 0:
            await asyncio.sleep(60)

    _, observer = await _run(consumer, publish=publish)
    assert observer.offsets == []
    assert consumer.commits == []


async def test_what_a_gate_holds_is_neither_fetched_for_nor_waited_for_nor_committed() -> None:
    """It takes none of the room of other partitions, and told to stop the loop leaves it to the next owner."""
    consumer = FakeConsumer([(range(100), 100), ([100], 101)])
    held = asyncio.Event()

    async def gate(records: Sequence[Record], results: list[Result]) -> list[Result]:
        held.set()
        await asyncio.sleep(60)
        return results

    loop, observer = await asyncio.wait_for(_run(consumer, lane=partial(Lane, gate=gate)), LIMITS.drain / 2)
    assert TP in consumer.stopped
    assert held.is_set()
    assert consumer.at == 101, "the limit of 100 records in flight does not count what is held"
    assert (observer.offsets, consumer.commits) == ([], [])
    assert loop.records == 0


@pytest.mark.parametrize(
    ("error", "start", "commits"),
    [
        (NoOffsetForPartitionError(TP), 3, []),
        (OffsetOutOfRangeError({TP: 1}), 3, [3]),
        (OffsetOutOfRangeError({TP: 9}), 3, [3]),
    ],
    ids=["none committed", "before the log", "past its end"],
)
async def test_a_partition_without_a_place_is_read_from_the_earliest_record(
    error: KafkaError, start: int, commits: list[int]
) -> None:
    consumer = FakeConsumer([error, ([3, 4], 5)], beginning=start)
    _, observer = await _run(consumer)
    assert consumer.seeks == [start]
    assert observer.offsets == [3, 4]
    assert consumer.commits[: len(commits)] == commits


async def test_a_place_that_was_found_for_an_assignment_that_is_over_is_not_taken() -> None:
    """Its next owner may have committed another meanwhile, and we may be that."""
    consumer = FakeConsumer([NoOffsetForPartitionError(TP), ([7], 8)], beginning=0)

    async def rebalance() -> None:
        await consumer.listener.on_partitions_revoked([TP])
        await consumer.listener.on_partitions_assigned([TP])

    consumer.while_asked = rebalance
    _, observer = await _run(consumer)
    assert consumer.seeks == []
    assert observer.offsets == [7]


async def test_a_topic_made_anew_is_other_books_and_what_was_in_flight_is_never_committed() -> None:
    consumer = FakeConsumer([(range(5, 9), 9), OffsetOutOfRangeError({TP: 9}), ([0, 1], 2)], beginning=0)

    async def publish(records: Sequence[Record], results: Sequence[Result]) -> None:
        if records[0].offset == 5:
            await asyncio.sleep(60)

    _, observer = await _run(consumer, publish=publish)
    assert observer.offsets == [0, 1]
    assert consumer.commits == [0, 2]
