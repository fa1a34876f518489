"""The piece of an article that shows why it was found."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.matcher import Matcher
from alerts.snippet import ELLIPSIS, snippet
from alerts.watchlist import Rule, Watchlist
from topics.records import Evidence, RuleMet, Snippet


def met(title: str, text: str, **terms: tuple[str, str]) -> tuple[RuleMet, ...]:
    """The rules met, each given as `id=(severity, term)`."""
    rules = tuple(Rule(id=id, severity=severity, terms=(term,)) for id, (severity, term) in terms.items())
    return Matcher([Watchlist(id="w", desk="d", rules=rules)]).match(title=title, text=text)[0].rules


def show(title: str, text: str, width: int = 240, **terms: tuple[str, str]) -> Snippet:
    return snippet(title, text, met(title, text, **terms), width=width)


def marked(shown: Snippet) -> list[str]:
    return [shown.text[start:end] for start, end in shown.marks]


FILLER = "The weather was mild and nothing happened at all. "


def test_a_short_text_is_shown_whole_with_every_match_marked() -> None:
    shown = show("", "Taiwan and\n\n rare  earths.", a=("info", "Taiwan"), b=("flash", "rare earth"))
    assert shown.text == "Taiwan and rare earths."
    assert marked(shown) == ["Taiwan", "rare earths"]


def test_a_sentence_in_a_long_text_is_shown_without_its_neighbours_in_part() -> None:
    text = FILLER * 10 + "Officials spoke about Taiwan today. " + FILLER * 10
    shown = show("", text, width=100, a=("info", "Taiwan"))
    assert shown.text == "Officials spoke about Taiwan today. The weather was mild and nothing happened at all."
    assert marked(shown) == ["Taiwan"]


@pytest.mark.parametrize("short", ["Nov. 10", "Sept. 3", "Gen. Amara", "Mr. Okafor", "U.S. Treasury", "Prof. Lind"])
def test_a_point_after_an_abbreviation_ends_no_sentence(short: str) -> None:
    name = short.rsplit(" ", 1)[1]
    text = f"{FILLER * 3}It was said that Taiwan would wait for {short} and then decide on all of it. {FILLER * 9}"
    for width in range(60, 160):
        shown = show("", text, width=width, a=("info", "Taiwan"))
        assert not shown.text.endswith(short.removesuffix(name).strip())
        assert not shown.text.startswith(name)


def test_a_long_sentence_is_cut_between_words_and_says_so() -> None:
    text = "word " * 100 + "Taiwan " + "tail " * 100
    shown = show("", text, width=60, a=("info", "Taiwan"))
    assert shown.text.startswith(f"{ELLIPSIS}word ") and shown.text.endswith(f" tail{ELLIPSIS}")
    assert marked(shown) == ["Taiwan"]
    assert len(shown.text) <= 60


def test_the_most_severe_rule_is_shown() -> None:
    text = "Taiwan spoke. " + FILLER * 20 + "Then came fentanyl. " + FILLER * 20
    shown = show("", text, width=100, low=("info", "Taiwan"), high=("urgent", "fentanyl"))
    assert marked(shown) == ["fentanyl"]


def test_the_place_that_shows_most_terms_is_chosen() -> None:
    text = "Taiwan spoke. " + FILLER * 20 + "Taiwan and chips met. " + FILLER * 20
    shown = show("", text, width=100, a=("info", "Taiwan"), b=("info", "chips"))
    assert marked(shown) == ["Taiwan", "chips"]


def test_the_title_is_shown_only_where_the_rule_was_met_there_alone() -> None:
    assert show("On Taiwan", "Nothing more.", a=("info", "Taiwan")).text == "On Taiwan"
    assert show("On Taiwan", "More on Taiwan.", a=("info", "Taiwan")).text == "More on Taiwan."
    both = show("On Taiwan", "More on chips.", a=("urgent", "Taiwan"), b=("info", "chips"))
    assert (both.text, marked(both)) == ("On Taiwan", ["Taiwan"])


def test_marks_of_overlapping_matches_are_one() -> None:
    shown = show("", "In the Taiwan Strait now.", a=("info", "Taiwan"), b=("info", "Taiwan Strait"))
    assert marked(shown) == ["Taiwan Strait"]


def test_a_match_longer_than_the_snippet_is_marked_as_far_as_it_is_shown() -> None:
    text = "The Democratic People's Republic of Korea spoke."
    shown = show("", text, width=20, a=("info", "Democratic People's Republic of Korea"))
    assert len(shown.text) <= 20
    assert marked(shown) and text[4:].startswith(marked(shown)[0])


def test_white_space_does_not_use_up_the_width() -> None:
    text = "Before that. " + "\n" * 300 + "Taiwan" + " " * 300 + "spoke."
    assert show("", text, width=100, a=("info", "Taiwan")).text == "Before that. Taiwan spoke."


def test_without_evidence_it_is_the_beginning() -> None:
    assert snippet("Title", "Some text.", ()).text == "Some text."
    assert snippet("Title", "", ()).text == "Title"
    assert snippet("", "", ()) == Snippet(text="")


def test_a_script_without_spaces_is_cut_to_the_width() -> None:
    shown = show("", "前" * 1000 + "台湾" + "后" * 1000, width=80, a=("info", "台湾"))
    assert len(shown.text) <= 80 and marked(shown) == ["台湾"]


@pytest.mark.timeout(10)
def test_a_hostile_text_is_looked_at_only_around_the_match() -> None:
    for hostile in ("a" * 5_000_000, " " * 5_000_000, "." * 5_000_000, "\u0301" * 1_000_000):
        text = f"{hostile} Taiwan {hostile}"
        start = text.index("Taiwan")
        evidence = (Evidence(field="text", start=start, end=start + 6, text="Taiwan", clause="Taiwan"),)
        rule = RuleMet(watchlist="w", version="v", rule="r", severity="info", evidence=evidence)
        shown = snippet("", text, [rule])
        assert marked(shown) == ["Taiwan"] and len(shown.text) <= 240


words = st.sampled_from(
    (
        "Taiwan",
        "rare earths",
        "台湾",
        "chips",
        "x",
        "Word.",
        "e\u0301",
        " ",
        "\n\n",
        "! ",
        "。",
        "U.S. ",
        "long" * 30,
        "\x00",
    )
)
articles: Any = st.lists(words, max_size=120).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(title=articles, text=articles, width=st.integers(min_value=20, max_value=300))
def test_marks_are_in_order_apart_and_select_what_matched(title: str, text: str, width: int) -> None:
    rules = (Rule(id="a", severity="urgent", terms=("Taiwan", "chip")), Rule(id="b", terms=("rare earth", "台湾")))
    matches = Matcher([Watchlist(id="w", desk="d", rules=rules)]).match(title=title, text=text)
    shown = snippet(title, text, matches[0].rules if matches else (), width=width)
    assert len(shown.text) <= width
    assert "  " not in shown.text and "\n" not in shown.text
    assert all(0 <= start < end <= len(shown.text) for start, end in shown.marks)
    assert all(before[1] <= after[0] for before, after in zip(shown.marks, shown.marks[1:], strict=False))
    assert set(marked(shown)) <= {"Taiwan", "chips", "rare earths", "台湾"}
    assert bool(shown.marks) == bool(matches)
