"""A field's text as words: where each stands, what is between them, and how much capitals say in their line."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from workers.article.context import is_headline
from workers.article.lexicon import SHORT_TITLES

_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_LINE = re.compile(r"[^\n]+")
_ENDS = frozenset('.!?:;•|“"‘(«\n')
_GLUE = frozenset(("-", "‑", "'", "’"))
_WITHIN = _GLUE | {" ", "–", " - "}
_NICKNAMES = frozenset(((' "', '" '), (" “", "” "), (" '", "' "), (" ‘", "’ "), (" (", ") ")))
_ABBREVIATED = frozenset((". ", "."))
_ABBREVIATION = 2  # letters of the longest that a point follows within a name: "St.", "Wm."


class Word(NamedTuple):
    """A run of letters and digits. `loud`: its line is a headline, where a capital says nothing."""

    start: int
    end: int
    text: str
    folded: str
    loud: bool

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a field, in order. `starting` and `ending` have the index of the word that does so at an offset.

    `titles` are the short forms of titles in the text's language: `lexicon.SHORT_TITLES`.
    """

    field: str
    text: str
    words: tuple[Word, ...]
    starting: dict[int, int]
    ending: dict[int, int]
    titles: Mapping[str, str]

    @classmethod
    def of(cls, field: str, text: str, language: str = "") -> "Words":
        words = tuple(_words(text))
        return cls(
            field=field,
            text=text,
            words=words,
            starting={word.start: i for i, word in enumerate(words)},
            ending={word.end: i for i, word in enumerate(words)},
            titles=SHORT_TITLES.get(language, {}),
        )

    def word(self, index: int) -> Word | None:
        return self.words[index] if 0 <= index < len(self.words) else None

    def form(self, at: range) -> tuple[str, ...]:
        """Words as they are compared: folded."""
        return tuple(word.folded for word in self.words[at.start : at.stop])

    def title(self, index: int) -> str:
        """The word there as a title is listed: folded, and in full where the language has a short form of it."""
        word = self.word(index)
        if word is None:
            return ""
        title = self.titles.get(word.text, word.folded)
        return word.folded if len(word.text) == 1 and self._is_initial(index) else title

    def _is_initial(self, index: int) -> bool:
        """Whether a single letter is within a name: "Anne M. Kestrel"."""
        before = self.word(index - 1)
        return before is not None and before.capital and self.gap(index) == " " and not self.opens(index - 1)

    def gap(self, index: int) -> str:
        """What is between a word and the one before it; a line's end where there is none."""
        if not 0 < index < len(self.words):
            return "\n"
        return self.text[self.words[index - 1].end : self.words[index].start]

    def joined(self, index: int) -> bool:
        """Whether a word may be of one name with the one before it: "J. D. Vance", "O'Brien", "Faure-Favier"."""
        gap = self.gap(index)
        return gap in _WITHIN or (gap in _ABBREVIATED and len(self.words[index - 1].text) <= _ABBREVIATION)

    def nickname(self, index: int) -> bool:
        """Whether a word is in quotation marks or brackets between two others: "Anthony "Tony" Rivera"."""
        return (self.gap(index), self.gap(index + 1)) in _NICKNAMES

    def glued(self, index: int) -> bool:
        """Whether nothing but a hyphen or an apostrophe is between a word and the one before it."""
        return self.gap(index) in _GLUE

    def opens(self, index: int) -> bool:
        """Whether a word may be capitalised only because a sentence, a quotation or a line opens with it."""
        gap = self.gap(index)
        if gap[:1] == "." and len(gap) == 2 and len(self.words[index - 1].text) == 1:
            return False  # an initial
        return not _ENDS.isdisjoint(gap)

    def inside(self, start: int, end: int) -> range:
        """The indices of the words of a span that begins and ends with whole words; empty for any other.

        The point of an abbreviation, "Inc.", may be its end.
        """
        first = self.starting.get(start)
        last = self.ending.get(end - 1 if self.text[end - 1 : end] == "." else end)
        return range(0) if first is None or last is None else range(first, last + 1)


def fold(text: str) -> str:
    """A word as it is compared: without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def split(name: str) -> tuple[str, ...]:
    """A name's words, folded."""
    return tuple(fold(word) for word in _WORD.findall(name))


def _words(text: str) -> Iterator[Word]:
    for line in _LINE.finditer(text):
        found = list(_WORD.finditer(text, *line.span()))
        loud = is_headline(line[0]) or (len(found) > 1 and all(word[0][0].isupper() for word in found))
        for match in found:
            yield Word(match.start(), match.end(), match[0], fold(match[0]), loud)
