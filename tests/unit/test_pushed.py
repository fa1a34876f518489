"""Watchlists on a topic are whole versions that somebody pushed, whoever pushes at once or ends half way."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.pushed import ABANDONED_AFTER, CORRUPT, INCOMPLETE, PushedLog, State, push_of
from alerts.watchlist import Rule, Term, Watchlist, load, text
from topics.records import Policy
from topics.watchlists import decode_manifest, decode_rule, hash_of, manifest_key, parse_key, rule_key
from workers.commands.pushing import Topic
from workers.commands.running import CommandFailed
from workers.settings import load as load_settings

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TP = TopicPartition("news.watchlists", 0)
MINUTE = 60_000


class Logged(NamedTuple):
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None


def watchlist(number: int, rules: int = 2, id: str = "w") -> Watchlist:
    """One of its number: no two share a rule's contents."""
    made = tuple(Rule(id=f"r{n}", terms=(f"term{number} {n}",)) for n in range(rules))
    return Watchlist(id=id, desk="d", policy=Policy(cooldown=float(number)), rules=made)


def read(records: Sequence[Logged]) -> PushedLog:
    log = PushedLog("news.watchlists/0")
    for record in records:
        log.take(*record)
    return log


def logged(*entries: tuple[bytes, bytes | None]) -> list[Logged]:
    return [Logged(offset, offset, key, value) for offset, (key, value) in enumerate(entries)]


def pushed(watchlist: Watchlist, push: str = "p1") -> list[tuple[bytes, bytes | None]]:
    made = push_of(watchlist, push=push, at=NOON)
    return [*made.rules, made.manifest]


def state(*entries: tuple[bytes, bytes | None], id: str = "w") -> State:
    found = read(logged(*entries)).state(id)
    assert found is not None
    return found


# --- records


def test_what_is_pushed_is_read_as_it_was() -> None:
    rule = Rule(
        id="r",
        name="Rare",
        severity="flash",
        terms=("稀土", "5", "no", "sanction*", Term(term="Apple", label=("ORG", "PERSON")), Term(entity="Q865")),
        aliases={"TSMC": ("台積電",)},
        exclude=("x1", Term(term="Apple", label=("PRODUCT",))),
        fields=("title", "lead"),
        case=False,
        label=("GPE",),
        sources=("reuters",),
        languages=("en", "zh-hant"),
        tags=("t",),
        meta={"a": {"b": [1, 2.5, True, None, "2026-01-02", "0x1F"]}},
    )
    whole = Watchlist(id="w", desk="d", policy=Policy(cooldown=0.0), rules=(rule, Rule(id="s", terms=("y1",))))
    found = state(*pushed(whole))
    assert (found.watchlist, found.fault) == (whole, None)


@pytest.mark.parametrize("name", ["trade", "shipping"])
def test_a_file_goes_through_the_topic_and_back_into_a_file_with_its_version(name: str, tmp_path: Path) -> None:
    own = load(Path(__file__).parents[2] / "alerts" / "watchlists" / f"{name}.yaml")
    back = state(*pushed(own), id=name).watchlist
    assert back == own
    file = tmp_path / "w.yaml"
    file.write_text(text(back), encoding="utf-8")
    assert load(file) == own


def test_records_are_plain_json_that_any_consumer_can_put_together() -> None:
    made = push_of(watchlist(1), push="p1", at=NOON, by="ann")
    rules = [json.loads(value) for _, value in made.rules]
    assert rules[0] == {
        "v": 1,
        "watchlist": "w",
        "push": "p1",
        "index": 0,
        "rule": {"id": "r0", "terms": ["term1 0"]},
    }
    manifest = json.loads(made.manifest[1])
    assert manifest == {
        "v": 1,
        "id": "w",
        "desk": "d",
        "policy": {"cooldown": 1.0},
        "version": watchlist(1).version,
        "rules": 2,
        "hash": hash_of(value for _, value in made.rules),
        "push": "p1",
        "pushed_at": "2026-11-02T12:00:00Z",
        "pushed_by": "ann",
    }
    assert [key for key, _ in made.rules] == [b"rule/w/r0/p1", b"rule/w/r1/p1"]


# --- what is not whole, or not right


Entries = list[tuple[bytes, bytes | None]]
ENTRIES = pushed(watchlist(1))


