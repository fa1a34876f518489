"""Records as other people's producers write them: Kafka Connect, Debezium, Avro in the registry's frame."""

import base64
import io
import json
from typing import Any

import fastavro

from topics.inputs.framing import Schema, pack

TEXT = "The ministers met in Geneva.\n\nNo agreement was reached on tariffs."
MICROS = 1_793_624_400_000_000
"""2026-11-02 13:00 UTC."""


def connect_json(payload: Any, *fields: dict[str, Any]) -> bytes:
    """JsonConverter's, with schemas.enable."""
    schema = {"type": "struct", "optional": False, "name": "cms.Article", "fields": list(fields)}
    return json.dumps({"schema": schema, "payload": payload}).encode()


def connect_field(name: str, kind: str, semantic: str | None = None, **more: Any) -> dict[str, Any]:
    """A field of a Kafka Connect schema."""
    return (
        {"type": kind, "optional": True, "field": name} | ({"name": semantic, "version": 1} if semantic else {}) | more
    )


POSTGRES = {
    "version": "3.0.5.Final",
    "connector": "postgresql",
    "name": "cms",
    "ts_ms": 1_793_624_399_000,
    "snapshot": "false",
    "db": "cms",
    "sequence": '["24023128","24023200"]',
    "schema": "public",
    "table": "articles",
    "txId": 555,
    "lsn": 24_023_128,
    "xmin": None,
}
MYSQL = {
    "version": "2.7.1.Final",
    "connector": "mysql",
    "name": "cms",
    "ts_ms": 1_793_624_399_000,
    "snapshot": "false",
    "db": "cms",
    "table": "articles",
    "server_id": 223_344,
    "gtid": None,
    "file": "binlog.000003",
    "pos": 484,
    "row": 0,
    "thread": 5,
    "query": None,
}
ROW_FIELDS = (
    connect_field("id", "int64"),
    connect_field("headline", "string"),
    connect_field("body", "string"),
    connect_field("created", "int64", "io.debezium.time.MicroTimestamp"),
    connect_field("edition", "int32", "io.debezium.time.Date"),
    connect_field("changed", "string", "io.debezium.time.ZonedTimestamp"),
    connect_field("serial", "bytes", "org.apache.kafka.connect.data.Decimal", parameters={"scale": "0"}),
)


def row(**changed: Any) -> dict[str, Any]:
    """A row as Debezium writes it: a timestamp in microseconds, a date in days, a numeric as base64."""
    return {
        "id": 7,
        "headline": "Talks fail",
        "body": TEXT,
        "created": MICROS,
        "edition": MICROS // 10**6 // 86400,
        "changed": "2026-11-02T13:05:00.000000Z",
        "serial": base64.b64encode((12345).to_bytes(2, "big")).decode(),
    } | changed


def debezium(
    op: str, before: Any = None, after: Any = None, *, source: dict[str, Any] = POSTGRES, schema: bool = True
) -> bytes:
    """A change, by default with its schema."""
    payload = {
        "before": before,
        "after": after,
        "source": source,
        "transaction": None,
        "op": op,
        "ts_ms": 1_793_624_399_477,
    }
    if not schema:
        return json.dumps(payload).encode()
    images = [
        {"type": "struct", "optional": True, "name": "cms.public.articles.Value", "field": name, "fields": ROW_FIELDS}
        for name in ("before", "after")
    ]
    return connect_json(payload, *images, connect_field("op", "string"), connect_field("ts_ms", "int64"))


def framed(number: int, data: bytes) -> bytes:
    """Confluent's frame."""
    return b"\x00" + number.to_bytes(4, "big") + data


def avro(schema: Any, value: Any, *, number: int = 42) -> bytes:
    """A framed Avro value."""
    file = io.BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(schema), value)
    return framed(number, file.getvalue())


def packed(schema: Any, *references: Any, kind: str = "AVRO") -> bytes:
    """A schema as it travels beside a record."""
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return pack(Schema(kind=kind, text=text, references=tuple(json.dumps(one) for one in references)))


ARTICLE_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Article",
    "namespace": "cms",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "title", "type": ["null", "string"], "default": None},
        {"name": "body", "type": ["null", "string"], "default": None},
        {
            "name": "published_at",
            "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}],
            "default": None,
        },
        {"name": "authors", "type": {"type": "array", "items": "string"}, "default": []},
    ],
}
