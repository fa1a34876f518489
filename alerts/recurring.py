"""Paragraphs that come again in the articles of one source: what `wirewatch sources learn` looks for.

A paragraph counts once an article, and copies and revisions of an article count as one: what a syndicated text says
is no furniture because two papers print it. Memory is bounded: of many paragraphs those go first that came once.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.paragraphs import paragraphs
from topics.identity import digest

MAX_LENGTH = 500
"""Characters of a paragraph that may be furniture; of longer ones only that they came is kept."""
MAX_HELD = 150_000
"""Paragraphs that are kept, of all sources together."""
NUMBER, NAME_OF_DAY = "\x00", "\x01"
"""What stands in a paragraph's shape for a number, and for the name of a month or of a day."""
_FEW = 8
_SAME_LEAD, _SAME = 0.5, 0.8

_UNITS = r"%|per ?cent|points?|[mb]illion|[mb]l?n\b|euros?|dollars?|dlrs|pct|cts?|cents|pounds?|yen|yuan|rupees|people"
# Figures are news, and stay as they are: prices, percentages, sums. Dates, times and counts change and say nothing.
_NUMBER = re.compile(
    rf"(?<![\d.,$€£¥₹])(?:\d{{1,4}}|\d{{1,4}}(?:[:/-]\d{{1,4}}){{1,2}})(?![\d:/-]|[.,]\d|\s?(?:{_UNITS}))",
    re.IGNORECASE,
)
_DAY = re.compile(
    r"\b(?:(?:jan|febr)(?:uary)?|feb|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|(?:nov|dec)(?:ember)?|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Paragraph:
    """A paragraph in its first wording, "" if it is long; its shape; and the numbers of the articles that have it."""

    text: str
    shape: str
    articles: set[int] = field(default_factory=set)


class Recurring:
    """The paragraphs of each source. `dropped` are those that were forgotten for want of room."""

    def __init__(self, *, max_held: int = MAX_HELD) -> None:
        self.dropped = 0
        self._max_held = max_held
        self._held = 0
        self._paragraphs: dict[str, dict[str, Paragraph]] = {}
        self._articles: Counter[str] = Counter()

    def add(self, source: str, text: str) -> None:
        """An article of the source: its clean text."""
        pieces: dict[str, str] = {}
        for piece in paragraphs(text):
            pieces.setdefault(_key(piece), piece)
        pieces.pop("", None)
        if not pieces:
            return
        known = self._paragraphs.setdefault(source, {})
        number = self._same(known, pieces)
        if number is None:
            number = self._articles[source]
            self._articles[source] += 1
        for key, piece in pieces.items():
            if key not in known:
                known[key] = Paragraph(piece if len(piece) <= MAX_LENGTH else "", key)
                self._held += 1
            known[key].articles.add(number)
        if self._held > self._max_held:
            self._make_room()

    def sources(self) -> list[str]:
        """All of them, those with the most articles first."""
        return [source for source, _ in self._articles.most_common()]

    def articles(self, source: str) -> int:
        """How many different ones came."""
        return self._articles[source]

    def paragraphs(self, source: str) -> Iterator[Paragraph]:
        """Those that are short enough to be furniture."""
        return (paragraph for paragraph in self._paragraphs[source].values() if paragraph.text)

    def _same(self, known: dict[str, Paragraph], pieces: dict[str, str]) -> int | None:
        """The article before this one that it is a copy or a revision of: most of its text is that one's.

        What many articles have says nothing about which it is.
        """
        weight = 0
        shared: Counter[int] = Counter()
        for key, piece in pieces.items():
            articles = known[key].articles if key in known else ()
            if len(articles) <= _FEW:
                weight += len(piece)
                shared.update(dict.fromkeys(articles, len(piece)))
        if not shared:
            return None
        number, most = shared.most_common(1)[0]
        lead = known.get(next(iter(pieces)))
        enough = _SAME_LEAD if lead is not None and number in lead.articles else _SAME
        return number if most >= enough * weight else None

    def _make_room(self) -> None:
        """Of what came once, the older half goes."""
        for known in self._paragraphs.values():
            once = [key for key, paragraph in known.items() if len(paragraph.articles) == 1]
            for key in once[: (len(once) + 1) // 2]:
                del known[key]
            self.dropped += (len(once) + 1) // 2
        self._held = sum(map(len, self._paragraphs.values()))


def shape_of(text: str) -> str:
    """The text with single spaces, its numbers and the names of months and days left open."""
    return _DAY.sub(NAME_OF_DAY, _NUMBER.sub(NUMBER, " ".join(text.split())))


def _key(piece: str) -> str:
    """A paragraph's shape; of a long one, what tells it from others."""
    return shape_of(piece) if len(piece) <= MAX_LENGTH else digest("paragraph", shape_of(piece))
