"""Dates, amounts, percentages and quantities by rule: what a model misses, and where there is none.

Only what its form makes certain: "$5 million", "26 October 2025", "5.2%", "5,000 tonnes". It looks around each figure,
in time linear in the text.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from topics.records import Mention
from workers.article.values.dates import MONTH
from workers.article.values.money import SIGN, UNIT
from workers.article.values.numerals import SCALE
from workers.article.values.quantities import UNIT as MEASURE
from workers.article.values.values import ENGLISH, Setting, value_of

MOST = 1_000
"""In a field: more are a table of figures, which costs seconds and tells nobody anything."""

_AROUND = 40
_LONGEST_SIGN = 14
_RUN = re.compile(r"\d[\d.,]*", re.ASCII)
_FIGURE = re.compile(r"\d{1,15}(?:,\d{2,3}){0,6}(?:\.\d{1,9})?[.,]?", re.ASCII)
_SCALED = rf"(?:[ -]?(?i:{SCALE})\b|[kmb]\b)?"
_YEAR = r"(?:1\d|2[01])\d\d(?![\w/-])"
_ORDINAL = r"(?:st|nd|rd|th)?"

_FORMS = tuple(
    (label, re.compile(rf"(?:{before})$"), re.compile(after, re.ASCII))
    for label, before, after in (
        ("MONEY", rf"(?<![\w$])(?:{SIGN}) ?", rf"{_SCALED}(?!\w)"),
        ("MONEY", "", rf"{_SCALED}[ -](?i:{UNIT})(?![\w-])"),
        ("PERCENT", r"(?:(?<![\w.,%)])(?:minus |[-−+]))?", r" ?(?:[%％](?!\w)|(?i:per ?cent|pct)\b(?! ?points?))"),
        ("QUANTITY", "", rf"(?:[ -]?(?i:{SCALE})\b)?[ -]?(?i:{MEASURE})(?![\w²³])"),
        ("DATE", rf"\b(?i:{MONTH})\.? ", rf"{_ORDINAL}, {_YEAR}"),
        ("DATE", "", rf"{_ORDINAL} (?i:{MONTH})\.?,? {_YEAR}"),
        ("DATE", "", r"-\d\d-\d\d(?![\w-])"),
    )
)
_INSIDE = re.compile(r"[\w.,/–−-]$")
_RANGE_BEFORE = re.compile(r"\d(?: ?%| [a-z]{1,10})? ?(?:-|–|to|or) ?$|\bbetween [^.;]{0,30}$")
_RANGE_AFTER = re.compile(r" ?(?:-|–|to|or) ?\D{0,3}\d")


def found(texts: Mapping[str, str], *, language: str) -> Iterator[Mention]:
    """What an English article's `texts` (by field) give by rule, in order, at most `MOST` a field. Ends of
    ranges are left alone.
    """
    if language != ENGLISH:
        return
    for field, text in texts.items():
        yield from islice(_in(field, text), MOST)


def _in(field: str, text: str) -> Iterator[Mention]:
    for run in _RUN.finditer(text):
        if _FIGURE.fullmatch(run[0]):
            yield from _around(field, text, run.start(), run.start() + len(run[0].rstrip(".,")))


def _around(field: str, text: str, start: int, end: int) -> Iterator[Mention]:
    """The first form that the figure from `start` to `end` is part of."""
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    for label, sign, unit in _FORMS:
        behind = unit.match(after)
        ahead = sign.search(before[-_LONGEST_SIGN:]) if behind else None
        if ahead and behind and _stands_alone(before.removesuffix(ahead[0]), after[behind.end() :]):
            span = ahead[0] + text[start:end] + behind[0]
            if _is_one(label, span):
                first = start - len(ahead[0])
                yield Mention(field=field, start=first, end=first + len(span), text=span, label=label, name=span)
                return


def _stands_alone(before: str, after: str) -> bool:
    return not (_INSIDE.search(before) or _RANGE_BEFORE.search(before) or _RANGE_AFTER.match(after))


def _is_one(label: str, text: str) -> bool:
    """An amount is one in whatever currency; all else has a value."""
    return label == "MONEY" or value_of(label, text, Setting()) is not None
