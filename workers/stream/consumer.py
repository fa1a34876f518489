"""The one loop: fetch, hand over to the pool, publish in offset order, settle, commit.

The event loop only moves bytes, and heartbeats live on it. Nothing here knows what is in a record.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from workers.messages import Record, Result
from workers.stream import lenient
from workers.stream.batches import batches, record_of
from workers.stream.commits import Commits
from workers.stream.lane import Lane
from workers.stream.lanes import Lanes
from workers.stream.ledger import Ledger
from workers.stream.place import LOST, Place, find
from workers.stream.unordered import Unordered

ABANDON_TIMEOUT = 2.0
"""How long a rebalance waits for what is being published, in seconds, before it commits: no heartbeat is sent
meanwhile, and sessions are short."""
FETCH_WAIT = 0.2

log = structlog.get_logger()


class Observer(Protocol):
    """Who counts: `workers.enrich` with the metrics, a test with a list."""

    def consumed(self, records: Sequence[Record]) -> None: ...
    def settled(self, records: Sequence[Record], results: Sequence[Result], *, sent: float) -> None: ...
    def committed(self, ok: bool) -> None: ...
    def rebalanced(self) -> None: ...
    def revoked(self, partitions: Sequence[TopicPartition]) -> None: ...
    def misplaced(self, place: Place) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`batch` records go to the pool at once; at most `records` and `bytes` are in flight, over all partitions."""

    batch: int
    records: int
    bytes: int
    commit_interval: float
    drain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Where a partition stands: offsets, and how many of them nothing accounts for."""

    position: int
    committed: int
    unaccounted: int


class Loop(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Reads `consumer`, which it subscribes to `topics`. `submit` is the pool's, `publish` sends a record's outputs.

    `lane` makes what a partition's batches go through: in offset order, or (`Unordered`) as they are done.
    With `keep_ahead`, what is settled beyond a committed offset is noted in the commit (`workers.stream.ahead`).

    `run` returns when `stopping` is set and the work in flight is done or out of time. It raises what a publish, a
    fetch or the pool raised: the caller decides whether to begin again.
    """

    def __init__(
        self,
        consumer: Any,
        *,
        submit: Callable[[Sequence[Record]], Awaitable[list[Result]]],
        publish: Callable[[Sequence[Record], Sequence[Result]], Awaitable[None]],
        limits: Limits,
        observer: Observer,
        now: Callable[[], float] = time.monotonic,
        lane: Callable[..., Lane | Unordered] = Lane,
        keep_ahead: bool = False,
    ) -> None:
        self._consumer = consumer
        self._lane = lane
        self._submit = submit
        self._publish = publish
        self._limits = limits
        self._observer = observer
        self._now = now
        self._lanes = Lanes(consumer, batch=limits.batch, records=limits.records, bytes=limits.bytes)
        self._rebalancing = False
        self._assignments = 0
        self._books: dict[TopicPartition, Books] = {}
        self.ledger: Ledger[TopicPartition] = Ledger()
        self._commits = Commits(
            consumer,
            self.ledger,
            interval=limits.commit_interval,
            told=observer.committed,
            keep_ahead=keep_ahead,
            now=now,
        )
        self.joined = False
        self.progress_at = now()
        """When an offset was settled last, or there was nothing to do."""

    async def run(self, topics: Sequence[str] | re.Pattern[str], stopping: asyncio.Event) -> None:
        if isinstance(topics, re.Pattern):
            self._consumer.subscribe(pattern=topics, listener=self)
        else:
            self._consumer.subscribe(topics=list(topics), listener=self)
        try:
            while not stopping.is_set():
                await self._turn()
            await self._drain()
        finally:
            await self._abandon(self._lanes.partitions)

    async def _turn(self) -> None:
        self._lanes.raise_failure()
        self._lanes.regulate()
        if self._lanes.room() <= 0:
            await asyncio.sleep(FETCH_WAIT / 20)
        else:
            fetched = await self._fetch()
            if fetched is not None:
                self._take(fetched)
                await self._balance(fetched.keys())
        if self._commits.due:
            await self._commits.settled()

    async def _fetch(self) -> Mapping[TopicPartition, Sequence[Any]] | None:
        """The next records; None where those that came were dropped, and positions say nothing for now."""
        most = min(self._lanes.room(), 4 * self._limits.batch)
        try:
            fetched: Mapping[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
                timeout_ms=int(FETCH_WAIT * 1000), max_records=most
            )
        except UnicodeDecodeError as error:
            log.warning("a header's name is no UTF-8: parsing leniently from now on", error=str(error))
            lenient.install()
            await self._fetch_again()
            return None
        except LOST as error:
            await self._read_on(error)
            return None
        # A rebalance that began while these were on their way: they will be fetched again by whoever gets them.
        return None if self._rebalancing else fetched

    async def _read_on(self, error: KafkaError) -> None:
        """Go to where a partition can be read; and say so to the group, or the next owner would have to find it, too.

        An offset that is lost now may be in range again when a new log has grown: that would skip what came before.
        """
        before = self._assignments
        place = await find(self._consumer, error)
        if place is not None and place.anew and before == self._assignments:
            await self._abandon([place.partition])
        # In another assignment the partition has another place, which may be a right one.
        if place is None or self._rebalancing or before != self._assignments:
            return
        tp = place.partition
        self._consumer.seek(tp, place.start)
        if place.lost is not None:
            self._observer.misplaced(place)
            if not self.ledger.holds(tp):  # else what is in flight is settled first
                await self._commits.place(tp, place.start)

    async def _fetch_again(self) -> None:
        """Go back to what was taken last: the failed fetch has lost what it had of other partitions."""
        for tp in self._consumer.assignment():
            start = self.ledger.next(tp) if self.ledger.holds(tp) else await self._consumer.committed(tp)
            if start is None:
                await self._consumer.seek_to_beginning(tp)
            else:
                self._consumer.seek(tp, start)

    def _take(self, fetched: Mapping[TopicPartition, Sequence[Any]]) -> None:
        for tp, messages in fetched.items():
            if not messages:
                continue
            if tp not in self._lanes:
                self._open(tp, messages[0].offset)
            records = [record_of(message) for message in messages]
            for record in records:
                self.ledger.track(tp, record.offset)
            self._observer.consumed(records)
            for batch in batches(records, self._limits.batch):
                self._lanes.add(tp, batch)

    async def _balance(self, fetched: Collection[TopicPartition]) -> None:
        """Hold the consumer's own positions against the ledger.

        Where the consumer has gone on without handing out a record, there was none: the markers of transactions, or
        the end of a compacted batch. Were they not settled, the partition would never seem read to its end.
        """
        for tp in self._consumer.assignment():
            if not self.ledger.holds(tp):
                continue
            # Returns without a pause for a partition that was fetched from, so no record slips in between.
            position = await self._consumer.position(tp)
            if self.ledger.holds(tp):
                if tp not in fetched:
                    self.ledger.skip_to(tp, position)
                self._books[tp] = Books(
                    position=position,
                    committed=self.ledger.base(tp),
                    unaccounted=self.ledger.unaccounted(tp, position=position),
                )

    @property
    def trouble(self) -> str | None:
        """Why nothing is remembered of what is done: commits fail, and not only for a rebalance."""
        return self._commits.trouble

    def idle(self) -> None:
        """There is nothing to do: that is no standstill."""
        self.progress_at = self._now()

    def books(self, tp: TopicPartition) -> Books | None:
        """Where a partition stood after the last fetch; None before its first record."""
        return self._books.get(tp) if self.ledger.holds(tp) else None

    def _open(self, tp: TopicPartition, start: int) -> None:
        self.ledger.assign(tp, start)

        async def publish(records: Sequence[Record], results: list[Result]) -> None:
            started = self._now()
            await self._publish(records, results)
            self._observer.settled(records, results, sent=self._now() - started)

        def settled(records: Sequence[Record]) -> None:
            for record in records:
                self.ledger.settle(tp, record.offset)
            self.progress_at = self._now()

        self._lanes.open(tp, self._lane(submit=self._submit, publish=publish, settled=settled))

    @property
    def assigned(self) -> int:
        """Partitions that are ours to read; none in a rebalance."""
        return 0 if self._rebalancing else len(self._consumer.assignment())

    @property
    def paused(self) -> int:
        """Partitions that are paused for now."""
        return len(self._consumer.paused())

    @property
    def records(self) -> int:
        """Records in flight."""
        return self._lanes.records

    @property
    def bytes(self) -> int:
        """Bytes in flight."""
        return self._lanes.bytes

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Finish what is being published, commit, and forget the rest."""
        self._rebalancing = True
        await self._abandon(list(revoked))

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._rebalancing = False
        self._assignments += 1
        self.joined = True
        self.progress_at = self._now()
        self._observer.rebalanced()
        log.info("assigned", partitions=[f"{tp.topic}/{tp.partition}" for tp in sorted(assigned)])

    async def _abandon(self, partitions: Sequence[TopicPartition]) -> None:
        await self._lanes.abandon(partitions, ABANDON_TIMEOUT)
        await self._commits.settled()
        for tp in partitions:
            self._lanes.forget(tp)
            self._commits.forget(tp)
            self.ledger.revoke(tp)
        self._observer.revoked(partitions)

    async def _drain(self) -> None:
        """Let the work in flight finish, until the deadline. What is held is left to the next owner."""
        deadline = self._now() + self._limits.drain
        while (left := self._at_work()) and self._now() < deadline:
            self._lanes.raise_failure()
            await asyncio.sleep(FETCH_WAIT / 10)
        if left:
            log.warning("drain deadline passed", in_flight=left)

    def _at_work(self) -> int:
        return sum(map(self.ledger.in_flight, self._lanes.at_work))
