"""A desk that has no watchlist any more is closed once, after what was on its way to it, and not if it is back."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaConnectionError

from topics.codec import decode_hit
from topics.records import Closed
from workers import closing
from workers.closing import Closing, caught_up
from workers.messages import Output
from workers.stream.ledger import Ledger
from workers.stream.session import cancelled

PATIENCE = 10.0


class Hits:
    """Takes what is sent; fails the first `failures` times."""

    def __init__(self, *, failures: int = 0) -> None:
        self.desks: asyncio.Queue[str] = asyncio.Queue()
        self.settled = asyncio.Event()
        self._failures = failures

    async def send(self, outputs: Iterable[Output]) -> None:
        if self._failures:
            self._failures -= 1
            raise KafkaConnectionError("away")
        for output in outputs:
            closed = decode_hit(output.value)
            assert isinstance(closed, Closed)
            assert (output.role, output.key) == ("hits", closed.desk.encode())
            self.desks.put_nowait(closed.desk)

    async def wait_settled(self) -> None:
        await self.settled.wait()

    async def next(self) -> str:
        return await asyncio.wait_for(self.desks.get(), PATIENCE)


@asynccontextmanager
async def running(desks: Closing, hits: Hits) -> AsyncIterator[None]:
    task = asyncio.create_task(desks.run(hits.wait_settled, hits.send))
    try:
        yield
        assert not task.done()
    finally:
        await cancelled([task])


async def test_a_desk_is_closed_once_and_after_what_was_on_its_way() -> None:
    desks, hits = Closing(), Hits()
    async with running(desks, hits):
        desks.change(closed=["b", "a"], alive=["c"])
        await asyncio.sleep(0)
        assert hits.desks.empty()
        hits.settled.set()
        assert [await hits.next(), await hits.next()] == ["a", "b"]
        desks.change(closed=["c"], alive=["a"])
        assert await hits.next() == "c"
    assert hits.desks.empty()


async def test_a_desk_that_is_back_before_it_was_closed_is_not() -> None:
    desks, hits = Closing(), Hits()
    desks.change(closed=["a", "b"], alive=[])
    desks.change(closed=[], alive=["a"])
    hits.settled.set()
    async with running(desks, hits):
        assert await hits.next() == "b"
    assert hits.desks.empty()


async def test_what_could_not_be_sent_is_sent_later_by_the_next_session_if_need_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closing, "RETRY", 0.01)
    desks, hits = Closing(), Hits(failures=2)
    desks.change(closed=["a"], alive=[])
    async with running(desks, hits):
        await asyncio.sleep(0)  # a session that ends before anything is settled
    hits.settled.set()
    async with running(desks, hits):
        assert await hits.next() == "a"


async def test_what_was_fetched_is_waited_for_and_what_comes_later_is_not() -> None:
    ledger: Ledger[int] = Ledger()
    for partition in (0, 1, 2):
        ledger.assign(partition, 5)
        ledger.track(partition, 5)
    waiting = asyncio.create_task(caught_up(ledger, [0, 1, 2, 3]))
    await asyncio.sleep(0)
    ledger.track(0, 6)
    for partition in (0, 1):
        ledger.settle(partition, 5)
        ledger.committed(partition, 6)
    assert not waiting.done()
    ledger.revoke(2)
    await asyncio.wait_for(waiting, PATIENCE)
