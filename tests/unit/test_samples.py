"""The samples hold one of everything that the demo shows, and the watchlists that ship find it and nothing else."""

import re
from collections import Counter
from datetime import timedelta
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from alerts import watchlist
from alerts.matcher import DeskMatch, Matcher
from alerts.stories import SAME, signature, similarity
from topics.codec import decode_raw
from topics.errors import InvalidRecord
from topics.identity import article_id_of, revision_of
from topics.raw import Decoded
from topics.records import RawArticle, severity_rank
from workers.article.text import clean

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "workers" / "samples" / "articles.jsonl").read_bytes().splitlines()
FILES = tuple((ROOT / "alerts" / "watchlists").glob("*.yaml"))
WATCHLISTS = watchlist.load_all(FILES)
MATCHER = Matcher(WATCHLISTS)
NOISE = {"sports", "weather", "food", "culture", "science", "consumer", "local", "health"}
"""Sections whose articles are there to meet no rule."""


def decoded() -> list[Decoded]:
    found = []
    for line in LINES:
        try:
            found.append(decode_raw(line))
        except InvalidRecord:
            continue
    return found


ARTICLES = [each.article for each in decoded()]
REVISED = [article for article in ARTICLES if article.version]
ORIGINALS = [article for article in ARTICLES if not article.version]


@cache
def text_of(article_id: str, revision: str) -> str:
    article = next(a for a in ARTICLES if (article_id_of(a), revision_of(a)) == (article_id, revision))
    return clean(article.body or "", content_type=article.content_type).text


def text(article: RawArticle) -> str:
    return text_of(article_id_of(article), revision_of(article))


def matches(article: RawArticle) -> tuple[DeskMatch, ...]:
    return MATCHER.match(title=article.title or "", text=text(article), source=article.source)


def rules(found: tuple[DeskMatch, ...]) -> set[str]:
    return {f"{match.desk}/{rule.rule}" for match in found for rule in match.rules}


def rules_of(sentence: str) -> set[str]:
    return rules(MATCHER.match(title="", text=sentence))


def name(article: RawArticle) -> str:
    return f"{article_id_of(article)}:{(article.title or '')[:30]}"


def earlier(article: RawArticle) -> RawArticle:
    return next(a for a in ORIGINALS if a.id == article.id)


def only(found: list[RawArticle]) -> RawArticle:
    assert len(found) == 1
    return found[0]


def near_copies() -> list[tuple[RawArticle, RawArticle]]:
    signed = [(article, signature(text(article))) for article in ORIGINALS]
    return [(a, b) for (a, x), (b, y) in combinations(signed, 2) if similarity(x, y) >= SAME]


def test_there_are_enough_articles_for_a_demo_and_one_record_that_is_not_json() -> None:
    assert len(LINES) >= 48
    assert len(ARTICLES) == len(LINES) - 1
    broken = []
    for line in LINES:
        try:
            decode_raw(line)
        except InvalidRecord as error:
            broken.append(error.reason)
    assert broken == ["not_json"]


def test_one_article_has_a_date_that_cannot_be_read_and_keeps_all_the_rest() -> None:
    warned = [each for each in decoded() if each.warnings]
    assert [[w.field for w in each.warnings] for each in warned] == [["updated_at"]]
    article = warned[0].article
    assert article.updated_at is None
    assert article.id and article.title and article.body and article.published_at
    assert matches(article)


def test_fields_are_those_of_the_contract_and_nothing_is_left_to_guess() -> None:
    for article in ARTICLES:
        assert not article.extra
        assert article.url and article.source and article.title and article.body and article.section
        assert article.published_at and article.language


def test_articles_come_in_publishing_order_seconds_apart() -> None:
    times = [article.published_at for article in ARTICLES if article.published_at]
    assert times[0].isoformat() == "2026-11-02T08:00:00+00:00"
    assert all(timedelta(seconds=5) <= b - a <= timedelta(seconds=40) for a, b in pairwise(times))


def test_every_address_is_under_a_domain_reserved_for_examples() -> None:
    for article in ARTICLES:
        parts = urlsplit(article.url or "")
        assert parts.scheme == "https" and parts.netloc.endswith(".example")
    for line in LINES:
        for host in re.findall(rb"//([^/\s\"\\]+)", line):
            assert host.endswith(b".example")


def test_a_source_has_one_site_and_a_site_one_source() -> None:
    pairs = {(article.source, urlsplit(article.url or "").netloc) for article in ARTICLES}
    assert len(pairs) == len({source for source, _ in pairs}) == len({site for _, site in pairs})
    assert len(pairs) >= 20


