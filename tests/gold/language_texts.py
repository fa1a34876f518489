"""Fifteen paragraphs of news in each of twenty languages, written for this: the same fifteen, in pairs that are hard.

`tests/gold/languages/CODE.txt` has one a line, each of at least 200 characters.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"
PIECES = 3
"""Of a paragraph, how many shorter pieces are taken: from its beginning, and further in."""


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(language, paragraph)."""
    return tuple(
        (file.stem, line) for file in sorted(FOLDER.glob("*.txt")) for line in file.read_text("utf-8").splitlines()
    )


def pieces(size: int) -> list[tuple[str, str]]:
    """(language, piece) of so many characters, up to 200 of them, out of every paragraph."""
    step = max(1, (200 - size) // (PIECES - 1))
    starts = range(0, 200 - size + 1, step)
    return [(language, text[start : start + size]) for language, text in texts() for start in starts]


def judged(size: int, detect: Callable[[str], str | None], *, unknown: str = "und") -> Counter[str]:
    """How many of the pieces are right, unknown and wrong."""
    answers = ((language, detect(piece)) for language, piece in pieces(size))
    return Counter(
        "right" if found == language else "unknown" if found == unknown else "wrong" for language, found in answers
    )
