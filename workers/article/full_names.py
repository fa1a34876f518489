"""People and companies in full that the model missed or took for something else.

A common given name, and a family's after it; any name after an office, before an age, or with a nickname within; a
name and "Inc." or the like.
"""

from collections.abc import Iterator, Sequence, Set

from topics.records import Mention
from workers.article.context import NO_PART_OF_NAMES
from workers.article.document import NAMELIKE, Document, by_field, mention_of, span, title_first
from workers.article.given_names import GIVEN, PLACES_GIVEN
from workers.article.lexicon import COMMON, HONORIFICS, KINDS, OFFICES, PARTICLES
from workers.article.overlay import laid_over
from workers.article.people import is_said, titles_before
from workers.article.words import Words

_LONGEST = 4
_LONGEST_COMPANY = 5
_LEGAL_FORMS = frozenset(("Inc", "Corp", "Ltd", "LLC", "PLC", "Plc", "LLP", "GmbH"))
_NO_FAMILY = (NO_PART_OF_NAMES - PARTICLES) | OFFICES | HONORIFICS


def with_full_names(document: Document, mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions, and who and what is named in full where no other name is, or one that is not well known."""

    def wins(given: Mention, other: Mention) -> bool:
        if span(other) in document.known or other.start < given.start or given.end < other.end:
            return False
        return other.label in NAMELIKE - {given.label} or " " not in other.text

    fields = by_field(mentions)
    for field, words in document.fields.items():
        given = [mention_of(words, at, "PERSON") for at in _full_names(words)]
        given += [mention_of(words, at, "ORG") for at in _companies(words)]
        fields[field] = list(laid_over(fields.get(field, ()), given, wins))
    return title_first(fields)


def _companies(words: Words) -> Iterator[range]:
    for i, word in enumerate(words.words):
        if word.text not in _LEGAL_FORMS or word.loud:
            continue
        first = i
        while i - first < _LONGEST_COMPANY and words.gap(first) in (" ", "-", " & ", ", " if first == i else " "):
            before = words.word(first - 1)
            if before is None or not before.capital or before.folded in NO_PART_OF_NAMES:
                break
            first -= 1
        if first < i:
            yield range(first, i + 1)


def _full_names(words: Words) -> Iterator[range]:
    end = 0
    speakers = _speakers(words)
    for i, word in enumerate(words.words):
        if i < end or not word.capital or word.loud or not _is_given(words, i, speakers):
            continue
        end = _end(words, i)
        if end - i > 1 and not _is_within_a_name(words, i, end):
            yield range(i, end)


def _speakers(words: Words) -> frozenset[str]:
    """The names in one word that say something somewhere: "Holloway said"."""
    return frozenset(
        word.folded
        for i, word in enumerate(words.words)
        if word.capital and not word.loud and is_said(words, i + 1) and not _is_capital_before(words, i)
    )


def _is_capital_before(words: Words, i: int) -> bool:
    before = words.word(i - 1)
    return before is not None and before.capital and words.gap(i) == " "


def _is_given(words: Words, i: int, speakers: Set[str]) -> bool:
    """Whether a word is a given name: a common one, or one that what is beside it makes one."""
    word, after = words.words[i], words.word(i + 1)
    if after is not None and after.capital and words.nickname(i + 1):
        return word.folded not in _NO_FAMILY
    if word.folded in GIVEN and word.folded not in COMMON:
        return True
    titled = bool(titles_before(words, i)) and word.folded not in _NO_FAMILY
    aged = words.gap(i + 2) == ", " and after is not None and _is_age(words, i + 2)
    if titled or aged:
        return True
    family = after is not None and after.folded in speakers and words.gap(i + 1) == " "
    return word.folded in PLACES_GIVEN and (family or _is_subject(words, i + 2))


def _is_age(words: Words, i: int) -> bool:
    word = words.word(i)
    return word is not None and word.text.isdigit() and len(word.text) == 2 and words.gap(i + 1) == ", "


def _is_subject(words: Words, i: int) -> bool:
    """Whether what people do, or what is said of people, is at `i`: "said", ", 34,", ", who"."""
    word = words.word(i)
    if word is None:
        return False
    if words.gap(i) == ", ":
        return word.text.isdigit() or word.folded == "who"
    return is_said(words, i)


def _end(words: Words, first: int) -> int:
    """Where the name ends that begins with a given one (the index after its last word)."""
    end = i = first + 1
    if words.nickname(i) and i + 1 < len(words.words) and words.words[i + 1].capital:
        end = i = i + 2
    while i < min(first + _LONGEST, len(words.words)) and words.joined(i):
        word = words.words[i]
        if not word.text.isalpha() or word.folded in _NO_FAMILY or not (word.capital or word.folded in PARTICLES):
            break
        i += 1
        if word.capital and len(word.text) > 1:
            end = i
    return end


def _is_within_a_name(words: Words, first: int, end: int) -> bool:
    before, after = words.word(first - 1), words.word(end)
    if words.words[end - 1].folded in KINDS or (after is not None and after.folded in KINDS):
        return True
    if after is not None and words.gap(end) in (" ", "-", " & ") and after.capital:
        return after.folded not in NO_PART_OF_NAMES
    if before is None or words.gap(first) not in (" ", "-", " & ", "'", "’", ".", "@", "/", "_"):
        return False
    if words.gap(first) != " " or before.folded == "the":
        return True
    return before.capital and words.title(first - 1) not in NO_PART_OF_NAMES | OFFICES | HONORIFICS
