"""The state of the alert stage in its log: what is read back, what is noticed. Each of the conditions has its test."""

from collections.abc import Sequence

import pytest

from alerts.engine import fold
from alerts.state import State
from tests.hit_logs import HOUR, hit, made_up_log, met, tick
from topics.catalog import TOPICS
from topics.codec import decode_alert, encode
from topics.errors import ConfigError
from topics.records import Closed, HitRecord, Withdrawn
from topics.stories import CURSOR_KEY, Cursor, Story
from workers.alerting.changelog import Changelog
from workers.alerting.marks import MARK, Entry, Mark, mark_of
from workers.alerting.part import Gap, Part, Place, Work
from workers.alerting.restored import Log, Restored, restore, tail_start
from workers.messages import Record

ANYWHERE = Log(0, 10**9)


def message(offset: int, record: HitRecord | bytes) -> Record:
    value = record if isinstance(record, bytes) else encode(record)
    return Record("news.hits", 0, offset, 0, None, value)


def part(restored: Restored | None = None) -> Part:
    return Part(Place("news.hits", 0), restored or Restored(State(), None, 0, 0, 0))


class Disk:
    """A partition's two output logs in memory, written the way the worker writes them."""

    def __init__(self) -> None:
        self.alerts: list[Entry] = []
        self.stories: list[Entry] = []

    def write(self, target: Part, records: Sequence[HitRecord | bytes], *, first: int, step: int = 7) -> None:
        """Fold the records in batches of `step`, each with its alerts and then its state."""
        for start in range(0, len(records), step):
            work = Work()
            for at, record in enumerate(records[start : start + step], first + start):
                target.fold(message(at, record), work)
            self.alerts += work.alerts
            target.alerts_end = len(self.alerts)
            self.stories += target.entries(work)

    def restore(self, hits: Log = ANYWHERE) -> Restored:
        changelog = Changelog()
        for entry in self.stories:
            changelog.read(entry)
        begin = tail_start(changelog.cursor(), Log(0, len(self.alerts)))
        return restore(
            changelog,
            stories_end=len(self.stories),
            hits=hits,
            alerts_end=len(self.alerts),
            published=self.alerts[begin:],
            tail=begin,
        )

    def compact(self) -> None:
        """What the broker's cleaner leaves: the last record of each key."""
        last = {entry.key: at for at, entry in enumerate(self.stories)}
        self.stories = [entry for at, entry in enumerate(self.stories) if last[entry.key] == at]

    @property
    def told(self) -> list[bytes | None]:
        return [entry.value for entry in self.alerts]


LOG = list(made_up_log(300, desks=("a", "b"), seed=5, pace=600, topics=20))
WANTED = [encode(alert) for alert in fold(LOG)]


# Reading back.


@pytest.mark.parametrize("stop", [0, 1, 7, 100, 299, 300])
def test_a_worker_goes_on_where_another_stopped(stop: int) -> None:
    disk = Disk()
    disk.write(part(), LOG[:stop], first=0)
    restored = disk.restore()
    assert restored.next == (stop or None)
    disk.write(part(restored), LOG[stop:], first=stop)
    assert disk.told == WANTED


def test_a_worker_goes_on_from_a_compacted_log() -> None:
    disk = Disk()
    disk.write(part(), LOG[:200], first=0)
    disk.compact()
    disk.write(part(disk.restore()), LOG[200:], first=200)
    assert disk.told == WANTED


@pytest.mark.parametrize("lost", range(0, 40, 3))
def test_alerts_that_were_published_before_a_crash_are_not_sent_again(lost: int) -> None:
    """The process ended after any of a batch's alerts and before its state."""
    disk = Disk()
    disk.write(part(), LOG[:100], first=0)
    crashed, work = part(disk.restore()), Work()
    for at in range(100, 140):
        crashed.fold(message(at, LOG[at]), work)
    # A worker that had been frozen wrote some of them before, and out of order.
    disk.alerts += list(reversed(work.alerts[lost:]))
    again = part(disk.restore())
    disk.write(again, LOG[100:], first=100)
    assert sorted(filter(None, disk.told)) == sorted(WANTED)


def test_both_alerts_of_one_record_are_told_when_only_one_was_published() -> None:
    records: list[HitRecord] = [hit(desk="a"), hit(desk="b"), Withdrawn(article_id="a1", seen_at=hit().seen_at)]
    disk, whole = Disk(), Work()
    disk.write(part(), records[:2], first=0)
    part(disk.restore()).fold(message(2, records[2]), whole)
    assert len(whole.alerts) == 2
    disk.alerts.append(whole.alerts[1])
    disk.write(part(disk.restore()), records[2:], first=2)
    assert [decode_alert(value).desk for value in disk.told if value] == ["a", "b", "b", "a"]


