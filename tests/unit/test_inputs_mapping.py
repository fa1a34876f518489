"""Maps, paths, dates and defaults; what is expected and missing; and that no record does more than be refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.codec import encode
from topics.errors import REASONS, InvalidRecord
from topics.inputs.form import FIELDS, FORMATS, Form
from topics.inputs.moments import Moments
from topics.inputs.read import Read, Reader, Readers
from topics.inputs.semantic import CONNECT_DECIMAL, MOMENTS
from topics.records import EnrichedArticle

CMS = {
    "guid": 17,
    "meta": {"headline": "Talks fail", "lang": "en", "link": "https://news.example/1"},
    "content": {"html": "", "text": "Plain text.", "blocks": [{"text": "One."}, {"image": 1}, {"text": "Two."}]},
    "bylines": [{"name": "A. Writer"}, {"name": "B. Reporter"}],
    "pubDate": "02.11.2026 13:00",
    "teaser": {"deep": {"very": "kept"}},
}


def read(record: Any, **form: Any) -> Read:
    return Reader(Form(**form))(json.dumps(record).encode())


def body(*paths: str) -> str | None:
    return read(CMS, map={"body": paths, "title": ("meta.headline",)}).article.body


def test_the_first_path_that_leads_to_text_wins() -> None:
    assert body("content.html", "content.text", "meta.headline") == "Plain text."
    assert body("nowhere.at.all", "content", "content.text") == "Plain text."
    assert body("content.html") is None


def test_pieces_of_a_body_are_its_paragraphs_and_a_number_picks_one() -> None:
    assert body("content.blocks.text") == "One.\n\nTwo."
    assert body("content.blocks.2.text") == "Two."
    assert body("content.blocks.9.text", "content.text") == "Plain text."


def test_of_other_fields_the_first_value_counts_and_of_authors_all() -> None:
    article = read(CMS, map={"title": ("bylines.name",), "authors": ("bylines.name",), "id": ("guid",)}).article
    assert (article.title, article.authors, article.id) == ("A. Writer", ("A. Writer", "B. Reporter"), "17")


def test_a_name_with_a_dot_in_it_is_found_too() -> None:
    assert read({"content.html": "Text"}, map={"body": ("content.html",)}).article.body == "Text"


def test_fields_without_a_path_keep_their_own_name_and_an_empty_list_turns_one_off() -> None:
    record = {"headline": "T", "body": "B", "status": "PUBLISHED"}
    found = read(record, map={"title": ("headline",)})
    assert (found.article.body, [w.field for w in found.warnings]) == ("B", ["status"])
    assert read(record, map={"title": ("headline",), "status": ()}).warnings == ()


def test_what_no_path_begins_with_is_extra() -> None:
    found = read(CMS, map={"body": ("content.text",), "title": ("meta.headline",)}).article
    assert found.extra.keys() == {"guid", "bylines", "pubDate", "teaser"}


def test_a_value_of_the_wrong_kind_costs_its_field_a_warning() -> None:
    found = read(CMS, map={"title": ("meta",), "body": ("content.text",)})
    assert (found.article.title, found.article.body) == (None, "Plain text.")
    assert [(w.field, w.reason) for w in found.warnings] == [("title", "expected text, found an object")]


def test_defaults_are_for_articles_that_do_not_say() -> None:
    form: dict[str, Any] = {"source": "cms", "language": "de", "content_type": "text/html"}
    article = read({"body": "x", "language": "en", "source": ""}, **form).article
    assert (article.source, article.language, article.content_type) == ("cms", "en", "text/html")


def test_what_is_missing_is_what_the_map_names_or_a_title_a_body_a_url_and_a_date() -> None:
    assert read({"body": "x"}).missing == ("title", "url", "published_at")
    named = {"body": ("text",), "section": ("desk",), "status": ("state",), "authors": ("by",), "url": ()}
    assert read({"text": "x", "by": []}, map=named).missing == ("section", "status", "authors")
    assert read({"text": "x", "by": ["A"], "state": "usable", "desk": "d"}, map=named).missing == ()
    assert read({"text": "x", "state": "canceled", "id": "1"}, map=named).missing == ()


def test_a_map_that_points_nowhere_says_what_there_is_instead() -> None:
    with pytest.raises(InvalidRecord) as caught:
        read(CMS, map={"body": ("content.htm", "text"), "title": ("head",)})
    assert caught.value.reason == "no_text"
    assert "title at head; body at content.htm, text: the record has guid, meta, content" in caught.value.message


@pytest.mark.parametrize(
    ("value", "formats", "zone", "hour"),
    [
        ("02.11.2026 13:00", ("%d.%m.%Y %H:%M",), None, 13),
        ("02.11.2026 13:00", ("%d.%m.%Y %H:%M",), "Europe/Berlin", 12),
        ("2026-11-02 13:00", (), "America/New_York", 18),
        ("2026-11-02T13:00:00Z", ("%d.%m.%Y",), "Europe/Berlin", 13),
        ("Mon, 02 Nov 2026 13:00:00 +0100", ("%d.%m.%Y",), "Asia/Tokyo", 12),
        (1_793_624_400, ("epoch-s",), "Asia/Tokyo", 13),
        ("1793624400000", ("epoch-ms",), None, 13),
        (1_793_624_400_000_000, ("epoch-us",), None, 13),
        (1_793_624_400_000_000_000, ("epoch-ns",), None, 13),
        (20_759, ("epoch-days",), None, 0),
        (1_793_624_400, ("epoch-days",), None, 13),  # out of range: as everybody writes it
    ],
)
def test_dates_are_read_by_the_inputs_formats_first(
    value: Any, formats: tuple[str, ...], zone: str | None, hour: int
) -> None:
    assert Moments(formats, zone)(value) == datetime(2026, 11, 2, hour, tzinfo=UTC)


@pytest.mark.parametrize("value", ["yesterday", None, True, [], 10**30, float("nan"), float("inf"), "9" * 24])
def test_what_is_no_date_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match="date"):
        Moments(("epoch-ns", "epoch-days", "%Y %m %d"), "Europe/Berlin")(value)


def test_a_topic_is_read_by_the_first_input_that_claims_it() -> None:
    readers = Readers([Form(topics=("a",), source="one"), Form(topics="a.*", source="two")])
    found = {topic: readers.of(topic)(b'{"body": "x"}').article.source for topic in ("a", "ab", "c")}
    assert found == {"a": "one", "ab": "two", "c": None}


# --- whatever comes

_PATHS = ("a", "a.b", "a.0", "a.b.c", "payload.a", "after.a", "data")
_NAMES = (
    *("a", "b", "c", "payload", "schema", "before", "after", "op", "source", "data", "data_base64", "specversion"),
    *("datacontenttype", "bodies", "headlines", "value", "role", "contenttype", "fields", "type", "field", "name"),
    *("parameters", "scale", "uri", "id", "title", "body", "url"),
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES) | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
_SCHEMAS = st.recursive(
    _VALUES,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["struct", "array", "int64", "bytes"])},
        optional={
            "name": st.sampled_from([CONNECT_DECIMAL, *MOMENTS]) | _VALUES,
            "field": st.sampled_from(_NAMES),
            "fields": st.lists(inner, max_size=3),
            "items": inner,
            "parameters": _VALUES,
        },
    ),
    max_leaves=8,
)
_SPECIAL = st.fixed_dictionaries(
    {},
    optional={
        "schema": _SCHEMAS,
        "payload": _VALUES,
        "op": st.sampled_from(["c", "u", "d", "t", 3]),
        "before": _VALUES,
        "after": _VALUES,
        "specversion": _VALUES,
        "data": _VALUES,
    },
)


@settings(max_examples=200)
@given(
    record=_SPECIAL | _VALUES,
    form=st.builds(
        Form,
        format=st.sampled_from(FORMATS),
        map=st.dictionaries(
            st.sampled_from(FIELDS), st.lists(st.sampled_from(_PATHS), max_size=3).map(tuple), max_size=5
        ),
        dates=st.sampled_from([(), ("epoch-days", "%d.%m.%Y")]),
        timezone=st.sampled_from([None, "Asia/Tokyo"]),
        deletes=st.sampled_from(["ignore", "withdraw"]),
    ),
)
def test_any_record_under_any_form_is_an_article_or_refused(record: Any, form: Form) -> None:
    try:
        found = Reader(form)(json.dumps(record).encode())
    except InvalidRecord as error:
        assert error.reason in REASONS
        return
    encode(found.article)
    encode(EnrichedArticle(**_enriched(found)))


def _enriched(found: Read) -> dict[str, Any]:
    return {"id": "x", "revision": "r", "text": "", "warnings": found.warnings}