def test_ids_and_addresses_are_unique_but_for_one_correction_and_one_cancellation() -> None:
    assert [article.status for article in REVISED] == ["usable", "canceled"]
    again = {article.id for article in REVISED}
    assert {id for id, count in Counter(article.id for article in ARTICLES if article.id).items() if count > 1} == again
    assert len({article.url for article in ORIGINALS}) == len(ORIGINALS)
    for article in REVISED:
        first = earlier(article)
        assert first.url == article.url and first.source == article.source and first.body != article.body
        assert article.updated_at and first.published_at and article.updated_at > first.published_at


def test_the_correction_meets_a_further_rule_so_that_it_is_told() -> None:
    corrected = only([article for article in REVISED if article.status == "usable"])
    before, after = rules(matches(earlier(corrected))), rules(matches(corrected))
    assert before and before < after
    assert similarity(signature(text(earlier(corrected))), signature(text(corrected))) >= SAME


def test_the_canceled_article_had_been_alerted_on() -> None:
    canceled = only([article for article in REVISED if article.status == "canceled"])
    assert earlier(canceled).status == "usable"
    assert matches(earlier(canceled))


def test_one_article_is_under_embargo_for_some_seconds_and_meets_a_rule() -> None:
    article = only([article for article in ARTICLES if article.embargo_until])
    assert article.embargo_until and article.published_at
    assert article.embargo_until - article.published_at == timedelta(seconds=20)
    assert matches(article)


def test_one_article_has_no_id_but_an_address_and_meets_a_rule() -> None:
    article = only([article for article in ARTICLES if not article.id])
    assert article_id_of(article).startswith("u-")
    assert matches(article)


def test_one_article_is_a_page_and_only_its_story_is_left_when_it_is_clean() -> None:
    article = only([article for article in ARTICLES if article.content_type == "text/html"])
    body = article.body or ""
    unwanted = ("<nav>", "<script>", "dataLayer", "Download our app", "All rights reserved", "Sign in")
    assert all(part in body for part in (*unwanted, "<table>", "&#8217;"))
    left = text(article)
    assert not any(part in left for part in unwanted)
    assert all(part in left for part in ("Neopanamax", "the country’s households", "Colón"))
    assert rules(matches(article)) >= {"shipping/panama-canal"}


@pytest.mark.parametrize(
    ("language", "met"),
    [
        ("zh", {"trade/taiwan", "trade/rare-earths", "trade/export-controls"}),
        ("es", {"trade/tariffs", "trade/soybeans", "trade/agricultural-purchases", "trade/trade-talks"}),
    ],
)
def test_articles_in_other_languages_meet_rules_through_aliases(language: str, met: set[str]) -> None:
    article = only([article for article in ARTICLES if article.language == language])
    assert rules(matches(article)) == met


@pytest.mark.parametrize("article", ORIGINALS, ids=name)
def test_an_article_is_as_long_as_wire_copy(article: RawArticle) -> None:
    paragraphs = text(article).split("\n\n")
    assert 3 <= len(paragraphs) <= (12 if article.content_type == "text/html" else 8)
    assert not any("\n" in paragraph or paragraph != paragraph.strip() for paragraph in paragraphs)
    words = len(text(article)) / 2 if article.language == "zh" else len(text(article).split())
    assert 120 <= words <= 400


def test_some_articles_are_near_copies_of_earlier_ones_under_other_sources() -> None:
    pairs = near_copies()
    assert 6 <= len(pairs) <= 8
    assert len({name(copy) for _, copy in pairs}) == len(pairs)
    for original, copy in pairs:
        assert {original.id, original.url, original.source}.isdisjoint({copy.id, copy.url, copy.source})
        assert original.body != copy.body
        assert rules(matches(original)) and rules(matches(original)) <= rules(matches(copy))


def test_one_near_copy_is_more_severe_than_its_original_and_the_others_add_nothing() -> None:
    further = [(a, b) for a, b in near_copies() if rules(matches(a)) != rules(matches(b))]
    assert len(further) == 1
    original, copy = (max(severity_rank(m.severity) for m in matches(article)) for article in further[0])
    assert copy > original


@pytest.mark.parametrize("article", [a for a in ORIGINALS if a.section in NOISE], ids=name)
def test_noise_meets_no_rule(article: RawArticle) -> None:
    assert rules(matches(article)) == set()


@pytest.mark.parametrize("article", [a for a in ORIGINALS if a.section not in NOISE], ids=name)
def test_what_is_no_noise_meets_a_rule(article: RawArticle) -> None:
    assert rules(matches(article))


def test_there_is_noise_that_looks_like_more_than_it_is() -> None:
    noise = [f"{a.title} {a.body}" for a in ORIGINALS if a.section in NOISE]
    assert len(noise) >= 12
    for trap in (
        r"\bApple\b",
        r"\bTurkey\b",
        r"\bin May\b",
        r"\bminister\b.*\bMay\b",
        r"\bwho\b",
        r"\bus\b",
        r"\bWHO\b",
        r"\bUS\b",
        r"mobile tariff",
        r"electricity tariff",
        r"\btrade talks\b",
        r"\bRare Earth\b",
        r"\bchips\b",
        r"\b[Pp]irates\b",
        r"\bTikTok\b",
        r"\bsoybeans\b",
        r"South China\s+Sea",
    ):
        assert any(re.search(trap, text, re.DOTALL) for text in noise), trap
    told = [f"{a.title} {a.body}" for a in ORIGINALS if a.section not in NOISE]
    assert any("Apple has asked" in text for text in told) and any("Turkey will hold" in text for text in told)


