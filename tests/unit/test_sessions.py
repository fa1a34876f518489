"""A session that reads: what it is told by the brokers, how it ends, and what is said of it meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from workers.metrics import Metrics
from workers.sessions import Clients, Ends, Sessions, Stands
from workers.settings import Settings
from workers.stream.consumer import Books, Loop

READ, UNREAD = TopicPartition("news.raw", 0), TopicPartition("news.raw", 1)
STAND = Books(position=7, committed=5, unaccounted=0)
SOON = 10.0


class Reading:
    """Stands for the loop: it has read of one partition, and waits to be ended."""

    def __init__(self) -> None:
        self.joined = False
        self.trouble: str | None = None
        self.progress_at = time.monotonic() - 1000
        self.ended = False

    async def run(self, topics: object, end: asyncio.Event) -> None:
        await end.wait()
        self.ended = True

    def books(self, tp: TopicPartition) -> Books | None:
        return STAND if tp == READ else None

    def idle(self) -> None:
        self.progress_at = time.monotonic()


class Brokers:
    """Stands for both clients: two partitions are ours and end at 9."""

    def __init__(self) -> None:
        self.client = self

    def assignment(self) -> set[TopicPartition]:
        return {READ, UNREAD}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> Ends:
        return dict.fromkeys(partitions, 9)

    async def fetch_all_metadata(self) -> None: ...


class Group:
    """A group's sessions, and what they have been told."""

    def __init__(self, *, behind: bool) -> None:
        self.stopping = asyncio.Event()
        self.told: asyncio.Queue[tuple[Ends, Stands]] = asyncio.Queue()
        self.loop = Reading()
        self.sessions = Sessions(
            Settings(), "enrich", group="g", metrics=Metrics(CollectorRegistry()), stopping=self.stopping
        )
        self._behind = behind

    def _reached(self, ends: Ends, stands: Stands) -> bool:
        self.told.put_nowait((ends, stands))
        return self._behind

    @asynccontextmanager
    async def reading(self, **options: Any) -> AsyncIterator[tuple[Ends, Stands]]:
        """A session that the brokers have answered; it is told to stop when the block ends."""
        brokers = Brokers()
        session = asyncio.create_task(
            self.sessions.read(
                cast("Loop", self.loop), ["news.raw"], Clients(brokers, brokers), reached=self._reached, **options
            )
        )
        try:
            yield await asyncio.wait_for(self.told.get(), SOON)
        finally:
            self.stopping.set()
            await asyncio.wait_for(session, SOON)


async def test_the_brokers_answer_is_told_with_where_those_stand_that_were_read() -> None:
    async with Group(behind=False).reading() as (ends, stands):
        assert ends == {READ: 9, UNREAD: 9}
        assert stands == {READ: (STAND, 9)}


@pytest.mark.parametrize("behind", [True, False])
async def test_only_a_group_that_has_more_to_read_is_idle(behind: bool) -> None:
    group = Group(behind=behind)
    async with group.reading():
        assert (group.sessions.idle() > 900) is behind
        assert group.sessions.idle(active_at=time.monotonic()) < 100, "work gets on, as somebody else has seen"
    assert group.sessions.idle() == 0.0, "nothing is read any more"


async def test_it_says_what_it_waits_for_and_then_what_the_loop_says() -> None:
    group = Group(behind=False)
    assert group.sessions.unready() == "starting"
    async with group.reading():
        assert group.sessions.unready() == "waiting for an assignment"
        group.loop.joined = True
        assert (group.sessions.unready(), group.sessions.trouble) == (None, None)
        group.loop.trouble = "commits fail"
        assert group.sessions.trouble == "commits fail"
    assert group.sessions.unready() == "waiting for an assignment"


async def test_told_to_stop_it_drains_before_the_loop_is_ended() -> None:
    group = Group(behind=False)
    ended: list[bool] = []

    async def drain() -> None:
        await asyncio.sleep(0)
        ended.append(group.loop.ended)

    async with group.reading(drain=drain):
        pass
    assert ended == [False]
    assert group.loop.ended
    assert group.sessions.loop is None


async def test_what_goes_on_beside_it_ends_with_it() -> None:
    group, cancelled = Group(behind=False), asyncio.Event()

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with group.reading(beside=[beside()]):
        assert not cancelled.is_set()
    assert cancelled.is_set()
