"""What a trace looks for: no article is passed over, however its record is written; and how a trace reads."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.delivering import an_alert
from topics.codec import decode_raw, encode
from topics.identity import article_id_of
from topics.records import EnrichedArticle, Evidence, RawArticle, RuleMet
from workers.sections import Route, Sink
from workers.tracing.deliveries import Reached
from workers.tracing.found import Delivery, Met, Place, Ring, Searched, Trace, Way
from workers.tracing.show import shown
from workers.tracing.sought import Sought

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


@dataclass
class Message:
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def raw(article: dict[str, Any], *, ascii: bool = True, slashes: bool = False) -> Message:
    text = json.dumps(article, ensure_ascii=ascii)
    return Message((text.replace("/", "\\/") if slashes else text).encode("utf-8", "surrogatepass"))


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)


@given(NAMES, st.booleans(), st.booleans())
def test_an_id_is_never_passed_over(name: str, ascii: bool, slashes: bool) -> None:
    message = raw({"id": name, "body": "x"}, ascii=ascii, slashes=slashes)
    article = decode_raw(message.value).article
    if article.id is None:
        return
    sought = Sought(article.id)
    assert sought.in_raw()(message)
    assert sought.is_it(article_id_of(article), article.url)
    ours = EnrichedArticle(id=article.id, revision="r", text="x")
    assert sought.in_ours()(Message(encode(ours)))


@pytest.mark.parametrize(
    ("asked", "came"),
    [
        ("https://news.example/a-story", "http://news.example/a-story/"),
        ("news.example/a-story", "https://www.news.example/a-story?utm_source=feed#top"),
        ("https://WWW.news.example/a-story", "https://news.example:443/a-story"),
        ("https://news.example/1", "https://NEWS.example/1"),
        ("https://news.example/?id=12345", "https://news.example/?id=12345&utm_medium=x"),
        ("https://news.example/新聞/1", "https://news.example/新聞/1"),
        ("https://news.example", "https://news.example/"),
    ],
)
@pytest.mark.parametrize("slashes", [False, True])
def test_a_url_is_found_however_it_is_written(asked: str, came: str, slashes: bool) -> None:
    sought = Sought(asked)
    for article in ({"url": came, "body": "x"}, {"url": came, "body": "x", "id": "own"}):
        message = raw(article, slashes=slashes)
        read = decode_raw(message.value).article
        assert sought.in_raw()(message)
        assert sought.is_it(article_id_of(read), read.url)


@pytest.mark.parametrize(
    ("asked", "came"),
    [
        ("https://news.example/a-story", "https://news.example/another-story"),
        ("https://news.example/a-story", "https://other.example/a-story"),
        ("https://news.example/?id=12345", "https://news.example/?id=123456"),
    ],
)
def test_another_url_is_another_article(asked: str, came: str) -> None:
    assert not Sought(asked).is_it(article_id_of(RawArticle(url=came)), came)


def test_most_records_are_passed_over_unread() -> None:
    sought = Sought("https://news.example/economy/a-long-story-of-rare-earths-20261102")
    assert not sought.in_raw()(raw({"url": "https://news.example/economy/another", "body": "rare earths"}))
    assert not Sought("article-77").in_raw()(raw({"id": "article-78", "body": "x"}))


def test_an_id_that_we_made_is_in_no_record_as_it_came_so_each_is_read() -> None:
    article = RawArticle(title="T", body="x")
    sought = Sought(article_id_of(article))
    assert sought.in_raw()(Message(b"anything"))
    assert sought.is_it(article_id_of(article), None)
    assert not sought.in_ours()(Message(b"anything"))


def test_ids_in_headers_and_keys_count() -> None:
    sought = Sought("event-1")
    assert sought.in_raw()(Message(b"{}", headers=(("ce_id", b"event-1"), ("", None))))
    assert sought.in_raw()(Message(None, key=b"event-1"))
    assert sought.holds_asked(Message(b"{bad event-1"))
    assert not sought.holds_asked(Message(b"{bad event-2"))


ALERT = an_alert("trade")
CHAT = Route(name="chat", sink=Sink(kind="stdout"))
PLACE = Place(topic="news.alerts", partition=1, offset=10, at=NOW)


def _delivery(
    offsets: dict[int, tuple[int, frozenset[int]]],
    *,
    route: Route | None = CHAT,
    refused: bool = False,
    error: str | None = None,
    **alert: Any,
) -> Delivery:
    letters = {("chat", Place(topic="news.alerts", partition=1, offset=10)): "422"} if refused else {}
    return Reached("chat", route, offsets, error).delivery(an_alert("trade", **alert), PLACE, letters, NOW)


NONE: frozenset[int] = frozenset()


@pytest.mark.parametrize(
    ("offsets", "state", "before"),
    [
        ({1: (11, NONE)}, "delivered", None),
        ({1: (10, NONE)}, "waiting", 0),
        ({1: (4, NONE)}, "waiting", 6),
        ({1: (4, frozenset({5, 6}))}, "waiting", 4),
        ({1: (4, frozenset({10}))}, "delivered", None),
        ({0: (99, NONE)}, "waiting", None),
        ({}, "waiting", None),
    ],
)
def test_a_route_has_delivered_what_it_committed_or_noted(
    offsets: dict[int, tuple[int, frozenset[int]]], state: str, before: int | None
) -> None:
    found = _delivery(offsets)
    assert (found.state, found.before) == (state, before)


def test_what_a_route_does_not_want_or_its_sink_refused_is_not_delivered() -> None:
    flash = Route(name="chat", severities=("flash",), sink=Sink(kind="stdout"))
    assert _delivery({1: (11, NONE)}, route=flash).state == "not_wanted"
    assert _delivery({1: (11, NONE)}, refused=True) == Delivery(route="chat", state="refused", reason="422")
    assert _delivery({1: (11, NONE)}, route=None).state == "passed"
    assert _delivery({}, error="no right").reason == "no right"


def test_an_embargo_is_why_it_waits() -> None:
    found = _delivery({1: (10, NONE)}, embargo_until=datetime(2026, 11, 2, 14, tzinfo=UTC))
    assert (found.state, found.reason) == ("waiting", "under embargo until 2026-11-02 14:00:00Z")


def _shown(*ways: Way) -> str:
    return "\n".join(shown(Trace(asked="a", ways=ways)))


def test_what_it_says_is_safe_to_print_and_in_order_of_time() -> None:
    named = Evidence(field="title", start=0, end=2, text="台湾", clause="Q865", entity="Q865")
    hit = Met(
        desk="trade\x1b[2J",
        severity="urgent",
        place=Place(topic="news.hits", partition=0, offset=1, at=datetime(2026, 11, 2, 12, 0, 2, tzinfo=UTC)),
        rules=(
            RuleMet(
                watchlist="w", version="1", rule="r", severity="urgent", evidence=(*ALERT.rules[0].evidence, named)
            ),
        ),
        outcome="alerted",
        alerts=(
            Ring(
                id="x",
                kind="hit",
                severity="urgent",
                desk="trade",
                story_id="s",
                article_id="a",
                place=Place(topic="news.alerts", partition=0, offset=0, at=datetime(2026, 11, 3, tzinfo=UTC)),
            ),
        ),
    )
    way = Way(
        outcome="enriched",
        id="a",
        title="A \x1b]0;title\x07 line\nand more",
        arrived=Place(topic="news.raw", partition=0, offset=0, at=NOW),
        enriched=Place(topic="news.enriched", partition=0, offset=0, at=datetime(2026, 11, 2, 12, 0, 3, tzinfo=UTC)),
        hits=(hit,),
    )
    text = _shown(way)
    assert text.isprintable() or set(text) & {"\x1b", "\x07"} == set()
    order = [text.index(part) for part in ("arrived in", "met 1 rule", "enriched:", "2026-11-03", "alerted:")]
    assert order == sorted(order)
    assert text.splitlines()[0] == "A  line and more"
    assert "w/r (urgent): “tariffs” in the text for “tariff*”; “台湾” in the title as Q865" in text


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (Way(outcome="waiting", before=0), "waiting for enrich: it is the next"),
        (Way(outcome="waiting", before=1), "waiting for enrich: 1 record before it"),
        (Way(outcome="waiting"), "waiting for enrich: enrich has committed nothing there yet"),
        (Way(outcome="waiting", before=2, reason="language"), "it will be left out (the settings leave its language"),
        (Way(outcome="filtered", reason="canceled"), "left out: it is canceled"),
        (Way(outcome="filtered", reason="something new"), "left out: something new"),
        (Way(outcome="missing"), "what became of it is not in the topics"),
    ],
)
def test_what_left_nothing_behind_says_why(way: Way, said: str) -> None:
    assert said in _shown(way)


def test_what_never_came_names_where_it_was_looked_for() -> None:
    looked = (
        Searched(topic="news.raw", records=1, since=NOW, until=NOW),
        Searched(topic="news.enriched"),
        Searched(topic="news.hits", there=False),
    )
    assert list(shown(Trace(asked="a", searched=looked)))[1:] == [
        "  news.raw: 1 record from 2026-11-02 12:00:00Z to 2026-11-02 12:00:00Z",
        "  news.enriched: no records",
        "  news.hits: not there, or we may not see it",
    ]
