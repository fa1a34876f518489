"""Other people's records are read as their producers write them: Kafka Connect, Debezium, CloudEvents, ninjs."""

import base64
import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from tests.producers import MICROS, MYSQL, POSTGRES, TEXT, connect_field, connect_json, debezium, row
from topics.errors import InvalidRecord
from topics.inputs.envelopes import UNWRAP
from topics.inputs.form import FORMATS, Form
from topics.inputs.read import Read, Reader
from workers.sections import Input

ONE_PM = datetime(2026, 11, 2, 13, tzinfo=UTC)
TABLE = Form(
    format="debezium",
    map={"id": ("id",), "title": ("headline",), "body": ("body",), "published_at": ("created",)},
    source="cms",
)


def read(value: bytes | None, headers: Any = (), **form: Any) -> Read:
    return Reader(Form(**form))(value, headers)


def change(*arguments: Any, deletes: str = "ignore", timezone: str | None = None, **options: Any) -> Read:
    form = Form(format="debezium", map=TABLE.map, source="cms", deletes=deletes, timezone=timezone)
    return Reader(form)(debezium(*arguments, **options))


def refused(reason: str, value: bytes | None, headers: Any = (), **form: Any) -> str:
    with pytest.raises(InvalidRecord) as caught:
        read(value, headers, **form)
    assert caught.value.reason == reason
    return caught.value.message


# --- Kafka Connect


def test_connect_json_with_and_without_its_schema() -> None:
    payload = {"id": "a1", "title": "Talks", "body": TEXT, "published_at": MICROS // 1000}
    fields = [
        connect_field("id", "string"),
        connect_field("title", "string"),
        connect_field("body", "string"),
        connect_field("published_at", "int64", "org.apache.kafka.connect.data.Timestamp"),
    ]
    for value in (connect_json(payload, *fields), json.dumps(payload).encode()):
        article = read(value, format="connect-json").article
        assert (article.id, article.title, article.body, article.published_at) == ("a1", "Talks", TEXT, ONE_PM)


def test_a_connect_payload_of_null_is_a_null_record() -> None:
    assert read(b'{"schema": null, "payload": null}', format="connect-json").filtered == "null"


# --- Debezium


@pytest.mark.parametrize("op", ["c", "r", "u"])
@pytest.mark.parametrize("source", [POSTGRES, MYSQL])
def test_a_row_that_is_there_is_an_article(op: str, source: dict[str, Any]) -> None:
    found = change(op, None, row(), source=source)
    article = found.article
    assert (article.id, article.title, article.body, article.published_at) == ("7", "Talks fail", TEXT, ONE_PM)
    assert (article.source, found.warnings, found.missing) == ("cms", (), ())


def test_dates_and_decimals_are_what_the_schema_says() -> None:
    for path, expected in (
        ("created", ONE_PM),
        ("edition", datetime(2026, 11, 2, tzinfo=UTC)),
        ("changed", datetime(2026, 11, 2, 13, 5, tzinfo=UTC)),
    ):
        form = Form(format="debezium", map={"published_at": (path,), "id": ("serial",)})
        article = Reader(form)(debezium("c", None, row())).article
        assert (article.published_at, article.id) == (expected, "12345")


def test_a_databases_timestamps_are_of_the_inputs_time_zone() -> None:
    assert change("c", None, row(), timezone="Europe/Berlin").article.published_at == datetime(
        2026, 11, 2, 12, tzinfo=UTC
    )


def test_without_a_schema_numbers_are_dates_by_their_size_or_by_the_settings() -> None:
    assert change("c", None, row(), schema=False).article.published_at == ONE_PM
    form = Form(format="debezium", map={"published_at": ("edition",)}, dates=("epoch-days",))
    found = Reader(form)(debezium("c", None, row(), schema=False))
    assert found.article.published_at == datetime(2026, 11, 2, tzinfo=UTC)


def test_a_deleted_row_is_filtered_or_withdrawn_as_told() -> None:
    assert change("d", row(), None).filtered == "deleted"
    found = change("d", row(), None, deletes="withdraw")
    assert (found.filtered, found.article.id, found.article.status) == (None, "7", "canceled")


def test_a_deletion_of_which_only_the_key_is_known_is_withdrawn_too() -> None:
    blank = dict.fromkeys(row()) | {"id": 7}
    assert change("d", blank, None, deletes="withdraw").article.id == "7"


def test_a_deletion_that_names_no_article_says_what_helps() -> None:
    with pytest.raises(InvalidRecord, match="REPLICA IDENTITY FULL"):
        change("d", None, None, deletes="withdraw")


def test_tombstones_truncates_and_messages_are_no_articles_and_no_errors() -> None:
    assert read(None, format="debezium").filtered == "tombstone"
    assert change("t", None, None).filtered == "no_row"
    assert change("m", None, None).filtered == "no_row"


def test_a_row_that_a_transformation_unwrapped() -> None:
    flat = row() | {"__deleted": "false", "__op": "u"}
    assert Reader(TABLE)(json.dumps(flat).encode()).article.title == "Talks fail"
    assert Reader(TABLE)(json.dumps(flat | {"__deleted": "true"}).encode()).filtered == "deleted"


def test_a_column_that_the_database_did_not_send_is_missing_and_not_text() -> None:
    found = change("u", None, row(body="__debezium_unavailable_value"))
    assert (found.article.body, found.missing) == (None, ("body",))
    assert found.warnings[0].field == "body"
    assert "REPLICA IDENTITY FULL" in found.warnings[0].reason


def test_a_document_of_mongodb_is_text_within_the_change() -> None:
    document = json.dumps({"_id": {"$oid": "63b0"}, "headline": "Talks fail", "body": TEXT})
    form = Form(format="debezium", map={"id": ("_id.$oid",), "title": ("headline",), "body": ("body",)})
    article = Reader(form)(debezium("c", None, document, schema=False)).article
    assert (article.id, article.title) == ("63b0", "Talks fail")


# --- CloudEvents

EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/cms/desk",
    "type": "com.example.article.published",
    "time": "2026-11-02T13:00:00Z",
    "datacontenttype": "application/json",
}


