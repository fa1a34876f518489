"""The loop as the enrich worker runs it, in the test's own process, with nothing behind it that takes time."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from workers.messages import ENRICHED, Record, Result
from workers.settings import Settings, load
from workers.stream import inputs, kafka, start
from workers.stream.consumer import Books, Limits, Loop
from workers.stream.place import Place

Publish = Callable[[Sequence[Record], Sequence[Result]], Awaitable[None]]


class Reader:
    """Reads a group's share of the inputs; what was settled is in `offsets`, in the order of settling."""

    def __init__(self, settings: Settings, *, publish: Publish, records: int) -> None:
        self.settings = settings
        self.fetched = 0
        self._publish = publish
        self._records = records
        self.group = settings.group_of("enrich")
        self.offsets: dict[TopicPartition, list[int]] = defaultdict(list)
        self.values: list[bytes | None] = []
        self.loop: Loop | None = None
        self.misplacings: list[Place] = []
        self._changed = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        await start.place(self.settings, self.group)
        limits = Limits(batch=16, records=self._records, bytes=2**24, commit_interval=0.2, drain=2.0)
        async with kafka.running(
            kafka.consumer(self.settings, self.group, metadata_max_age_ms=1000, auto_offset_reset="none")
        ) as consumer:
            self.loop = Loop(consumer, submit=_submit, publish=self._publish, limits=limits, observer=self)
            await self.loop.run(inputs.subscription(self.settings), stopping)

    async def joined(self) -> None:
        """Until it has an assignment."""
        await self.until(lambda reader: reader.loop is not None and reader.loop.joined)

    async def until(self, done: Callable[["Reader"], bool], timeout: float = 30) -> None:
        """Until `done(self)`, looked at whenever something was settled."""
        async with asyncio.timeout(timeout):
            while not done(self):
                self._changed.clear()
                await self._changed.wait()

    async def until_read(self, tp: TopicPartition) -> Books:
        """The books of a partition, once all that was read of it is settled."""
        async with asyncio.timeout(30):
            while True:
                books = self.loop.books(tp) if self.loop else None
                if self.loop and books and not self.loop.ledger.in_flight(tp) and books.committed == books.position:
                    return books
                await asyncio.sleep(0.1)

    # --- the loop's observer

    def consumed(self, records: Sequence[Record]) -> None:
        self.fetched += len(records)
        self._changed.set()

    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None:
        for record in records:
            self.offsets[TopicPartition(record.topic, record.partition)].append(record.offset)
            self.values.append(record.value)
        self._changed.set()

    def committed(self, ok: bool) -> None:
        self._changed.set()

    def rebalanced(self) -> None:
        self._changed.set()

    def revoked(self, partitions: Sequence[TopicPartition]) -> None: ...
    def misplaced(self, place: Place) -> None:
        self.misplacings.append(place)


@asynccontextmanager
async def reading(
    bootstrap: str, prefix: str, *, publish: Publish | None = None, records: int = 500, **settings: Any
) -> AsyncIterator[Reader]:
    """A Reader that runs until the block ends; then it has drained and committed."""
    reader = Reader(load(brokers=bootstrap, prefix=prefix, **settings), publish=publish or _publish, records=records)
    stopping = asyncio.Event()
    task = asyncio.create_task(reader.run(stopping))
    try:
        yield reader
    finally:
        stopping.set()
        await asyncio.wait_for(task, 20)


async def _submit(batch: Sequence[Record]) -> list[Result]:
    return [Result(ENRICHED) for _ in batch]


async def _publish(records: Sequence[Record], results: Sequence[Result]) -> None:
    await asyncio.sleep(0)
