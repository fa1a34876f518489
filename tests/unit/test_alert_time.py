"""Time as the alert stage knows it: hits that waited for an owner, and when a tick is due. No clock of ours counts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from alerts.state import State
from tests.hit_logs import HOUR, START, hit
from tests.unit.test_alert_log import Disk
from topics.codec import decode_alert, encode
from topics.records import Hit, HitRecord, Tick
from topics.stories import CURSOR_KEY, Cursor, Resumed, Story, decode_cursor
from workers.alerting.changelog import Changelog
from workers.alerting.marks import Entry, Mark
from workers.alerting.part import Part, Place, Work
from workers.alerting.restored import Log, Restored, restore
from workers.messages import Record

WAIT = 9 * HOUR


def time(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def news(number: int) -> Hit:
    """An article a minute, each of a story of its own, that rings for six hours."""
    record = hit(f"a{number}", at=number * 60, topic=2000 + number)
    return replace(record, published_at=record.seen_at, stale_at=record.seen_at + timedelta(hours=6))


def appended(offset: int, record: HitRecord, at: float) -> Record:
    return Record("news.hits", 0, offset, int(time(at).timestamp() * 1000), None, encode(record))


def part(restored: Restored | None = None) -> Part:
    return Part(Place("news.hits", 0), restored or Restored(State(live_since=START), None, 0, 0, 0))


def fold(target: Part, records: Sequence[Record]) -> Work:
    work = Work()
    for record in records:
        target.fold(record, work)
    return work


HITS = [appended(n, news(n), n * 60 + 1) for n in range(100)]
TICK = appended(100, Tick(seen_at=START), WAIT)
AFTER = [appended(101, Tick(seen_at=START), WAIT + 120)]


def write(disk: Disk, target: Part, work: Work) -> None:
    disk.alerts += work.alerts
    target.alerts_end = len(disk.alerts)
    disk.stories += target.entries(work)


def kinds(disk: Disk) -> list[str]:
    return [decode_alert(entry.value).kind for entry in disk.alerts]


def taken_over(disk: Disk, at: float, until: int = 100) -> Part:
    """What the owner does when it comes and hits wait."""
    found = disk.restore()
    if not disk.stories:
        found.state.live_since = START
    target = part(found)
    disk.stories.append(target.resume(time(at), begin=found.next or 0, until=until))
    return target


def test_hits_that_waited_for_an_owner_are_one_digest() -> None:
    disk = Disk()
    target = taken_over(disk, WAIT)
    write(disk, target, fold(target, [*HITS, TICK, *AFTER]))
    assert kinds(disk) == ["digest"]
    assert decode_alert(disk.alerts[0].value).counts.articles == 100


def test_hits_that_were_folded_in_time_ring() -> None:
    disk, target = Disk(), part()
    write(disk, target, fold(target, HITS))
    assert kinds(disk) == ["hit"] * 100


@pytest.mark.parametrize("batch", [1, 7, 40, 100])
@pytest.mark.parametrize("lost", ["state", "alerts and state"])
def test_a_kill_while_catching_up_changes_nothing(batch: int, lost: str) -> None:
    """The process ends after each batch, before its state or its alerts are written; the next owner does it again."""
    disk = Disk()
    target = taken_over(disk, WAIT)
    log, place = [*HITS, TICK, *AFTER], 0
    while place < len(log):
        crashed = fold(target, log[place : place + batch])
        if lost == "state":
            disk.alerts += crashed.alerts
        target = part(disk.restore())
        write(disk, target, fold(target, log[place : place + batch]))
        place += batch
    assert kinds(disk) == ["digest"]
    assert decode_alert(disk.alerts[0].value).counts.articles == 100


def test_what_is_decided_on_hits_whose_alerts_are_published_stays() -> None:
    """An owner folded them in time and ended before its state was written; the next one comes hours later."""
    disk = Disk()
    first = part()
    write(disk, first, fold(first, HITS[:10]))
    disk.alerts += fold(part(disk.restore()), HITS[10:30]).alerts
    again = taken_over(disk, WAIT)
    write(disk, again, fold(again, [*HITS[10:], TICK, *AFTER]))
    assert kinds(disk) == [*["hit"] * 30, "digest"]
    assert decode_alert(disk.alerts[-1].value).counts.articles == 70


def test_an_owner_that_comes_after_another_that_came_late_keeps_its_word() -> None:
    """The first came after 3 hours and rang for 20 of its hits; the second comes after 9."""
    disk = Disk()
    first = taken_over(disk, 3 * HOUR)
    disk.alerts += fold(first, HITS[:20]).alerts
    assert kinds(disk) == ["hit"] * 20
    again = taken_over(disk, WAIT)
    assert again.resumed == (
        Resumed(at=time(3 * HOUR), begin=0, until=20),
        Resumed(at=time(WAIT), begin=20, until=100),
    )
    write(disk, again, fold(again, [*HITS, TICK, *AFTER]))
    assert kinds(disk) == [*["hit"] * 20, "digest"]


def test_a_digest_that_is_due_waits_for_the_hits_that_wait() -> None:
    """The owner was killed while it caught up, and another comes when the digest should have been out."""
    disk = Disk()
    first = taken_over(disk, WAIT)
    write(disk, first, fold(first, HITS[:40]))
    again = taken_over(disk, WAIT + 900)
    write(disk, again, fold(again, [*HITS[40:], TICK, appended(101, Tick(seen_at=START), WAIT + 1000)]))
    assert kinds(disk) == ["digest"]
    assert decode_alert(disk.alerts[0].value).counts.articles == 100


def test_waits_are_forgotten_once_their_hits_are_folded() -> None:
    disk = Disk()
    target = taken_over(disk, WAIT)
    write(disk, target, fold(target, HITS[:99]))
    assert len(target.cursor().resumed) == 1
    write(disk, target, fold(target, HITS[99:]))
    assert target.cursor().resumed == ()


def test_alerts_of_hits_to_come_stay_known_through_another_crash() -> None:
    """One owner told of 60 hits and ended; the next folds 10, writes its state, and ends; then comes a third."""
    disk = Disk()
    first = part()
    write(disk, first, fold(first, HITS[:1]))
    disk.alerts += fold(part(disk.restore()), HITS[1:60]).alerts
    second = part(disk.restore())
    write(disk, second, fold(second, HITS[1:10]))
    third = part(disk.restore())
    write(disk, third, fold(third, HITS[10:]))
    assert len(disk.alerts) == len({entry.value for entry in disk.alerts}) == 100


def test_a_digest_and_since_when_somebody_watches_are_read_back() -> None:
    disk = Disk()
    target = taken_over(disk, WAIT)
    write(disk, target, fold(target, HITS))
    found = disk.restore()
    assert found.state.live_since == START
    assert found.state.digests == target.state.digests
    assert found.state.due == time(WAIT + 60)
    assert {story.desk for story in found.state.stories()} == {"trade"}


def test_a_cursor_of_an_earlier_version_was_live_when_its_first_story_rang() -> None:
    rang = Story(id="s", desk="d", first_seen=START, last_seen=START, expires=time(9), alerted_at=time(5))
    changelog = Changelog()
    changelog.read(Entry(rang.key, encode(rang), (Mark(0, 1).header(),)))
    changelog.read(Entry(CURSOR_KEY, encode(Cursor(next=2, alerts_end=0)), (Mark(0, 1).header(),)))
    found = restore(changelog, stories_end=2, hits=Log(0, 2), alerts_end=0, published=(), tail=0)
    assert found.state.live_since == time(5)


def test_waits_in_another_log_of_hits_say_nothing() -> None:
    disk = Disk()
    write(disk, target := taken_over(disk, WAIT), fold(target, HITS[:50]))
    assert disk.restore().resumed
    assert disk.restore(hits=Log(0, 3)).resumed == ()


# Ticks.


def test_a_tick_is_due_when_the_brokers_clock_must_have_got_there() -> None:
    now = [1000.0]
    target = Part(Place("news.hits", 0), Restored(State(live_since=START), None, 0, 0, 0), now=lambda: now[0])
    fold(target, [appended(0, news(0), WAIT)])
    assert target.state.due == time(WAIT + 60)
    now[0] += 59
    assert not target.overdue()
    now[0] += 1
    assert target.overdue()
    fold(target, [appended(1, Tick(seen_at=START), WAIT + 60)])
    assert not target.overdue()


def test_a_digest_that_was_due_before_a_restart_needs_a_tick_to_know() -> None:
    disk = Disk()
    write(disk, target := part(), fold(target, [appended(0, news(0), WAIT)]))
    again = part(disk.restore())
    assert again.overdue()
    again.hear(time(WAIT + 1))
    assert not again.overdue()
    assert not part().overdue()


def test_a_cursor_says_since_when_somebody_watches() -> None:
    target = part(Restored(State(), None, 0, 0, 0))
    work = fold(target, [appended(0, Tick(seen_at=START), 7)])
    value = target.entries(work)[-1].value
    assert value is not None
    assert decode_cursor(value).live_since == time(7)
