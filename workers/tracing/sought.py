"""What is looked for: an article's id or URL, and quick tests that pass over nearly everything else.

A record is first looked at as bytes: is there a piece of the id or the URL in it that no encoding changes? Only those
that have one are decoded.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from topics.identity import article_id_of, canonical_url
from topics.records import RawArticle

Test = Callable[[Any], bool]

_RUN = re.compile(rb"[A-Za-z0-9_.-]+")
"""What neither JSON nor XML nor percent-encoding writes in another way."""
_DERIVED = re.compile(r"[uc]-[0-9a-f]{16}|h-[0-9a-f]{16}")
"""Ids that we made (`topics.identity`, `topics.codec`): what came holds nothing of them."""
_WEBLIKE = re.compile(r"(?:https?:)?//\S+|(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}/\S*", re.IGNORECASE)
_TELLING = 5
"""A piece of a path this long tells articles apart well enough; a shorter one is no better than the host."""


class Sought:
    """An article. `add` makes known what else it is called, so that later looks find it by that, too."""

    def __init__(self, asked: str) -> None:
        self.asked = asked.strip()
        self.url = _url(self.asked)
        self.ids: dict[str, None] = {self.asked: None}
        if self.url is not None:
            for url in (self.url, self.url.replace("://", "://www.", 1)):
                self.ids[article_id_of(RawArticle(url=url))] = None

    def add(self, article_id: str) -> None:
        self.ids[article_id] = None

    def is_it(self, article_id: str | None, url: str | None) -> bool:
        """Whether an article with this id and URL is the one."""
        return article_id in self.ids or (self.url is not None and bool(url) and _same(url or "") == self.url)

    def in_ours(self) -> Test:
        """For records that we wrote: they hold an article's id and URL as they are."""
        return _holding([*self.ids, *([self.url] if self.url else [])])

    def in_raw(self) -> Test:
        """For records as they came: they hold the id, unless we made it; then every one has to be read."""
        if self.url is not None:
            return _holding([*(name for name in self.ids if not _DERIVED.fullmatch(name)), self.url])
        return (lambda record: True) if _DERIVED.fullmatch(self.asked) else _holding(self.ids)

    def holds_asked(self, record: Any) -> bool:
        """Whether a record that nobody can read has what was asked for in its key, value or headers, as it is."""
        text = self.asked.encode()
        return any(text in part for part in _parts(record))


def holding(names: Iterable[str]) -> Test:
    """For records that we wrote: those that may hold one of these ids."""
    return _holding(names)


def _holding(names: Iterable[str]) -> Test:
    pieces = [_piece(name) for name in names]
    if any(not piece.text for piece in pieces):
        return lambda record: True
    exact = {piece.text for piece in pieces if not piece.of_host}
    hosts = {piece.text for piece in pieces if piece.of_host}

    def test(record: Any) -> bool:
        for part in _parts(record):
            if any(piece in part for piece in exact):
                return True
            if hosts and any(piece in part.lower() for piece in hosts):
                return True
        return False

    return test


class _Piece(NamedTuple):
    text: bytes
    of_host: bool = False


def _piece(name: str) -> _Piece:
    """The longest piece of a name that every encoding leaves as it is; empty where there is none.

    Of a URL it is one of the path or the query, which are the article's own; else one of the host, in lower case.
    """
    if "://" not in name:
        return _Piece(_longest(name))
    parts = urlsplit(name)
    within = _longest(f"{parts.path}?{parts.query}")
    return _Piece(within) if len(within) >= _TELLING else _Piece(_longest(parts.netloc.lower()), of_host=True)


def _longest(text: str) -> bytes:
    return max(_RUN.findall(text.encode("utf-8", "replace")), key=len, default=b"")


def _parts(record: Any) -> Iterable[bytes]:
    if record.value is not None:
        yield record.value
    if record.key is not None:
        yield record.key
    for _, value in record.headers:
        if value is not None:
            yield value


def _url(asked: str) -> str | None:
    """The canonical form of what looks like a URL, with or without its scheme."""
    if not _WEBLIKE.fullmatch(asked):
        return None
    return _same(asked if "//" in asked else f"https://{asked}")


def _same(url: str) -> str:
    """A URL as people take two for one: canonical, and with or without `www.`."""
    return canonical_url(url).replace("://www.", "://", 1)
