"""Rules that share terms: looked for once for all of them, and each is met as if it were alone."""

from collections.abc import Sequence
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.compiled import compiled
from alerts.matcher import Matcher
from alerts.watchlist import Rule, Term, Watchlist
from topics.records import Mention, RuleMet

TERMS: tuple[str | Term, ...] = (
    "Apple",
    "apple",
    "apples",
    "US",
    "tax*",
    "pie",
    Term(term="Apple", label=("ORG",)),
    Term(entity="Q312"),
)
WORDS = ("Apple", "apple", "Apples", "US", "us", "taxes", "pie", "\n\n", "said")
FIELDS = (("title",), ("title", "lead"), ("lead",), ("title", "lead", "body"))


@st.composite
def ruled(draw: st.DrawFn) -> Rule:
    terms = draw(st.lists(st.sampled_from(TERMS), min_size=1, max_size=4, unique=True))
    exclude = draw(st.lists(st.sampled_from(TERMS), max_size=1))
    case, fields = draw(st.sampled_from((None, True, False))), draw(st.sampled_from(FIELDS))
    aliases: dict[str, tuple[str, ...]] = draw(st.sampled_from(({}, {"fruit": ("pie", "Apple")})))
    return Rule(id="r", terms=tuple(terms), exclude=tuple(exclude), case=case, fields=fields, aliases=aliases)


def met(rules: Sequence[Rule], title: str, text: str) -> dict[str, RuleMet]:
    """What an article meets in which every "Apple" is mentioned, as an organisation and as a product by turns."""
    mentions = []
    for field, content in (("title", title), ("text", text)):
        at = [i for i in range(len(content)) if content.startswith("Apple", i)]
        for label, i in zip(cycle(("ORG", "PRODUCT")), at, strict=False):
            name = Mention(field=field, start=i, end=i + 5, text="Apple", label=label, name="Apple", entity_id="Q312")
            mentions.append(name)
    matches = Matcher([Watchlist(id="w", desk="d", rules=tuple(rules))]).match(
        title=title, text=text, mentions=mentions
    )
    return {rule.rule: rule for match in matches for rule in match.rules}


words = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(ruled(), min_size=2, max_size=6), words, words)
def test_a_rule_is_met_among_others_as_it_is_alone(made: list[Rule], title: str, text: str) -> None:
    rules = [replace(rule, id=f"r{i}") for i, rule in enumerate(made)]
    together = met(rules, title, text)
    for rule in rules:
        alone = met([rule], title, text).get(rule.id)
        among = together.get(rule.id)
        assert (among and among.evidence) == (alone and alone.evidence)


def test_what_rules_ask_alike_is_one_question_and_one_proof() -> None:
    rules = [Rule(id=f"r{i}", terms=("Apple", Term(entity="Q312"))) for i in range(1000)]
    plan = compiled([Watchlist(id="w", desk="d", rules=tuple(rules))])
    assert [len(pattern.plain) for pattern in plan.patterns.values()] == [1, 1]
    assert [len(asked) for asked in plan.entities.values()] == [1]
    found = met(rules, "", "Apple " * 100)
    assert len(found) == 1000
    assert len({id(rule.evidence) for rule in found.values()}) == 1


def test_rules_that_look_elsewhere_or_at_the_case_ask_for_themselves() -> None:
    rules = [
        Rule(id="all", terms=("Apple",)),
        Rule(id="title", terms=("Apple",), fields=("title",)),
        Rule(id="case", terms=("Apple",), case=True),
        Rule(id="not", terms=("US",), exclude=("Apple",)),
    ]
    assert set(met(rules, "", "an apple of the US")) == {"all"}
    assert set(met(rules, "APPLE", "US")) == {"all", "title"}
    assert set(met(rules, "Apple", "US")) == {"all", "title", "case"}
    assert set(met(rules, "", "the US")) == {"not"}
