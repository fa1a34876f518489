"""One article through the enrich step: its outcome, its records, and what hostile input does to it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.bundle import encode
from alerts.sources import Source, Sources
from alerts.watchlist import Rule, Term, Watchlist
from tests.producers import ARTICLE_SCHEMA, avro, debezium, packed, row
from topics.codec import decode_enriched, decode_hit
from topics.inputs.form import Form
from topics.records import EnrichedArticle, Hit, Withdrawn
from workers.article.options import Options
from workers.article.pipeline import Pipeline
from workers.messages import DEAD_LETTERED, ENRICHED, FILTERED, Headers, Record, Result

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
WATCHLISTS = (
    Watchlist(
        id="trade",
        desk="trade",
        rules=(
            Rule(id="taiwan", severity="urgent", terms=("Taiwan",), aliases={"Taiwan": ("台湾",)}),
            Rule(id="tariffs", terms=("tariff",)),
        ),
    ),
    Watchlist(id="asia", desk="asia", rules=(Rule(id="taiwan", terms=("Taiwan",)),)),
)


def _pipeline(**options: Any) -> Pipeline:
    pipeline = Pipeline(Options(**options))
    pipeline.use_watchlists(encode(WATCHLISTS))
    return pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return _pipeline()


def _record(value: bytes | None, *, headers: Headers = (), at: datetime = NOON, key: bytes | None = b"k") -> Record:
    return Record("news.raw", 3, 7, int(at.timestamp() * 1000), key, value, headers)


def _one(pipeline: Pipeline, value: bytes | None = None, /, *, headers: Headers = (), **fields: Any) -> Result:
    data = value if not fields else json.dumps(fields).encode()
    return pipeline([_record(data, headers=headers)])[0]


def _enriched(result: Result) -> EnrichedArticle:
    assert result.outcome == ENRICHED, result
    assert [output.role for output in result.then] == ["enriched"]
    return decode_enriched(result.then[0].value)


def _hits(result: Result) -> list[Hit]:
    records = [decode_hit(output.value) for output in result.first]
    return [record for record in records if isinstance(record, Hit)]


def test_an_article_becomes_one_enriched_record_and_one_hit_a_desk(pipeline: Pipeline) -> None:
    body = "Taiwan answered.\n\nA tariff on Taiwan's chips was set."
    result = _one(pipeline, id="a1", title="Talks", body=body, source="wire")
    article = _enriched(result)
    assert (article.id, article.title, article.text, article.source) == ("a1", "Talks", body, "wire")
    assert {(hit.desk, hit.rule) for hit in article.hits} == {
        ("trade", "taiwan"),
        ("trade", "tariffs"),
        ("asia", "taiwan"),
    }
    assert [(hit.desk, hit.severity, len(hit.rules)) for hit in _hits(result)] == [
        ("asia", "info", 1),
        ("trade", "urgent", 2),
    ]
    assert [output.key for output in result.first] == [b"asia", b"trade"]
    assert result.then[0].key == b"a1"
    for evidence in (e for hit in article.hits for e in hit.evidence):
        assert article.text[evidence.start : evidence.end] == evidence.text
    assert article.origin is not None
    assert (article.origin.topic, article.origin.partition, article.origin.offset) == ("news.raw", 3, 7)
    assert article.watchlists.keys() == {"trade", "asia"}


def test_the_same_record_always_gives_the_same_bytes(pipeline: Pipeline) -> None:
    value = json.dumps({"title": "Taiwan", "body": "A tariff. " * 50}).encode()
    assert pipeline([_record(value)])[0].then == _pipeline()([_record(value)])[0].then


def test_a_correction_is_another_revision_of_the_same_article(pipeline: Pipeline) -> None:
    first = _hits(_one(pipeline, id="a", body="Taiwan one"))[0]
    second = _hits(_one(pipeline, id="a", body="Taiwan two"))[0]
    assert first.article_id == second.article_id
    assert first.revision != second.revision
    assert first.id != second.id


def test_an_old_article_is_marked_backfill(pipeline: Pipeline) -> None:
    old = (NOON - timedelta(hours=7)).isoformat()
    new = (NOON - timedelta(hours=5)).isoformat()
    assert _hits(_one(pipeline, body="Taiwan", published_at=old))[0].backfill
    assert not _hits(_one(pipeline, body="Taiwan", published_at=new))[0].backfill
    assert not _hits(_one(pipeline, body="Taiwan"))[0].backfill


def test_a_canceled_article_goes_to_every_partition_of_the_hits(pipeline: Pipeline) -> None:
    result = _one(pipeline, id="a", body="Taiwan", status="canceled")
    assert (result.outcome, result.then) == (FILTERED, ())
    (output,) = result.first
    assert output.every
    record = decode_hit(output.value)
    assert isinstance(record, Withdrawn)
    assert (record.article_id, record.seen_at) == ("a", NOON)


def test_what_the_settings_leave_out_is_filtered() -> None:
    pipeline = _pipeline(languages=("en",), exclude_sources=("spam",))
    english = "The minister said that the two sides would meet again next week to talk about trade."
    assert _one(pipeline, body=english, source="wire").outcome == ENRICHED
    spam = _one(pipeline, body=english, source="spam")
    assert (spam.outcome, spam.reason, spam.first, spam.then) == (FILTERED, "source", (), ())
    assert _one(pipeline, body="我们下周将再次会面，讨论贸易问题。" * 5).reason == "language"
    assert _one(pipeline, body=english, status="withheld").reason == "withheld"


def test_a_null_is_a_dead_letter_or_ignored_as_the_settings_say(pipeline: Pipeline) -> None:
    assert _one(pipeline, None).reason == "empty_value"
    assert _one(_pipeline(on_null="ignore"), None) == Result(FILTERED, "null")
    assert _one(_pipeline(on_null="ignore"), b"").outcome == DEAD_LETTERED


def test_a_dead_letter_is_the_record_as_it_came_with_what_happened_in_headers(pipeline: Pipeline) -> None:
    headers: Headers = (("", b"\xff"), ("h", None), ("h", b"2"))
    (letter,) = pipeline([_record(b"\xffno json", headers=headers, key=b"\x00k")])[0].then
    assert (letter.role, letter.key, letter.value) == ("dead-letters", b"\x00k", b"\xffno json")
    assert letter.headers[:3] == headers
    ours = {name.removeprefix("wirewatch.errors."): value for name, value in letter.headers[3:]}
    assert ours["reason"] == b"invalid_utf8"
    assert (ours["topic"], ours["partition"], ours["offset"], ours["stage"]) == (b"news.raw", b"3", b"7", b"enrich")
    assert ours["message"]
    assert ours["app-version"]


def test_the_trace_of_the_publisher_is_carried_through(pipeline: Pipeline) -> None:
    trace = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    result = _one(pipeline, body="Taiwan", headers=(trace, ("other", b"x")))
    ours = [[header for header in out.headers if header[0][:2] != "ce"] for out in (*result.first, *result.then)]
    assert ours == [[("content-type", b"application/json"), trace]] * 3


def test_html_is_cleaned_and_offsets_are_into_the_clean_text(pipeline: Pipeline) -> None:
    page = (
        "<html><body><nav>Home</nav><article><p>Officials from <b>Taiwan</b> met in the capital on Monday to talk.</p>"
    )
    article = _enriched(_one(pipeline, body=page + "<p>A tariff followed soon after.</p></article></body></html>"))
    assert "<" not in article.text
    assert {article.text[e.start : e.end] for hit in article.hits for e in hit.evidence} == {"Taiwan", "tariff"}


def test_chinese_text_meets_an_alias_and_no_english_entities(pipeline: Pipeline) -> None:
    article = _enriched(_one(pipeline, title="谈TSMC在台湾", body="官员们在台湾会面，讨论芯片出口问题。"))
    assert article.language == "zh"
    assert {(hit.desk, hit.evidence[0].text) for hit in article.hits} == {("trade", "台湾")}


@pytest.mark.parametrize("timestamp", [-1, 0, 2**62, -(2**40)])
def test_a_timestamp_out_of_range_is_a_warning(pipeline: Pipeline, timestamp: int) -> None:
    result = pipeline([_record(b'{"body": "Taiwan"}')._replace(timestamp=timestamp)])[0]
    assert "(timestamp)" in [warning.field for warning in _enriched(result).warnings]


@pytest.mark.parametrize(
    "body",
    [
        "Taiwan " + "x" * 200_000,
        "Taiwan " + "\x00" * 1000 + "\u202e\ufeff",
        "Taiwan \ud800",
        "<div>" * 20_000 + "Taiwan",
        "<table><tr><td colspan=100000000>Taiwan</td></tr></table>" * 3,
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><p>Taiwan &b;</p>' * 50,
        "Taiwan " + "e\u0301" * 50_000,
        "Taiwan. " * 400_000,
        "台湾" * 300_000,
    ],
    ids=["token", "nul", "surrogate", "nested", "colspan", "entities", "combining", "3 MB", "han"],
)
def test_what_can_be_read_is_enriched_however_hostile(pipeline: Pipeline, body: str) -> None:
    result = _one(pipeline, body=body)
    article = _enriched(result)
    assert {hit.rule for hit in article.hits} >= {"taiwan"}
    assert all(len(output.value or b"") <= 1_000_000 for output in (*result.first, *result.then))
    for evidence in (e for hit in article.hits for e in hit.evidence):
        assert article.text[evidence.start : evidence.end] == evidence.text


def test_a_record_too_large_is_trimmed_in_order_and_says_so() -> None:
    pipeline = _pipeline(max_output_bytes=20_000)
    article = _enriched(_one(pipeline, body="Taiwan and Japan. " + "A sentence of some words. " * 2000))
    assert article.truncated
    assert article.entities == ()
    assert article.text
    assert article.hits


def test_headers_without_end_and_a_huge_key_change_nothing(pipeline: Pipeline) -> None:
    headers: Headers = tuple((f"h{n}" if n % 2 else "", None if n % 3 else b"\xff\xfe") for n in range(500))
    result = pipeline([_record(b'{"body": "Taiwan"}', headers=headers, key=b"k" * 900_000)])[0]
    assert _enriched(result).text == "Taiwan"


LISTED = Sources(
    (
        Source(
            id="wire",
            name="The Wire",
            hosts=("wire.example",),
            aliases=("TW",),
            owner="group",
            boilerplate=("^House rules:",),
        ),
    )
)
BY_SOURCE = Watchlist(
    id="wires",
    desk="wires",
    rules=tuple(
        Rule(id=name.replace(" ", "-").lower(), terms=("Taiwan",), sources=(name,))
        for name in ("wire", "The Wire", "TW", "Other")
    ),
)


def _listing(**options: Any) -> Pipeline:
    pipeline = Pipeline(Options(**options))
    pipeline.use_watchlists(encode((*WATCHLISTS, BY_SOURCE), LISTED))
    return pipeline


@pytest.mark.parametrize(
    "fields", [{"source": "tw "}, {"source": "The Wire"}, {"source": "?", "url": "https://m.wire.example/1"}]
)
def test_a_listed_source_s_article_has_its_id_and_owner(fields: dict[str, Any]) -> None:
    result = _one(_listing(), body="Taiwan", **fields)
    assert result.source == "wire"
    assert _enriched(result).source == "wire"
    assert {(hit.source, hit.owner) for hit in _hits(result)} == {("wire", "group")}
    met = {rule.rule for hit in _hits(result) if hit.desk == "wires" for rule in hit.rules}
    assert met == {"wire", "the-wire", "tw"}


def test_a_stranger_s_article_stays_as_it_came() -> None:
    result = _one(_listing(), body="Taiwan", source="Other", url="https://other.example/1")
    assert result.source is None
    assert {(hit.source, hit.owner) for hit in _hits(result)} == {("Other", None)}
    assert {rule.rule for hit in _hits(result) if hit.desk == "wires" for rule in hit.rules} == {"other"}


@pytest.mark.parametrize("named", ["wire", "The Wire", "tw", "Stringer"])
def test_a_filter_for_sources_takes_any_of_a_source_s_names(named: str) -> None:
    fields: dict[str, Any] = {"body": "Taiwan", "source": "Stringer", "url": "https://wire.example/1"}
    excluded = _one(_listing(exclude_sources=(named,)), **fields)
    assert (excluded.outcome, excluded.reason, excluded.source) == (FILTERED, "source", "wire")
    assert _one(_listing(sources=(named,)), **fields).outcome == ENRICHED
    assert _one(_listing(sources=("daily",)), **fields).outcome == FILTERED


def test_identity_does_not_hang_on_the_list() -> None:
    """An article that was there before its source was listed is the same afterwards."""
    fields: dict[str, Any] = {"body": "Taiwan", "title": "T", "url": "https://wire.example/1"}
    before, after = _enriched(_one(_pipeline(), **fields)), _enriched(_one(_listing(), **fields))
    assert (before.id, before.revision) == (after.id, after.revision)
    assert [hit.id for hit in _hits(_one(_pipeline(), **fields))] == [
        hit.id for hit in _hits(_one(_listing(), **fields)) if hit.desk != "wires"
    ]


def test_a_source_s_boilerplate_meets_no_rule_and_is_noted() -> None:
    body = "House rules: a tariff on nothing.\n\nTaiwan answered.\n\nHouse rules: a tariff again."
    result = _one(_listing(), body=body, source="wire")
    article = _enriched(result)
    assert article.text == "Taiwan answered."
    assert article.removed == ("House rules: a tariff on nothing.", "House rules: a tariff again.")
    assert result.boilerplate == 2
    assert {hit.rule for hit in article.hits} == {"taiwan", "wire", "the-wire", "tw"}
    assert all(article.text[e.start : e.end] == e.text for hit in article.hits for e in hit.evidence)
    assert "tariff" in _enriched(_one(_listing(), body=body, source="Other")).text


def test_nothing_but_boilerplate_is_kept_with_a_warning() -> None:
    article = _enriched(_one(_listing(), body="House rules: Taiwan.", source="wire"))
    assert article.text == "House rules: Taiwan."
    assert [warning.field for warning in article.warnings] == ["body"]


def test_what_is_furniture_anywhere_meets_no_rule_whatever_the_source_and_is_counted_by_kind() -> None:
    body = "Taiwan answered.\nRead more: A tariff on nothing\nSign up for our newsletter on tariffs and Taiwan."
    result = _one(_pipeline(), body=body)
    article = _enriched(result)
    assert article.text == "Taiwan answered."
    assert article.removed == tuple(body.splitlines()[1:])
    assert result.furniture == {"read-more": 1, "newsletter": 1}
    assert {hit.rule for hit in article.hits} == {"taiwan"}


def test_a_source_s_own_patterns_come_before_the_general_ones() -> None:
    result = _one(_listing(), body="Taiwan.\n\nHouse rules: none.\n\nAdvertisement", source="wire")
    assert (result.boilerplate, result.furniture) == (1, {"advertisement": 1})
    assert _enriched(result).removed == ("House rules: none.", "Advertisement")


def test_huge_boilerplate_does_not_make_the_record_too_large() -> None:
    body = "Taiwan.\n\n" + "\n\n".join("House rules: " + "word " * 2000 for _ in range(90))
    result = _one(_listing(max_output_bytes=20_000), body=body, source="wire")
    assert _enriched(result).text == "Taiwan."
    assert not _enriched(result).truncated


def _cms(value: bytes | None, *, schema: bytes | None = None, **form: Any) -> Result:
    """What becomes of a record of a topic that is somebody else's."""
    pipeline = _pipeline(inputs=(Form(topics=("cms",), **form),))
    return pipeline([_record(value)._replace(topic="cms", schema=schema)])[0]


