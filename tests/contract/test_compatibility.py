"""Who reads or writes by the schemas of an earlier release goes on to: fields are only ever added."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.compatibility import broken
from topics.schema import RECORDS, schema

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
