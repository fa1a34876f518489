"""A reader of pushed watchlists that runs in a test, and what its callbacks were told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from workers.settings import Settings
from workers.stream.session import cancelled
from workers.watchlist_topic import Placed, WatchlistTopic

PATIENCE = 20.0


class Follower:
    """`topic` is the reader; `sets` and `errors` are what it said, in order, and `controls` what else came."""

    def __init__(self, settings: Settings) -> None:
        self.sets: asyncio.Queue[Mapping[str, Placed]] = asyncio.Queue()
        self.errors: asyncio.Queue[str] = asyncio.Queue()
        self.controls: list[tuple[str, bytes | None]] = []
        self.topic = WatchlistTopic(
            settings,
            on_change=self.sets.put_nowait,
            on_error=self.errors.put_nowait,
            controls={"resume": lambda key, value: self.controls.append((key, value))},
        )

    async def next(self) -> dict[str, str]:
        """The next set: id -> version."""
        found = await asyncio.wait_for(self.sets.get(), PATIENCE)
        return {id: placed.watchlist.version for id, placed in found.items()}

    async def error(self) -> str:
        return await asyncio.wait_for(self.errors.get(), PATIENCE)

    @property
    def current(self) -> dict[str, str]:
        return {id: placed.watchlist.version for id, placed in self.topic.current.items()}


@asynccontextmanager
async def following(settings: Settings, *, read: bool = True) -> AsyncIterator[Follower]:
    """A reader that has read the topic to its end, unless `read` says not to wait for that."""
    follower, stop = Follower(settings), asyncio.Event()
    task = asyncio.create_task(follower.topic.follow(stop))
    try:
        if read:
            await asyncio.wait_for(follower.topic.read.wait(), PATIENCE)
        yield follower
        assert not task.done(), task
    finally:
        await cancelled([task])
