"""What a trace says of hits is what the fold made of them."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition

from alerts.engine import step
from alerts.state import State
from tests.hit_logs import HOUR, START, hit, made_up_log, met, withdrawn
from tests.unit.test_digests import LIVE, Log, aging, late, outage, quiet_tick
from topics.codec import encode
from topics.records import Hit, HitRecord
from topics.stories import CURSOR_KEY, Cursor, Story
from workers.settings import Settings
from workers.tracing.alerting import Alerting
from workers.tracing.found import Met, Place, Way
from workers.tracing.sought import Sought

SETTINGS = Settings()


class Message(NamedTuple):
    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0


class FakeScanner:
    """Topics of one partition, in memory. Hands out what passes the test, like the real one."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Message]] = {}

    def add(self, role: str, at: datetime, key: bytes | None, value: bytes, *headers: tuple[str, bytes]) -> None:
        topic = SETTINGS.topic(role)
        records = self.topics.setdefault(topic, [])
        records.append(Message(topic, len(records), int(at.timestamp() * 1000), key, value, headers))

    def partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, 0)]

    async def spans(self, partitions: Iterable[TopicPartition], since: datetime | None = None) -> list[Any]:
        return [(tp.topic, since) for tp in partitions]

    async def records(self, spans: Iterable[Any], wanted: Callable[[Any], bool]) -> AsyncIterator[Message]:
        for topic, since in spans:
            for message in self.topics.get(topic, []):
                if (since is None or message.timestamp >= since.timestamp() * 1000) and wanted(message):
                    yield message


class FakeAdmin:
    """A cluster without groups."""

    async def list_consumer_groups(self) -> list[tuple[str, str]]:
        return []


class Folded:
    """A log of hits as the alert worker leaves it behind; `said` is what the fold decided on each hit, by offset."""

    def __init__(self, log: Log, *, unfolded: int = 0) -> None:
        self.scanner = FakeScanner()
        self.said: dict[int, str] = {}
        self.hits: dict[int, Hit] = {}
        self._state = State()
        self._stories: dict[bytes, Story] = {}
        for offset, (record, seconds) in enumerate(log):
            self._append(offset, record, START + timedelta(seconds=seconds), folded=offset < len(log) - unfolded)
        cursor = Cursor(next=len(log) - unfolded, alerts_end=0)
        self.scanner.add("stories", START, CURSOR_KEY, encode(cursor))

    def _append(self, offset: int, record: HitRecord, at: datetime, *, folded: bool) -> None:
        self.scanner.add("hits", at, None, encode(record))
        if isinstance(record, Hit):
            self.hits[offset] = record
        if not folded:
            self.said[offset] = "waiting"
            return
        done = step(self._state, record, at)
        self._state.apply(done)
        origin = ("wirewatch.hit", f"{SETTINGS.topic('hits')}/0/{offset}".encode())
        for alert in done.alerts:
            self.scanner.add("alerts", at, alert.desk.encode(), encode(alert), origin)
        for change in done.changes:
            if isinstance(change, Story):
                self.scanner.add("stories", at, change.key, encode(change))
        rang = any(alert.kind not in ("digest", "withdrawn") for alert in done.alerts)
        self.said[offset] = "alerted" if rang else str(done.suppressed)

    async def told(self, article: str) -> list[Met]:
        """What the trace of an article says of each of its hits."""
        sought = Sought(article)
        alerting = Alerting(SETTINGS, self.scanner, FakeAdmin(), sought)  # type: ignore[arg-type]
        found = await alerting.follow(self._ways(article), [], since=None, now=START)
        return [met for way in found for met in way.hits]

    def _ways(self, article: str) -> Sequence[Way]:
        hits = {(one.revision, one.seen_at): one for one in self.hits.values() if one.article_id == article}
        return [
            Way(
                outcome="enriched",
                id=article,
                revision=one.revision,
                arrived=Place(topic="news.raw", partition=0, offset=0, at=one.seen_at),
            )
            for one in hits.values()
        ]


def _of(told: Met) -> str:
    return told.reason or "" if told.outcome == "folded" else told.outcome


async def _agrees(folded: Folded) -> None:
    for article in {one.article_id for one in folded.hits.values()}:
        for told in await folded.told(article):
            said = folded.said[told.place.offset]
            assert _of(told) == {"missed": "digest"}.get(said, said), (article, told.place.offset)


@pytest.mark.parametrize("seed", range(4))
async def test_a_made_up_log(seed: int) -> None:
    records = made_up_log(250, desks=("a", "b"), seed=seed, topics=60)
    log: Log = [(record, number * 2.0) for number, record in enumerate(records)]
    folded = Folded(log)
    assert {"alerted", "cooldown", "repeat", "backfill"} <= set(folded.said.values())
    await _agrees(folded)


async def test_a_revision_that_rings_and_one_that_does_not() -> None:
    further = met("tariffs", "chips")
    log: Log = [
        (hit("a"), 0.0),
        (hit("b", at=10), 10.0),
        (hit("b", at=20, revision="r2"), 20.0),
        (hit("b", at=30, revision="r3", rules=further), 30.0),
        (hit("a", at=40, revision="r2"), 40.0),
        (hit("a", at=50, revision="r3", rules=further), 50.0),
    ]
    folded = Folded(log)
    assert list(folded.said.values()) == ["alerted", "cooldown", "repeat", "alerted", "repeat", "alerted"]
    await _agrees(folded)
    cooled = (await folded.told("b"))[0]
    assert [ring.article_id for ring in cooled.alerts] == ["a"], "the alert that it was folded into"


async def test_what_was_missed_is_in_the_digest_of_its_desk() -> None:
    log = [*LIVE, *outage(("a", "b"), articles=30), (quiet_tick(), 8 * HOUR + 200)]
    folded = Folded(log)
    await _agrees(folded)
    for number in (0, 29):  # more than a digest names
        (told,) = await folded.told(f"a-{number}")
        assert told.outcome == "digest"
        assert [(ring.kind, ring.desk) for ring in told.alerts] == [("digest", "a")]


async def test_a_digest_that_is_still_to_come() -> None:
    folded = Folded([*LIVE, *outage(articles=3)])
    (told,) = await folded.told("trade-1")
    assert (told.outcome, told.alerts) == ("digest", ())


async def test_what_nobody_watched_for_comes_late() -> None:
    folded = Folded([(late(1, at=0), 7 * HOUR)])
    assert set(folded.said.values()) == {"backfill"}
    (told,) = await folded.told("trade-1")
    assert (told.outcome, told.reason) == ("folded", "late")


async def test_hits_past_the_cursor_wait() -> None:
    folded = Folded([(aging(hit(f"a{number}", topic=number)), 0.0) for number in range(5)], unfolded=3)
    assert [(await folded.told(f"a{number}"))[0].before for number in range(5)] == [None, None, 0, 1, 2]


async def test_who_was_alerted_is_told_of_the_withdrawal() -> None:
    folded = Folded([(hit("a"), 0.0), (withdrawn("a", at=60), 60.0)])
    alerting = Alerting(SETTINGS, folded.scanner, FakeAdmin(), Sought("a"))  # type: ignore[arg-type]
    (way,) = await alerting.follow(folded._ways("a"), [], since=None, now=START)
    assert [ring.kind for ring in way.withdrawals] == ["withdrawn"]
    assert [ring.kind for ring in way.hits[0].alerts] == ["hit"]