def test_a_record_is_read_as_its_topics_input_says() -> None:
    result = _cms(b'{"head": "Taiwan answers"}', map={"title": ("head",), "body": ("text",)}, source="cms")
    assert (_enriched(result).title, _enriched(result).source, result.missing) == ("Taiwan answers", "cms", ("body",))
    assert _one(_pipeline(), b'{"head": "Taiwan answers"}').reason == "no_text"


def test_what_is_no_article_of_a_database_is_filtered_and_never_a_dead_letter() -> None:
    for value, reason in (
        (debezium("d", row(), None), "deleted"),
        (debezium("t"), "no_row"),
        (None, "tombstone"),
    ):
        result = _cms(value, format="debezium")
        assert (result.outcome, result.reason, result.then) == (FILTERED, reason, ())


def test_a_deleted_row_is_withdrawn_where_told_so() -> None:
    result = _cms(debezium("d", row(), None), format="debezium", deletes="withdraw")
    assert (result.outcome, result.reason) == (FILTERED, "canceled")
    withdrawn = decode_hit(result.first[0].value)
    assert isinstance(withdrawn, Withdrawn)
    assert withdrawn.article_id == "7"


def test_a_null_payload_is_dealt_with_as_a_null_record_is() -> None:
    value = b'{"schema": null, "payload": null}'
    assert _cms(value, format="connect-json").reason == "empty_value"
    pipeline = _pipeline(inputs=(Form(topics=("cms",), format="connect-json"),), on_null="ignore")
    assert pipeline([_record(value)._replace(topic="cms")])[0].outcome == FILTERED


