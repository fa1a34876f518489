"""One partition of `news.hits`, folded: messages in, what must be written out. No Kafka here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from alerts.engine import step
from alerts.state import Forgotten, State, Step, Told
from topics import events
from topics.codec import decode_hit, encode
from topics.errors import InvalidRecord
from topics.records import Alert, Hit, HitRecord
from topics.stories import CURSOR_KEY, Cursor, Resumed, digest_key, story_key
from workers.alerting.marks import Entry, Mark
from workers.alerting.restored import Restored
from workers.dead_letters import dead_letter
from workers.messages import TRACE, Output, Record

ORIGIN = "wirewatch.hit"
"""Header of an alert, for diagnosis: topic/partition/offset of the hit."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 7_258_118_400_000  # the year 2200, in milliseconds


class Gap(Exception):
    """Hits are missing between the last one that was folded and the next one in hand."""


@dataclass(slots=True)
class Work:
    """What a few hits of a partition lead to: written in this order, then the hits are acknowledged.

    `mark` is that of the last hit, None where all of them had been folded before. `size` bounds the state's bytes.
    `spans` are those of the hits, if any are made: they end once all is written.
    """

    alerts: list[Entry] = field(default_factory=list)
    dead_letters: list[Output] = field(default_factory=list)
    state: dict[bytes, Entry] = field(default_factory=dict)
    published: list[Alert] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    suppressed: list[str] = field(default_factory=list)
    mark: Mark | None = None
    size: int = 0
    hits: int = 0
    known: int = 0
    repeated: int = 0
    spans: list[Any] = field(default_factory=list)


class Place(NamedTuple):
    """Which partition this is."""

    topic: str
    partition: int


class Part:
    """A partition that this worker owns: its state, and how far it has got."""

    def __init__(
        self,
        place: Place,
        restored: Restored,
        *,
        now: Callable[[], float] = time.monotonic,
        event_source: str = events.source_of("news"),
    ) -> None:
        """`now` is monotonic: it guesses the broker's time between two messages. `event_source` is `ce_source`."""
        self._event_source = event_source
        self.place = place
        self.state: State = restored.state
        self.next = restored.next
        self.alerts_end = restored.alerts_end
        self.resumed = restored.resumed
        self.known_end = 1 + max((offset for offset, _ in restored.published), default=-1)
        self._tail = restored.alerts_end if restored.tail is None else restored.tail
        self._epoch = restored.epoch
        self._published = set(restored.published)
        self._now = now
        self._heard: tuple[datetime, float] | None = None

    def fold(self, message: Record, work: Work, *, log_start: int | None = None) -> None:
        """Fold one message into the state and add to `work` what comes of it.

        A message below the place that the partition has got to changes nothing. Raises Gap for one above it, unless
        the log starts there (`log_start`): retention may have taken what lay between.
        """
        if self.next is not None and message.offset < self.next:
            work.known += 1
            return
        if self.next is not None and message.offset > self.next and (log_start is None or log_start < message.offset):
            raise Gap(f"{message.topic}/{message.partition}: hit {self.next} was next, {message.offset} came")
        mark = Mark(self._epoch, message.offset)
        record = self._decoded(message, work)
        if record is not None:
            at, waited = self._appended(message)
            done = step(self.state, record, at, hold=waited)
            self.state.apply(done)
            self._note(done, mark, message, work)
            work.hits += isinstance(record, Hit)
        self.next = message.offset + 1
        work.mark = mark

    def _appended(self, message: Record) -> tuple[datetime | None, bool]:
        """When a message was appended, by the broker's clock, or else an owner came to it; and whether it waited."""
        at = when(message.timestamp)
        if at is None:
            return None, False
        if self._heard is None or at > self._heard[0]:
            self.hear(at)
        owned = self.waited(message.offset, at)
        return owned, owned > at

    def waited(self, offset: int, at: datetime) -> datetime:
        """When the hit at `offset`, which was appended `at`, came to an owner as far as one knows."""
        owned = next((one.at for one in self.resumed if one.begin <= offset < one.until), at)
        return max(at, owned)

    def hear(self, at: datetime) -> None:
        """The broker's clock says so now."""
        self._heard = (at, self._now())

    def overdue(self) -> bool:
        """Whether a digest is due, as far as one can know without asking the broker: a tick has to be appended."""
        if self.state.due is None or self._heard is None:
            return self.state.due is not None
        at, heard = self._heard
        return at + timedelta(seconds=self._now() - heard) >= self.state.due

    def resume(self, at: datetime, *, begin: int, until: int) -> Entry:
        """From the hit `begin` on, those below `until` are folded as if they had been appended `at`.

        But for hits whose alerts are published: what was decided on them stays. The cursor that says so has to be
        written before anything is folded.
        """
        self.next = begin
        decided = max(begin, self.known_end)
        kept = [replace(one, until=min(one.until, decided)) for one in self.resumed if one.begin < decided]
        self.resumed = (*kept, Resumed(at=at, begin=decided, until=until)) if until > decided else tuple(kept)
        return Entry(CURSOR_KEY, encode(self.cursor()), (Mark(self._epoch, max(begin - 1, 0)).header(),))

    def cursor(self) -> Cursor:
        """How far the partition is folded, to be written with the state that it led to."""
        assert self.next is not None
        return Cursor(
            next=self.next,
            # As long as there are alerts of hits to come: or they would be sent again after another crash.
            alerts_end=self._tail if self.next < self.known_end else self.alerts_end,
            epoch=self._epoch,
            ticked=self.state.ticked,
            closing=dict(self.state.closing),
            live_since=self.state.live_since,
            resumed=tuple(one for one in self.resumed if one.until > self.next),
        )

    def entries(self, work: Work) -> list[Entry]:
        """The state batch: the last form of every story that the work changed, and the cursor."""
        assert work.mark is not None
        return [*work.state.values(), Entry(CURSOR_KEY, encode(self.cursor()), (work.mark.header(),))]

    def _decoded(self, message: Record, work: Work) -> HitRecord | None:
        try:
            return decode_hit(message.value)
        except InvalidRecord as error:
            work.dead_letters.append(dead_letter(message, error, stage="alert"))
            work.reasons.append(error.reason)
            return None

    def _note(self, done: Step, mark: Mark, message: Record, work: Work) -> None:
        origin = (ORIGIN, f"{message.topic}/{message.partition}/{message.offset}".encode())
        trace = tuple(header for header in message.headers if header[0] in TRACE)
        for index, alert in enumerate(done.alerts):
            if (mark.offset, index) in self._published:
                self._published.discard((mark.offset, index))
                work.repeated += 1
                continue
            event = events.headers(alert, source=self._event_source)
            work.alerts.append(Entry(alert.desk.encode(), encode(alert), (*event, origin, mark.header(index), *trace)))
            work.published.append(alert)
        for change in done.changes:
            key = story_key(change.desk, change.id)
            value = None if isinstance(change, Forgotten) else encode(change)
            work.state[key] = Entry(key, value, (mark.header(),))
            work.size += len(key) + len(value or b"") + 64
        for missed in done.missed:
            key = digest_key(missed.desk)
            value = None if isinstance(missed, Told) else encode(missed)
            work.state[key] = Entry(key, value, (mark.header(),))
            work.size += len(value or b"") + 64
        if done.suppressed:
            work.suppressed.append(done.suppressed)


def when(milliseconds: int) -> datetime | None:
    """A record's timestamp; None where it has none that can be."""
    return _EPOCH + timedelta(milliseconds=milliseconds) if 0 < milliseconds < _LATEST else None
