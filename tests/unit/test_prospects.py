"""What may meet a rule is known before the mentions are: nothing that would meet one is left out."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.matcher import Matcher
from alerts.prospects import Prospects
from alerts.watchlist import Rule, Term, Watchlist
from topics.records import Mention
from workers.article.gazetteer import Gazetteer

SPELLINGS = {"Q865": ("Taiwan", "台湾", "Тайвань"), "Q30": ("US", "United States"), "Q37230": ("TSMC",)}


def prospects(*rules: Rule) -> Prospects:
    watchlist = Watchlist(id="w", desk="d", rules=rules)
    return Prospects([watchlist], spellings=lambda entity: SPELLINGS.get(entity, ()))


def rule(*terms: str | Term, exclude: Sequence[str | Term] = (), label: tuple[str, ...] = ()) -> Rule:
    return Rule(id="r", terms=terms, exclude=tuple(exclude), label=label)


@pytest.mark.parametrize(
    ("wanted", "text", "may"),
    [
        (rule("tariff"), "A tariff.", True),
        (rule("tariff"), "No duty.", False),
        (rule(Term(term="Apple", label=("ORG",))), "An apple.", True),
        (rule(Term(term="Apple", label=("ORG",))), "A pear.", False),
        (rule("apple", label=("ORG",)), "An apple.", True),
        (rule("apple", exclude=["pie"]), "An apple pie.", False),
        (rule("apple", exclude=[Term(term="pie", label=("PRODUCT",))]), "An apple pie.", True),
        (rule("apple", exclude=[Term(entity="Q865")]), "An apple of Taiwan.", True),
        (rule(Term(entity="Q865")), "In TAIWAN they said so.", True),
        (rule(Term(entity="Q865")), "谈台湾的新厂", True),
        (rule(Term(entity="Q865")), "In Malaysia.", False),
        (rule(Term(entity="Q30")), "the United\nStates", True),
        (rule(Term(entity="Q30")), "the US,", True),
        (rule(Term(entity="Q30")), "They saw us", False),
        (rule(Term(entity="Q1")), "In Taiwan.", False),
    ],
)
def test_an_article_is_passed_by_only_where_no_mention_could_meet_the_rule(wanted: Rule, text: str, may: bool) -> None:
    assert prospects(wanted).may_meet(title="", text=text) is may
    assert prospects(wanted).may_meet(title=text, text="") is may


TERMS: tuple[str | Term, ...] = (
    "apple",
    "TSMC",
    Term(term="Apple", label=("ORG",)),
    Term(term="taiwan*", label=("GPE", "ORG")),
    Term(entity="Q865"),
    Term(entity="Q30", label=("GPE",)),
)
PIECES = (
    "Apple",
    "apple pie",
    "Taiwan",
    "Taiwanese",
    "台湾",
    "US",
    "us",
    "United  States",
    "TSMC",
    "said",
    ".\n\n",
    "'s",
)
some_rules = st.builds(
    rule,
    st.sampled_from(TERMS),
    st.sampled_from(TERMS),
    exclude=st.lists(st.sampled_from(TERMS), max_size=2),
    label=st.sampled_from(((), ("ORG",))),
)
words = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(("ORG", "GPE", None))), max_size=8)


@settings(max_examples=400, deadline=None)
@given(some_rules, words, words)
def test_whatever_is_mentioned_an_article_that_meets_a_rule_was_a_prospect(
    wanted: Rule, title: list[tuple[str, str | None]], text: list[tuple[str, str | None]]
) -> None:
    contents, mentions = {}, []
    for field, said in (("title", title), ("text", text)):
        content = ""
        for word, label in said:
            start, end = len(content), len(content) + len(word)
            name = " ".join(word.split()).casefold()
            id = next((id for id, names in SPELLINGS.items() if name in [n.casefold() for n in names]), None)
            id = None if word == "us" else id
            if label:
                mentions.append(
                    Mention(field=field, start=start, end=end, text=word, label=label, name=word, entity_id=id)
                )
            content += f"{word} "
        contents[field] = content
    matcher = Matcher([Watchlist(id="w", desk="d", rules=(wanted,))])
    if matcher.match(title=contents["title"], text=contents["text"], mentions=mentions):
        assert prospects(wanted).may_meet(title=contents["title"], text=contents["text"])


def test_every_form_of_the_gazetteer_makes_a_prospect_of_its_entity() -> None:
    gazetteer = Gazetteer.load()
    wanted = {"Q865": "台湾", "Q30": "USA", "Q148": "中国", "Q312": "Apple"}
    for entity, spelling in wanted.items():
        assert spelling in gazetteer.spellings(entity)
        watchlist = Watchlist(id="w", desk="d", rules=(rule(Term(entity=entity)),))
        found = Prospects([watchlist], spellings=gazetteer.spellings)
        for form in gazetteer.spellings(entity):
            assert found.may_meet(title="", text=f"It is said of {form}: so it is."), form
