"""Bytes to records and back: the only wire format there is. Our own records are strict; raw articles are not."""

from typing import TypeVar

import msgspec

from topics.errors import InvalidRecord
from topics.raw import Decoded, Headers, article_of, cloud_event, parse_object
from topics.records import Alert, EnrichedArticle, HitRecord, Record

HIT_TYPES = frozenset({"hit", "withdrawn", "tick", "closed"})

R = TypeVar("R")

_encoder = msgspec.json.Encoder()
_hit_decoder: msgspec.json.Decoder[HitRecord] = msgspec.json.Decoder(HitRecord)
_alert_decoder = msgspec.json.Decoder(Alert)
_enriched_decoder = msgspec.json.Decoder(EnrichedArticle)


def encode(record: Record) -> bytes:
    """The record as UTF-8 JSON. The same record always gives the same bytes."""
    return _encoder.encode(record)


def decode_hit(value: bytes | None) -> HitRecord | None:
    """A record of `news.hits`; None for a type that is newer than this reader. Raises InvalidRecord."""
    try:
        return _decode(_hit_decoder, value)
    except InvalidRecord:
        kind = _type_of(value)
        if kind is not None and kind not in HIT_TYPES:
            return None
        raise


def decode_alert(value: bytes | None) -> Alert:
    """Raises InvalidRecord."""
    return _decode(_alert_decoder, value)


def decode_enriched(value: bytes | None) -> EnrichedArticle:
    """Raises InvalidRecord."""
    return _decode(_enriched_decoder, value)


def decode_raw(value: bytes | None, headers: Headers = ()) -> Decoded:
    """A RawArticle as it is written on our own topic, with CloudEvents binary-mode headers filled in.

    How the topics of others are read is in `topics.inputs`. Raises InvalidRecord.
    """
    fields, warnings = parse_object(value)
    article = article_of(fields, warnings, event=cloud_event(headers))
    return Decoded(article, tuple(warnings))


def _decode(decoder: "msgspec.json.Decoder[R]", value: bytes | None) -> R:
    if not value:
        raise InvalidRecord("empty_value", "the record has no value")
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        raise InvalidRecord("wrong_type", str(error)) from None
    except UnicodeDecodeError as error:
        raise InvalidRecord("invalid_utf8", str(error)) from None
    except RecursionError:
        raise InvalidRecord("too_deep", "nested too deeply") from None
    except msgspec.DecodeError as error:
        raise InvalidRecord("not_json", str(error)) from None


def _type_of(value: bytes | None) -> str | None:
    try:
        found = msgspec.json.decode(value or b"")
    except (ValueError, RecursionError):
        return None
    kind = found.get("type") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) else None
