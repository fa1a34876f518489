"""The process pool: all processor work is done here, under a memory limit and a time budget.

Pebble runs the processes: it is the one that ends a process whose task is over its time, and goes on after one that
died. What is ours: a batch that fails is tried again record by record, and only a record that fails alone is given up.
"""

import asyncio
import ctypes
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as PoolTimeout
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import structlog
from pebble import ProcessExpired, ProcessPool

from topics.errors import InvalidRecord
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, Record, Result

_PR_SET_PDEATHSIG = 1
log = structlog.get_logger()


class Step(Protocol):
    """What a pool process does with records: `workers.article.pipeline.Pipeline`, or a test's own."""

    def use_watchlists(self, data: bytes) -> None: ...

    def __call__(self, records: Sequence[Record]) -> list[Result]: ...


class PoolBroken(Exception):
    """The pool cannot start its processes (a model that does not load, say). The message says why."""


class Pool:
    """Processes that each hold a Step.

    `build` makes the Step and must pickle. `time_budget` is for a batch and again for each record retried alone, in
    seconds; `memory_limit` is each process's address space in bytes (0: none); a process is replaced after
    `recycle_after` batches, since spaCy's vocabulary only grows. `on_restart` is told the reason.
    """

    def __init__(
        self,
        build: Callable[[], Step],
        *,
        processes: int,
        time_budget: float,
        memory_limit: int,
        recycle_after: int,
        on_restart: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.processes = processes
        self._time_budget = time_budget
        self._on_restart = on_restart
        self._files = tempfile.TemporaryDirectory(prefix="wirewatch-")
        # One thread a process: the pool's size is the parallelism. They read it when numpy is imported.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        self._pool = ProcessPool(
            max_workers=processes,
            max_tasks=recycle_after,
            initializer=_start,
            initargs=(build, self._files.name, memory_limit, os.getpid()),
            context=get_context("spawn"),
        )

    async def start(self, watchlists: bytes, revision: str) -> None:
        """Wait until every process holds its Step. Raises PoolBroken if that cannot be."""
        self.use_watchlists(watchlists, revision)
        # A process that is ready early must not take another's turn: each holds its own a little.
        waiting = [self._pool.schedule(_ready, args=(revision, 0.2)) for _ in range(self.processes)]
        try:
            await asyncio.gather(*(asyncio.wrap_future(future) for future in waiting))
        except Exception as error:
            raise PoolBroken(f"{type(error).__name__}: {error}") from error

    def use_watchlists(self, data: bytes, revision: str) -> None:
        """Have `revision` at hand for tasks that name it. Earlier ones stay, for tasks on their way."""
        path = Path(self._files.name) / revision
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(data)
            part.replace(path)

    async def submit(self, batch: Sequence[Record], revision: str) -> list[Result]:
        """Results in the batch's order. Never fails for what a record holds: that ends as its dead letter."""
        try:
            return await self._run(batch, revision)
        except _FAILURES as error:
            self._failed(error, len(batch))
        return list(await asyncio.gather(*(self._alone(record, revision) for record in batch)))

    async def _alone(self, record: Record, revision: str) -> Result:
        try:
            return (await self._run([record], revision))[0]
        except _FAILURES as error:
            self._failed(error, 1)
            invalid = InvalidRecord("worker_crash", f"twice: {_described(error, self._time_budget)}")
            return Result(DEAD_LETTERED, invalid.reason, then=(dead_letter(record, invalid, stage="enrich"),))

    async def _run(self, batch: Sequence[Record], revision: str) -> list[Result]:
        future = self._pool.schedule(_work, args=(list(batch), revision), timeout=self._time_budget)
        results: list[Result] = await asyncio.wrap_future(future)
        return results

    def _failed(self, error: BaseException, size: int) -> None:
        reason = _reason(error)
        self._on_restart(reason)
        log.warning("pool task failed", reason=reason, records=size, error=_described(error, self._time_budget))

    def close(self) -> None:
        """End the processes now, whatever they are at."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble's is not annotated
        self._pool.join(timeout=5)
        self._files.cleanup()


# What a task may end in: its process died, its time is up, or an exception came out of the Step.
_FAILURES = (ProcessExpired, PoolTimeout, Exception)


def _reason(error: BaseException) -> str:
    if isinstance(error, ProcessExpired):
        return "crash"
    if isinstance(error, PoolTimeout):
        return "timeout"
    return "memory" if isinstance(error, MemoryError) else "crash"


def _described(error: BaseException, budget: float) -> str:
    if isinstance(error, ProcessExpired):
        return f"the process died (exit code {error.exitcode})"
    if isinstance(error, PoolTimeout):
        return f"over the time budget of {budget:g} s"
    return f"{type(error).__name__}: {error}"[:300]


# --- Below runs in the pool's processes. ---


class _State:
    step: Step
    folder: Path
    revision: str | None = None


def _start(build: Callable[[], Step], folder: str, memory_limit: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent(parent)
    _State.step = build()
    _State.folder = Path(folder)
    # After the model is loaded: the limit is for what an article may take.
    if memory_limit:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))


def _end_with_parent(parent: int) -> None:
    """A killed parent leaves nobody behind: by the kernel on Linux, by looking every second elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    if sys.platform != "linux":
        threading.Thread(target=watch, daemon=True).start()


def _ready(revision: str, hold: float) -> None:
    _use(revision)
    threading.Event().wait(hold)


def _work(batch: list[Record], revision: str) -> list[Result]:
    _use(revision)
    return _State.step(batch)


def _use(revision: str) -> None:
    if revision != _State.revision:
        _State.step.use_watchlists((_State.folder / revision).read_bytes())
        _State.revision = revision
