"""Dead letters as they are read: what is ours in them, which are wanted, where they go, how they look."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from topics.errors import InvalidRecord
from workers.dead_letters import MAX_VALUE_BYTES, REDRIVEN_FROM, dead_letter, opened
from workers.letters import show
from workers.letters.destinations import Destination, Stays, ToSink, ToTopic, destination
from workers.letters.letter import REDRIVEN, REDRIVEN_TO, Letter, Mark, Place, Wanted, letter_of, marked, place
from workers.letters.reading import Marks
from workers.letters.redriving import MOST_REASONS, OTHERS, Done
from workers.messages import Headers, Record
from workers.sections import Deliver, Input
from workers.settings import Settings
from workers.tracing.scan import Span

NOT_JSON = InvalidRecord("not_json", "expected an object")
HEADERS: Headers = (("x", b"\xff"), ("x", None), ("", b""), ("wirewatch.errors.sink", b"theirs"))


class Message(NamedTuple):
    """A record of the dead-letter topic, as the client gives it."""

    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None = b"{"
    key: bytes | None = None
    partition: int = 3
    offset: int = 7
    timestamp: int = 1_795_608_000_000
    topic: str = "news.dead-letters"


def message(record: Record, *, stage: str = "enrich", error: InvalidRecord = NOT_JSON, **extra: str) -> Message:
    output = dead_letter(record, error, stage=stage, extra=extra)
    return Message(output.headers, output.value, output.key)


def record(**fields: Any) -> Record:
    return Record("news.raw", 2, 9, 0, b"k", b"{", HEADERS)._replace(**fields)


def letter(**said: str) -> Letter:
    """One whose headers say this."""
    return letter_of(Message([(f"wirewatch.errors.{name}", text.encode()) for name, text in said.items()]))


Pairs = st.lists(
    st.tuples(
        st.sampled_from(["x", "traceparent", "wirewatch.errors.stage", "wirewatch.errors.sink", "wirewatch.errors.x"]),
        st.none() | st.binary(max_size=3),
    ),
    max_size=6,
)


@given(Pairs)
def test_whatever_headers_a_record_came_with_it_goes_back_with_them(given: list[tuple[str, bytes | None]]) -> None:
    came, said = opened(dead_letter(record(headers=tuple(given)), NOT_JSON, stage="enrich").headers)
    assert came == tuple(given)
    assert said["stage"] == "enrich"
    assert "sink" not in said


def test_what_a_copying_program_adds_at_the_end_is_not_taken_for_ours() -> None:
    headers = (*dead_letter(record(), NOT_JSON, stage="enrich").headers, ("copied-by", b"it"))
    assert opened(headers)[0] == (*HEADERS, ("copied-by", b"it"))


def test_a_letter_knows_where_it_came_from_and_what_it_was_before() -> None:
    found = letter_of(message(record(headers=(*HEADERS, (REDRIVEN_FROM, b"3/1"))), stage="deliver", sink="chat"))
    assert (found.place, found.stage, found.topic, found.partition) == (Place(3, 7), "deliver", "news.raw", 2)
    assert (found.sink, found.came_from, found.before) == ("chat", "news.raw/2/9", "3/1")
    assert found.headers == HEADERS, "our own mark does not go back with it"


@pytest.mark.parametrize("text", ["x", "", "-1", "1.0", "٣", "9" * 30])
def test_a_partition_that_is_none_is_no_number(text: str) -> None:
    assert letter(stage="enrich", topic="news.raw", partition=text).partition is None


@pytest.mark.parametrize("text", ["", "7", "1/", "1/2/3", "-1/2", "1/x", " 1/2", "1/2\n", "٣/1", "1/" + "9" * 30])
def test_only_a_partition_and_an_offset_name_a_letter(text: str) -> None:
    assert place(text) is None
    assert place("3/7") == Place(3, 7)


@pytest.mark.parametrize(
    ("headers", "value", "expected"),
    [
        ([(REDRIVEN, b"3/5"), (REDRIVEN_TO, b"news.raw/0/1")], None, Place(3, 5)),
        ([(REDRIVEN, b"3/5")], b"{}", None),
        ([(REDRIVEN, b"2/5")], None, None),
        ([(REDRIVEN, b"3/7")], None, None),
        ([(REDRIVEN, b"\xff")], None, None),
        ([(REDRIVEN, None)], None, None),
        ([(REDRIVEN, b"3/5"), ("wirewatch.errors.stage", b"enrich")], None, None),
    ],
)
def test_a_marker_is_a_record_without_a_value_after_its_letter(
    headers: list[tuple[str, bytes | None]], value: bytes | None, expected: Place | None
) -> None:
    assert marked(Message(headers, value)) == expected


@given(st.integers(0, 100), st.sets(st.integers(0, 60)))
def test_marks_are_those_that_were_added(start: int, offsets: set[int]) -> None:
    marks = Marks([Span(TopicPartition("t", 3), start, start + 61), Span(TopicPartition("t", 0), 0, 0)])
    for offset in offsets:
        marks.add(Place(3, start + offset))
    marks.add(Place(3, start - 1))  # of a letter before the part that is read
    assert {n for n in range(61) if Place(3, start + n) in marks} == offsets


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), True),
        (Wanted(stage="enrich"), True),
        (Wanted(stage="alert"), False),
        (Wanted(reasons=("no_text", "not_json")), True),
        (Wanted(reasons=("no_text",)), False),
        (Wanted(topic="news.raw"), True),
        (Wanted(topic="news.hits"), False),
        (Wanted(sink="chat"), False),
        (Wanted(since=1_795_608_000.0), True),
        (Wanted(since=1_795_608_000.001), False),
        (Wanted(until=1_795_608_000.0), False),
        (Wanted(until=1_795_608_000.001), True),
        (Wanted(places=frozenset({Place(3, 7)})), True),
        (Wanted(places=frozenset({Place(3, 8)})), False),
        (Wanted(stage="enrich", reasons=("not_json",), topic="news.hits"), False),
    ],
)
def test_a_letter_is_wanted_that_meets_all_that_is_given(wanted: Wanted, expected: bool) -> None:
    assert wanted(letter_of(message(record()))) is expected


ROUTES = [{"name": "chat", "sink": {"kind": "stdout"}}]
SETTINGS = Settings(
    input=(Input(topics=("news.raw", "cms")),),
    deliver=Deliver.model_validate({"route": ROUTES}),
)


def goes(**said: str) -> Destination:
    there = {"news.raw": [0, 1, 2], "news.hits": [0, 1], "news.alerts": [0]}
    return destination(letter(**said), SETTINGS, lambda topic: there.get(topic, []))


def stays(**said: str) -> str:
    found = goes(**said)
    assert isinstance(found, Stays)
    assert not found.harmless
    return found.why


def test_an_article_goes_to_the_partition_that_it_came_from() -> None:
    assert goes(stage="enrich", topic="news.raw", partition="2") == ToTopic("news.raw", 2)


@pytest.mark.parametrize("partition", ["7", "x"])
def test_where_that_partition_is_gone_the_key_says_which(partition: str) -> None:
    headers = {"stage": b"enrich", "topic": b"news.raw", "partition": partition.encode()}
    found = letter_of(Message([(f"wirewatch.errors.{name}", text) for name, text in headers.items()], key=b"a1"))
    went = {destination(found, SETTINGS, lambda topic: [0, 1, 2]) for _ in range(20)}
    assert went == {ToTopic("news.raw", 2)}  # murmur2, as Kafka's own clients have it


def test_a_hit_goes_to_its_partition_and_to_no_other() -> None:
    assert goes(stage="alert", topic="news.hits", partition="1") == ToTopic("news.hits", 1)
    assert "has not the partition" in stays(stage="alert", topic="news.hits", partition="2")
    assert "has not the partition" in stays(stage="alert", topic="news.hits", partition="x")
    assert "is not that of the hits" in stays(stage="alert", topic="news.raw", partition="1")


def test_an_alert_goes_to_the_sink_that_refused_it() -> None:
    found = goes(stage="deliver", topic="news.alerts", partition="0", sink="chat")
    assert isinstance(found, ToSink)
    assert str(found) == "sink chat"
    assert stays(stage="deliver", topic="news.alerts", partition="0", sink="mail") == (
        "sink mail is not in these settings (deliver.route: chat)"
    )


@pytest.mark.parametrize("topic", ["news.alerts", "news.dead-letters", "news.enriched", "other", ""])
def test_nothing_goes_where_nobody_would_read_it_or_where_we_alone_write(topic: str) -> None:
    assert "is no input by these settings" in stays(stage="enrich", topic=topic, partition="0")


def test_what_cannot_go_back_says_why() -> None:
    assert stays(stage="enrich", topic="cms", partition="0") == "topic cms is not there any more, or we may not see it"
    assert "no dead letter of wirewatch's" in stays(reason="not_json")
    assert "no dead letter of wirewatch's" in stays(stage="dream", topic="news.raw")
    cut = letter_of(message(record(value=b"x" * (MAX_VALUE_BYTES + 1))))
    found = destination(cut, SETTINGS, lambda topic: [0])
    assert isinstance(found, Stays)
    assert "its source has to publish it again" in found.why


def test_any_number_of_reasons_is_told_in_a_few_lines() -> None:
    done = Done()
    for number in range(1000):
        done.stays(Stays(f"topic {number} is gone"))
    done.stays(Stays("before", harmless=True))
    assert len(done.stayed) == MOST_REASONS + 1
    assert done.stayed[OTHERS] == 1001 - MOST_REASONS
    assert done.problems == 1000


EVIL = "\x1b]0;x\x07\x1b[2J\u202e\r"


def shown(message: Message, mark: Mark | None = None) -> str:
    return "\n".join(show.whole(letter_of(message), "news.dead-letters", mark))


def test_all_of_a_letter_is_shown() -> None:
    found = shown(
        message(record(value=b'{"a": 1,\n"b"', headers=(*HEADERS, (REDRIVEN_FROM, b"3/1")))), Mark(0, "there")
    )
    for line in (
        "dead letter 3/7 of news.dead-letters, 2026-11-25T12:00:00.000+00:00",
        "  reason         not_json",
        "  message        expected an object",
        "  came from      news.raw/2/9",
        "  failed before  as 3/1, from which it was redriven",
        "  redriven       1970-01-01T00:00:00.000+00:00 to there",
        "key: k",
        "headers that it came with: 4",
        "  x: \\xff",
        "  x: null",
        "  wirewatch.errors.sink: theirs",
        "value, 12 bytes:",
        '  {"a": 1,',
        '  "b"',
    ):
        assert line in found.splitlines(), found


def test_what_is_no_text_is_shown_in_hex_and_what_is_long_is_cut() -> None:
    found = shown(message(record(key=None, value=b"\x00\x00\x00\x00*\xffarticle" + b"." * 5000))).splitlines()
    assert "key: null" in found
    assert "  00000000  00 00 00 00 2a ff 61 72 74 69 63 6c 65 2e 2e 2e  ....*.article..." in found
    assert found[-1] == "  and 917 bytes more (--raw writes all of them)"
    assert shown(message(record(value=None))).splitlines()[-1] == "value: null"


def test_nothing_in_a_letter_reaches_the_terminal_but_as_text() -> None:
    evil = EVIL.encode()
    hostile = record(topic=EVIL, key=evil, value=evil + b"\n" + evil, headers=((EVIL, evil),))
    made = message(hostile, error=InvalidRecord("not_json", EVIL), stage="deliver", sink=EVIL)
    stay = Stays(f"topic {EVIL} is gone")
    done = Done()
    done.stays(stay)
    lines = [
        shown(made, Mark(0, EVIL)),
        show.line(letter_of(made), redriven=False),
        show.going(letter_of(made), stay),
        *show.summary(done, dry=False),
    ]
    for text in lines:
        assert not set(EVIL) - set("]0;x[2J") & set(text), text
    assert "\\x1b]0;x\\x07\\x1b[2J\\u202e\\r" in lines[0], "what is hidden in it is what one looks for"


def test_a_list_says_what_was_redriven_and_what_failed_again() -> None:
    first, second = message(record()), message(record(headers=((REDRIVEN_FROM, b"3/1"),)))
    assert " redriven: expected an object\n" in show.line(letter_of(first), redriven=True)
    assert " again, 3/1 before: expected an object\n" in show.line(letter_of(second), redriven=False)
    assert show.line(letter_of(first), redriven=False).startswith("3/7 ")
    assert show.entry(letter_of(second), redriven=False)["redriven_from"] == "3/1"
