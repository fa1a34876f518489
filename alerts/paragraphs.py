"""A text without the paragraphs that are no part of it."""

from collections.abc import Callable

import msgspec

NOTED = 20
"""Paragraphs of one article that are noted when they are taken out; all are counted."""
NOTED_LENGTH = 200
"""Characters of each."""

Divide = Callable[[str], tuple[str, tuple[str, ...]]]
"""From a paragraph to what stays of it and the pieces that go."""


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """A text without its furniture. `removed` are its pieces, the first `NOTED`, cut; `count` counts them all.

    `kept` says that the whole text was furniture, and was left as it came.
    """

    text: str
    removed: tuple[str, ...] = ()
    count: int = 0
    kept: bool = False


def cleaned(text: str, divide: Divide) -> Cleaned:
    """The text without what `divide` takes out of its paragraphs.

    A text that is nothing but
    furniture stays as it came: it is likelier that a pattern is wrong than that an article is empty.
    """
    left: list[str] = []
    removed: list[str] = []
    for paragraph in paragraphs(text):
        stays, goes = divide(paragraph)
        if stays or not goes:
            left.append(stays)
        removed += goes
    if not removed:
        return Cleaned(text=text)
    rest = _separator(text).join(left).strip()
    if not rest:
        return Cleaned(text=text, kept=True)
    noted = tuple(p if len(p) <= NOTED_LENGTH else p[: NOTED_LENGTH - 1] + "…" for p in removed[:NOTED])
    return Cleaned(text=rest, removed=noted, count=len(removed))


def paragraphs(text: str) -> list[str]:
    """A paragraph ends at an empty line, or, in a text that has none, at the end of a line."""
    return text.split(_separator(text))


def _separator(text: str) -> str:
    return "\n\n" if "\n\n" in text else "\n"
