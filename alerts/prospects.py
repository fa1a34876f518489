"""Which articles may meet a rule, before it is known what they mention: for what is dear to find in every article."""

from collections.abc import Callable, Iterable, Sequence

from ahocorasick_rs import AhoCorasick
from msgspec.structs import replace

from alerts.folding import fold
from alerts.matcher import Matcher
from alerts.watchlist import Rule, Term, Watchlist

_SHORT = 3
"""Spellings of so many characters are looked for in their own case: "US" would be in half of all words."""


class Prospects:
    """These watchlists without what needs mentions: labels are not asked for, and an entity is any of its spellings.

    `spellings` gives all forms by which an entity is ever recognised.
    """

    def __init__(self, watchlists: Sequence[Watchlist], *, spellings: Callable[[str], Iterable[str]]) -> None:
        self._matcher = Matcher([replace(each, rules=tuple(map(_bare, each.rules))) for each in watchlists])
        entities = {
            term.entity
            for watchlist in watchlists
            for rule in watchlist.rules
            for term in rule.terms
            if isinstance(term, Term) and term.entity is not None
        }
        spelt = {spelling for entity in entities for spelling in spellings(entity)}
        self._cased = _automaton(fold(form, cased=True).text for form in spelt if len(form) <= _SHORT)
        self._folded = _automaton(fold(form).text for form in spelt if len(form) > _SHORT)

    def may_meet(
        self, *, title: str, text: str, source: str | tuple[str, ...] | None = None, language: str | None = None
    ) -> bool:
        """Whether `Matcher.match` may give anything, given some mentions; where this is false it never does."""
        return bool(self._matcher.match(title=title, text=text, source=source, language=language)) or any(
            _within(self._folded, fold(content).text) or _within(self._cased, fold(content, cased=True).text)
            for content in (title, text)
            if self._folded or self._cased
        )


def _bare(rule: Rule) -> Rule:
    terms = (term.term if isinstance(term, Term) else term for term in rule.terms)
    return replace(
        rule,
        terms=tuple(term for term in terms if term is not None),
        exclude=tuple(term for term in rule.exclude if isinstance(term, str)),
        label=(),
    )


def _automaton(forms: Iterable[str]) -> AhoCorasick | None:
    found = {form for form in forms if form}
    return AhoCorasick(sorted(found), store_patterns=False) if found else None


def _within(automaton: AhoCorasick | None, text: str) -> bool:
    return automaton is not None and bool(automaton.find_matches_as_indexes(text))
