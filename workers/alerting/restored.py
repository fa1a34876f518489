"""A partition's state out of what its logs hold. No Kafka here: `read_back` reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from alerts.state import State
from topics.stories import Cursor, Resumed, Story
from workers.alerting.changelog import Changelog
from workers.alerting.marks import Entry, mark_of


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
