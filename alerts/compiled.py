"""What a Matcher looks for: every term of every rule as the forms and mentions that meet it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from alerts.folding import KINDS
from alerts.terms import Form, forms
from alerts.watchlist import Rule, Term, Watchlist

IN_TITLE, IN_LEAD, IN_BODY = 1, 2, 4
_FIELDS = {"title": IN_TITLE, "lead": IN_LEAD, "body": IN_BODY}


class Use(NamedTuple):
    """One form of one term of one rule, or an entity that it asks for.

    `cased`: what the place must be with its case kept. `labels`: of which a mention there must have one; none: any
    place will do. `number` is its own, `order` its term's.
    """

    number: int
    rule: int
    order: int
    clause: str
    alias_of: str | None
    labels: tuple[str, ...]
    excludes: bool
    cased: str | None = None
    prefix: bool = False
    entity: str | None = None


class Pattern(NamedTuple):
    """Whose form it is: `uses` wherever it stands, `labelled` where it stands in a mention with that label."""

    first: int
    last: int
    first_digit: bool
    last_digit: bool
    uses: tuple[Use, ...]
    labelled: dict[str, tuple[Use, ...]]


class Compiled(NamedTuple):
    watchlist: Watchlist
    rule: Rule
    fields: int
    sources: frozenset[str]
    languages: frozenset[str]


class Plan(NamedTuple):
    """`patterns` by the folded form that each is of, `entities` by id."""

    rules: tuple[Compiled, ...]
    patterns: dict[str, Pattern]
    entities: dict[str, tuple[Use, ...]]


def compiled(watchlists: Sequence[Watchlist]) -> Plan:
    """All that these watchlists look for."""
    rules = tuple(_compiled(watchlist, rule) for watchlist in watchlists for rule in watchlist.rules)
    by_form: dict[str, list[Use]] = defaultdict(list)
    by_entity: dict[str, list[Use]] = defaultdict(list)
    numbers = count()
    for number, one in enumerate(rules):
        for key, use in _uses(number, one.rule, numbers):
            (by_form if use.entity is None else by_entity)[key].append(use)
    patterns = {form: _pattern(form, uses) for form, uses in by_form.items()}
    return Plan(rules, patterns, {id: tuple(uses) for id, uses in by_entity.items()})


def _compiled(watchlist: Watchlist, rule: Rule) -> Compiled:
    fields = 0
    for name in rule.fields:
        fields |= _FIELDS[name]
    sources = frozenset(source.casefold() for source in rule.sources)
    return Compiled(watchlist, rule, fields, sources, frozenset(tag.lower() for tag in rule.languages))


def _uses(number: int, rule: Rule, numbers: Iterator[int]) -> Iterator[tuple[str, Use]]:
    """(folded form, or entity's id; its use)."""
    known: set[tuple[Form, bool, tuple[str, ...]]] = set()
    for order, (term, alias_of, excludes) in enumerate(_terms(rule)):
        asked = Term(term=term) if isinstance(term, str) else term
        labels = asked.label or (() if excludes else rule.label)
        if asked.entity is not None:
            use = Use(next(numbers), number, order, asked.entity, None, labels, excludes, entity=asked.entity)
            yield asked.entity, use
            continue
        text = asked.term or ""
        for form in forms(text, case=rule.case):
            if (form, excludes, labels) not in known:  # else another term finds it already
                known.add((form, excludes, labels))
                use = Use(next(numbers), number, order, text, alias_of, labels, excludes, form.cased, form.prefix)
                yield form.folded, use


def _terms(rule: Rule) -> Iterator[tuple[str | Term, str | None, bool]]:
    """(term, what it is an alias of, whether it excludes)."""
    for term in rule.terms:
        yield term, None, False
    for canonical, aliases in rule.aliases.items():
        yield canonical, None, False
        for alias in aliases:
            yield alias, canonical, False
    for term in rule.exclude:
        yield term, None, True


def _pattern(folded: str, uses: Sequence[Use]) -> Pattern:
    first, last = folded[0], folded[-1]
    labelled: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        for label in use.labels:
            labelled[label].append(use)
    plain = tuple(use for use in uses if not use.labels)
    by_label = {label: tuple(listed) for label, listed in labelled.items()}
    return Pattern(KINDS[first], KINDS[last], first.isdigit(), last.isdigit(), plain, by_label)
