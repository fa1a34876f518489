"""How far the publisher may be ahead, so that no partition of the embedded broker forgets what is still to be read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from workers.demo.seen import Place
from workers.stream.embedded import LARGEST_BATCH, PARTITION_BYTES

LARGEST = LARGEST_BATCH // 2
"""The largest record that is published, in bytes: its enriched article and its dead letter have to fit, too."""
OPEN_BYTES = LARGEST
"""Raw bytes that may be on their way. What is made of them takes up to three times as much, maybe in one partition."""
HIT_BYTES = 16 * 1024
"""What a hit or an alert takes, generously."""
_UNREAD = PARTITION_BYTES * 4 // 5 // HIT_BYTES
_POLL = 0.03


class Behind(NamedTuple):
    """What has yet to be read: raw articles by partition; hits, alerts and what comes out, in records."""

    articles: Mapping[int, int]
    hits: int
    alerts: int
    shown: int

    @property
    def nothing(self) -> bool:
        return not (any(self.articles.values()) or self.hits or self.alerts or self.shown)


class Window:
    """Admits records while there is room for them and for all that they may become.

    `desks` gives the most hits that an article can make; `behind` looks at the broker; `came_out` tells whether the
    article of a place is on a topic of results, and has been read from there; `pause` waits between two looks.
    """

    def __init__(
        self,
        *,
        desks: Callable[[], int],
        behind: Callable[[], Awaitable[Behind]],
        came_out: Callable[[Place], bool],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._desks = desks
        self._behind = behind
        self._came_out = came_out
        self._pause = pause
        self._open: dict[Place, int] = {}
        self._next: dict[int, int] = {}
        self._waiting = 0

    @property
    def open(self) -> int:
        """Articles on their way, as far as is known."""
        return len(self._open)

    async def admit(self, size: int) -> None:
        """Wait until a record of `size` bytes may be published."""
        while not self._room(size):
            await self._look()
            if not self._room(size):
                await self._pause(_POLL)

    def published(self, place: Place, size: int) -> None:
        """A record has been acknowledged there."""
        partition, offset = place
        self._open[place] = size
        self._next[partition] = offset + 1

    async def _look(self) -> None:
        behind = await self._behind()
        self._waiting = behind.hits + behind.alerts
        committed = {partition: end - behind.articles.get(partition, 0) for partition, end in self._next.items()}
        for place in list(self._open):
            # Filtered articles come out nowhere: they are through when they are committed and all else was read.
            filtered = not behind.shown and place[1] < committed[place[0]]
            if filtered or self._came_out(place):
                del self._open[place]

    def _room(self, size: int) -> bool:
        if not self._open and not self._waiting:
            return True
        unread = (len(self._open) + 1) * max(1, self._desks()) + self._waiting
        return unread <= _UNREAD and sum(self._open.values()) + size <= OPEN_BYTES
