"""Who reads or writes by the schemas of an earlier release goes on to: fields are only ever added, and readers pass by
those that they do not know.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts.engine import step
from alerts.state import State
from tests.contract.compatibility import broken
from tests.delivering import an_alert
from tests.hit_logs import hit
from topics.codec import decode_alert, decode_enriched, decode_hit, encode
from topics.errors import InvalidRecord
from topics.records import EnrichedArticle, Record, Warn
from topics.schema import RECORDS, schema
from topics.stories import Cursor, Story, decode_cursor, decode_story

RELEASED = sorted((Path(__file__).parent / "released").glob("*/*.json"))


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_released_holds(path: Path) -> None:
    assert path.stem in RECORDS, f"{path.stem} was released, and there is no such record any more"
    released = json.loads(path.read_text(encoding="utf-8"))
    assert broken(released, schema(path.stem), read=path.stem == "RawArticle") == []


def test_there_is_something_to_hold_it_against() -> None:
    assert {path.stem for path in RELEASED} >= {"RawArticle", "EnrichedArticle", "Hit", "Alert", "Story"}


def changed(name: str, record: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A record's schema, a copy of it, and one of the records in that copy to be changed."""
    new = copy.deepcopy(schema(name))
    return new, new["$defs"][record or name]


def test_a_field_that_is_renamed_is_noticed_at_any_depth() -> None:
    new, record = changed("Alert")
    record["properties"]["heading"] = record["properties"].pop("snippet")
    assert broken(schema("Alert"), new) == ["$.snippet: is gone"]
    new, record = changed("Alert", "Evidence")
    record["properties"]["term"] = record["properties"].pop("clause")
    assert broken(schema("Alert"), new) == ["$.rules[].evidence[].clause: is gone"]


def test_a_field_of_another_type_is_noticed() -> None:
    new, record = changed("Alert")
    record["properties"]["seq"] = {"type": "string"}
    assert broken(schema("Alert"), new) == ["$.seq: was integer, is string"]
    new, record = changed("Alert")
    record["properties"]["severity"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert broken(schema("Alert"), new) == ["$.severity: was string, is null or string"]
    new, record = changed("Alert", "Snippet")
    record["properties"]["marks"]["items"] = {"type": "string"}
    assert broken(schema("Alert"), new) == ["$.snippet.marks[]: was array, is string"]


def test_a_field_that_becomes_required_is_noticed_and_one_that_may_be_missing_now() -> None:
    new, record = changed("RawArticle")
    record["required"] = ["url"]
    assert broken(schema("RawArticle"), new, read=True) == ["$.url: became required"]
    new, record = changed("Alert")
    record["required"].remove("severity")
    assert broken(schema("Alert"), new) == ["$.severity: was always there"]
    assert broken(schema("Alert"), new, read=True) == []


def test_a_value_of_an_enum_that_goes_is_noticed() -> None:
    new, record = changed("Hit")
    record["properties"]["type"]["enum"] = ["met"]
    assert broken(schema("Hit"), new) == ["$.type: hit is gone"]


def test_what_is_added_breaks_nothing() -> None:
    new, record = changed("Alert")
    record["properties"]["note"] = {"type": "string", "default": ""}
    assert broken(schema("Alert"), new) == []


def a_story() -> Story:
    (story,) = step(State(), hit()).changes
    assert isinstance(story, Story)
    return story


def with_more(node: Any) -> Any:
    """What a later version may write: a field more in each object."""
    if isinstance(node, dict):
        return {name: with_more(value) for name, value in node.items()} | ({"added_later": {"a": 1}} if node else {})
    return [with_more(one) for one in node] if isinstance(node, list) else node


READ: list[tuple[Callable[[bytes], Any], Record]] = [
    (decode_hit, hit()),
    (decode_alert, an_alert()),
    (decode_enriched, EnrichedArticle(id="a", revision="r", text="x", warnings=(Warn(field="url", reason="odd"),))),
    (decode_story, a_story()),
    (decode_cursor, Cursor(next=3, alerts_end=2)),
]


@pytest.mark.parametrize(("decode", "record"), READ, ids=lambda one: type(one).__name__)
def test_a_reader_passes_by_what_a_newer_writer_adds(decode: Callable[[bytes], Any], record: Record) -> None:
    newer = json.dumps(with_more(json.loads(encode(record)))).encode()
    assert b"added_later" in newer
    assert decode(newer) == record


def test_a_reader_does_not_guess_at_a_state_of_a_newer_kind() -> None:
    with pytest.raises(InvalidRecord, match="schema 2 is newer"):
        decode_cursor(encode(Cursor(v=2, next=3, alerts_end=2)))
