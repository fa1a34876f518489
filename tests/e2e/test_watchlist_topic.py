"""Watchlists on the topic, on a real broker: live in every worker, whole or not at all, and gone when removed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from alerts.pushed import push_of
from alerts.watchlist import Rule, Watchlist, WatchlistError, text
from tests.conftest import KafkaFactory
from tests.following import following
from tests.kafka.broker import Cluster
from tests.kafka.secured import Secured
from tests.kafka_reading import whole_topic
from tests.worker_processes import Workers, run_command
from topics.codec import decode_hit
from topics.records import Closed, Hit
from topics.watchlists import hash_of
from workers import watchlist_topic
from workers.checks import local
from workers.checks import pushed as checks
from workers.commands import pushing
from workers.in_force import InForce
from workers.settings import Settings, load
from workers.stream import kafka as clients

pytestmark = pytest.mark.kafka

SOON = 5.0
"""The promise is a second; a busy machine is given more."""


def watchlist(id: str, *terms: str, desk: str | None = None) -> Watchlist:
    rules = tuple(Rule(id=f"r{number}", terms=(term,)) for number, term in enumerate(terms))
    return Watchlist(id=id, desk=desk or id, rules=rules)


def settings_of(kafka: Cluster, prefix: str) -> Settings:
    return load(brokers=kafka.bootstrap, prefix=prefix, group=prefix, watchlists=[])


async def push(settings: Settings, *watchlists: Watchlist) -> list[bool]:
    return [changed async for _, changed in pushing.push(settings, watchlists)]


@asynccontextmanager
async def producing(kafka: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def until(true: Callable[[], bool], timeout: float = 30.0) -> float:
    """The seconds until it is so."""
    started = time.monotonic()
    while not await asyncio.to_thread(true):
        assert time.monotonic() - started < timeout
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def stories_left(kafka: Cluster, prefix: str) -> list[bytes]:
    """The keys of stories that there were, and that were not forgotten."""
    latest = {r.key: r.value for r in await whole_topic(kafka.bootstrap, f"{prefix}.stories") if r.key[:1] != b"\0"}
    assert latest, "there was a story"
    return [key for key, value in latest.items() if value is not None]


async def condition(true: Callable[[], bool]) -> None:
    """Until it is so, of something in this process."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - no event is made of it
            await asyncio.sleep(0.05)


async def hits_of(kafka: Cluster, prefix: str, wanted: Callable[[list[Any]], bool]) -> list[Any]:
    """The hits' topic, read until it holds what is wanted."""
    async with asyncio.timeout(30):
        while True:
            records = [decode_hit(record.value) for record in await whole_topic(kafka.bootstrap, f"{prefix}.hits")]
            found = [record for record in records if isinstance(record, Hit | Closed)]  # and not the alert worker's own
            if wanted(found):
                return found


