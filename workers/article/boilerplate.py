"""Furniture that no source needs to be known for: what newspapers and agencies put beside an article's own text.

The forms stand in `boilerplate.txt`. A paragraph goes where one of them fits all of it, or where each of its sentences
is furniture; so a sentence of the article's never goes with one that is not. What goes of a paragraph of the article's
is an agency's credit in brackets at its end, and of the last one the last sentences.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from alerts.paragraphs import Cleaned, cleaned, paragraphs

MAX_LENGTH = 1_000
"""Characters of a paragraph that is looked at: longer ones are the article's."""
MAX_SENTENCES = 12

_FILE = Path(__file__).with_name("boilerplate.txt")
_BESIDE = "beside"
_IN_BRACKETS = ("credits", "feed")
_AT_THE_END = ("app", "newsletter", "cookies", "credits", "standards", "copyright", "click-here", "follow", "feed")
_HEADING = re.compile(r"\[([a-z-]+)(, untold)?\]")
_FRAGMENT = re.compile(r"([A-Z]+) = (.+)")
_NAME = re.compile(r"<([A-Z]+)>")
_QUOTES = str.maketrans("‘’‚“”„«»", '\'\'\'"""""')
_LEADING = re.compile(r"^[^\w#@(\[©\"'¿¡‘’‚“”„«]+")
_TRAILING = re.compile(r"[\s!…*|–—>›:\"'-]+$")
_SENTENCE = re.compile(r"(?<=[.!?])['\")\]]*\s+(?=[\"'(\[]?[^\sa-zß-öø-ÿ])|(?<=[。！？])")
_ENDED = re.compile(r"[.!?:…。！？\"'”’)\]]\s*$")


@dataclass(frozen=True, slots=True)
class Stripped:
    """What is left of a text, and how many pieces went, by kind."""

    cleaned: Cleaned
    kinds: dict[str, int]


class Boilerplate:
    """The forms of each kind, compiled. `kinds` are all there are: what metrics have as their label."""

    def __init__(self, forms: "_Forms") -> None:
        self.kinds = tuple(kind for kind in forms.of_kind if kind != _BESIDE)
        self._told = re.compile(forms.fragments["TOLD"], re.IGNORECASE)
        self._untold = forms.untold
        self._forms = {
            kind: re.compile(rf"(?:{'|'.join(f'(?:{form})' for form in some)})[.!?]*", re.IGNORECASE)
            for kind, some in forms.of_kind.items()
        }

    @classmethod
    @cache
    def load(cls) -> "Boilerplate":
        """The forms that ship."""
        return cls(_read(_FILE))

    def kind(self, paragraph: str) -> str | None:
        """Which furniture a paragraph is; None for a piece of the article."""
        text = _plain(paragraph)
        sentences = _SENTENCE.split(text) if text else []
        if not 0 < len(sentences) <= MAX_SENTENCES:
            return None
        first = self._sentence(_plain(sentences[0]))
        if first is None or len(sentences) == 1:
            return None if first == _BESIDE else first
        whole = self._sentence(text)  # a form that takes in several sentences; it fits the first one, too
        return whole if whole not in (None, _BESIDE) else self._mixed([first, *self._sentences(sentences[1:])])

    def _sentences(self, sentences: Iterable[str]) -> Iterator[str | None]:
        return (self._sentence(sentence) for sentence in map(_plain, sentences) if sentence)

    @staticmethod
    def _mixed(kinds: Iterable[str | None]) -> str | None:
        """The kind of sentences that are all furniture, not all of them such as are so beside others only."""
        found = None
        for kind in kinds:
            if kind is None:
                return None
            found = found or (kind if kind != _BESIDE else None)
        return found

    def stripped(self, text: str) -> Stripped:
        """The text without its furniture, wherever in it that stands."""
        kinds: Counter[str] = Counter()
        last = paragraphs(text)[-1]

        def divide(paragraph: str) -> tuple[str, tuple[str, ...]]:
            stays, goes = self._divided(paragraph)
            if paragraph == last and stays:
                stays, more = self._without_tail(stays)
                goes += more
            kinds.update(kind for kind, _ in goes)
            return stays, tuple(piece for _, piece in goes)

        found = cleaned(text, divide)
        return Stripped(found, {} if found.kept else dict(kinds))

    def _divided(self, paragraph: str) -> tuple[str, list[tuple[str, str]]]:
        kind = self.kind(paragraph)
        if kind is not None:
            return "", [(kind, paragraph)]
        if "\n" in paragraph:
            return self._lines(paragraph)
        start = paragraph.rfind("(") if paragraph.endswith(")") else -1
        kind = self.kind(paragraph[start:]) if start > 0 else None
        if kind in _IN_BRACKETS:
            return paragraph[:start].rstrip(), [(kind, paragraph[start:])]
        return paragraph, []

    def _lines(self, paragraph: str) -> tuple[str, list[tuple[str, str]]]:
        """A paragraph of several lines. One that goes on in the next may begin there like furniture, and is not."""
        left: list[str] = []
        goes: list[tuple[str, str]] = []
        begins = True
        for line in paragraph.split("\n"):
            kind = self.kind(line) if begins else None
            if kind is None:
                left.append(line)
                begins = _ENDED.search(line) is not None
            else:
                goes.append((kind, line))
        return "\n".join(left), goes

    def _without_tail(self, paragraph: str) -> tuple[str, list[tuple[str, str]]]:
        """A text's last paragraph without its last sentences, where they are furniture: a text on one line has them."""
        end, found = len(paragraph), None
        starts = [match.end() for match in _SENTENCE.finditer(paragraph, max(0, end - MAX_LENGTH))]
        for start in reversed(starts[-MAX_SENTENCES:]):
            kind = self.kind(paragraph[start:])
            if kind not in _AT_THE_END:
                break
            end, found = start, kind
        return paragraph[:end].rstrip(), [(found, paragraph[end:])] if found is not None else []

    def _sentence(self, text: str) -> str | None:
        for kind, form in self._forms.items():
            if form.fullmatch(text) and not (kind in self._untold and self._told.match(text)):
                return kind
        return None


def _plain(text: str) -> str:
    """A paragraph on one line, without the marks around it; empty where it is too long to be furniture."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        return ""
    text = " ".join(_LEADING.sub("", text).translate(_QUOTES).split())
    text = _TRAILING.sub("", text)
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1].strip()
    return text


@dataclass(frozen=True, slots=True)
class _Forms:
    """What the file says. A kind is `untold` where nothing that is told, quoted or past is of it."""

    fragments: dict[str, str] = field(default_factory=dict)
    of_kind: dict[str, list[str]] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)


def _read(path: Path) -> _Forms:
    forms = _Forms()
    kind = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("# "):
            continue
        if heading := _HEADING.fullmatch(line):
            kind = heading[1]
            if heading[2]:
                forms.untold.add(kind)
        elif fragment := _FRAGMENT.fullmatch(line):
            forms.fragments[fragment[1]] = _filled(fragment[2], forms.fragments)
        else:
            forms.of_kind.setdefault(kind, []).append(_filled(line, forms.fragments))
    return forms


def _filled(form: str, fragments: dict[str, str]) -> str:
    return _NAME.sub(lambda match: fragments[match[1]], form)
