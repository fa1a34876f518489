"""`wirewatch dlq list` and `show` on a real Kafka: which letters, all of one, and nothing breaks them."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.dead_letters import Letters
from tests.kafka.broker import Cluster
from tests.odd_headers import send_odd_header
from workers.letters.letter import REDRIVEN, Place
from workers.letters.sending import Outgoing

pytestmark = pytest.mark.kafka


@pytest.fixture
async def letters(kafka: Cluster, prefix: str, tmp_path: Path) -> Letters:
    return await Letters(kafka, prefix, tmp_path).create()


async def test_each_filter_shows_the_letters_that_meet_it(letters: Letters) -> None:
    hits, alerts = letters.topic("hits"), letters.topic("alerts")
    await letters.put(
        letters.letter(),
        letters.letter(reason="no_text", to=1),
        letters.letter(reason="wrong_type", topic="cms"),
        letters.letter(stage="alert", topic=hits, reason="wrong_type", to=1),
        letters.letter(stage="deliver", topic=alerts, reason="refused", sink="chat"),
        letters.letter(stage="deliver", topic=alerts, reason="refused", sink="mail", to=1),
        Outgoing(letters.topic("dead-letters"), 1, b"k", b"of somebody else's", (("x", b"y"),)),
    )
    first, second = ["0/0", "0/1", "0/2"], ["1/0", "1/1", "1/2", "1/3"]
    assert await letters.places() == first + second
    assert await letters.places(stage="enrich") == ["0/0", "0/1", "1/0"]
    assert await letters.places(stage="alert") == ["1/1"]
    assert await letters.places(reasons=("no_text", "not_json")) == ["0/0", "1/0"]
    assert await letters.places(topic="cms") == ["0/1"]
    assert await letters.places(sink="mail") == ["1/2"]
    assert await letters.places(stage="deliver", sink="none") == []
    every = ("--stage", "deliver", "--reason", "x", "--reason", "refused", "--topic", "alerts", "--sink", "mail")
    (line,) = letters.run("list", "--json", *every, "--since", "-1h", "--until", "2099-01-01").stdout.splitlines()
    assert json.loads(line)["place"] == "1/2"
    assert letters.run("list", "--json", "--until", "1h").stdout == b""
    assert len(letters.run("list", "-n", "2").stdout.splitlines()) == 4


async def test_times_are_those_of_the_letters(letters: Letters) -> None:
    await letters.put(letters.letter())
    await letters.put(letters.letter())
    found = await letters.listed()
    first, second = (datetime.fromisoformat(entry["record"]["timestamp"]).timestamp() for entry in found)
    assert first < second, "each took a producer's start"
    assert await letters.places(since=second) == ["0/1"]
    assert await letters.places(until=second) == ["0/0"]
    assert await letters.places(since=first, until=second + 0.001) == ["0/0", "0/1"]


async def test_one_letter_is_shown_to_a_person_a_program_and_a_pipe(letters: Letters) -> None:
    value = b"\x00\x00\x00\x00\x07\xff\x1b[2J" * 10
    await letters.put(
        letters.letter(value, key=b"\xfe", headers=(("x", b"\xff"), ("x", None)), partition=1),
        letters.letter(None),
        Outgoing(
            letters.topic("dead-letters"), 0, b"k", None, ((REDRIVEN, b"0/0"), ("wirewatch.redriven-to", b"there"))
        ),
    )
    shown = letters.run("show", "0/0").stdout.decode()
    for part in ("  reason         not_json", f"came from      {letters.prefix}.raw/1/7", "key: \\xfe", "  x: \\xff"):
        assert part in shown
    assert "\x1b" not in shown
    assert shown.splitlines()[6].startswith("  redriven       2"), shown
    assert letters.run("show", "0/0", "--raw").stdout == value
    assert letters.run("show", f"{letters.topic('dead-letters')}/0/1", "--raw").stdout == b""
    found = json.loads(letters.run("show", "0/0", "--json").stdout)
    assert (found["place"], found["redriven"], found["redriven_to"]) == ("0/0", True, "there")
    assert found["errors"]["partition"] == "1"
    assert [entry["redriven"] for entry in await letters.listed()] == [True, False], "a marker is no letter"
    assert letters.said("show", "0/2", fails=1) == [
        "wirewatch: no dead letter at 0/2: expected a place that `wirewatch dlq list` shows"
    ]
    assert await letters.places(places=frozenset({Place(0, 99), Place(7, 0), Place(0, 1)})) == ["0/1"]


async def test_letters_whose_headers_are_garbage_are_listed_shown_and_stay(letters: Letters) -> None:
    dead = letters.topic("dead-letters")
    stage = ("wirewatch.errors.stage", b"enrich")
    raw = ("wirewatch.errors.topic", letters.topic("raw").encode())
    await letters.put(
        Outgoing(dead, 0, None, b"1", (stage,)),
        Outgoing(dead, 0, None, b"2", (stage, ("wirewatch.errors.topic", b"\xff\xfe"))),
        Outgoing(dead, 0, None, b"3", (("wirewatch.errors.stage", None),)),
        Outgoing(dead, 0, None, b"4", (("wirewatch.errors.stage", b"\xff"), raw)),
        Outgoing(dead, 0, None, b"5", ((REDRIVEN, b"x"),)),
        Outgoing(dead, 0, None, b"6", (("wirewatch.errors.stage", b"deliver"),)),
        Outgoing(dead, 0, None, b"7", (("wirewatch.errors.stage", b"alert"), ("wirewatch.errors.partition", b"x"))),
    )
    await send_odd_header(letters.kafka.bootstrap, dead, [b"8", b"9", b"10"])
    assert await letters.places() == [f"0/{offset}" for offset in range(10)]
    assert len(letters.run("list").stdout.decode().splitlines()) == 20
    shown = letters.run("show", "0/8").stdout.decode()
    assert "\ufffd" in shown
    said = letters.said("redrive", "--all", fails=1)
    assert sum(int(line.split()[0]) for line in said) == 10
    assert all(" skipped: " in line for line in said), said
    assert await letters.records(letters.topic("raw")) == []


async def test_tail_shows_a_topic_with_a_header_whose_name_is_no_text(letters: Letters) -> None:
    await send_odd_header(letters.kafka.bootstrap, letters.topic("raw"), [b"1", b"2", b"3"])
    done = letters.run("raw", "--once", "--json", command="tail")
    assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == [1, 2, 3]
