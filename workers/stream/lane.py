"""One assigned partition: its batches, in offset order, from the pool to acknowledged outputs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from workers.messages import Record, Result

Submit = Callable[[Sequence[Record]], Awaitable[list[Result]]]
Publish = Callable[[Sequence[Record], list[Result]], Awaitable[None]]
Settled = Callable[[Sequence[Record]], None]
Gate = Callable[[Sequence[Record], list[Result]], Awaitable[list[Result]]]


class Lane:
    """Runs a partition's batches through `submit` at once, and through `publish` one after the other.

    `settled` is called with the records whose outputs are acknowledged. `failed` holds the exception that ended the
    lane, if one did. A batch waits in `gate` until it may be published; meanwhile the lane is `held`.
    """

    def __init__(self, *, submit: Submit, publish: Publish, settled: Settled, gate: Gate | None = None) -> None:
        self._submit = submit
        self._publish = publish
        self._settled = settled
        self._waiting: asyncio.Queue[tuple[Sequence[Record], asyncio.Future[list[Result]]]] = asyncio.Queue()
        self._gate = gate
        self.held = False
        self._publishing = False
        self._closing = False
        self.records = 0
        self.bytes = 0
        self._task = asyncio.create_task(self._run())

    def add(self, batch: Sequence[Record]) -> None:
        """Take a batch whose offsets follow those of the last."""
        self.records += len(batch)
        self.bytes += sum(map(size_of, batch))
        work = asyncio.ensure_future(self._submit(batch))
        # An abandoned lane leaves its work behind: fetch the exception, or asyncio complains about it.
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.put_nowait((batch, work))

    @property
    def failed(self) -> BaseException | None:
        done = self._task.done() and not self._task.cancelled()
        return self._task.exception() if done else None

    async def _run(self) -> None:
        while not self._closing:
            batch, work = await self._waiting.get()
            # Shielded: cancelling a task of the pool would kill its process.
            results = await asyncio.shield(work)
            if self._gate is not None:
                self.held = True
                results = await self._gate(batch, results)
                self.held = False
            self._publishing = True
            await self._publish(batch, results)
            self._settled(batch)
            self._publishing = False
            self.records -= len(batch)
            self.bytes -= sum(map(size_of, batch))

    async def abandon(self, timeout: float) -> None:
        """Give the partition up: what is being published is finished, within `timeout` seconds, the rest dropped.

        What was not begun to be published was seen by nobody, so its next owner repeats nothing.
        """
        self._closing = True
        if self._publishing:
            await asyncio.wait({self._task}, timeout=timeout)
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task


def size_of(record: Record) -> int:
    """What a record holds in memory, about, in bytes."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value or b"") + len(record.key or b"") + headers + 200
