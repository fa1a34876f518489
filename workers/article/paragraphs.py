"""The paragraph is the unit that is tagged: how a text is cut into them, and the memory of those tagged before."""

import hashlib
import re
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

MAX_CHARACTERS = 100_000
"""Of each text, how much is tagged: the rest of a longer one is a table or a transcript, and costs seconds."""
ENTRY_BYTES = 440
"""What an entry of the cache may take on average: its spans take some 50 bytes, its key and its place the rest."""

_PARAGRAPH = re.compile(r"[^\n]+")
_PIECE = 5_000
# spaCy's tokenizer peels one character at a time off a token: its time is quadratic in the token's length.
_LONG_TOKEN = re.compile(r"\S{200,}")
_OVERHEAD = 340
"""Bytes of an entry beside its spans, as 50,000 of them grew a process (CPython 3.11)."""

Span = tuple[int, int, str]
"""Start and end, in characters from the paragraph's beginning, and label."""


class Paragraph(NamedTuple):
    """A paragraph, or a piece of a very long one, as a model is given it, and where it starts in its text."""

    text: str
    start: int


def paragraphs(text: str) -> Iterator[Paragraph]:
    """Those of a text's first `MAX_CHARACTERS` characters, each as long as in the text."""
    for match in _PARAGRAPH.finditer(text, 0, MAX_CHARACTERS):
        for start, piece in _pieces(match[0]):
            yield Paragraph(_tamed(piece), match.start() + start)


def _pieces(paragraph: str) -> Iterator[tuple[int, str]]:
    """A paragraph in pieces of at most `_PIECE` characters, cut at blanks."""
    start = 0
    while len(paragraph) - start > _PIECE:
        cut = paragraph.rfind(" ", start + _PIECE // 2, start + _PIECE)
        end = cut if cut > 0 else start + _PIECE
        yield start, paragraph[start:end]
        start = end
    yield start, paragraph[start:]


def _tamed(text: str) -> str:
    """Blanks for tokens too long to be words: as many characters, so that offsets stay."""
    return _LONG_TOKEN.sub(lambda m: " " * len(m[0]), text)


def key(model: str, text: str) -> bytes:
    """What a paragraph is known by: a hash of the model and the text that nobody makes two texts share."""
    return hashlib.blake2b(f"{model}\0{text}".encode("utf-8", "surrogatepass"), digest_size=32).digest()


class Cache:
    """The spans of paragraphs tagged before; the ones not asked for longest go first.

    It holds at most `entries` of them (0: it is off), and at most `entries` times `ENTRY_BYTES` bytes.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._packed: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._labels: list[str] = []
        self._numbers: dict[str, int] = {}

    def __bool__(self) -> bool:
        return self._entries > 0

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return self._size

    def get(self, key: bytes) -> tuple[Span, ...] | None:
        """The spans of a paragraph, None where it is not known."""
        packed = self._packed.get(key)
        if packed is None:
            return None
        self._packed.move_to_end(key)
        flat = iter(array("I", packed))
        return tuple((start, end, self._labels[label]) for start, end, label in zip(flat, flat, flat, strict=True))

    def put(self, key: bytes, spans: tuple[Span, ...]) -> None:
        """Remember a paragraph's spans."""
        flat = (number for start, end, label in spans for number in (start, end, self._number(label)))
        packed = array("I", flat).tobytes()
        self._drop(key)
        self._packed[key] = packed
        self._size += _OVERHEAD + len(packed)
        while len(self._packed) > self._entries or self._size > self._entries * ENTRY_BYTES:
            self._drop(next(iter(self._packed)))

    def _drop(self, key: bytes) -> None:
        packed = self._packed.pop(key, None)
        if packed is not None:
            self._size -= _OVERHEAD + len(packed)

    def _number(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self._labels)
            self._labels.append(label)
        return self._numbers[label]
