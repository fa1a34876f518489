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
    """A term of a rule, or an entity that it asks for. `order` is its number in the rule."""

    rule: int
    order: int
    clause: str
    alias_of: str | None
    entity: str | None = None


class Asked(NamedTuple):
    """What uses ask of one form, or of one entity, alike: one place meets all of them or none.

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


class Plan(NamedTuple):
    """`patterns` by the folded form that each is of, `entities` by id."""

    rules: tuple[Compiled, ...]
    patterns: dict[str, Pattern]
    entities: dict[str, tuple[Asked, ...]]


def compiled(watchlists: Sequence[Watchlist]) -> Plan:
    """All that these watchlists look for."""
    rules = tuple(_compiled(watchlist, rule) for watchlist in watchlists for rule in watchlist.rules)
    by_form: dict[str, list[Asked]] = defaultdict(list)
    by_entity: dict[str, list[Asked]] = defaultdict(list)
    numbers = count()
    for number, one in enumerate(rules):
        for key, asked in _asked(number, one, numbers):
            (by_form if asked.uses[0].entity is None else by_entity)[key].append(asked)
    patterns = {form: _pattern(form, _together(asked)) for form, asked in by_form.items()}
    return Plan(rules, patterns, {id: _together(asked) for id, asked in by_entity.items()})


def _together(apart: Sequence[Asked]) -> tuple[Asked, ...]:
    """The same, where what is asked alike is one."""
    if len(apart) == 1:  # most forms are of one term alone
        return tuple(apart)
    alike: dict[tuple[object, ...], list[Asked]] = defaultdict(list)
    for asked in apart:
        alike[asked[1:-1]].append(asked)
    return tuple(
        first._replace(uses=tuple(use for asked in (first, *more) for use in asked.uses))
        for first, *more in alike.values()
    )


def _compiled(watchlist: Watchlist, rule: Rule) -> Compiled:
    fields = 0
    for name in rule.fields:
        fields |= _FIELDS[name]
    sources = frozenset(source.casefold() for source in rule.sources)
    return Compiled(watchlist, rule, fields, sources, frozenset(tag.lower() for tag in rule.languages))


def _asked(number: int, one: Compiled, numbers: Iterator[int]) -> Iterator[tuple[str, Asked]]:
    """(folded form, or entity's id; what one rule asks of it)."""
    known: set[tuple[Form, bool, tuple[str, ...]]] = set()
    rule = one.rule
    for order, (term, alias_of, excludes) in enumerate(_terms(rule)):
        asked = Term(term=term) if isinstance(term, str) else term
        labels = asked.label or (() if excludes else rule.label)
        if asked.entity is not None:
            use = Use(number, order, asked.entity, None, asked.entity)
            yield asked.entity, Asked(next(numbers), one.fields, labels, excludes, None, False, (use,))
            continue
        text = asked.term or ""
        use = Use(number, order, text, alias_of)
        for form in forms(text, case=rule.case):
            if (form, excludes, labels) not in known:  # else another term finds it already
                known.add((form, excludes, labels))
                cased, prefix = form.cased, form.prefix
                yield form.folded, Asked(next(numbers), one.fields, labels, excludes, cased, prefix, (use,))


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
    plain: list[Asked] = []
    labelled: dict[str, tuple[Asked, ...]] = {}
    for asked in askeds:
        if not asked.labels:
            plain.append(asked)
        for label in asked.labels:
            labelled[label] = (*labelled.get(label, ()), asked)
    return Pattern(KINDS[first], KINDS[last], first.isdigit(), last.isdigit(), tuple(plain), labelled)
