"""What the demo publishes: the samples that ship or the user's articles, dated now, at their pace."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from topics.codec import decode_raw
from topics.dates import parse_instant
from topics.errors import InvalidRecord
from topics.identity import article_id_of
from workers.commands.articles import raw_values

SAMPLES = Path(__file__).parent.parent / "samples" / "articles.jsonl"
EMBARGO = timedelta(seconds=6)
"""How long the demo's embargoes last at most: somebody is watching."""
_DATE = re.compile(rb'"(published_at|updated_at|embargo_until)"\s*:\s*"([^"\\]*)"')


class Item(NamedTuple):
    """A record to publish, and its article's id where it can be told."""

    value: bytes
    article: str | None


def items(
    path: Path | None, *, round_number: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Item]:
    """The samples (None) or a file's records. Samples are dated now.

    In later rounds they have other ids: an article that a desk knows already would be nothing new to it.
    """
    for value in raw_values(path or SAMPLES):
        if path is None:
            value = _dated(value, now())
        article = _article_id(value)
        if round_number and article is not None:
            article = f"{article}-{round_number}"
            value = msgspec.json.encode(msgspec.json.decode(value) | {"id": article})
        yield Item(value, article)


def _dated(value: bytes, now: datetime) -> bytes:
    """The sample as if published now; its other dates move along. Bytes are replaced, so that a bad line stays bad."""
    dates = dict(_DATE.findall(value))
    try:
        published = parse_instant(dates.get(b"published_at", b"").decode())
    except ValueError:
        return value

    def moved(match: re.Match[bytes]) -> bytes:
        try:
            distance = parse_instant(match[2].decode()) - published
        except ValueError:
            return match[0]
        if match[1] == b"embargo_until":
            distance = min(distance, EMBARGO)
        return b'"%s": "%s"' % (match[1], (now + distance).isoformat().encode())

    return _DATE.sub(moved, value)


def _article_id(value: bytes) -> str | None:
    try:
        return article_id_of(decode_raw(value).article)
    except InvalidRecord:
        return None


async def paced(source: Iterator[Item], rate: float | None, stopping: asyncio.Event) -> AsyncIterator[Item]:
    """The items, at most `rate` a second, until `stopping` is set."""
    clock = asyncio.get_running_loop().time
    due = clock()
    for item in source:
        if rate:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), max(0.0, due - clock()))
            due = max(due, clock() - 1.0) + 1 / rate
        if stopping.is_set():
            return
        yield item