def test_hits_below_the_cursor_change_nothing() -> None:
    disk = Disk()
    disk.write(part(), LOG[:50], first=0)
    again, work = part(disk.restore()), Work()
    for at in range(50):
        again.fold(message(at, LOG[at]), work)
    assert (work.known, work.alerts, work.state, work.mark) == (50, [], {}, None)


def test_the_clock_that_ticks_moved_and_the_desks_that_close_are_read_back() -> None:
    stories = [hit(f"s{n}", desk="closing", topic=50 + n) for n in range(100)]
    records: list[HitRecord] = [
        hit(desk="a"),
        *stories,
        tick(7 * HOUR),
        Closed(desk="closing", seen_at=hit().seen_at),
        hit("a2", desk="a", at=60),
    ]
    disk, stop = Disk(), len(records) - 1
    disk.write(part(), records[:stop], first=0)
    restored = disk.restore()
    disk.write(part(restored), records[stop:], first=stop)
    assert disk.told == [encode(alert) for alert in fold(records)]
    assert decode_alert(disk.told[-1]).kind == "corroborated"
    assert set(disk.restore().state.desks) == {"a"}


# Condition: the hit's place is in a header of every state record, and the highest counts.


def stale_write(disk: Disk) -> None:
    """What a frozen worker does that read the state at 100 hits and wakes when the other is at 200."""
    disk.write(part(), LOG[:100], first=0)
    frozen, late = part(disk.restore()), Disk()
    disk.write(part(disk.restore()), LOG[100:200], first=100)
    late.write(frozen, LOG[100:110], first=100)
    disk.stories += late.stories


def test_a_stale_batch_does_not_set_the_state_back() -> None:
    disk = Disk()
    stale_write(disk)
    assert disk.restore().next == 200
    disk.write(part(disk.restore()), LOG[200:], first=200)
    assert disk.told == WANTED


def test_keys_whose_last_record_is_stale_are_written_again_before_compaction_keeps_it() -> None:
    disk = Disk()
    stale_write(disk)
    rewrites = disk.restore().rewrites
    assert CURSOR_KEY in {entry.key for entry in rewrites}
    disk.stories += rewrites
    disk.compact()
    assert disk.restore().rewrites == []
    disk.write(part(disk.restore()), LOG[200:], first=200)
    assert disk.told == WANTED


def test_a_stale_story_does_not_bring_a_forgotten_one_back() -> None:
    def entry(value: bytes | None, offset: int) -> Entry:
        return Entry(b"a/s1", value, (Mark(0, offset).header(),))

    changelog = Changelog()
    for record in (entry(b"old", 1), entry(None, 9), entry(b"late", 5)):
        changelog.read(record)
    assert list(changelog.stories()) == []
    assert changelog.rewrites() == [entry(None, 9)]


def test_a_stale_record_and_the_right_one_stay_side_by_side_until_the_frozen_worker_is_found_out() -> None:
    """With both compacted to the stale one there would be nothing to read."""
    assert int(TOPICS["stories"].config["min.compaction.lag.ms"]) >= 60_000


def test_a_record_without_a_mark_is_not_ours() -> None:
    changelog = Changelog()
    changelog.read(Entry(b"a/s1", b"junk", ()))
    changelog.read(Entry(b"a/s1", b"junk", ((MARK, b"x/y"),)))
    changelog.read(Entry(None, b"junk", (Mark(0, 1).header(),)))
    assert (changelog.kept, changelog.records) == ({}, 0)


@pytest.mark.parametrize("junk", [b"", b"1", b"1/x", b"1/2/3/4", b"-1/2", None])
def test_a_mark_of_another_form_is_none(junk: bytes | None) -> None:
    assert mark_of(((MARK, junk),)) is None
    assert mark_of((("other", b"1/2"), Mark(3, 4).header(5))) == (Mark(3, 4), 5)


# Condition: a cursor beyond what is in the log says nothing.


def test_topics_made_anew_are_folded_from_their_beginning() -> None:
    disk = Disk()
    disk.write(part(), LOG[:100], first=0)
    restored = disk.restore(hits=Log(0, 3))
    assert restored.lost is not None
    assert (restored.next, restored.epoch) == (None, 1)
    # Published marks of the other log would silence alerts: they are of another epoch.
    assert restored.published == frozenset()


