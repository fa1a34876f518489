"""A partition whose batches are settled as they are done, in any order: the ledger commits what is contiguous."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import TypeVar

from workers.messages import Record
from workers.stream.lane import Publish, Settled, Submit, size_of

T = TypeVar("T")


class Unordered:
    """Runs each batch through `submit` and `publish` at once, beside the others, and then tells `settled`.

    `failed` holds the first exception that a batch ended with, if one did.
    """

    held = False

    def __init__(self, *, submit: Submit, publish: Publish, settled: Settled) -> None:
        self._submit = submit
        self._publish = publish
        self._settled = settled
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = False
        self.failed: BaseException | None = None
        self.records = 0
        self.bytes = 0

    def add(self, batch: Sequence[Record]) -> None:
        """Begin a batch. Those that come after `abandon` are left for the partition's next owner."""
        self.records += len(batch)
        self.bytes += sum(map(size_of, batch))
        if self.closed:
            return
        task = asyncio.create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _run(self, batch: Sequence[Record]) -> None:
        results = await self._submit(batch)
        await finished(self._publish(batch, results))
        self._settled(batch)
        self.records -= len(batch)
        self.bytes -= sum(map(size_of, batch))

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and self.failed is None:
            self.failed = task.exception()

    async def abandon(self, timeout: float) -> None:
        """Give the partition up: what is inside `finished` may end, within `timeout` seconds; the rest is dropped."""
        self.closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def finished(work: Awaitable[T]) -> T:
    """What `work` gives or raises, although this task is cancelled meanwhile; cancelling it again interrupts it.

    A caller that would go on with something new asks `asyncio.current_task().cancelling()` first.
    """
    me = asyncio.current_task()
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if me is None or me.cancelling() > 1:
            task.cancel()
            raise
        return await task  # done already, perhaps: then what it gave counts