def test_a_framed_value_is_read_by_the_schema_that_came_with_it() -> None:
    value = avro(ARTICLE_SCHEMA, {"id": "a1", "title": "Taiwan answers"})
    form: dict[str, Any] = {"format": "avro", "registry": "http://registry.example"}
    assert _enriched(_cms(value, schema=packed(ARTICLE_SCHEMA), **form)).title == "Taiwan answers"
    result = _cms(value, **form)
    assert (result.outcome, result.reason) == (DEAD_LETTERED, "schema_registry")
    assert result.then[0].value == value


def test_a_rule_for_an_entity_is_met_by_any_of_its_names_and_the_hit_says_so() -> None:
    pipeline = _pipeline()
    rule = Rule(id="taiwan", terms=(Term(entity="Q865"),))
    pipeline.use_watchlists(encode((Watchlist(id="asia", desk="asia", rules=(rule,)),)))
    for name in ("Taiwan", "台湾", "Тайвань"):
        result = _one(pipeline, body=f"News: {name}.")
        (hit,) = _hits(result)
        (evidence,) = hit.rules[0].evidence
        assert (evidence.text, evidence.clause, evidence.entity) == (name, "Q865", "Q865")
        assert _enriched(result).hits[0].evidence == (evidence,)
        assert hit.snippet.marks == ((6, 6 + len(name)),)
    assert not _hits(_one(pipeline, body="News: the Taiwan Strait."))
