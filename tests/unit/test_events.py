"""What goes out are CloudEvents 1.0 in binary mode: the headers follow from the record and from nothing else."""

import re
from datetime import UTC, datetime

import pytest

from topics import events
from topics.records import (
    Alert,
    AlertArticle,
    Counts,
    EnrichedArticle,
    Hit,
    Origin,
    RuleMet,
    Snippet,
    Withdrawn,
)
from topics.schema import asyncapi

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
RULE = RuleMet(watchlist="w", version="1", rule="r", severity="flash", evidence=())
ORIGIN = Origin(topic="news.raw", partition=0, offset=7, timestamp=NOON)


def enriched(*, id: str = "a", revision: str = "r1", text: str = "x") -> EnrichedArticle:
    return EnrichedArticle(id=id, revision=revision, text=text, origin=ORIGIN)


HIT = Hit(
    id="h",
    desk="d",
    seen_at=NOON,
    article_id="a",
    revision="r",
    severity="flash",
    rules=(RULE,),
    snippet=Snippet(text=""),
)
ALERT = Alert(
    id="al",
    kind="hit",
    desk="Außenhandel",
    story_id="s",
    seq=0,
    severity="flash",
    rules=(RULE,),
    article=AlertArticle(id="a", revision="r"),
    snippet=Snippet(text=""),
    counts=Counts(),
    first_seen=NOON,
    last_seen=NOON,
)
WITHDRAWN = Withdrawn(article_id="a", seen_at=NOON)
RECORDS: list[events.Described] = [enriched(), HIT, WITHDRAWN, ALERT]


def told(record: events.Described) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in events.headers(record, source="/wirewatch/news")}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_a_cloud_event_and_the_same_one_each_time(record: events.Described) -> None:
    found = told(record)
    assert (found["ce_specversion"], found["content-type"]) == ("1.0", "application/json")
    assert found["ce_source"] == "/wirewatch/news"
    assert found["ce_type"] == f"wirewatch.{type(record).__name__.removesuffix('Article').lower()}.v1"
    assert found["ce_time"] == "2026-11-02T12:00:00Z"
    assert found["ce_id"] and found["ce_subject"]
    assert found == told(record)


def test_the_event_s_id_is_the_record_s_and_its_subject_whom_it_is_about() -> None:
    assert (told(HIT)["ce_id"], told(HIT)["ce_subject"]) == ("h", "d")
    assert (told(ALERT)["ce_id"], told(ALERT)["ce_subject"]) == ("al", "Außenhandel")
    assert told(enriched())["ce_subject"] == "a"
    assert told(WITHDRAWN)["ce_subject"] == "a"


def test_a_correction_is_another_event_and_a_repeat_is_not() -> None:
    assert told(enriched(revision="r2"))["ce_id"] != told(enriched())["ce_id"]
    assert told(enriched(text="trimmed"))["ce_id"] == told(enriched())["ce_id"]


def test_an_article_s_id_may_hold_what_no_attribute_may() -> None:
    assert told(enriched(id="a\x1b[31m\n"))["ce_subject"] == "a%1B[31m%0A"
    assert events.headers(enriched(id="\ud800"), source="/x")


def test_an_article_without_a_place_has_no_time() -> None:
    assert "ce_time" not in told(EnrichedArticle(id="a", revision="r", text="x"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_the_asyncapi_document_says_so(record: events.Described) -> None:
    said = asyncapi()["components"]["messages"][type(record).__name__]["headers"]
    found = told(record)
    assert set(said["required"]) <= found.keys() <= said["properties"].keys()
    for name, rule in said["properties"].items():
        assert found.get(name, rule.get("const")) == rule.get("const", found.get(name))


def test_names_of_attributes_are_those_of_the_specification() -> None:
    attributes = [name.removeprefix("ce_") for name in events.HEADERS if name.startswith("ce_")]
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in attributes)