def test_every_severity_and_both_desks_are_seen() -> None:
    found = [match for article in ORIGINALS for match in matches(article)]
    assert {match.severity for match in found} == {"info", "urgent", "flash"}
    assert {match.desk for match in found} == {"trade", "shipping"}


def test_no_more_than_one_article_in_ten_rings_the_loudest() -> None:
    flash = [a for a in ORIGINALS if any(match.severity == "flash" for match in matches(a))]
    assert 0 < len(flash) <= len(ORIGINALS) / 10


def test_the_shipped_watchlists_have_neither_problems_nor_warnings() -> None:
    assert sorted(each.id for each in WATCHLISTS) == ["shipping", "trade"]
    assert [problem for path in FILES for problem in watchlist.check(path)] == []


@pytest.mark.parametrize("id", ["trade", "shipping"])
def test_every_term_and_alias_of_a_shipped_watchlist_meets_its_rule(id: str) -> None:
    shipped = next(each for each in WATCHLISTS if each.id == id)
    for rule in shipped.rules:
        for term in (*rule.terms, *(alias for aliases in rule.aliases.values() for alias in aliases)):
            assert isinstance(term, str)
            found = rules(MATCHER.match(title=f"News: {term.rstrip('*')}.", text="It was said on Monday."))
            assert f"{shipped.desk}/{rule.id}" in found, term


@pytest.mark.parametrize(
    ("sentence", "met"),
    [
        ("They will discuss tariffs, export curbs and more.", {"trade/tariffs", "trade/export-controls"}),
        ("Flashpoints such as Taiwan and the war in Ukraine came up.", {"trade/taiwan", "trade/ukraine-war"}),
        ("The two sides spoke of agricultural purchases.", {"trade/agricultural-purchases"}),
        ("TikTok, fentanyl and rare earths were on the list.", {"trade/tiktok", "trade/fentanyl", "trade/rare-earths"}),
        ("Washington’s rare-earth supplies are low.", {"trade/rare-earths"}),
        ("谈TSMC在台湾的投资", {"trade/taiwan", "trade/semiconductors"}),
        ("臺灣與關稅", {"trade/taiwan", "trade/tariffs"}),
        ("Новости: Тайвань и санкции", {"trade/taiwan", "trade/sanctions"}),
        ("Neue Zölle auf Seltene Erden", {"trade/tariffs", "trade/rare-earths"}),
        ("Las tierras raras y los aranceles", {"trade/tariffs", "trade/rare-earths"}),
        ("대만은 반도체를 만든다", {"trade/taiwan", "trade/semiconductors"}),
        ("Houthis fired at a ship near Bab el-Mandeb.", {"shipping/red-sea"}),
        ("A tanker of the shadow fleet crossed the Bosphorus.", {"shipping/shadow-fleet", "shipping/black-sea"}),
        ("Trump's tariff plan faces a court.", {"trade/tariffs"}),
        ("TikTok challenges the ban in court.", {"trade/tiktok"}),
    ],
)
def test_what_a_desk_waits_for_is_met(sentence: str, met: set[str]) -> None:
    assert rules_of(sentence) == met


@pytest.mark.parametrize(
    "sentence",
    [
        "Fish and chips cost more.",
        "Blue-chip shares rose.",
        "Talks about the new stadium ran aground.",
        "The port said that it was open.",
        "The Pirates won at home.",
        "Oil tankers burned on the road through the Khyber Pass, near other tanker trucks.",
        "Ukraine lost to Spain in the semi-final.",
        "Divers love the Red Sea.",
        "The dockside bar in Suez is closed.",
        "A lithium battery caught fire.",
        "The commission granted export licences for 59,000 tonnes of sugar.",
        "Changing your mobile tariff is easy.",
        "The Fremantle Dockers won, and the dockers' song was sung.",
    ],
)
def test_what_a_desk_would_curse_about_is_not_met(sentence: str) -> None:
    assert rules_of(sentence) == set()


def test_what_happened_before_does_not_ring_as_if_it_were_new() -> None:
    background = (
        "Ministers met on Monday.\n\nThe bloc imposed sanctions in 2022, and an invasion of Taiwan was ruled out."
    )
    assert rules_of(background) == {"trade/sanctions", "trade/taiwan"}
    assert rules_of("Ministers imposed sanctions on Monday.") == {"trade/sanctions", "trade/new-sanctions"}