async def test_a_push_is_live_in_two_workers_at_once_and_a_removal_closes_the_desk(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    topics = await kafka.create_topics(prefix, 2)
    settings = settings_of(kafka, prefix)
    env = {"WIREWATCH_WATCHLISTS": "[]"}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        enrich = workers.start("enrich", "--model", "none", "--processes", "1", number=2)
        (alert,) = workers.start("alert")
        await asyncio.gather(*(asyncio.to_thread(worker.wait_ready) for worker in (*enrich, alert)))

        def rules(worker: Any) -> float:
            total: float = worker.total("wirewatch_watchlist_rules")
            return total

        assert [rules(worker) for worker in enrich] == [0, 0]
        pushed = watchlist("minerals", "neodymium", "cerium")
        assert await push(settings, pushed) == [True]
        assert await until(lambda: all(rules(worker) == 2 for worker in enrich)) < SOON

        async with producing(kafka) as producer:
            for number in range(4):
                article = {"id": f"a{number}", "title": f"Neodymium {number}", "body": "Prices of neodymium rose."}
                article["published_at"] = datetime.now(UTC).isoformat()
                await producer.send_and_wait(topics["raw"], json.dumps(article).encode(), partition=number % 2)
            found = await hits_of(kafka, prefix, lambda found: len(found) == 4)
            assert {(rule.watchlist, rule.version) for hit in found for rule in hit.rules} == {
                ("minerals", pushed.version)
            }
            await until(lambda: alert.total("wirewatch_hits_total") == 4)

            run_command("watchlists", "remove", "minerals", *workers.flags[:4], env=env)
            assert await until(lambda: all(rules(worker) == 0 for worker in enrich)) < SOON
            # One from each worker, and one from the command, which cannot know whether there is any worker.
            closed = await hits_of(kafka, prefix, lambda found: sum(isinstance(hit, Closed) for hit in found) == 3)
            assert {hit.desk for hit in closed if isinstance(hit, Closed)} == {"minerals"}
            await until(lambda: asyncio.run(stories_left(kafka, prefix)) == [])


async def write(kafka: Cluster, topic: str, *entries: tuple[bytes, bytes | None]) -> None:
    """Records as somebody else writes them."""
    async with producing(kafka) as producer:
        for key, value in entries:
            await producer.send_and_wait(topic, value, key=key, partition=0)


async def remove(settings: Settings, id: str) -> None:
    await pushing.remove(settings, id, kept=frozenset())


async def test_what_is_half_there_or_wrong_leaves_the_last_good_one_in_force(kafka: Cluster, prefix: str) -> None:
    topic = (await kafka.create_topics(prefix, 1))["watchlists"]
    settings = settings_of(kafka, prefix)
    good, other = watchlist("w", "one1"), watchlist("other", "two2")
    await push(settings, good)
    async with following(settings) as follower:
        assert follower.current == {"w": good.version}
        half = push_of(watchlist("w", "three3", "four4"), push="p", at=datetime.now(UTC))
        for entries in (half.rules[:1], [half.manifest]):
            await write(kafka, topic, *entries)
        assert "expected 2 of the push p, found 1" in await follower.error()
        await write(kafka, topic, (b"watchlist/w", b'{"v": 1, "id": "w"}'))
        assert "manifest: expected one that can be read" in await follower.error()
        await write(kafka, topic, (b"mute/w", b"{}"), (b"resume/news.raw/3", b"go"), (b"resume/news.raw/4", None))
        await push(settings, other)
        await follower.next()
        assert await follower.next() == {"w": good.version, "other": other.version}
        assert follower.controls == [("resume/news.raw/3", b"go"), ("resume/news.raw/4", None)]
    async with following(settings) as late:  # who never had a good one has none
        assert late.current == {"other": other.version}
        assert "manifest: expected one that can be read" in await late.error()
        findings = [(finding.level, finding.subject) async for finding in checks.check(settings, local.files(settings))]
        assert findings == [("wrong", "w"), ("fine", topic)]
        assert await push(settings, good) == [True]
        await late.next()
        assert await late.next() == {"w": good.version, "other": other.version}


async def test_what_another_program_writes_as_json_is_in_force(kafka: Cluster, prefix: str) -> None:
    topic = (await kafka.create_topics(prefix, 1))["watchlists"]
    rule = json.dumps(
        {"v": 1, "watchlist": "mine", "push": "1", "index": 0, "new": 1, "rule": {"id": "r", "terms": ["x1"]}}
    ).encode()
    manifest: dict[str, Any] = {"v": 1, "id": "mine", "desk": "me", "version": "1", "rules": 1, "push": "1", "new": 1}
    manifest |= {"hash": hash_of([rule]), "pushed_at": "2026-11-02T12:00:00Z"}
    entries = [(b"rule/mine/r/1", rule), (b"watchlist/mine", json.dumps(manifest).encode())]
    async with following(settings_of(kafka, prefix)) as follower:
        await write(kafka, topic, *entries)
        assert list(await follower.next()) == ["mine"]
        assert follower.topic.current["mine"].watchlist == Watchlist(
            id="mine", desk="me", rules=(Rule(id="r", terms=("x1",)),)
        )
        assert follower.topic.current["mine"].place == f"{topic}/0/1"


async def test_after_compaction_a_fresh_reader_sees_what_one_that_was_there_sees(kafka: Cluster, prefix: str) -> None:
    topic = f"{prefix}.watchlists"
    await kafka.create_topic(
        topic,
        cleanup_policy="compact",
        segment_ms="100",
        min_cleanable_dirty_ratio="0.01",
        min_compaction_lag_ms="0",
        max_compaction_lag_ms="200",
        delete_retention_ms="0",
    )
    await kafka.create_topic(f"{prefix}.hits")
    settings = settings_of(kafka, prefix)
    async with following(settings) as follower:
        for number in range(6):
            await push(settings, watchlist("w", f"term{number}", f"word{number}"), watchlist("gone", f"term{number}"))
        await remove(settings, "gone")

        async def left() -> int:
            await write(kafka, topic, (b"mute/x", None))  # only a segment that is closed is compacted
            return len([r for r in await whole_topic(kafka.bootstrap, topic) if not r.key.startswith(b"mute")])

        async with asyncio.timeout(60):
            while await left() > 3:  # noqa: ASYNC110 - brokers do not say when they compact
                await asyncio.sleep(0.2)
        assert follower.current == {"w": watchlist("w", "term5", "word5").version}
        async with following(settings) as fresh:
            assert fresh.current == follower.current
        assert follower.errors.empty()


async def test_a_topic_that_is_not_there_is_looked_for_again(
    kafka: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchlist_topic, "LOOK_AGAIN", 0.2)
    settings = settings_of(kafka, prefix)
    async with following(settings) as follower:
        assert (follower.current, follower.topic.waiting) == ({}, None)
        await kafka.create_topics(prefix, 1)
        await push(settings, watchlist("w", "one1"))
        assert await follower.next() == {"w": watchlist("w", "one1").version}


async def test_a_topic_that_was_made_anew_is_read_and_nothing_is_taken_for_removed(
    kafka: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchlist_topic, "LOOK_AGAIN", 0.2)
    await kafka.create_topics(prefix, 1)
    settings = settings_of(kafka, prefix)
    kept, again = watchlist("kept", "one1"), watchlist("again", "two2", "three3")
    await push(settings, kept, again)
    async with following(settings) as follower:
        assert len(follower.current) == 2
        async with clients.admin(settings) as admin:
            await admin.delete_topics([f"{prefix}.watchlists"])
        await condition(lambda: "is gone" in str(follower.topic.waiting))
        await kafka.create_topic(f"{prefix}.watchlists", cleanup_policy="compact")
        await push(settings, watchlist("again", "two2"))
        await follower.next()
        assert await follower.next() == {"kept": kept.version, "again": watchlist("again", "two2").version}
        await push(settings, kept)
        assert len(await follower.next()) == 2  # the same, from another place
        await remove(settings, "kept")
        assert await follower.next() == {"again": watchlist("again", "two2").version}


async def test_a_reader_outlives_its_broker(kafka_cluster: KafkaFactory, prefix: str) -> None:
    kafka = await asyncio.to_thread(kafka_cluster, 1)
    settings = settings_of(kafka, prefix)
    await kafka.create_topics(prefix, 1)
    await asyncio.to_thread(kafka.brokers[0].stop)
    async with following(settings, read=False) as follower:
        await condition(lambda: "not read yet" not in str(follower.topic.waiting))
        assert not follower.topic.read.is_set()
        await asyncio.to_thread(kafka.brokers[0].start)
        await push(settings, watchlist("w", "one1"))
        assert await follower.next() == {"w": watchlist("w", "one1").version}
        await asyncio.to_thread(kafka.brokers[0].stop)
        await asyncio.to_thread(kafka.brokers[0].start)
        await push(settings, watchlist("w", "two2"))
        assert await follower.next() == {"w": watchlist("w", "two2").version}


async def test_a_topic_that_we_may_not_read_is_said_with_the_remedy(secured_kafka: Secured, prefix: str) -> None:
    await secured_kafka.cluster.create_topics(prefix, 1)
    await asyncio.to_thread(secured_kafka.set_password, prefix, "right")
    security = {"mechanism": "SCRAM-SHA-256", "username": prefix, "password": "right", "ca": str(secured_kafka.ca)}
    kafka = {"security": security}
    settings = load(brokers=secured_kafka.sasl_ssl, prefix=prefix, watchlists=[], kafka=kafka)
    async with following(settings, read=False) as follower:
        await condition(lambda: "we may not read" in str(follower.topic.waiting))
        assert "grant Read" in str(follower.topic.waiting)
        assert not follower.topic.read.is_set()
        await asyncio.to_thread(secured_kafka.allow, prefix, "READ", topic=f"{prefix}.watchlists")
        await asyncio.wait_for(follower.topic.read.wait(), 30)
        assert follower.topic.waiting is None


# --- files and topic together


class Together:
    """Files and topic, and what the two said."""

    def __init__(self, settings: Settings) -> None:
        self.changes: asyncio.Queue[tuple[list[str], frozenset[str]]] = asyncio.Queue()
        self.errors: asyncio.Queue[str] = asyncio.Queue()
        self.in_force = InForce(settings, on_change=self._changed, on_error=self.errors.put_nowait)

    def _changed(self, watchlists: tuple[Watchlist, ...], closed: frozenset[str]) -> None:
        self.changes.put_nowait(([one.version for one in watchlists], closed))

    async def next(self) -> tuple[list[str], frozenset[str]]:
        return await asyncio.wait_for(self.changes.get(), 20)

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.in_force.current]


