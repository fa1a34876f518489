"""Furniture that no source needs to be known for: what newspapers and agencies put beside an article's own text.

The forms stand in `boilerplate.txt`. A paragraph goes where one of them fits all of it, or where each of its sentences
is furniture; so a sentence of the article's never goes with a sentence that is not.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alerts.paragraphs import Cleaned, cleaned

MAX_LENGTH = 1_000
"""Characters of a paragraph that is looked at: longer ones are the article's."""
MAX_SENTENCES = 12

_FILE = Path(__file__).with_name("boilerplate.txt")
_BESIDE = "beside"
_FRAGMENT = re.compile(r"([A-Z]+) = (.+)")
_NAME = re.compile(r"<([A-Z]+)>")
_QUOTES = str.maketrans("‘’‚“”„«»", '\'\'\'"""""')
_LEADING = re.compile(r"^[^\w#@(\[©\"'¿¡]+")
_TRAILING = re.compile(r"[\s!…*|–—>›\"'-]+$")
_SENTENCE = re.compile(r"(?<=[.!?])['\")\]]*\s+(?=[\"'(\[]?[^\sa-zß-öø-ÿ])|(?<=[。！？])")
_ENDED = re.compile(r"[.!?:…。！？\"'”’)\]]\s*$")
# What is told, quoted or in the past is an article that talks about such things.
_TOLD = re.compile(
    r"[\"']|.*\b(?:said|says|told|wrote|asked|argued|warned|according to|announced|insisted|ruled|urged|claimed|replied"
    r"|testified|alleged|was|were|had|would)\b",
    re.IGNORECASE,
)
_NEVER_TOLD = frozenset(
    ("app", "click-here", "comments", "cookies", "follow", "newsletter", "paywall", "share", _BESIDE)
)


@dataclass(frozen=True, slots=True)
class Stripped:
    """What is left of a text, and how many pieces went, by kind."""

    cleaned: Cleaned
    kinds: dict[str, int]


class Boilerplate:
    """The forms of each kind, compiled. `kinds` are all there are: what metrics have as their label."""

    def __init__(self, forms: dict[str, list[str]]) -> None:
        self.kinds = tuple(kind for kind in forms if kind != _BESIDE)
        self._forms = {
            kind: re.compile(rf"(?:{'|'.join(f'(?:{form})' for form in of_kind)})[.!?]*", re.IGNORECASE)
            for kind, of_kind in forms.items()
        }

    @classmethod
    @cache
    def load(cls) -> "Boilerplate":
        """The forms that ship."""
        return cls(_read(_FILE))

    def kind(self, paragraph: str) -> str | None:
        """Which furniture a paragraph is; None for a piece of the article."""
        text = _plain(paragraph)
        if not text:
            return None
        found = self._sentence(text)
        if found is not None and found != _BESIDE:
            return found
        sentences = _SENTENCE.split(text)
        return self._mixed(sentences) if 1 < len(sentences) <= MAX_SENTENCES else None

    def _mixed(self, sentences: Sequence[str]) -> str | None:
        """The kind of sentences that are all furniture."""
        found = None
        for sentence in filter(None, map(_plain, sentences)):
            kind = self._sentence(sentence)
            if kind is None:
                return None
            found = found or (kind if kind != _BESIDE else None)
        return found

    def stripped(self, text: str) -> Stripped:
        """The text without its furniture, wherever in it that stands."""
        kinds: Counter[str] = Counter()

        def divide(paragraph: str) -> tuple[str, tuple[str, ...]]:
            stays, goes = self._divided(paragraph)
            kinds.update(kind for kind, _ in goes)
            return stays, tuple(piece for _, piece in goes)

        found = cleaned(text, divide)
        return Stripped(found, {} if found.kept else dict(kinds))

    def _divided(self, paragraph: str) -> tuple[str, list[tuple[str, str]]]:
        kind = self.kind(paragraph)
        if kind is not None:
            return "", [(kind, paragraph)]
        return self._lines(paragraph) if "\n" in paragraph else (paragraph, [])

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

    def _sentence(self, text: str) -> str | None:
        for kind, form in self._forms.items():
            if form.fullmatch(text) and not (kind in _NEVER_TOLD and _TOLD.match(text)):
                return kind
        return None


def _plain(text: str) -> str:
    """A paragraph on one line, without the marks around it; empty where it is too long to be furniture."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        return ""
    text = " ".join(text.translate(_QUOTES).split())
    text = _TRAILING.sub("", _LEADING.sub("", text))
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1].strip()
    return text


def _read(path: Path) -> dict[str, list[str]]:
    fragments: dict[str, str] = {}
    forms: dict[str, list[str]] = {}
    kind = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("# "):
            continue
        fragment = _FRAGMENT.fullmatch(line)
        if fragment is not None:
            fragments[fragment[1]] = _filled(fragment[2], fragments)
        elif line.startswith("[") and line.endswith("]") and line[1:-1].replace("-", "").isalpha():
            kind = line[1:-1]
        else:
            forms.setdefault(kind, []).append(_filled(line, fragments))
    return forms


def _filled(form: str, fragments: dict[str, str]) -> str:
    return _NAME.sub(lambda match: fragments[match[1]], form)