def changed(number: int, /, **fields: Any) -> Entries:
    """A push with other fields in one of its records."""
    key, value = ENTRIES[number]
    changed = json.dumps(json.loads(value or b"") | fields).encode()
    return [*ENTRIES[:number], (key, changed), *ENTRIES[number + 1 :]]


@pytest.mark.parametrize(
    ("entries", "fault", "said"),
    [
        (ENTRIES[1:], INCOMPLETE, ":1: rules: expected 2 of the push p1, found 1"),
        (changed(2, rules=3), INCOMPLETE, "expected 3 of the push p1, found 2"),
        (changed(2, push="p2"), INCOMPLETE, "expected 2 of the push p2, found 0"),
        (changed(2, hash="0"), CORRUPT, ":2: hash: expected that of the rules' records"),
        (changed(0, rule={"id": "r0", "terms": ["another"]}), CORRUPT, "hash"),
        (changed(0, rule={"id": "other", "terms": ["x1"]}), CORRUPT, ":0: rule r0: expected what its key"),
        (changed(0, index="first"), CORRUPT, ":0: rule r0: expected one that can be read"),
        (changed(2, id="other"), CORRUPT, ":2: id: expected “w”, as in the key, found “other”"),
        (changed(2, v=2), CORRUPT, "schema 2 is newer"),
        (changed(0, v=2), CORRUPT, "schema 2 is newer"),
        (changed(2, policy={"cooldown": -1}), CORRUPT, ":2: policy.cooldown: expected seconds"),
        (changed(2, desk=" "), CORRUPT, ":2: desk: expected text that is not empty"),
        ([*ENTRIES[:2], (b"watchlist/w", b"not json")], CORRUPT, ":2: manifest: expected one that can be read"),
        ([*ENTRIES[:2], (b"watchlist/w", b"[" * 100_000)], CORRUPT, ":2: manifest"),
        ([*ENTRIES[:2], (b"watchlist/w", b"\xff")], CORRUPT, ":2: manifest"),
        ([*ENTRIES[:2], (b"watchlist/w", b"")], CORRUPT, ":2: manifest"),
    ],
)
def test_what_is_not_whole_or_right_says_where_and_why(
    entries: list[tuple[bytes, bytes | None]], fault: str, said: str
) -> None:
    found = state(*entries)
    assert (found.watchlist, found.fault) == (None, fault)
    assert any(said in str(problem) for problem in found.problems), found.problems
    assert all(str(problem).startswith("news.watchlists/0:") for problem in found.problems)


def with_rule(**rule: Any) -> list[tuple[bytes, bytes | None]]:
    """A push of one rule, written by hand: its hash is right, whatever the rule says."""
    value = json.dumps({"v": 1, "watchlist": "w", "push": "p", "index": 0, "rule": {"id": "r", **rule}}).encode()
    manifest = {"v": 1, "id": "w", "desk": "d", "version": "mine", "rules": 1, "push": "p", "hash": hash_of([value])}
    manifest["pushed_at"] = "2026-11-02T12:00:00Z"
    return [(rule_key("w", "r", "p"), value), (manifest_key("w"), json.dumps(manifest).encode())]


def test_a_watchlist_written_by_hand_is_taken_with_its_own_version() -> None:
    found = state(*with_rule(terms=["x1"]))
    assert found.watchlist == Watchlist(id="w", desk="d", rules=(Rule(id="r", terms=("x1",)),))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "rules[0].terms: expected at least one term"),
        ({"terms": [" "]}, "rules[0].terms[0]: expected text"),
        ({"terms": [5]}, 'rules[0].terms[0]: expected text (quote it: "5")'),
        ({"terms": {"a": 1}}, "rules[0].terms: expected a list"),
        ({"terms": ["x1"], "severity": "deadly"}, "rules[0].severity: expected info, urgent or flash"),
        ({"terms": ["x1"], "query": "x"}, "rules[0].query: expected one of"),
        ({"terms": ["x1"], "meta": json.loads("[" * 50 + "]" * 50)}, "rule: expected at most 12 levels"),
        ({"terms": ["x" * 300]}, "rules[0].terms[0]: expected at most 200 characters"),
    ],
)
def test_a_rule_written_by_hand_is_held_to_what_files_are(rule: dict[str, Any], said: str) -> None:
    found = state(*with_rule(**rule))
    assert (found.watchlist, found.fault) == (None, CORRUPT)
    assert any(said in str(problem) for problem in found.problems), found.problems


