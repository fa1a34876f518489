"""The committed schemas are those of the records, and the records that we write are valid by them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from topics.codec import encode
from topics.records import Hit, RawArticle, RuleMet, Snippet, Tick
from topics.schema import asyncapi, documents, schema

FOLDER = Path(__file__).parent.parent.parent / "topics" / "schemas"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_the_committed_schemas_are_up_to_date() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert committed == documents(), "run: make schemas"


def test_records_are_valid_by_their_schemas() -> None:
    rule = RuleMet(watchlist="w", version="1", rule="r", severity="flash", evidence=())
    hit = Hit(
        id="1",
        desk="d",
        seen_at=NOON,
        article_id="a",
        revision="r",
        severity="flash",
        rules=(rule,),
        snippet=Snippet(text="x"),
    )
    for record in (hit, Tick(seen_at=NOON), RawArticle(body="x", published_at=NOON)):
        jsonschema.validate(json.loads(encode(record)), schema(type(record).__name__))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": "hit"}, schema("Hit"))


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for value in node.values() for ref in references(value)]
        return [ref for item in node for ref in references(item)] if isinstance(node, list) else []

    found = references(document)
    assert found
    for reference in found:
        node: object = document
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(node, dict)
            node = node[step]
