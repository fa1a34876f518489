"""The alert worker's memory: state read back from `news.stories` and `news.alerts`, and batches written to them.

Every record that the worker writes carries a mark: which hit it comes of. The state of a partition is, for each key,
the record with the highest mark, wherever in the log it is: what a worker wrote that had been frozen and did not
know that its partition was gone comes late and stays without effect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from alerts.state import State
from topics.errors import ConfigError, InvalidRecord
from topics.stories import (
    CURSOR_KEY,
    DIGEST_KEY,
    Cursor,
    Digest,
    Resumed,
    Story,
    decode_cursor,
    decode_digest,
    decode_story,
)
from workers.clock_check import ClockCheck
from workers.messages import Headers

MARK = "wirewatch.fold"
"""Header with the mark: `epoch/offset` of the hit, and `/index` among its alerts."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""A state batch before compression. The topic takes as much (`topics.catalog`)."""
ALERT_BATCH_BYTES = 512 * 1024


class Mark(NamedTuple):
    """The hit that a record comes of: the log of hits it is in (`Cursor.epoch`), and its offset."""

    epoch: int
    offset: int

    def header(self, index: int | None = None) -> tuple[str, bytes]:
        text = f"{self.epoch}/{self.offset}" if index is None else f"{self.epoch}/{self.offset}/{index}"
        return MARK, text.encode()


