"""What is wrapped around an article: Kafka Connect's schema, Debezium's change, CloudEvents.

Each takes the object of a record and gives what is in it; a table at the bottom says which format has which.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from topics.errors import InvalidRecord
from topics.inputs import ninjs, semantic
from topics.raw import parse_object
from topics.records import Warn

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's mark for a long column that did not change and that the database did not send."""

_ATTRIBUTES = ("id", "source", "time", "specversion")
_LONGEST = 4096


class Content(NamedTuple):
    """What a record holds. `filtered` says why it is no article, `deleted` that the article is one no more."""

    fields: Mapping[str, Any] = {}
    event: Mapping[str, str] = {}
    warnings: tuple[Warn, ...] = ()
    filtered: str | None = None
    deleted: bool = False


def plain(found: dict[str, Any]) -> Content:
    """The object itself."""
    return Content(found)


def connect(found: dict[str, Any]) -> Content:
    """JsonConverter's `schema` and `payload`; without schemas.enable, the object itself."""
    payload = _payload(found)
    if payload is None:
        return Content(filtered="null")
    return Content(_object(payload, "payload"))


def _payload(found: dict[str, Any]) -> Any:
    """What the schema is of, with its dates and decimals as the schema means them."""
    if found.keys() == {"schema", "payload"}:
        return semantic.typed(found["payload"], found["schema"])
    return found


def debezium(found: dict[str, Any]) -> Content:
    """A change of a row, with or without its schema, or a row alone where a transformation unwrapped it."""
    change = _payload(found)
    if change is None:
        return Content(filtered="tombstone")
    change = _object(change, "payload")
    op = change.get("op")
    if not isinstance(op, str) or not ({"before", "after", "source"} & change.keys()):
        return _row(change, deleted=str(change.get("__deleted")).lower() == "true")
    if op in ("c", "r", "u"):
        return _row(_image(change.get("after"), f"after (op {op})"))
    if op == "d":
        before = change.get("before")
        return _row({} if before is None else _image(before, "before"), deleted=True)
    return Content(filtered="no_row")


def _image(row: Any, where: str) -> dict[str, Any]:
    """A row. MongoDB's come as text."""
    return parse_object(row.encode("utf-8", "replace"))[0] if isinstance(row, str) else _object(row, where)


def _row(row: dict[str, Any], *, deleted: bool = False) -> Content:
    unsent = [name for name, value in row.items() if value == UNAVAILABLE]
    reason = "unchanged, so the database did not send it; with REPLICA IDENTITY FULL it does"
    warnings = tuple(Warn(field=_sound(name[:100]), reason=reason) for name in unsent)
    if unsent:
        row = {name: value for name, value in row.items() if name not in unsent}
    return Content(row, warnings=warnings, deleted=deleted)


def cloud_event(found: dict[str, Any]) -> Content:
    """Structured mode: the attributes, and the article in `data`. In binary mode the attributes are headers."""
    if "specversion" not in found:
        return Content(found)
    event = {name: _sound(value) for name, value in found.items() if isinstance(value, str) and name in _ATTRIBUTES}
    data, kind = found.get("data"), str(found.get("datacontenttype") or "application/json")
    if data is None and isinstance(found.get("data_base64"), str):
        data = _decoded(found["data_base64"])
    if data is None:
        return Content(filtered="no_data")
    if isinstance(data, str):
        return Content(of_media(data, kind), event)
    return Content(_object(data, "data"), event)


def _sound(text: str) -> str:
    """What can be written as UTF-8, and not more than an article's field holds."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRecord("wrong_type", "data_base64: expected base64 of UTF-8 text") from None


def of_media(text: str, kind: str) -> dict[str, Any]:
    """An object from text of a media type: JSON is parsed, plain text and HTML are an article's body."""
    bare = kind.partition(";")[0].strip().lower()
    if bare in ("text/plain", "text/html", "application/xhtml+xml"):
        return {"body": text, "content_type": bare}
    return parse_object(text.encode("utf-8", "replace"))[0]


def _object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise InvalidRecord("wrong_type", f"{where}: expected an object, found {type(value).__name__}")


def _ninjs(found: dict[str, Any]) -> Content:
    return Content(ninjs.fields(found))


UNWRAP: dict[str, Callable[[dict[str, Any]], Content]] = {
    "json": plain,
    "avro": plain,
    "connect-json": connect,
    "debezium": debezium,
    "cloudevents": cloud_event,
    "ninjs": _ninjs,
}
