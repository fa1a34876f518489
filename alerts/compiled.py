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
    """One form of one term of one rule, or an entity that it asks for. `order` is the term's number in its rule."""

    rule: int
    order: int
    clause: str
    alias_of: str | None
    entity: str | None = None


class _Conditions(NamedTuple):
    fields: int
    labels: tuple[str, ...]
    excludes: bool
    cased: str | None = None
    prefix: bool = False


class Asked(NamedTuple):
    """What uses of one form, or of one entity, have in common: one place meets all of them or none.

    `fields`: where their rules look. `labels`: of which a mention there must have one; none: any place will do.
    `cased`: what the place must be with its case kept. `number` is its own.
    """

    number: int
    fields: int
    labels: tuple[str, ...]
    excludes: bool
    cased: str | None
    prefix: bool
    uses: tuple[Use, ...]


class Pattern(NamedTuple):
    """Who asks for a form: `plain` wherever it stands, `labelled` where it stands in a mention with that label."""

    first: int
    last: int
    first_digit: bool
    last_digit: bool
    plain: tuple[Asked, ...]
    labelled: dict[str, tuple[Asked, ...]]


class Compiled(NamedTuple):
    watchlist: Watchlist
    rule: Rule
    fields: int
    sources: frozenset[str]
    languages: frozenset[str]


_Users = dict[_Conditions, list[Use]]


class Plan(NamedTuple):
    """`patterns` by the folded form that each is of, `entities` by id."""

    rules: tuple[Compiled, ...]
    patterns: dict[str, Pattern]
    entities: dict[str, tuple[Asked, ...]]


def compiled(watchlists: Sequence[Watchlist]) -> Plan:
    """All that these watchlists look for."""
    rules = tuple(_compiled(watchlist, rule) for watchlist in watchlists for rule in watchlist.rules)
    by_form: dict[str, _Users] = {}
    by_entity: dict[str, _Users] = {}
    for number, one in enumerate(rules):
        for key, conditions, use in _uses(number, one):
            users = (by_form if use.entity is None else by_entity).setdefault(key, {})
            users.setdefault(conditions, []).append(use)
    numbers = count()
    patterns = {form: _pattern(form, _asked(users, numbers)) for form, users in by_form.items()}
    return Plan(rules, patterns, {id: _asked(users, numbers) for id, users in by_entity.items()})


def _asked(users: _Users, numbers: Iterator[int]) -> tuple[Asked, ...]:
    return tuple(Asked(next(numbers), *conditions, tuple(uses)) for conditions, uses in users.items())


def _compiled(watchlist: Watchlist, rule: Rule) -> Compiled:
    fields = 0
    for name in rule.fields:
        fields |= _FIELDS[name]
    sources = frozenset(source.casefold() for source in rule.sources)
    return Compiled(watchlist, rule, fields, sources, frozenset(tag.lower() for tag in rule.languages))


def _uses(number: int, one: Compiled) -> Iterator[tuple[str, _Conditions, Use]]:
    """(folded form, or entity's id; where it counts; its use)."""
    known: set[tuple[Form, bool, tuple[str, ...]]] = set()
    rule = one.rule
    for order, (term, alias_of, excludes) in enumerate(_terms(rule)):
        asked = Term(term=term) if isinstance(term, str) else term
        labels = asked.label or (() if excludes else rule.label)
        if asked.entity is not None:
            use = Use(number, order, asked.entity, None, asked.entity)
            yield asked.entity, _Conditions(one.fields, labels, excludes), use
            continue
        text = asked.term or ""
        for form in forms(text, case=rule.case):
            if (form, excludes, labels) not in known:  # else another term finds it already
                known.add((form, excludes, labels))
                conditions = _Conditions(one.fields, labels, excludes, form.cased, form.prefix)
                yield form.folded, conditions, Use(number, order, text, alias_of)


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


def _pattern(folded: str, askeds: Sequence[Asked]) -> Pattern:
    first, last = folded[0], folded[-1]
    labelled: dict[str, list[Asked]] = defaultdict(list)
    for asked in askeds:
        for label in asked.labels:
            labelled[label].append(asked)
    plain = tuple(asked for asked in askeds if not asked.labels)
    by_label = {label: tuple(listed) for label, listed in labelled.items()}
    return Pattern(KINDS[first], KINDS[last], first.isdigit(), last.isdigit(), plain, by_label)