@given(
    st.lists(st.tuples(st.sampled_from([b"watchlist/w", b"rule/w/r0/p1", b"rule/w/r1/p1"]), st.binary() | st.none()))
)
def test_no_bytes_make_a_reader_stumble(garbage: list[tuple[bytes, bytes | None]]) -> None:
    log = read(logged(*pushed(watchlist(1)), *garbage))
    found = log.state("w")
    assert found is None or found.watchlist in (None, watchlist(1))
    list(log.stale("w", now=0))


@pytest.mark.parametrize(
    "key",
    [None, b"", b"mute/w", b"resume/news.raw/3", b"rule/w/r", b"rule/w/r/p/more", b"watchlist/", b"\xff", b"watchlist"],
)
def test_records_of_other_kinds_are_passed_by(key: bytes | None) -> None:
    log = PushedLog("news.watchlists/0")
    log.take(0, 0, key, b"whatever")
    assert (log.ids, log.changed) == ((), set())
    assert parse_key(key) is None


def test_only_what_may_change_a_watchlist_is_marked() -> None:
    log = read(logged(*pushed(watchlist(1))))
    log.changed.clear()
    for offset, (key, value) in enumerate(pushed(watchlist(2), "p2"), 3):
        assert log.changed == set()
        log.take(offset, 0, key, value)
    assert log.changed == {"w"}


# --- what may be cleared away


def test_what_a_push_replaced_may_be_cleared_away_and_what_comes_after_it_not() -> None:
    entries = [*pushed(watchlist(1), "p1"), *pushed(watchlist(2), "p2"), *pushed(watchlist(3), "p3")[:2]]
    log = read(logged(*entries))
    assert set(log.stale("w", now=0)) == {key for key, _ in entries[:2]}
    log.take(9, 0, b"watchlist/w", None)
    assert set(log.stale("w", now=0)) == {key for key, _ in (*entries[:2], *entries[3:5])}


def test_rules_without_a_manifest_are_those_of_a_push_under_way_until_a_day_is_over() -> None:
    begun = pushed(watchlist(1), "p1")[:-1]
    log = read(logged(*begun, *pushed(watchlist(2), "p2")))
    assert set(log.stale("w", now=10 * MINUTE)) == set()
    assert set(log.stale("w", now=int(ABANDONED_AFTER * 1000) + MINUTE)) == {key for key, _ in begun}


# --- several at once


class Stage:
    """A topic in memory that several push to and remove from, one record at a time: whose turn it is, is chosen."""

    def __init__(self) -> None:
        self.records: list[Logged] = []
        self.end = 0
        self.turns: dict[int, asyncio.Future[None]] = {}

    def append(self, key: bytes, value: bytes | None) -> int:
        self.records.append(Logged(self.end, self.end, key, value))
        self.end += 1
        return self.end - 1

    def compact(self, share: float) -> None:
        """As the broker may: in the first part of the log, what was replaced is gone, and so are removals."""
        latest = {record.key: record.offset for record in self.records}
        dirty = self.records[: int(len(self.records) * share)]
        kept = [r for r in dirty if latest[r.key] == r.offset and r.value is not None]
        self.records = kept + self.records[len(dirty) :]

    def topic(self, actor: int) -> Topic:
        settings = load_settings(watchlists=[])
        return Topic(settings, Reader(self), Writer(self, actor), limit=10_000)


class Reader:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.at = 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {TP: self.stage.end}

    async def position(self, tp: TopicPartition) -> int:
        return self.at

    async def getmany(self, tp: TopicPartition, *, timeout_ms: int) -> dict[TopicPartition, list[Logged]]:
        found = [record for record in self.stage.records if record.offset >= self.at]
        self.at = self.stage.end
        return {tp: found}


class Writer:
    def __init__(self, stage: Stage, actor: int) -> None:
        self.stage = stage
        self.actor = actor

    async def send(self, topic: str, value: bytes | None, *, key: bytes, partition: int) -> "asyncio.Future[Any]":
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stage.turns[self.actor] = turn
        await turn
        sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        offset = self.stage.append(key, value)
        sent.set_result(type("Metadata", (), {"offset": offset}))
        return sent


async def push_once(stage: Stage, actor: int, wanted: Watchlist | None) -> None:
    """One process of the command; None removes."""
    topic = stage.topic(actor)
    await topic.read()
    await (topic.remove("w") if wanted is None else topic.push(wanted))


