"""Avro in the registry's frame is read by the schema it was written with; what cannot be says what would help."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.producers import ARTICLE_SCHEMA, MICROS, POSTGRES, TEXT, avro, framed, packed
from topics.errors import InvalidRecord
from topics.inputs.form import Form
from topics.inputs.framing import schema_id
from topics.inputs.read import Read, Reader

ONE_PM = datetime(2026, 11, 2, 13, tzinfo=UTC)
URL = "http://registry.example:8081"
ARTICLE = {"id": "a1", "title": "Talks", "body": TEXT, "published_at": ONE_PM, "authors": ["A. Writer"]}


def read(value: bytes, schema: bytes | None, **form: Any) -> Read:
    return Reader(Form(**({"format": "avro", "registry": URL} | form)))(value, schema=schema)


def refused(value: bytes, schema: bytes | None, **form: Any) -> str:
    with pytest.raises(InvalidRecord) as caught:
        read(value, schema, **form)
    assert caught.value.reason == "schema_registry"
    return caught.value.message


def record(*fields: tuple[str, Any], name: str = "Article") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}


def test_a_framed_record_is_an_article() -> None:
    found = read(avro(ARTICLE_SCHEMA, ARTICLE), packed(ARTICLE_SCHEMA))
    article = found.article
    assert (article.id, article.title, article.body, article.authors) == ("a1", "Talks", TEXT, ("A. Writer",))
    assert (article.published_at, found.warnings, found.missing) == (ONE_PM, (), ("url",))


def test_values_that_json_has_not_become_what_a_reader_of_json_expects() -> None:
    schema = record(
        ("id", {"type": "string", "logicalType": "uuid"}),
        ("body", "bytes"),
        ("picture", "bytes"),
        ("price", {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}),
        ("day", {"type": "int", "logicalType": "date"}),
        ("stamp", {"type": "long", "logicalType": "timestamp-micros"}),
        ("kind", {"type": "enum", "name": "Kind", "symbols": ["TEXT", "PICTURE"]}),
        ("sum", {"type": "fixed", "name": "Sum", "size": 2}),
    )
    value = {
        "id": UUID(int=7),
        "body": TEXT.encode(),
        "picture": b"\xff\xd8",
        "price": Decimal("12.50"),
        "day": ONE_PM.date(),
        "stamp": ONE_PM,
        "kind": "TEXT",
        "sum": b"ok",
    }
    article = read(avro(schema, value), packed(schema), map={"id": ("id",), "body": ("body",)}).article
    assert (article.id, article.body) == (str(UUID(int=7)), TEXT)
    assert article.extra == {
        "picture": "/9g=",
        "price": 12.5,
        "day": "2026-11-02T00:00:00",
        "stamp": "2026-11-02T13:00:00+00:00",
        "kind": "TEXT",
        "sum": "ok",
    }


def test_a_date_out_of_range_costs_a_warning_and_not_the_article() -> None:
    schema = record(("title", "string"), ("published_at", {"type": "long", "logicalType": "timestamp-micros"}))
    found = read(
        avro(record(("title", "string"), ("published_at", "long")), {"title": "T", "published_at": 2**62}),
        packed(schema),
    )
    assert (found.article.title, found.article.published_at) == ("T", None)
    assert [warning.field for warning in found.warnings] == ["published_at"]


def test_a_union_with_a_branch_that_we_have_no_use_for_costs_its_field() -> None:
    html = record(("html", "string"), name="Html")
    schema = record(("title", "string"), ("body", ["null", "string", html, {"type": "array", "items": "string"}]))
    data, schemas = avro(schema, {"title": "T", "body": {"html": "<p>x</p>"}}), packed(schema)
    found = read(data, schemas)
    assert (found.article.body, [(w.field, w.reason) for w in found.warnings]) == (
        None,
        [("body", "expected text, found an object")],
    )
    mapped = {"body": ("body.html", "body")}
    assert read(data, schemas, map=mapped).article.body == "<p>x</p>"
    assert (
        read(avro(schema, {"title": "T", "body": ["One.", "Two."]}), schemas, map=mapped).article.body == "One.\n\nTwo."
    )


def test_debezium_by_avro_with_connects_names_for_dates() -> None:
    stamp = {"type": "long", "connect.version": 1, "connect.name": "io.debezium.time.MicroTimestamp"}
    value = record(("id", "long"), ("headline", ["null", "string"]), ("created", ["null", stamp]), name="Value")
    source = record(("connector", "string"), ("ts_ms", "long"), name="Source")
    schema = record(
        ("before", ["null", value]),
        ("after", ["null", "Value"]),
        ("source", source),
        ("op", "string"),
        ("ts_ms", ["null", "long"]),
        name="Envelope",
    )
    row = {"id": 7, "headline": "Talks fail", "created": MICROS}
    event = {"before": None, "after": row, "source": POSTGRES, "op": "c", "ts_ms": MICROS // 1000}
    form: dict[str, Any] = {"format": "debezium", "map": {"title": ("headline",), "published_at": ("created",)}}
    article = read(avro(schema, event), packed(schema), **form).article
    assert (article.id, article.title, article.published_at) == ("7", "Talks fail", ONE_PM)
    assert read(avro(schema, event), packed(schema), timezone="Asia/Tokyo", **form).article.published_at == datetime(
        2026, 11, 2, 4, tzinfo=UTC
    )
    assert read(avro(schema, event | {"op": "d", "before": row, "after": None}), packed(schema), **form).filtered


def test_schemas_that_refer_to_others_and_a_union_at_the_top() -> None:
    author = {"type": "record", "name": "Author", "namespace": "people", "fields": [{"name": "name", "type": "string"}]}
    article = record(("title", "string"), ("by", {"type": "array", "items": "people.Author"}))
    whole = record(("title", "string"), ("by", {"type": "array", "items": author}))
    value = {"title": "T", "by": [{"name": "A"}, {"name": "B"}]}
    mapped = {"authors": ("by.name",)}
    assert read(avro(whole, value), packed(article, author), map=mapped).article.authors == ("A", "B")
    many = ["people.Author", "Article"]
    assert (
        read(avro([author, whole_again(whole)], value), packed(many, author, article), map=mapped).article.title == "T"
    )
    assert read(avro(whole, value), packed("Article", author, article), map=mapped).article.title == "T"


def whole_again(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the author by name, who was described before."""
    title, by = schema["fields"]
    return schema | {"fields": [title, by | {"type": {"type": "array", "items": "people.Author"}}]}