class Entry(NamedTuple):
    """A record to write, or one that was read. A value of None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class ForeignWrite(Exception):
    """Somebody else wrote to a partition that is ours: what we know of it is out of date."""


@dataclass(slots=True)
class Changelog:
    """A partition of `news.stories`, read from its beginning: for each key the record with the highest mark."""

    kept: dict[bytes, tuple[Mark, bytes | None]] = field(default_factory=dict)
    stale: set[bytes] = field(default_factory=set)
    records: int = 0

    def read(self, entry: Entry) -> None:
        """Take in the next record. One without a mark is not ours."""
        mark = mark_of(entry.headers)
        if mark is None or entry.key is None:
            return
        self.records += 1
        known = self.kept.get(entry.key)
        if known is not None and known[0] > mark[0]:
            # Compaction keeps the last record of a key, and that is not the right one: it has to be written again.
            self.stale.add(entry.key)
        else:
            self.kept[entry.key] = (mark[0], entry.value)
            self.stale.discard(entry.key)

    def cursor(self) -> Cursor | None:
        """How far the partition was folded; None if it never was. Raises ConfigError (a newer version's record)."""
        _, value = self.kept.get(CURSOR_KEY, (None, None))
        return None if value is None else _readable(decode_cursor, CURSOR_KEY, value)

    def stories(self) -> Iterable[Story]:
        """The live stories. Raises ConfigError (a newer version's record)."""
        for key, (_, value) in self.kept.items():
            if key != CURSOR_KEY and not key.startswith(DIGEST_KEY) and value is not None:
                yield _readable(decode_story, key, value)

    def digests(self) -> Iterable[Digest]:
        """What desks have missed and are not told yet. Raises ConfigError (a newer version's record)."""
        for key, (_, value) in self.kept.items():
            if key.startswith(DIGEST_KEY) and value is not None:
                yield _readable(decode_digest, key, value)

    def rewrites(self) -> list[Entry]:
        """What must be written again, so that the last record of each key is the right one."""
        return [Entry(key, self.kept[key][1], (self.kept[key][0].header(),)) for key in sorted(self.stale)]


class Log(NamedTuple):
    """What a partition's log holds now: offsets from `start` up to but without `end`."""

    start: int
    end: int


@dataclass(slots=True)
class Restored:
    """A partition as it was left. `next` is the hit to go on from, None where nothing says so.

    `published` holds the alerts of hits from `next` on that are in the log already: (offset, index within the hit);
    they lie between `tail` and `alerts_end`. `resumed` are the waits that hits from `next` on were found in. `hits` is
    the log of hits; the fold goes on at `begin`, and the hit there was appended at `oldest` (None: none waits). `lost`
    says what the cursor names and the log of hits does not have.
    """

    state: State
    next: int | None
    epoch: int
    alerts_end: int
    stories_end: int
    published: frozenset[tuple[int, int]] = frozenset()
    rewrites: Sequence[Entry] = ()
    records: int = 0
    lost: str | None = None
    tail: int | None = None
    resumed: tuple[Resumed, ...] = ()
    hits: Log | None = None
    begin: int = 0
    oldest: datetime | None = None

    @property
    def waiting(self) -> int:
        """Hits that wait, as far as offsets tell."""
        return self.hits.end - self.begin if self.hits else 0


def restore(
    changelog: Changelog,
    *,
    stories_end: int,
    hits: Log,
    alerts_end: int,
    published: Iterable[Entry],
    tail: int,
) -> Restored:
    """A partition's state. `published` are the records of `news.alerts` from `tail_start` (`tail`) to `alerts_end`.

    A cursor beyond the end of the hits' log (topics made anew, failover to another cluster) says nothing of this log:
    the stories stay, the place is dropped, and the marks start a new epoch. Raises ConfigError for newer records.
    """
    cursor = changelog.cursor()
    place, epoch = (cursor.next, cursor.epoch) if cursor else (None, 0)
    lost = None
    if place is not None and place > hits.end:
        lost = f"the cursor names hit {place}, the log ends at {hits.end}"
        place, epoch = None, epoch + 1
    marks = (mark_of(entry.headers) for entry in published)
    done = {(m.offset, index) for m, index in filter(None, marks) if m.epoch == epoch and m.offset >= (place or 0)}
    stories = list(changelog.stories())
    return Restored(
        state=State(
            stories,
            ticked=cursor.ticked if cursor else None,
            closing=cursor.closing if cursor else {},
            live_since=_live_since(cursor, stories),
            missed=changelog.digests(),
        ),
        next=place,
        epoch=epoch,
        alerts_end=alerts_end,
        stories_end=stories_end,
        published=frozenset(done),
        rewrites=changelog.rewrites(),
        records=changelog.records,
        lost=lost,
        tail=tail,
        resumed=cursor.resumed if cursor and not lost else (),
        hits=hits,
    )


def _live_since(cursor: Cursor | None, stories: Sequence[Story]) -> datetime | None:
    """An earlier version's cursor does not say it: somebody watched when a story rang."""
    if cursor is None or cursor.live_since is not None:
        return cursor.live_since if cursor else None
    return min((story.alerted_at for story in stories if story.alerted_at is not None), default=None)


def tail_start(cursor: Cursor | None, alerts: Log) -> int:
    """Where in `news.alerts` those that the cursor does not know of begin. All of it where the cursor says nothing."""
    return cursor.alerts_end if cursor and alerts.start <= cursor.alerts_end <= alerts.end else alerts.start


def mark_of(headers: Headers) -> tuple[Mark, int] | None:
    """The mark in a record's headers and the alert's index (0 where it has none); None if there is none of ours."""
    for name, value in headers:
        if name == MARK and value is not None:
            parts = value.split(b"/")
            if len(parts) in (2, 3) and all(part.isdigit() for part in parts):
                epoch, offset, *index = map(int, parts)
                return Mark(epoch, offset), index[0] if index else 0
    return None


def _readable(decode: Callable[[bytes], Any], key: bytes, value: bytes) -> Any:
    try:
        return decode(value)
    except InvalidRecord as error:
        raise ConfigError(f"the state record {key[:80]!r} cannot be read: {error.message}") from None


class Topics(NamedTuple):
    """The names of the three topics that the stage works on."""

    hits: str
    alerts: str
    stories: str


async def read_back(
    consumer: AIOKafkaConsumer, topics: Topics, partitions: Collection[int], *, stop: Callable[[], bool] = lambda: False
) -> dict[int, Restored]:
    """The state of each partition, by a consumer that is in no group.

    Returns early, with nothing, once `stop` says so. Raises ConfigError, and what aiokafka raises.
    """
    names = [TopicPartition(topic, number) for topic in topics for number in partitions]
    starts, ends = await consumer.beginning_offsets(names), await consumer.end_offsets(names)
    logs = {name: Log(starts[name], ends[name]) for name in names}
    changelogs = {number: Changelog() for number in partitions}
    states = {TopicPartition(topics.stories, n): 0 for n in partitions}
    reads = {name: changelogs[name.partition].read for name in states}
    ended = await _read_to_end(consumer, {n: logs[n].start for n in states}, logs, reads, stop)
    tails: dict[TopicPartition, list[Entry]] = {TopicPartition(topics.alerts, n): [] for n in partitions}
    begin = {n: tail_start(changelogs[n.partition].cursor(), logs[n]) for n in tails}
    ended |= await _read_to_end(consumer, begin, logs, {n: tail.append for n, tail in tails.items()}, stop)
    if stop():
        return {}
    return {
        # In a thread: a second for 20,000 stories, and the loop's beat must not stop for it.
        number: await asyncio.to_thread(
            restore,
            changelogs[number],
            stories_end=ended[TopicPartition(topics.stories, number)],
            hits=logs[TopicPartition(topics.hits, number)],
            alerts_end=ended[TopicPartition(topics.alerts, number)],
            published=tails[TopicPartition(topics.alerts, number)],
            tail=begin[TopicPartition(topics.alerts, number)],
        )
        for number in partitions
    }


async def _read_to_end(
    consumer: AIOKafkaConsumer,
    begin: Mapping[TopicPartition, int],
    logs: Mapping[TopicPartition, Log],
    reads: Mapping[TopicPartition, Callable[[Entry], object]],
    stop: Callable[[], bool],
) -> dict[TopicPartition, int]:
    """Hand every record to its reader; the offsets at which each partition ended."""
    consumer.assign(list(begin))
    for name, offset in begin.items():
        consumer.seek(name, offset)
    places = dict(begin)
    while not stop() and any(places[name] < logs[name].end for name in begin):
        for name, records in (await consumer.getmany(timeout_ms=200, max_records=2000)).items():
            for record in records:
                reads[name](Entry(record.key, record.value, tuple(record.headers)))
        for name in begin:
            places[name] = await consumer.position(name)
    return places


class Writer:
    """Writes to partitions that nobody else may write to, and notices when somebody does."""

    def __init__(self, producer: AIOKafkaProducer, *, timeout: float, clock: ClockCheck | None = None) -> None:
        """`timeout` in seconds bounds every write: aiokafka's own waits have no end while brokers are away."""
        self._producer = producer
        self._clock = clock or ClockCheck()
        self._timeout = timeout
        self._ends: dict[tuple[str, int], int] = {}

    def expect(self, topic: str, partition: int, end: int) -> None:
        """The partition ends here: the next record that we write has this offset."""
        self._ends[topic, partition] = end

    async def append(self, topic: str, partition: int, entries: Sequence[Entry], *, whole: bool) -> int:
        """Write the entries in order and wait for the acknowledgement; the offset after the last.

        `whole`: in one batch, so that either all are in the log or none. Raises ForeignWrite when the partition did
        not end where it should have, and anything that aiokafka raises: after either, nothing is known of the
        partition's end, and the process has to go.
        """
        began = self._clock.now()
        async with asyncio.timeout(self._timeout):
            sent = [await self._send(topic, partition, part) for part in self._batches(entries, whole=whole)]
            for acknowledged, count in sent:
                done = await acknowledged
                self._check(topic, partition, done.offset, count)
                self._clock.acknowledged(began, done)
        return self._ends[topic, partition]

    def _check(self, topic: str, partition: int, base: int, count: int) -> None:
        expected = self._ends[topic, partition]
        if base != expected:
            raise ForeignWrite(f"{topic}/{partition}: our batch is at {base}, the one before ended at {expected}")
        self._ends[topic, partition] = base + count

    def _batches(self, entries: Sequence[Entry], *, whole: bool) -> Iterable[Sequence[Entry]]:
        if whole:
            yield entries
            return
        start, size = 0, 0
        for at, entry in enumerate(entries):
            size += len(entry.value or b"")
            if size > ALERT_BATCH_BYTES and at > start:
                yield entries[start:at]
                start, size = at, len(entry.value or b"")
        yield entries[start:]

    async def _send(self, topic: str, partition: int, entries: Sequence[Entry]) -> tuple[Awaitable[Any], int]:
        batch = self._producer.create_batch()
        for entry in entries:
            # A full batch says None, closes itself, and would go out without the rest.
            if batch.append(key=entry.key, value=entry.value, timestamp=None, headers=list(entry.headers)) is None:
                raise OverflowError(f"{topic}/{partition}: {len(entries)} records are more than one batch takes")
        batch.close()
        return await self._producer.send_batch(batch, topic, partition=partition), len(entries)
