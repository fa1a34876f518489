"""A raw article from anything that a source may send: what can be read is read.

An optional field that cannot be read is null with a warning; only an article without any readable text is refused.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from topics.dates import parse_instant
from topics.errors import InvalidRecord
from topics.identity import digest
from topics.records import STATUSES, RawArticle, Warn

MAX_VALUE_BYTES = 32 * 1024 * 1024
"""A larger value is not even parsed."""

Headers = Sequence[tuple[str, bytes | None]]
Instant = Callable[[Any], datetime]
"""Reads a date, or raises ValueError with a message for people."""

# Longest accepted, in characters. What is longer is cut, but for ids (hashed) and URLs (half a URL is none).
_LIMITS = {"source": 200, "language": 64, "content_type": 200, "section": 200, "version": 100}
_MAX_ID = 512
_MAX_URL = 4096
_MAX_AUTHORS = 50
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_CANCELED = {"cancelled": "canceled", "cancel": "canceled", "embargoed": "withheld"}


class Decoded(NamedTuple):
    """A raw article, and what had to be mended in it."""

    article: RawArticle
    warnings: tuple[Warn, ...]


def article_of(
    fields: Mapping[str, Any],
    warnings: list[Warn],
    *,
    event: Mapping[str, str] | None = None,
    instant: Instant = parse_instant,
) -> RawArticle:
    """The article in an object whose names are RawArticle's; adds to `warnings`.

    `event` are the attributes of the CloudEvent that brought it: they fill in what the object leaves out. Raises
    InvalidRecord where there is nothing to read.
    """
    article = _Reader(fields, warnings, instant).article(event or {})
    if not ((article.title or "").strip() or (article.body or "").strip()) and not _is_notice(article):
        bad = next((w for w in warnings if w.field in ("title", "body")), None)
        if bad:
            raise InvalidRecord("wrong_type", f"no readable title or body: {bad.field}: {bad.reason}")
        raise InvalidRecord("no_text", "neither title nor body holds any text")
    return article


def _is_notice(article: RawArticle) -> bool:
    """Whether it only says that an article is not to be used (any more): that needs no text, but has to name it."""
    return article.status in ("canceled", "withheld") and bool(article.id or article.url)


def parse_object(value: bytes | None) -> tuple[dict[str, Any], list[Warn]]:
    """The value as a JSON object, and what was amiss with it. Raises InvalidRecord.

    Falls back to a laxer parser for what msgspec refuses but others write.
    """
    text = _text_of(value)
    warnings: list[Warn] = []
    try:
        found = msgspec.json.decode(text)
    except RecursionError:
        raise InvalidRecord("too_deep", "the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        found = _lax(text, str(error), warnings)
    if not isinstance(found, dict):
        raise InvalidRecord("wrong_type", f"expected a JSON object, found {kind_of(found)}")
    return found, warnings


def _text_of(value: bytes | None) -> str:
    if not value:
        raise InvalidRecord("empty_value", "the record has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidRecord("too_large", f"{len(value)} bytes, at most {MAX_VALUE_BYTES} are read")
    if value[0] == 0 and len(value) > 5:
        raise no_registry(int.from_bytes(value[1:5], "big"))
    if value[:2] == b"\x1f\x8b":
        raise InvalidRecord("not_json", "the value is gzip data; JSON is expected (use the topic's own compression)")
    try:
        return value.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRecord("invalid_utf8", f"byte {error.start} of {len(value)}: {error.reason}") from None


def no_registry(number: int) -> InvalidRecord:
    """For a value that is framed for a schema registry, with the schema's id, where its input names none."""
    return InvalidRecord(
        "schema_registry",
        f"framed for a schema registry (schema {number}), and its input names none. An [[input]] with registry.url "
        '(and format = "avro", unless there is an envelope) reads it; or let the producer write plain JSON',
    )


def _lax(text: str, why: str, warnings: list[Warn]) -> Any:
    def constant(name: str) -> None:
        warnings.append(Warn(field="(record)", reason=f"{name} is no JSON: read as null"))

    try:
        found = json.loads(text, strict=False, parse_constant=constant)
    except RecursionError:
        raise InvalidRecord("too_deep", "the JSON is nested too deeply") from None
    except ValueError:
        raise InvalidRecord("not_json", why) from None
    if not warnings:
        warnings.append(Warn(field="(record)", reason=f"lax JSON: {why}"))
    return found


