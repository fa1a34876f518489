"""Terms that ask for a label or an entity: met by mentions alone, where the rule looks, with a proof that says so."""

import time
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.matcher import Matcher
from alerts.proof import MAX_EVIDENCE
from alerts.watchlist import Rule, Term, Watchlist, asks_for_mentions
from topics.records import Evidence, Mention

APPLE = Term(term="Apple", label=("ORG",))
TAIWAN = Term(entity="Q865")


def matcher(*rules: Rule) -> Matcher:
    return Matcher([Watchlist(id="w", desk="d", rules=rules)])


def mentions(title: str, text: str, *named: tuple[str, str, str | None]) -> list[Mention]:
    """A mention wherever one of these (text, label, id) stands."""
    return [
        Mention(field=field, start=at, end=at + len(name), text=name, label=label, name=name, entity_id=id)
        for field, content in (("title", title), ("text", text))
        for name, label, id in named
        for at in range(len(content))
        if content.startswith(name, at)
    ]


def evidence(rule: Rule, text: str, *named: tuple[str, str, str | None], title: str = "") -> list[Evidence]:
    matches = matcher(rule).match(title=title, text=text, mentions=mentions(title, text, *named))
    return [e for desk in matches for met in desk.rules for e in met.evidence]


def rule(*terms: str | Term, **fields: Any) -> Rule:
    return Rule(id="r", terms=terms, **fields)


@pytest.mark.parametrize(
    ("term", "text", "name", "label", "met"),
    [
        ("Apple", "Apple fell", "Apple", "ORG", True),
        ("apple", "Apple fell", "Apple", "ORG", True),
        ("Apple", "Apple Inc. fell", "Apple Inc.", "ORG", True),
        ("Apple", "Apple's fall", "Apple", "ORG", True),
        ("Apple Inc.", "Apple Inc. fell", "Apple Inc", "ORG", True),
        ("the Fed", "what the Fed said", "Fed", "ORG", True),
        ("Trump*", "Trumps came", "Trumps", "ORG", True),
        ("台積電", "台積電宣布", "台積電", "ORG", True),
        ("Apple", "an apple a day", "day", "ORG", False),
        ("Apple", "Apple fell", "Apple", "PRODUCT", False),
        ("China", "Bank of China said", "Bank of China", "GPE", True),
        ("Bank of China", "Bank of China said", "China", "ORG", False),
        ("Apple", "Apple fell", "fell", "ORG", False),
    ],
)
def test_a_term_with_a_label_is_met_where_it_is_a_mention_with_it_or_a_part_of_one(
    term: str, text: str, name: str, label: str, met: bool
) -> None:
    wanted = "GPE" if term == "China" else "ORG"
    found = evidence(rule(Term(term=term, label=(wanted,))), text, (name, label, None))
    assert [(e.clause, e.label, e.entity) for e in found] == ([(term, wanted, None)] if met else [])
    for e in found:
        assert text[e.start : e.end] == e.text


def test_a_part_of_a_longer_name_is_no_mention_of_its_own() -> None:
    bank = ("Bank of China", "ORG", None)
    assert evidence(rule(Term(term="China", label=("GPE",))), "Bank of China said", bank) == []
    assert evidence(rule(Term(term="China", label=("GPE", "ORG"))), "Bank of China said", bank)[0].label == "ORG"


def test_an_entity_is_met_by_each_of_its_names_and_by_no_other() -> None:
    text = "台湾, Тайвань and Taiwan; the Taiwan Strait"
    named = [("台湾", "GPE", "Q865"), ("Тайвань", "GPE", "Q865"), ("Taiwan Strait", "LOC", "Q188736")]
    found = evidence(rule(TAIWAN), text, *named)
    assert [(e.text, e.clause, e.entity, e.label) for e in found] == [
        ("台湾", "Q865", "Q865", None),
        ("Тайвань", "Q865", "Q865", None),
    ]


def test_an_entity_with_a_label_is_the_entity_under_that_label_alone() -> None:
    text, named = "Chinese exports from China", [("Chinese", "NORP", "Q148"), ("China", "GPE", "Q148")]
    (only,) = evidence(rule(Term(entity="Q148", label=("GPE",))), text, *named)
    assert (only.text, only.label, only.entity) == ("China", "GPE", "Q148")


def test_a_rules_label_is_that_of_its_terms_and_aliases_unless_they_have_their_own() -> None:
    text = "Apple, Taiwan and TSMC"
    named = [("Apple", "ORG", None), ("Taiwan", "GPE", None), ("TSMC", "ORG", None)]
    wanted = rule("Taiwan", Term(term="Apple", label=("ORG",)), label=("GPE",), aliases={"Chips": ("TSMC",)})
    assert [(e.text, e.label) for e in evidence(wanted, text, *named)] == [("Apple", "ORG"), ("Taiwan", "GPE")]


