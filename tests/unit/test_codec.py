"""What can be read is read, with warnings; what cannot has a named reason; our own records come back as they were."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.codec import decode_hit, decode_raw, encode
from topics.dates import parse_instant
from topics.errors import REASONS, InvalidRecord
from topics.records import Hit, RawArticle, RuleMet, Snippet, Tick

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty_value"),
        (b"", "empty_value"),
        (b"not json", "not_json"),
        (b'{"title": "cut of', "not_json"),
        (b"\x1f\x8b\x08\x00", "not_json"),
        (b"\xff\xfe{}", "invalid_utf8"),
        (b'{"body": "caf\xe9"}', "invalid_utf8"),
        (b"[1, 2]", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"null", "wrong_type"),
        (b'{"body": ["x"], "title": 3}', "wrong_type"),
        (b'{"url": "https://a.example/"}', "no_text"),
        (b'{"body": " \\n ", "title": ""}', "no_text"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"\x00\x00\x00\x00\x2a\x02hello", "schema_registry"),
        (b'{"body": "x", "n": ' + b"9" * 10_000 + b"}", "not_json"),
    ],
)
def test_what_cannot_be_read_has_a_named_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        decode_raw(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b'{"body": "x", "published_at": "yesterday"}', "published_at"),
        (b'{"body": "x", "published_at": 1e400}', "published_at"),
        (b'{"body": "x", "published_at": 99999999999999999999}', "published_at"),
        (b'{"body": "x", "published_at": true}', "published_at"),
        (b'{"body": "x", "title": {"en": "t"}}', "title"),
        (b'{"body": "x", "status": "odd"}', "status"),
        (b'{"body": "x", "authors": 7}', "authors"),
        (b'{"body": "x", "url": "https://a.example/\\u001b[2J"}', "url"),
        (b'{"body": "x \\ud800 y"}', "body"),
        (b'{"body": "x", "score": NaN}', "(record)"),
        (b'{"body": "x\x00y"}', "(record)"),
    ],
)
def test_a_bad_optional_field_costs_a_warning_and_not_the_article(value: bytes, field: str) -> None:
    article, warnings = decode_raw(value)
    assert article.body
    assert field in [warning.field for warning in warnings]
    encode(article)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-02T12:00:00Z",
        "2026-11-02T13:00:00+01:00",
        "2026-11-02T12:00:00",
        "2026-11-02 12:00",
        "Mon, 02 Nov 2026 12:00:00 GMT",
        "Mon, 02 Nov 2026 07:00:00 -0500",
        1793620800,
        1793620800.0,
        1793620800000,
        "1793620800",
        "1793620800000",
        1793620800000000,
    ],
)
def test_dates_are_read_as_sources_write_them(written: Any) -> None:
    assert parse_instant(written) == NOON


def test_unknown_fields_are_kept_in_extra() -> None:
    article, _ = decode_raw(b'{"body": "x", "desk_note": {"a": 1}, "extra": {"b": 2}}')
    assert article.extra == {"desk_note": {"a": 1}, "b": 2}


def test_a_byte_order_mark_is_no_error() -> None:
    assert decode_raw(b"\xef\xbb\xbf" + b'{"body": "x"}').article.body == "x"


def test_cloudevents_headers_fill_in_what_the_value_lacks() -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e-1"),
        ("ce_source", b"wire"),
        ("ce_time", b"2026-11-02T12:00:00Z"),
    ]
    article = decode_raw(b'{"body": "x"}', headers).article
    assert (article.id, article.source, article.published_at) == ("e-1", "wire", NOON)
    assert decode_raw(b'{"body": "x", "id": "own"}', headers).article.id == "own"
    assert decode_raw(b'{"body": "x"}', headers[1:]).article.id is None  # no specversion: not a CloudEvent


def test_a_very_long_id_is_hashed_and_numbers_are_ids() -> None:
    article, warnings = decode_raw(json.dumps({"body": "x", "id": "i" * 900_000}).encode())
    assert article.id is not None
    assert len(article.id) < 40
    assert warnings[0].field == "id"
    assert decode_raw(b'{"body": "x", "id": 42}').article.id == "42"


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_an_article_or_a_reason(value: bytes) -> None:
    try:
        decode_raw(value)
    except InvalidRecord as error:
        assert error.reason in REASONS


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*RawArticle.__struct_fields__, "other"]), _json, max_size=8))
def test_wrong_types_anywhere_end_in_an_encodable_article_or_a_reason(fields: dict[str, Any]) -> None:
    try:
        article, _ = decode_raw(json.dumps(fields).encode())
    except InvalidRecord as error:
        assert error.reason in ("no_text", "wrong_type")
    else:
        encode(RawArticle(**{name: getattr(article, name) for name in article.__struct_fields__ if name != "extra"}))


def test_hits_come_back_as_they_were_and_later_types_are_none() -> None:
    rule = RuleMet(watchlist="w", version="1", rule="r", severity="flash", evidence=())
    hit = Hit(
        id="1",
        desk="d",
        seen_at=NOON,
        article_id="a",
        revision="r",
        severity="flash",
        rules=(rule,),
        snippet=Snippet(text="x", marks=((0, 1),)),
    )
    assert decode_hit(encode(hit)) == hit
    assert decode_hit(encode(Tick(seen_at=NOON))) == Tick(seen_at=NOON)
    assert decode_hit(b'{"type": "something-later"}') is None
    for bad in (b'{"type": "hit"}', b"{}", b"x", None, b'{"type": 3}'):
        with pytest.raises(InvalidRecord):
            decode_hit(bad)


@pytest.mark.parametrize("status", ["canceled", "cancelled", "withheld"])
def test_what_only_says_that_an_article_is_not_to_be_used_needs_no_text_but_a_name(status: str) -> None:
    assert decode_raw(json.dumps({"id": "a1", "status": status}).encode()).article.id == "a1"
    assert decode_raw(json.dumps({"url": "https://a.example/", "status": status}).encode()).article.body is None
    with pytest.raises(InvalidRecord, match="no_text"):
        decode_raw(json.dumps({"status": status}).encode())