def structured(**more: Any) -> bytes:
    return json.dumps(EVENT | more).encode()


def test_a_structured_event_fills_in_what_its_data_leave_out() -> None:
    article = read(structured(data={"title": "Talks", "body": TEXT}), format="cloudevents").article
    assert (article.id, article.source, article.published_at) == ("e-1", "/cms/desk", ONE_PM)
    assert (article.title, article.body) == ("Talks", TEXT)
    own = read(structured(data={"title": "Talks", "id": "a1"}), format="cloudevents", source="The Desk").article
    assert (own.id, own.source) == ("a1", "The Desk")


def test_data_in_base64_and_as_text() -> None:
    coded = base64.b64encode(json.dumps({"title": "Talks"}).encode()).decode()
    assert read(structured(data_base64=coded), format="cloudevents").article.title == "Talks"
    article = read(structured(data="<p>Talks</p>", datacontenttype="text/html"), format="cloudevents").article
    assert (article.body, article.content_type) == ("<p>Talks</p>", "text/html")
    refused("wrong_type", structured(data_base64="***"), format="cloudevents")
    assert read(structured(), format="cloudevents").filtered == "no_data"


def test_a_binary_event_has_its_attributes_in_headers() -> None:
    headers = [(f"ce_{name}", str(value).encode()) for name, value in EVENT.items()]
    article = read(b'{"title": "Talks"}', headers, format="cloudevents").article
    assert (article.id, article.title, article.published_at) == ("e-1", "Talks", ONE_PM)
    html = [*headers, ("content-type", b"text/html; charset=utf-8")]
    assert read("<p>Zoë</p>".encode(), html, format="cloudevents").article.body == "<p>Zoë</p>"
    refused("invalid_utf8", b"<p>Zo\xeb</p>", html, format="cloudevents")


# --- ninjs

