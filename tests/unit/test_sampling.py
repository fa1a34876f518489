"""What a sample tells a person: shares of fields, dead letters with an example, and an article as it was read."""

from aiokafka import TopicPartition

from topics.errors import InvalidRecord
from topics.inputs.form import Form
from workers.commands.reading import starting_places
from workers.commands.sampling import Collector, Sample, as_json, as_text
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, ENRICHED, FILTERED, Record, Result

FORM = Form(topics=("cms",), map={"title": ("head",), "url": ("link",), "status": ("state",)})


def record(offset: int, value: bytes) -> Record:
    return Record("cms", 1, offset, 1, None, value)


def bad(one: Record, reason: str) -> Result:
    return Result(DEAD_LETTERED, reason, then=(dead_letter(one, InvalidRecord(reason, "why so"), stage="enrich"),))


def collected() -> Sample:
    collector = Collector("cms", FORM)
    collector.add(record(1, b'{"head": "A", "body": "x", "state": "usable", "desk": "d"}'), Result(ENRICHED))
    collector.add(record(2, b'{"head": "B \\u001b[2J", "published_at": "yesterday"}'), Result(ENRICHED))
    collector.add(record(3, b'{"head": "C", "language": "de"}'), Result(FILTERED, "language"))
    for offset in (4, 5):
        one = record(offset, b"no json")
        collector.add(one, bad(one, "not_json"))
    return collector.sample()


def test_fields_are_counted_over_what_could_be_read() -> None:
    found = collected()
    assert (found.records, found.articles, found.enriched, found.filtered) == (5, 3, 2, {"language": 1})
    counts = {name: number for name, number in found.fields.items() if number}
    assert counts == {"title": 3, "body": 1, "status": 1, "language": 1}
    assert found.missing == ("url",)
    assert [(one.reason, one.records, one.at, one.message) for one in found.bad] == [
        ("not_json", 2, "cms/1/4", "why so")
    ]


def test_a_person_sees_shares_and_nothing_that_moves_the_cursor() -> None:
    text = as_text(collected())
    assert "5 records read, 3 articles, 2 enriched, 1 filtered, 2 dead letters" in text
    assert "\x1b" not in text
    lines = [line.split() for line in text.splitlines()]
    assert ["title", "3", "100%"] in lines
    assert ["url", "0", "0%", "expected"] in lines
    assert ["title:", "C"] in lines


def test_a_program_gets_it_as_one_line() -> None:
    assert as_json(collected()).count("\n") == 0
    empty = Collector("cms", FORM).sample()
    assert (empty.missing, empty.article) == ((), None)
    assert "0 records read" in as_text(empty)


def test_a_sample_takes_from_each_partition_and_more_where_others_have_few() -> None:
    a, b, c = (TopicPartition("t", n) for n in range(3))
    starts, ends = {a: 10, b: 0, c: 5}, {a: 1000, b: 3, c: 5}
    assert starting_places(starts, ends, 100) == {a: 903, b: 0, c: 5}
    assert starting_places(starts, {a: 1000, b: 500, c: 805}, 30) == {a: 990, b: 490, c: 795}
    assert starting_places({a: 10}, {a: 10}, 5) == {a: 10}
