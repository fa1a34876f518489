"""JSON Schemas of the records, and the AsyncAPI document of the topics, from `records.py`."""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from topics import events
from topics.catalog import TOPICS
from topics.records import Alert, Closed, EnrichedArticle, Hit, RawArticle, Tick, Withdrawn
from topics.stories import Story
from topics.watchlists import WatchlistManifest, WatchlistRule

RECORDS: dict[str, Any] = {
    record.__name__: record
    for record in (
        *(RawArticle, EnrichedArticle, Hit, Withdrawn, Tick, Closed, Alert, Story),
        *(WatchlistManifest, WatchlistRule),
    )
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CARRIES = {
    "raw": ("RawArticle",),
    "enriched": ("EnrichedArticle",),
    "hits": ("Hit", "Withdrawn", "Tick", "Closed"),
    "alerts": ("Alert",),
    "stories": ("Story",),
    "dead-letters": ("DeadLetter", "Redriven"),
    "watchlists": ("WatchlistManifest", "WatchlistRule"),
}
_READ = ("raw", "watchlists")
"""What is ours to read; the rest is written by us."""
_DEAD, _REDRIVEN = "DeadLetter", "Redriven"
_ERRORS = tuple(
    f"wirewatch.errors.{name}"
    for name in (
        "stage",
        "reason",
        "message",
        "topic",
        "partition",
        "offset",
        "attempt",
        "sink",
        "cut-from-bytes",
        "app-version",
    )
)


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a record. KeyError for a name that is not in RECORDS."""
    described: dict[str, Any] = _described(msgspec.json.schema(RECORDS[name]))
    return {"$schema": DIALECT, "title": name} | described


def asyncapi() -> dict[str, Any]:
    """An AsyncAPI 3 document: which topic carries which records, by which key, with which headers."""
    (_, schemas) = msgspec.json.schema_components(RECORDS.values(), ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "wirewatch", "version": "1.0.0", "description": "Topic names take the settings' prefix."},
        "defaultContentType": "application/json",
        "channels": {
            role: {
                "address": topic.name("news"),
                "description": f"Keyed by: {topic.key}.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _CARRIES[role]},
            }
            for role, topic in TOPICS.items()
        },
        "operations": {role: _operation(role) for role in TOPICS},
        "components": {
            "messages": {name: _message(name) for name in [*RECORDS, _DEAD, _REDRIVEN]},
            "schemas": _described(schemas),
        },
    }


def _operation(role: str) -> dict[str, Any]:
    return {
        "action": "receive" if role in _READ else "send",
        "channel": {"$ref": f"#/channels/{role}"},
        "messages": [{"$ref": f"#/channels/{role}/messages/{name}"} for name in _CARRIES[role]],
    }


def _message(name: str) -> dict[str, Any]:
    if name == _DEAD:
        return {
            "name": name,
            "description": "The original record, whatever it was, with headers that say what was wrong with it.",
            "contentType": "application/octet-stream",
            "headers": {"type": "object", "properties": {name: {"type": "string"} for name in _ERRORS}},
            "payload": {"description": "As it came."},
        }
    if name == _REDRIVEN:
        return {
            "name": name,
            "description": "Says that the dead letter of this partition and offset was sent back, and where to.",
            "headers": {
                "type": "object",
                "properties": {f"wirewatch.redriven{more}": {"type": "string"} for more in ("", "-to")},
                "required": ["wirewatch.redriven"],
            },
            "payload": {"type": "null"},
        }
    message = {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
    return message | ({"headers": _event_headers(name)} if name in events.TYPES else {})


def _event_headers(name: str) -> dict[str, Any]:
    """CloudEvents 1.0 in binary mode, and W3C Trace Context."""
    fields: dict[str, Any] = {header: {"type": "string"} for header in events.HEADERS}
    fields["ce_specversion"] = {"type": "string", "const": events.SPECVERSION}
    fields["ce_type"] = {"type": "string", "const": events.TYPES[name]}
    required = [header for header in events.HEADERS if header != "ce_time"]
    return {
        "type": "object",
        "properties": fields | {name: {"type": "string"} for name in events.TRACE},
        "required": required,
    }


def _described(node: Any) -> Any:
    """The same with descriptions as they read, without the indentation of the code that they come from."""
    if isinstance(node, list):
        return [_described(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _described(value)
        for key, value in node.items()
    }


def write(folder: Path) -> None:
    """Write all schemas and the AsyncAPI document into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


def documents() -> dict[str, str]:
    """File name -> contents of every generated document."""
    found = {f"{name}.json": schema(name) for name in RECORDS} | {"asyncapi.json": asyncapi()}
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in found.items()}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