def kind_of(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def cloud_event(headers: Headers) -> dict[str, str]:
    """What a CloudEvent in binary mode says of the article in its headers (CloudEvents Kafka binding 1.0.2)."""
    found: dict[str, str] = {}
    for name, raw in headers:
        if raw is not None and name.startswith("ce_") and len(raw) <= _MAX_URL:
            found[name[3:]] = raw.decode("utf-8", "replace")
    return found if "specversion" in found else {}


class _Reader:
    """Takes the fields out of one JSON object, noting what it had to leave or mend."""

    def __init__(self, fields: Mapping[str, Any], warnings: list[Warn], instant: Instant) -> None:
        self._fields = dict(fields)
        self._warnings = warnings
        self._parse = instant

    def article(self, event: Mapping[str, str]) -> RawArticle:
        return RawArticle(
            id=self._id(event.get("id")),
            url=self._url(),
            source=self._line("source") or (event.get("source") or None),
            title=self._text("title"),
            body=self._text("body"),
            published_at=self._instant("published_at", event.get("time")),
            updated_at=self._instant("updated_at"),
            version=self._line("version", numbers=True),
            status=self._status(),
            embargo_until=self._instant("embargo_until"),
            language=self._line("language"),
            content_type=self._line("content_type"),
            section=self._line("section"),
            authors=self._authors(),
            extra=self._extra(),
        )

    def _warn(self, field: str, reason: str) -> None:
        self._warnings.append(Warn(field=field, reason=reason))

    def _text(self, field: str, *, numbers: bool = False) -> str | None:
        value = self._fields.pop(field, None)
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if value is None or isinstance(value, str):
            return self._mended(field, value) if value else None
        self._warn(field, f"expected text, found {kind_of(value)}")
        return None

    def _mended(self, field: str, value: str) -> str:
        # isascii is a flag on the string: the search costs nothing for most news.
        if value.isascii() or not _SURROGATES.search(value):
            return value
        self._warn(field, "lone surrogates were replaced")
        return _SURROGATES.sub("\ufffd", value)

    def _line(self, field: str, *, numbers: bool = False) -> str | None:
        value = self._text(field, numbers=numbers)
        if value is None:
            return None
        line = _CONTROLS.sub(" ", value).strip()
        limit = _LIMITS.get(field, _MAX_URL)
        if len(line) > limit:
            self._warn(field, f"cut from {len(line)} to {limit} characters")
            line = line[:limit]
        return line or None

    def _id(self, from_event: str | None) -> str | None:
        value = self._text("id", numbers=True) or from_event
        if value is None:
            return None
        clean = _CONTROLS.sub(" ", value).strip()
        if len(clean) > _MAX_ID:
            self._warn("id", f"{len(clean)} characters: hashed")
            return "h-" + digest("id", clean)
        return clean or None

    def _url(self) -> str | None:
        value = self._text("url")
        if value is None:
            return None
        clean = value.strip()
        if len(clean) > _MAX_URL or _CONTROLS.search(clean):
            self._warn("url", "too long, or holds control characters")
            return None
        return clean or None

    def _instant(self, field: str, from_event: str | None = None) -> Any:
        value = self._fields.pop(field, None)
        if value is None or value == "":
            value = from_event
        if value is None:
            return None
        try:
            return self._parse(value)
        except ValueError as error:
            self._warn(field, str(error))
            return None

    def _status(self) -> str:
        value = self._line("status")
        if value is None:
            return "usable"
        status = _CANCELED.get(value.lower(), value.lower())
        if status not in STATUSES:
            self._warn("status", f"expected one of {', '.join(STATUSES)}, found {value[:40]!r}")
            return "usable"
        return status

    def _authors(self) -> tuple[str, ...]:
        value = self._fields.pop("authors", None)
        if value is None:
            return ()
        listed = value if isinstance(value, list) else [value]
        names = tuple(self._mended("authors", name)[:200] for name in listed[:_MAX_AUTHORS] if isinstance(name, str))
        if len(names) < len(listed):
            self._warn("authors", "expected a list of names")
        return names

    def _extra(self) -> dict[str, Any]:
        nested = self._fields.pop("extra", None)
        if nested is None or isinstance(nested, dict):
            return self._fields | (nested or {})
        return self._fields | {"extra": nested}
