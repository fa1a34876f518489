"""Patterns for what comes again in a source's articles, for a person to accept: `wirewatch sources learn`.

A pattern is for one paragraph, with its numbers and dates left open, or for a form with a part that changes: "Follow
… on Telegram for more." It fits a whole paragraph, and is proposed only if it fits none beside its own.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

import msgspec
import re2

from alerts.recurring import NAME_OF_DAY, NUMBER, Paragraph, Recurring
from alerts.sources_form import MAX_PATTERN, MAX_PATTERNS, pattern_options

LEAST = 5
"""Different articles in which a paragraph has to come, by default."""
_LEAST_SHARE = 0.01
EXAMPLES = 3
_FIXED_WORDS = 4
_FIXED_SHARE = 0.5
_OPEN_WORDS = 12
_OPEN_LENGTH = 150
_SPECIAL = re.compile(r"[\\.+*?()\[\]{}|^$]")
_LETTERS = re.compile(r"[^\W\d_]")
_LEAST_LETTERS = 10
_DIGIT = re.compile(r"\d")
_UNWRITABLE = re.compile("[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in YAML


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern for one source. It fits a paragraph in `articles` of the source's `of` articles."""

    source: str
    pattern: str
    articles: int
    of: int
    examples: tuple[str, ...]


class Proposals(NamedTuple):
    """`refused` is the number of patterns that would have taken other paragraphs, too."""

    proposed: tuple[Proposal, ...]
    refused: int


class _Form(NamedTuple):
    pattern: str
    own: tuple[Paragraph, ...]

    @property
    def articles(self) -> int:
        return _articles(self.own)


def propose(recurring: Recurring, source: str, *, least: int = LEAST) -> Proposals:
    """What comes in at least `least` different articles and in one of a hundred, the commonest first.

    As many as a source may have.
    """
    least = max(least, ceil(_LEAST_SHARE * recurring.articles(source)))
    paragraphs = list(recurring.paragraphs(source))
    wordy = [paragraph for paragraph in paragraphs if len(_LETTERS.findall(paragraph.text)) >= _LEAST_LETTERS]
    single = (_form(paragraph.shape, own=(paragraph,)) for paragraph in wordy if len(paragraph.articles) >= least)
    forms = list(_disjoint([*single, *_open_forms(wordy, least)]))
    forms.sort(key=lambda form: (-form.articles, form.pattern))
    proposed: list[Proposal] = []
    refused = 0
    for form in forms[: 2 * MAX_PATTERNS]:
        if not _fits_only_its_own(form, paragraphs):
            refused += 1
        elif len(proposed) < MAX_PATTERNS:
            proposed.append(_proposal(recurring, source, form))
    return Proposals(tuple(proposed), refused)


def pattern_of(*pieces: str, gap: str = "", spaces: str = " ") -> str:
    """A pattern in re2's syntax for a whole paragraph of these pieces of a shape, with `gap` between them."""
    written = [_SPECIAL.sub(r"\\\g<0>", piece).replace(" ", spaces) for piece in pieces]
    body = gap.join(written).replace(NUMBER, r"\d[\d:/-]*").replace(NAME_OF_DAY, r"\pL+")
    body = _UNWRITABLE.sub(".", body)
    whole = f"^{body}$" if spaces == " " else rf"(?s)^\s*{body}\s*$"
    if len(whole) <= MAX_PATTERN:
        return whole
    return whole[: MAX_PATTERN - 20].rsplit(spaces, 1)[0] + r"\s"


def _form(*pieces: str, own: tuple[Paragraph, ...], gap: str = "") -> _Form:
    """With plain spaces, which are easier to read, where its paragraphs have no others."""
    even = all(paragraph.text == " ".join(paragraph.text.split()) for paragraph in own)
    return _Form(pattern_of(*pieces, gap=gap, spaces=" " if even else r"\s+"), own)


def _proposal(recurring: Recurring, source: str, form: _Form) -> Proposal:
    own = sorted(form.own, key=lambda paragraph: -len(paragraph.articles))
    return Proposal(
        source=source,
        pattern=form.pattern,
        articles=form.articles,
        of=recurring.articles(source),
        examples=tuple(paragraph.text for paragraph in own[:EXAMPLES]),
    )


def _fits_only_its_own(form: _Form, paragraphs: Iterable[Paragraph]) -> bool:
    try:
        pattern = re2.compile(form.pattern, pattern_options())
    except re2.error:
        return False
    own = set(map(id, form.own))
    return all((pattern.search(paragraph.text) is not None) == (id(paragraph) in own) for paragraph in paragraphs)


def _open_forms(paragraphs: Sequence[Paragraph], least: int) -> Iterator[_Form]:
    """Paragraphs that begin alike, end alike, or both, and are different in between, in `least` articles beside those
    of the commonest: a single sentence of an article that is like one of them makes no form."""
    groups: defaultdict[tuple[tuple[str, ...], tuple[str, ...]], list[Paragraph]] = defaultdict(list)
    for paragraph in paragraphs:
        words = paragraph.shape.split(" ")
        if len(words) > _FIXED_WORDS:
            for head, tail in ((3, 0), (0, 3), (2, 2), (1, 3), (3, 1)):
                groups[tuple(words[:head]), tuple(words[len(words) - tail :])].append(paragraph)
    for group in groups.values():
        if len(group) > 1 and _articles(_rest(group)) >= least and (form := _open_form(group)) is not None:
            yield form


def _rest(group: Sequence[Paragraph]) -> list[Paragraph]:
    return sorted(group, key=lambda paragraph: -len(paragraph.articles))[1:]


def _articles(paragraphs: Iterable[Paragraph]) -> int:
    return len(set().union(*(paragraph.articles for paragraph in paragraphs)))


def _open_form(group: Sequence[Paragraph]) -> _Form | None:
    """The form that these have in common; None where too little of them is the same."""
    split = [paragraph.shape.split(" ") for paragraph in group]
    head = _common(split)
    tail = _common([words[len(head) :][::-1] for words in split])[::-1]
    open_words = [words[len(head) : len(words) - len(tail)] for words in split]
    fixed = len(" ".join([*head, *tail]))
    length = sum(len(paragraph.shape) for paragraph in group) / len(group)
    if len(head) + len(tail) < _FIXED_WORDS or fixed < _FIXED_SHARE * length or max(map(len, open_words)) > _OPEN_WORDS:
        return None
    open_parts = [" ".join(words) for words in open_words]
    longest = max(map(len, open_parts))
    if longest > _OPEN_LENGTH or sum(map(bool, map(_DIGIT.search, open_parts))) > len(group) / 2:
        return None  # figures that change are news
    gap = rf".{{0,{min(longest + longest // 2 + 10, _OPEN_LENGTH)}}}"
    space = " " if all(open_words) else ""
    pieces = [" ".join(head) + space * bool(head), space * bool(tail) + " ".join(tail)]
    return _form(*pieces, own=tuple(group), gap=gap)


def _common(split: Sequence[Sequence[str]]) -> list[str]:
    """The words with which all of them begin."""
    found = []
    for words in zip(*split, strict=False):
        if len(set(words)) > 1:
            break
        found.append(words[0])
    return found


def _disjoint(forms: Iterable[_Form]) -> Iterator[_Form]:
    """Those of the most articles, none with a paragraph of another's."""
    taken: set[int] = set()
    for form in sorted(forms, key=lambda form: (-form.articles, -len(form.pattern))):
        own = set(map(id, form.own))
        if not own & taken:
            taken |= own
            yield form