def test_framed_json_is_json_and_protobuf_is_not_read() -> None:
    body = json.dumps({"title": "T", "body": TEXT}).encode()
    assert read(framed(9, body), packed("{}", kind="JSON"), format="json").article.body == TEXT
    assert "Protobuf" in refused(framed(9, b"\x00\x0a\x05hello"), packed("syntax", kind="PROTOBUF"))


def test_what_is_wrong_with_a_framed_value_names_the_remedy() -> None:
    value = avro(ARTICLE_SCHEMA, ARTICLE)
    said = refused(value, None, format="json", registry=None)
    assert "schema 42" in said and 'format = "avro"' in said and "registry.url" in said
    said = refused(value, None)
    assert f"the registry at {URL} has no schema 42" in said
    assert 'format = "json"' in refused(b'{"title": "T"}', None)
    with pytest.raises(InvalidRecord, match="the header __value_schema_id, which is not read"):
        Reader(Form(format="avro", registry=URL))(b"\x02T", [("__value_schema_id", b"\x01" + bytes(16))])
    assert "does not fit its schema" in refused(value[:9], packed(ARTICLE_SCHEMA))
    assert "no Avro schema" in refused(value, packed({"type": "record"}))
    assert "no Avro schema" in refused(value, packed("people.Unknown"))


def test_a_schema_of_something_else_than_a_record() -> None:
    with pytest.raises(InvalidRecord, match="expected an Avro record"):
        read(avro("string", "text"), packed("string"))


def test_only_a_framed_value_has_a_schemas_id() -> None:
    assert schema_id(framed(7, b"x")) == 7
    for value in (None, b"", b"\x00\x00\x00\x00\x07", b'{"a": 1}'):
        assert schema_id(value) is None


@given(data=st.binary(max_size=60), cut=st.integers(0, 100))
def test_bytes_that_are_no_avro_are_refused_and_never_worse(data: bytes, cut: int) -> None:
    for value in (framed(42, b"x" + data), avro(ARTICLE_SCHEMA, ARTICLE)[: 6 + cut] + data):
        try:
            read(value, packed(ARTICLE_SCHEMA))
        except InvalidRecord:
            continue