async def played(
    plan: Sequence[tuple[int, int]], wanted: Sequence[Watchlist | None], check: Callable[[Stage], None]
) -> Stage:
    """Let each actor in turn write one record, or be killed; the rest go on to their ends, one after the other."""
    stage = Stage()
    tasks: dict[int, asyncio.Task[None]] = {}

    async def go(actor: int, *, killed: bool = False) -> bool:
        if actor not in tasks:
            tasks[actor] = asyncio.create_task(push_once(stage, actor, wanted[actor]))
            await rest()
        turn = stage.turns.pop(actor, None)
        if turn is None:
            return False
        if killed:
            tasks[actor].cancel()
        else:
            turn.set_result(None)
        await rest()
        check(stage)
        return True

    for actor, act in plan:
        if act >= 8:
            stage.compact(act / 10)
            check(stage)
        await go(actor % len(wanted), killed=act == 7)
    for actor in range(len(wanted)):
        while await go(actor):
            pass
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return stage


async def rest() -> None:
    """Until nobody does anything but wait for its turn."""
    for _ in range(30):
        await asyncio.sleep(0)


ACTORS = st.lists(st.none() | st.tuples(st.integers(1, 2), st.integers(1, 2)), min_size=2, max_size=4)


@given(plan=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10)), max_size=60), wanted=ACTORS)
@example(plan=[(0, 0), (0, 0), (1, 0), (1, 0), (0, 0), (1, 0)], wanted=[(1, 2), (2, 2)])
@example(  # the same contents come back while the second push clears the first one's rules away
    plan=[(n, 0) for n in (0, 0, 0, 1, 1, 1, 2, 2, 1, 1, 2)], wanted=[(1, 2), (2, 2), (1, 2)]
)
def test_readers_see_only_whole_versions_that_were_pushed(
    plan: list[tuple[int, int]], wanted: list[tuple[int, int] | None]
) -> None:
    lists = [None if one is None else watchlist(*one) for one in wanted]
    seen: list[Watchlist | None] = []
    live = PushedLog("news.watchlists/0")
    taken = 0

    def check(stage: Stage) -> None:
        """One who has followed since the beginning and one who begins now see the same, and it is whole."""
        nonlocal taken
        for record in stage.records:
            if record.offset >= taken:
                live.take(*record)
                taken = record.offset + 1
        states = [log.state("w") for log in (live, read(stage.records))]
        assert all(found is None or found.fault is None for found in states), states
        both = [found.watchlist if found is not None else None for found in states]
        assert both[0] == both[1]
        assert both[0] is None or both[0] in lists
        seen.append(both[0])

    stage = asyncio.run(played(plan, lists, check))
    # Whoever comes last, and pushes alone, leaves nothing but its own behind, those of killed pushes aside.
    asyncio.run(finish(stage, watchlist(9)))
    found = read(stage.records).state("w")
    assert found is not None
    assert found.watchlist == watchlist(9)


async def finish(stage: Stage, last: Watchlist) -> None:
    task: Coroutine[Any, Any, None] = push_once(stage, 9, last)
    running = asyncio.create_task(task)
    while not running.done():
        await rest()
        if (turn := stage.turns.pop(9, None)) is not None:
            turn.set_result(None)
    await running


def test_nothing_is_left_of_earlier_pushes() -> None:
    stage = Stage()
    for number in (1, 2, 3):
        asyncio.run(finish(stage, watchlist(number)))
    left = {record.key: record for record in stage.records}
    rules = [decode_rule(record.value) for record in left.values() if record.value and record.key[:4] == b"rule"]
    manifest = decode_manifest(left[b"watchlist/w"].value or b"")
    assert [rule.push for rule in rules] == [manifest.push] * 2
    asyncio.run(finish(stage, watchlist(3)))  # unchanged: nothing is written
    assert left == {record.key: record for record in stage.records}


async def test_a_rule_that_the_topic_does_not_take_is_said_before_anything_is_sent() -> None:
    stage = Stage()
    large = Watchlist(
        id="w", desk="d", rules=(Rule(id="small", terms=("x1",)), Rule(id="large", terms=("x" * 150,) * 100))
    )
    with pytest.raises(CommandFailed, match=r"rule/w/large/.*: \d+ bytes, and the topic .* takes 10000"):
        await stage.topic(0).push(large)
    assert stage.records == []
