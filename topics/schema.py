"""JSON Schemas of the records, and the AsyncAPI document of the topics, from `records.py`."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

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
    "dead-letters": (),
    "watchlists": ("WatchlistManifest", "WatchlistRule"),
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a record. KeyError for a name that is not in RECORDS."""
    return {"$schema": DIALECT, "title": name} | msgspec.json.schema(RECORDS[name])


def asyncapi() -> dict[str, Any]:
    """An AsyncAPI 3 document: which topic carries which records, by which key."""
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
        "components": {
            "messages": {name: {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}} for name in RECORDS},
            "schemas": schemas,
        },
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
