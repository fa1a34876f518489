"""Avro by the schema it was written with, as a reader of JSON expects its values.

Dates become RFC 3339 text, decimals numbers, bytes text (base64 where they are none). fastavro's own conversions
would refuse a whole record for one date out of range; ours leave such a value as it is. Debezium's and Kafka
Connect's names for dates are understood (`connect.name`).
"""

import io
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import fastavro
import fastavro.read

from topics.errors import InvalidRecord
from topics.inputs import semantic
from topics.inputs.framing import Schema

Decode = Callable[[bytes], Any]
_OURS = "wirewatch-"
_CACHED = 256
_DEEPEST = 64
_LOGICAL = {
    "timestamp-millis": "org.apache.kafka.connect.data.Timestamp",
    "timestamp-micros": "timestamp-micros",
    "timestamp-nanos": "timestamp-nanos",
    "local-timestamp-millis": "io.debezium.time.Timestamp",
    "local-timestamp-micros": "io.debezium.time.MicroTimestamp",
    "local-timestamp-nanos": "io.debezium.time.NanoTimestamp",
    "date": "io.debezium.time.Date",
}
"""Avro's own names, by ours."""


def decode(schema: Schema, data: bytes) -> Any:
    """The value. Raises InvalidRecord for a schema that is none, and data that do not fit it."""
    try:
        read = _decoder(schema.text, schema.references)
    except Exception as error:  # whatever a parser of other people's schemas may raise
        raise InvalidRecord("schema_registry", f"its schema is no Avro schema: {_said(error)}") from None
    try:
        return read(data)
    except RecursionError:
        raise InvalidRecord("too_deep", "the Avro is nested too deeply") from None
    except MemoryError:
        raise
    except Exception as error:  # EOFError, IndexError, UnicodeDecodeError, struct.error …
        raise InvalidRecord("schema_registry", f"the value does not fit its schema: {_said(error)}") from None


@lru_cache(maxsize=_CACHED)
def _decoder(text: str, references: tuple[str, ...]) -> Decode:
    names: dict[str, Any] = {}
    for reference in references:
        fastavro.parse_schema(_rewritten(json.loads(reference), 0), named_schemas=names)
    # A record of one field is written like the field: so any schema may be at the top, a name or a union too.
    whole = {
        "type": "record",
        "name": "wirewatch_value",
        "fields": [{"name": "value", "type": _rewritten(_parsed(text), 0)}],
    }
    parsed = fastavro.parse_schema(whole, named_schemas=names)

    def read(data: bytes) -> Any:
        found: Any = fastavro.schemaless_reader(io.BytesIO(data), parsed, None)
        return found["value"]

    return read


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # registries give a schema that is one name without quotation marks


def _rewritten(schema: Any, depth: int) -> Any:
    """The schema with our conversions in the place of Avro's, and without what reading does not need."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(schema, list):
        return [_rewritten(one, depth + 1) for one in schema]
    if schema == "bytes":
        return {"type": "bytes", "logicalType": _OURS + "text"}
    if not isinstance(schema, dict):
        return schema
    kind = schema["type"]
    if isinstance(kind, dict | list):
        return _rewritten(kind, depth + 1)
    kept = {name: schema[name] for name in ("type", "name", "namespace", "symbols", "size") if name in schema}
    for name in ("items", "values"):
        if name in schema:
            kept[name] = _rewritten(schema[name], depth + 1)
    if "fields" in schema:
        kept["fields"] = [{"name": one["name"], "type": _rewritten(one["type"], depth + 1)} for one in schema["fields"]]
    return kept | _converted(kind, schema)


def _converted(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    logical = schema.get("logicalType")
    if logical == "decimal" and kind in ("bytes", "fixed"):
        return {"logicalType": _OURS + "decimal", "scale": schema.get("scale", 0)}
    if kind in ("bytes", "fixed"):
        return {"logicalType": _OURS + "text"}
    name = str(schema.get("connect.name"))
    name = name if name in semantic.MOMENTS else _LOGICAL.get(str(logical), "")
    return {"logicalType": _OURS + "moment", "moment": name} if name and kind in ("int", "long") else {}


def _moment(data: Any, schema: Any = None, _: Any = None) -> Any:
    return semantic.moment(data, schema["moment"])


def _decimal(data: bytes, schema: Any = None, _: Any = None) -> Any:
    return semantic.decimal(data, schema["scale"])


def _text(data: bytes, *_: Any) -> str:
    return semantic.text(data)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


fastavro.read.LOGICAL_READERS.update(
    {
        "int-wirewatch-moment": _moment,
        "long-wirewatch-moment": _moment,
        "bytes-wirewatch-decimal": _decimal,
        "fixed-wirewatch-decimal": _decimal,
        "bytes-wirewatch-text": _text,
        "fixed-wirewatch-text": _text,
    }
)
