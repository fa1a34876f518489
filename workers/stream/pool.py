"""The process pool: all processor work is done here, under a memory limit and a time budget.

Each process has a pipe and a thread of its own, which hands it one batch after another, ends it when it is over its
time, and starts another when it died. Nothing is shared between processes, so that one that is killed, wherever it
is, can hold up nobody else; a pool whose processes share a queue (concurrent.futures, Pebble) breaks on that.
"""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from topics.errors import InvalidRecord
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, Record, Result
from workers.stream.process import FAILED, READY, Build, Job, serve

START_TIMEOUT = 120.0
"""A process that has not loaded its model after so many seconds never will."""
_STARTS = 5
"""Attempts to start a process before the pool gives up: then it is not the articles' fault."""
_REVISIONS = 64

log = structlog.get_logger()


class PoolBroken(Exception):
    """The pool cannot start its processes (a model that does not load, say). The message says why."""


class TaskFailed(Exception):
    """A batch did not come back. `reason`: crash, timeout or memory; `quote` is an error's text, which no log is told.

    What went wrong with a text may quote it.
    """

    def __init__(self, reason: str, message: str, *, quote: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.quote = quote


class _Task(NamedTuple):
    batch: list[Record]
    revision: str
    done: "Future[list[Result]]"


class Pool:
    """Processes that each hold a Step, made by `build`, which must pickle.

    `time_budget` is for a batch, and again for each record retried alone, in seconds; `memory_limit` is each
    process's address space in bytes (0: none); a process is replaced after `recycle_after` batches, since spaCy's
    vocabulary only grows. `on_restart` is told why a process was replaced: crash, timeout, memory or recycled.
    """

    def __init__(
        self,
        build: Build,
        *,
        processes: int,
        time_budget: float,
        memory_limit: int,
        recycle_after: int,
        on_restart: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.processes = processes
        self.time_budget = time_budget
        self.active_at = time.monotonic()
        """When a process last came to the end of something, for good or ill."""
        self._in_hand = 0
        self._watchlists: dict[str, bytes] = {}
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        # One thread a process: the pool's size is the parallelism. numpy reads these when it is imported.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        self._keepers = [
            _Keeper(
                build,
                tasks=self._tasks,
                watchlists=self._watchlists,
                time_budget=time_budget,
                memory_limit=memory_limit,
                recycle_after=recycle_after,
                on_restart=on_restart,
            )
            for _ in range(processes)
        ]

    async def start(self, watchlists: bytes, revision: str) -> None:
        """Wait until every process holds its Step. Raises PoolBroken if that cannot be."""
        self.use_watchlists(watchlists, revision)
        await asyncio.gather(*(asyncio.wrap_future(keeper.ready) for keeper in self._keepers))

    def use_watchlists(self, data: bytes, revision: str) -> None:
        """Have `revision` at hand for tasks that name it. A few earlier ones stay, for tasks on their way."""
        self._watchlists.pop(revision, None)  # one that comes back is the latest again
        self._watchlists[revision] = data
        for old in list(self._watchlists)[:-_REVISIONS]:
            del self._watchlists[old]

    async def submit(self, batch: Sequence[Record], revision: str) -> list[Result]:
        """Results in the batch's order. Whatever a record does to its process, that ends as its dead letter.

        Raises PoolBroken when no process can be started any more.
        """
        try:
            return await self._run(batch, revision)
        except TaskFailed as failure:
            log.warning("batch failed: trying its records alone", records=len(batch), error=str(failure))
        return list(await asyncio.gather(*(self._alone(record, revision) for record in batch)))

    async def _alone(self, record: Record, revision: str) -> Result:
        try:
            return (await self._run([record], revision))[0]
        except TaskFailed as failure:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.warning("record given up", record=place, error=str(failure))
            error = InvalidRecord("worker_crash", f"twice: {failure}{failure.quote}")
            return Result(DEAD_LETTERED, error.reason, then=(dead_letter(record, error, stage="enrich"),))

    async def _run(self, batch: Sequence[Record], revision: str) -> list[Result]:
        task = _Task(list(batch), revision, Future())
        task.done.set_running_or_notify_cancel()  # nobody's cancellation reaches a running process
        self._tasks.put(task)
        self._in_hand += 1
        try:
            return await asyncio.wrap_future(task.done)
        finally:
            self._in_hand -= 1
            self.active_at = time.monotonic()

    @property
    def busy(self) -> int:
        """Processes that have a batch in hand."""
        return min(self._in_hand, self.processes)

    def memory(self) -> int:
        """Resident memory of the processes together, in bytes; 0 where the system does not say it (not Linux)."""
        return sum(keeper.memory() for keeper in self._keepers)

    def close(self) -> None:
        """End the processes now, whatever they are at."""
        for _ in self._keepers:
            self._tasks.put(None)
        for keeper in self._keepers:
            keeper.close()


class _Keeper:
    """A thread that keeps one process at work."""

    def __init__(
        self,
        build: Build,
        *,
        tasks: "queue.SimpleQueue[_Task | None]",
        watchlists: dict[str, bytes],
        time_budget: float,
        memory_limit: int,
        recycle_after: int,
        on_restart: Callable[[str], None],
    ) -> None:
        self._build = build
        self._tasks = tasks
        self._watchlists = watchlists
        self._time_budget = time_budget
        self._memory_limit = memory_limit
        self._recycle_after = recycle_after
        self._on_restart = on_restart
        self._context = get_context("spawn")
        self._closing = False
        self._revision: str | None = None
        self.ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._keep, name="pool", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        process = getattr(self, "_process", None)
        if process is not None and process.pid is not None:  # or it sees for itself, once it has started
            process.kill()
        self._thread.join(timeout=5)

    def memory(self) -> int:
        """Resident memory of the process, in bytes; 0 while there is none, or where the system does not say it."""
        process = getattr(self, "_process", None)
        if process is None or process.pid is None:
            return 0
        try:
            return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0

    def _keep(self) -> None:
        try:
            self._begin()
        except PoolBroken as error:
            self.ready.set_exception(error)
            return
        self.ready.set_result(None)
        while (task := self._tasks.get()) is not None and not self._closing:
            try:
                task.done.set_result(self._do(task))
            except (TaskFailed, PoolBroken) as error:
                task.done.set_exception(error)
        self._end()

    def _do(self, task: _Task) -> list[Result]:
        """Raises TaskFailed, with a fresh process in the place of the one that failed."""
        self._hand_over(task)
        try:
            reply = self._answer(task)
        except TaskFailed as failure:
            self._replace(failure.reason)
            raise
        self._served += 1
        if self._served >= self._recycle_after:
            self._replace("recycled")
        if isinstance(reply, TaskFailed):
            raise reply
        return reply

    def _hand_over(self, task: _Task) -> None:
        """Give the task to a process that begins it. One that was killed while it was idle is not the task's fault."""
        while not self._closing:
            news = self._watchlists[task.revision] if task.revision != self._revision else None
            try:
                self._pipe.send(Job(task.batch, task.revision, news))
                self._pipe.recv()  # BEGUN
                return
            except (OSError, EOFError):
                self._replace("crash")
        raise TaskFailed("crash", "the pool is closing")

    def _answer(self, task: _Task) -> "list[Result] | TaskFailed":
        """The process's answer: results, or what its Step raised. Raises TaskFailed where there is none."""
        try:
            if not self._pipe.poll(self._time_budget):
                raise TaskFailed("timeout", f"over the time budget of {self._time_budget:g} s")
            kind, answer = self._pipe.recv()
        except (OSError, EOFError):
            self._process.join(timeout=5)
            raise TaskFailed("crash", f"the process died (exit code {self._process.exitcode})") from None
        self._revision = task.revision if kind == READY else None
        if kind == READY:
            results: list[Result] = answer
            return results
        if kind == FAILED:
            name, colon, text = answer.partition(":")
            return TaskFailed("crash", name, quote=colon + text)
        # Out of memory: what the error left behind in the process is unknown.
        raise TaskFailed("memory", answer)

    def _replace(self, reason: str) -> None:
        self._on_restart(reason)
        self._end()
        if not self._closing:
            self._begin()

    def _begin(self) -> None:
        """Start a process and wait for its Step. Raises PoolBroken after `_STARTS` failures in a row."""
        why = ""
        for attempt in range(_STARTS):
            if attempt:
                threading.Event().wait(0.5 * 2**attempt)
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(
                target=serve, args=(theirs, self._build, self._memory_limit, os.getpid()), daemon=True
            )
            self._process.start()
            if self._closing:
                self._process.kill()
            theirs.close()
            self._revision = None
            self._served = 0
            why, final = _started(self._pipe)
            if not why:
                return
            self._end()
            if final or self._closing:
                break
        raise PoolBroken(why)

    def _end(self) -> None:
        self._process.kill()
        self._process.join(timeout=5)
        self._pipe.close()


def _started(pipe: "Connection[Any, Any]") -> tuple[str, bool]:
    """("", …) once the process is ready; else why it is not, and whether trying again is in vain."""
    try:
        if not pipe.poll(START_TIMEOUT):
            return f"a pool process was not ready after {START_TIMEOUT:g} s", False
        kind, message = pipe.recv()
    except (OSError, EOFError):
        return "a pool process died while it started", False
    return ("", False) if kind == READY else (str(message), True)