@asynccontextmanager
async def together(settings: Settings) -> AsyncIterator[Together]:
    both, stop = Together(settings), asyncio.Event()
    both.in_force.load()
    task = asyncio.create_task(both.in_force.watch(stop))
    try:
        assert await asyncio.wait_for(both.in_force.settled(stop), 30)
        yield both
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_an_id_in_a_file_and_on_the_topic_is_an_error_that_names_both(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    await kafka.create_topics(prefix, 1)
    files = tmp_path / "lists"
    files.mkdir()
    in_file, on_topic = watchlist("w", "one1"), watchlist("w", "two2")
    (files / "w.yaml").write_text(text(in_file))
    settings = settings_of(kafka, prefix).model_copy(update={"watchlists": (files,)})
    async with together(settings) as both:
        assert both.ids == ["w"]
        await push(settings, on_topic)
        said = await asyncio.wait_for(both.errors.get(), 20)
        assert f"{files / 'w.yaml'}:1: id: expected an id of its own" in said
        assert f"“w”, which {prefix}.watchlists/0/1 on the topic has, too" in said
        assert [one.version for one in both.in_force.current] == [in_file.version]
        assert both.in_force.refused == 1

        (wrong, _) = [finding async for finding in checks.check(settings, local.files(settings))]
        assert (wrong.level, wrong.subject) == ("wrong", "w")
        assert f"in {files / 'w.yaml'} and at {prefix}.watchlists/0/1" in wrong.message
        with pytest.raises(WatchlistError, match="on the topic has, too"):  # at a start there is no last good one
            async with together(settings):
                pass

        (files / "w.yaml").unlink()  # which is how one moves to the topic: nothing is closed on the way
        assert await both.next() == ([on_topic.version], frozenset())
        assert both.in_force.origins == {"file": 0, "topic": 1, "shipped": 0}
        assert both.in_force.refused == 0


async def test_a_desk_is_closed_when_its_last_watchlist_goes_and_not_before(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    await kafka.create_topics(prefix, 1)
    file = tmp_path / "w.yaml"
    in_file = watchlist("a", "one1", desk="desk")
    file.write_text(text(in_file))
    settings = settings_of(kafka, prefix).model_copy(update={"watchlists": (tmp_path,)})
    await push(settings, watchlist("b", "two2", desk="desk"), watchlist("c", "three3", desk="other"))
    async with together(settings) as both:
        assert both.ids == ["a", "b", "c"]
        assert both.changes.get_nowait()[1] == frozenset()
        await remove(settings, "b")
        assert (await both.next())[1] == frozenset()
        file.unlink()
        assert (await both.next())[1] == frozenset({"desk"})
        await remove(settings, "c")
        assert await both.next() == ([], frozenset({"other"}))


async def test_the_shipped_watchlists_are_in_force_while_there_is_no_other(
    kafka: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WIREWATCH_WATCHLISTS", raising=False)
    await kafka.create_topics(prefix, 1)
    settings = load(brokers=kafka.bootstrap, prefix=prefix)
    async with together(settings) as both:
        assert both.ids == ["shipping", "trade"]
        assert both.in_force.origins == {"file": 0, "topic": 0, "shipped": 2}
        await push(settings, watchlist("w", "one1"))
        assert (await both.next())[1] == {"shipping", "trade"}
        assert both.ids == ["w"]
    async with together(settings) as later:  # a start is no closing
        assert later.changes.get_nowait() == ([watchlist("w", "one1").version], frozenset())


async def test_many_that_are_pushed_at_once_are_few_sets(kafka: Cluster, prefix: str) -> None:
    await kafka.create_topics(prefix, 1)
    settings = settings_of(kafka, prefix)
    many = [watchlist(f"w{number}", f"term{number}") for number in range(60)]
    async with following(settings) as follower:
        started = time.monotonic()
        await push(settings, *many)
        pushing_took = time.monotonic() - started
        await condition(lambda: len(follower.current) == 60)
        # Every set is a load for each process of the pool, which keeps but so many for what is on its way.
        assert follower.sets.qsize() <= 4 + pushing_took / watchlist_topic.QUIET / 2
        print(f"\n60 pushes in {pushing_took:.1f} s: {follower.sets.qsize()} sets")