NINJS_1 = {
    "uri": "http://agency.example/items/20261102-7",
    "type": "text",
    "version": "3",
    "firstcreated": "2026-11-02T13:00:00Z",
    "versioncreated": "2026-11-02T14:00:00Z",
    "embargoed": "2026-11-02T15:00:00Z",
    "pubstatus": "usable",
    "language": "en",
    "usageterms": "Not for resale",
    "byline": "A. Writer and B. Reporter",
    "headline": "Talks fail",
    "slugline": "talks-geneva",
    "infosource": [{"name": "The Agency", "qcode": "org:1"}],
    "description_text": "Ministers part without agreement.",
    "body_text": "The ministers met in Geneva. No agreement was reached.",
    "body_html": "<p>The ministers met in Geneva.</p><p>No agreement was reached.</p>",
}
NINJS_2 = {
    "standard": {"name": "ninjs", "version": "2.1", "schema": "https://iptc.org/std/ninjs/ninjs-schema_2.1.json"},
    "uri": "urn:newsml:agency.example:20261102:7",
    "firstcreated": "2026-11-02T13:00:00Z",
    "versioncreated": "2026-11-02T14:00:00Z",
    "pubstatus": "usable",
    "by": "A. Writer",
    "headlines": [{"role": "short", "value": "Talks"}, {"role": "main", "value": "Talks fail"}],
    "bodies": [
        {"role": "main", "contenttype": "text/plain", "value": "The ministers met in Geneva."},
        {"role": "richtext", "contenttype": "application/xhtml+xml", "value": "<p>The ministers met in Geneva.</p>"},
    ],
    "infosources": [{"name": "The Agency", "role": "origin"}],
}
NINJS_3 = {
    "standard": {"name": "ninjs", "version": "3.0"},
    "uri": "urn:newsml:agency.example:20261102:8",
    "firstCreated": "2026-11-02T13:00:00Z",
    "versionCreated": "2026-11-02T14:00:00Z",
    "pubStatus": "canceled",
    "headlines": [{"value": "Talks fail"}],
    "bodies": [{"role": "main", "contentType": "text/plain", "value": "The ministers met in Geneva."}],
}


def ninjs(item: dict[str, Any], **form: Any) -> Read:
    return read(json.dumps(item).encode(), format="ninjs", **form)


def test_ninjs_1() -> None:
    found = ninjs(NINJS_1)
    article = found.article
    assert (article.id, article.url) == (NINJS_1["uri"], NINJS_1["uri"])
    assert (article.title, article.body, article.content_type) == ("Talks fail", NINJS_1["body_html"], "text/html")
    assert (article.source, article.authors, article.version) == ("The Agency", ("A. Writer and B. Reporter",), "3")
    assert (article.published_at, article.language, found.warnings) == (ONE_PM, "en", ())
    assert article.embargo_until == datetime(2026, 11, 2, 15, tzinfo=UTC)
    assert article.updated_at == datetime(2026, 11, 2, 14, tzinfo=UTC)


def test_ninjs_2_has_lists_with_roles() -> None:
    article = ninjs(NINJS_2).article
    assert (article.title, article.body, article.content_type) == (
        "Talks fail",
        "<p>The ministers met in Geneva.</p>",
        "text/html",
    )
    assert (article.url, article.source, article.authors) == (None, "The Agency", ("A. Writer",))


def test_ninjs_3_is_in_camel_case() -> None:
    article = ninjs(NINJS_3).article
    assert (article.status, article.title, article.content_type) == ("canceled", "Talks fail", "text/plain")
    assert article.published_at == ONE_PM


def test_ninjs_without_a_body_has_its_description_and_a_cancellation_needs_neither() -> None:
    article = ninjs({"uri": "urn:x:1", "description_text": "A harbour at night.", "type": "picture"}).article
    assert (article.body, article.content_type) == ("A harbour at night.", "text/plain")
    assert ninjs({"uri": "urn:x:1", "pubstatus": "canceled"}).article.status == "canceled"
    with pytest.raises(InvalidRecord, match="no_text"):
        ninjs({"uri": "urn:x:1"})


def test_a_map_wins_over_the_standard() -> None:
    item = NINJS_1 | {"links": [{"rel": "web", "href": "https://news.example/talks"}]}
    article = ninjs(item, map={"url": ("links.href",)}).article
    assert (article.url, article.title) == ("https://news.example/talks", "Talks fail")


def test_every_format_can_be_named_in_the_settings_and_is_unwrapped() -> None:
    named = get_args(Input.model_fields["format"].annotation)
    assert set(named) == set(FORMATS) == set(UNWRAP)