def test_state_of_a_new_log_wins_over_the_old_ones_higher_offsets() -> None:
    disk = Disk()
    disk.write(part(), LOG[:100], first=0)
    fresh = [hit(f"n{at}", desk="new", topic=at) for at in range(5)]
    disk.write(part(disk.restore(hits=Log(0, 3))), fresh, first=0)
    restored = disk.restore(hits=Log(0, 5))
    assert (restored.next, restored.epoch, restored.lost, restored.rewrites) == (5, 1, None, [])
    assert len(restored.state.desks["new"].stories) == 5
    assert set(restored.state.desks) == {"a", "b", "new"}


def test_a_tail_beyond_the_alerts_log_is_read_from_the_beginning() -> None:
    cursor = Cursor(next=9, alerts_end=50)
    assert tail_start(cursor, Log(0, 50)) == 50
    assert tail_start(cursor, Log(0, 49)) == 0
    assert tail_start(cursor, Log(60, 90)) == 60
    assert tail_start(None, Log(7, 90)) == 7


def test_state_of_a_newer_version_is_refused() -> None:
    newer = Story(v=99, id="s", desk="d", first_seen=hit().seen_at, last_seen=hit().seen_at, expires=hit().seen_at)
    changelog = Changelog()
    changelog.read(Entry(b"d/s", encode(newer), (Mark(0, 1).header(),)))
    with pytest.raises(ConfigError, match="schema 99"):
        list(changelog.stories())


# Condition: a gap in the hits ends the process, unless retention explains it.


def test_a_gap_in_the_hits_is_noticed() -> None:
    target = part()
    target.fold(message(5, hit()), Work())
    with pytest.raises(Gap, match="hit 6 was next, 8 came"):
        target.fold(message(8, hit("a2")), Work())
    with pytest.raises(Gap):
        target.fold(message(8, hit("a2")), Work(), log_start=7)
    assert target.next == 6


def test_what_retention_took_is_no_gap() -> None:
    target = part()
    target.fold(message(5, hit()), Work())
    target.fold(message(8, hit("a2")), Work(), log_start=8)
    assert target.next == 9


# What comes of each message.


def test_an_unreadable_hit_is_a_dead_letter_with_its_bytes_and_moves_the_cursor() -> None:
    target, work = part(), Work()
    bad = Record("news.hits", 0, 0, 0, b"k", b"\xff{", (("h", b"v"), ("n", None)))
    target.fold(bad, work)
    (letter,) = work.dead_letters
    assert (letter.role, letter.key, letter.value) == ("dead-letters", b"k", b"\xff{")
    assert letter.headers[:2] == (("h", b"v"), ("n", None))
    assert dict(letter.headers)["wirewatch.errors.stage"] == b"alert"
    assert dict(letter.headers)["wirewatch.errors.offset"] == b"0"
    assert [entry.key for entry in target.entries(work)] == [CURSOR_KEY]
    assert target.next == 1


def test_a_record_of_a_type_to_come_moves_the_cursor_and_nothing_else() -> None:
    target, work = part(), Work()
    target.fold(message(0, b'{"type": "digest", "due": 1}'), work)
    assert (work.dead_letters, work.alerts, target.next) == ([], [], 1)


def test_an_alert_names_its_desk_as_key_and_its_hit_in_a_header() -> None:
    target, work = part(), Work()
    target.fold(message(0, hit()), work)
    (entry,) = work.alerts
    assert entry.key == b"trade"
    assert dict(entry.headers)["wirewatch.hit"] == b"news.hits/0/0"


def test_an_alert_carries_the_trace_of_its_hit() -> None:
    target, work = part(), Work()
    trace = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    target.fold(message(0, hit())._replace(headers=(("other", b"x"), trace)), work)
    (entry,) = work.alerts
    assert trace in entry.headers
    assert "other" not in dict(entry.headers)


def test_a_story_changed_twice_is_written_once_in_its_last_form() -> None:
    target, work = part(), Work()
    target.fold(message(0, hit()), work)
    target.fold(message(1, hit("a2", rules=met("chips"))), work)
    story, cursor = target.entries(work)
    assert (story.headers, cursor.headers) == ((Mark(0, 1).header(),), (Mark(0, 1).header(),))
    assert story.value is not None
    assert b'"articles":2' in story.value
