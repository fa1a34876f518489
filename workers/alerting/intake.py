"""Hits on their way from Faust's agent to the fold, gathered into small batches."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from faust.types import EventT

MAX_HITS = 512
"""Hits in one batch."""
LIMIT = MAX_HITS * 5
"""Hits that may be here at once: those that wait, and the batch in hand."""


class Intake:
    """`linger` is how long a batch that is not full waits for more, in seconds."""

    def __init__(self, *, linger: float) -> None:
        self._linger = linger
        self._queue: asyncio.Queue[EventT[bytes]] = asyncio.Queue(LIMIT - MAX_HITS)
        self._in_hand = 0

    async def take(self, stream: Any) -> None:
        """The body of Faust's agent.

        It only passes events on: an agent that raises, or is cancelled over an event, has lost it. They are
        acknowledged once they are done (`Folder.flush`), and there alone.
        """
        async for event in stream.noack().events():
            await self._queue.put(event)

    async def batches(self) -> AsyncIterator[list[EventT[bytes]]]:
        """Batches, for ever. One is done with when the next is asked for."""
        while True:
            events = await self._batch()
            self._in_hand = len(events)
            yield events
            self._in_hand = 0

    def in_flight(self) -> int:
        """Hits that are here and not done."""
        return self._queue.qsize() + self._in_hand

    async def _batch(self) -> list[EventT[bytes]]:
        events = [await self._queue.get()]
        if self._queue.qsize() < MAX_HITS:
            await asyncio.sleep(self._linger)
        while len(events) < MAX_HITS and not self._queue.empty():
            events.append(self._queue.get_nowait())
        return events
