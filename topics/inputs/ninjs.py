"""IPTC's ninjs, 1 to 3, as RawArticle's fields.

1 writes `body_html` and `headline`, 2 lists of `bodies` and `headlines` with roles, 3 the same in camel case
(`pubStatus`): names are compared in lower case. Names of ours that ninjs has too (`title`, `version`, `language`)
mean what the standard says. Everything else is kept, so that a map can reach it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_HTML = ("text/html", "application/xhtml+xml", "html", "xhtml")
_PLAIN = ("text/plain", "text")


def fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """RawArticle's fields of an item, beside those of the item itself."""
    low = {str(name).lower(): value for name, value in item.items()}
    uri = low.get("uri")
    body, content_type = _body(low)
    found = {
        "id": uri,
        "url": uri if isinstance(uri, str) and uri.startswith(("http://", "https://")) else None,
        "source": _source(low),
        "title": _title(low),
        "body": body,
        "content_type": content_type,
        "published_at": low.get("firstcreated") or low.get("contentcreated") or low.get("versioncreated"),
        "updated_at": low.get("versioncreated"),
        "embargo_until": low.get("embargoed"),
        "status": low.get("pubstatus"),
        "authors": _authors(low),
        "section": _named(low.get("genres") or low.get("genre")),
    }
    return {**item, **found}


def _title(low: Mapping[str, Any]) -> Any:
    texts = list(_texts(low, "headline", "headlines"))
    best = min(texts, key=lambda text: (text.role != "main", text.html), default=None)
    return best.value if best else low.get("title")


def _body(low: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The body and its type: HTML before plain text, for there the paragraphs are sure; else the description."""
    for one, many in (("body", "bodies"), ("description", "descriptions")):
        texts = list(_texts(low, one, many))
        if texts:
            best = min(texts, key=lambda text: (not text.html, text.role not in ("main", "text"), not text.plain))
            return best.value, "text/html" if best.html else "text/plain" if best.plain else None
    return None, None


class _Text:
    """A text of an item, with its role and type, if it has any."""

    def __init__(self, value: str, role: str, kind: str) -> None:
        self.value = value
        self.role = role
        self.html = kind in _HTML
        self.plain = kind in _PLAIN


def _texts(low: Mapping[str, Any], one: str, many: str) -> Iterator[_Text]:
    """Those of `bodies`, then those of `body` and `body_…`. What is no text, or empty, is none."""
    listed = low.get(many)
    for entry in listed if isinstance(listed, list) else ():
        entry = {str(name).lower(): value for name, value in entry.items()} if isinstance(entry, dict) else {}
        if isinstance(entry.get("value"), str) and entry["value"].strip():
            kind = str(entry.get("contenttype") or "").partition(";")[0].strip().lower()
            yield _Text(entry["value"], str(entry.get("role") or "main").lower(), kind)
    for name, value in low.items():
        stem, _, role = name.partition("_")
        if stem == one and isinstance(value, str) and value.strip():
            yield _Text(value, role or "main", role)


def _source(low: Mapping[str, Any]) -> Any:
    return _named(low.get("infosources") or low.get("infosource")) or low.get("copyrightholder")


def _named(listed: Any) -> str | None:
    """The first name in a list of things with names."""
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"].strip():
            name: str = entry["name"]
            return name
    return None


def _authors(low: Mapping[str, Any]) -> Any:
    return low.get("by") or low.get("byline") or None