def test_an_alias_with_a_label_says_both() -> None:
    wanted = rule(aliases={"TSMC": ("Taiwan Semiconductor",)}, label=("ORG",))
    (only,) = evidence(wanted, "Taiwan Semiconductor said", ("Taiwan Semiconductor", "ORG", None))
    assert (only.clause, only.alias_of, only.label) == ("Taiwan Semiconductor", "TSMC", "ORG")


def test_a_rules_label_is_not_asked_of_what_it_excludes() -> None:
    wanted = rule("Apple", label=("ORG",), exclude=("apple pie",))
    assert evidence(wanted, "Apple fell", ("Apple", "ORG", None))
    assert not evidence(wanted, "Apple fell. An apple pie.", ("Apple", "ORG", None))


def test_a_mention_may_exclude_a_rule() -> None:
    fruit = rule("Apple", exclude=(Term(term="Apple", label=("PRODUCT",)), Term(entity="Q312")))
    assert evidence(fruit, "Apple fell")
    assert evidence(fruit, "Apple fell", ("Apple", "ORG", "Q89"))
    assert not evidence(fruit, "Apple fell", ("Apple", "PRODUCT", None))
    assert not evidence(fruit, "Apple fell", ("Apple", "ORG", "Q312"))


def test_a_rule_looks_for_mentions_only_in_its_fields() -> None:
    named = [("Apple", "ORG", None), ("Taiwan", "GPE", "Q865")]
    for term in (APPLE, TAIWAN):
        name = term.term or "Taiwan"
        places = [(e.field, e.start) for e in evidence(rule(term), f"x\n\n{name}", *named, title=name)]
        assert places == [("title", 0), ("text", 3)]
        for fields, found in ((("title",), ["title"]), (("body",), ["text"]), (("lead",), [])):
            assert [e.field for e in evidence(rule(term, fields=fields), f"x\n\n{name}", *named, title=name)] == found
        assert evidence(rule(term, fields=("lead",)), f"{name}.\n\nMore", *named)


def test_without_mentions_no_such_term_is_met_and_others_are() -> None:
    assert evidence(rule(APPLE, TAIWAN, "fell"), "Apple of Taiwan fell")[0].clause == "fell"


def test_whether_rules_ask_for_mentions_is_known_beforehand() -> None:
    wanted = [rule(APPLE), rule(TAIWAN), rule("x1", label=("ORG",)), rule("x1", exclude=(TAIWAN,))]
    assert all(asks_for_mentions([Watchlist(id="w", desk="d", rules=(one,))]) for one in wanted)
    assert not asks_for_mentions([Watchlist(id="w", desk="d", rules=(rule("x1"),))])


NAMES = ("Apple", "Bank of Apple", "Taiwan", "apple")
LABELS = ("ORG", "GPE")
pieces = st.lists(st.tuples(st.sampled_from((*NAMES, "said", "the")), st.sampled_from((*LABELS, None))), max_size=9)


@settings(max_examples=300, deadline=None)
@given(pieces, st.sampled_from(LABELS))
def test_what_a_label_leaves_of_a_terms_places_are_those_in_mentions_with_it(
    said: list[tuple[str, str | None]], wanted: str
) -> None:
    text, named = "", []
    for word, label in said:
        if label:
            end = len(text) + len(word)
            named.append(Mention(field="text", start=len(text), end=end, text=word, label=label, name=word))
        text += f"{word} "
    everywhere = evidence(rule("Apple"), text)
    matches = matcher(rule(Term(term="Apple", label=(wanted,)))).match(title="", text=text, mentions=named)
    found = [(e.start, e.end) for desk in matches for met in desk.rules for e in met.evidence]
    assume(len(everywhere) < MAX_EVIDENCE)
    inside = [m for m in named if m.label == wanted]
    assert found == [(e.start, e.end) for e in everywhere if any(m.start <= e.start and e.end <= m.end for m in inside)]


def test_ten_thousand_rules_and_a_hundred_thousand_mentions_take_bounded_time() -> None:
    text = "Apple Taiwan " * 50_000
    rules = [
        Rule(id=f"r{n}", terms=(Term(term="Apple", label=("ORG",)), Term(entity=f"Q{n}"), Term(entity="Q865")))
        for n in range(10_000)
    ]
    named = mentions("", text, ("Apple", "PERSON", None), ("Taiwan", "GPE", "Q1"))
    started = time.process_time()
    matches = matcher(*rules).match(title="", text=text, mentions=named)
    assert [met.rule for desk in matches for met in desk.rules] == ["r1"]
    assert time.process_time() - started < 10
