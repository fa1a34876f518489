"""What Kafka Connect, Debezium and Avro say of a value beyond its type: dates as numbers, decimals as bytes.

Nothing here raises: a value that does not fit its own type is left as it is, and costs its field at most a warning.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

CONNECT_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEEPEST = 32


class _Unit(NamedTuple):
    """How many of it make a second, and whether it counts from 1970 in UTC or in a zone that nobody names."""

    per_second: int = 1
    seconds: int = 1
    zoned: bool = True


MOMENTS = {
    "org.apache.kafka.connect.data.Timestamp": _Unit(1000),
    "timestamp-micros": _Unit(10**6),
    "timestamp-nanos": _Unit(10**9),
    "org.apache.kafka.connect.data.Date": _Unit(1, 86400, zoned=False),
    "io.debezium.time.Date": _Unit(1, 86400, zoned=False),
    "io.debezium.time.Timestamp": _Unit(1000, zoned=False),
    "io.debezium.time.MicroTimestamp": _Unit(10**6, zoned=False),
    "io.debezium.time.NanoTimestamp": _Unit(10**9, zoned=False),
}
"""Dates as numbers. Debezium writes a database's timestamps without a zone as if they were in UTC."""


def moment(value: Any, name: str) -> Any:
    """RFC 3339, without a zone where the number has none."""
    unit = MOMENTS[name]
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    try:
        found = _EPOCH + timedelta(microseconds=value * unit.seconds * 10**6 // unit.per_second)
    except OverflowError:
        return value
    return (found if unit.zoned else found.replace(tzinfo=None)).isoformat()


def decimal(data: bytes, scale: Any) -> Any:
    """The number: an integer where the scale is 0."""
    scale = scale if isinstance(scale, int) else 0
    number = int.from_bytes(data[:64], "big", signed=True)
    return float(Decimal(number).scaleb(-scale)) if 0 < scale < 300 else number


def text(data: bytes) -> str:
    """The text; base64, as Kafka Connect writes bytes into JSON, where they are no UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def typed(value: Any, schema: Any, depth: int = 0) -> Any:
    """A value of Kafka Connect's JSON as its schema means it."""
    if value is None or not isinstance(schema, Mapping) or depth > _DEEPEST:
        return value
    name, kind = schema.get("name"), schema.get("type")
    if isinstance(name, str) and name in MOMENTS:
        return moment(value, name)
    if name == CONNECT_DECIMAL:
        return _connect_decimal(value, schema)
    if kind == "struct" and isinstance(value, dict):
        return _struct(value, schema, depth)
    if kind == "array" and isinstance(value, list):
        return [typed(item, schema.get("items"), depth + 1) for item in value]
    return value


def _struct(value: dict[str, Any], schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    fields = schema.get("fields")
    if not isinstance(fields, list):
        return value
    means = {one["field"]: one for one in fields if isinstance(one, dict) and isinstance(one.get("field"), str)}
    return {name: typed(item, means.get(name), depth + 1) for name, item in value.items()}


def _connect_decimal(value: Any, schema: Mapping[str, Any]) -> Any:
    parameters = schema.get("parameters")
    scale = parameters.get("scale") if isinstance(parameters, Mapping) else None
    try:
        return decimal(base64.b64decode(value, validate=True), int(scale or 0)) if isinstance(value, str) else value
    except (binascii.Error, ValueError, TypeError):
        return value
