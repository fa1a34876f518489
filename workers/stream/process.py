"""What runs inside a pool process: a Step, asked over a pipe."""

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from workers.messages import Record, Result

READY = "ready"
BEGUN = "begun"
FAILED = "failed"
MEMORY = "memory"
_PR_SET_PDEATHSIG = 1


class Step(Protocol):
    """What a process does with records: `workers.article.pipeline.Pipeline`, or a test's own."""

    def use_watchlists(self, data: bytes) -> None: ...

    def __call__(self, records: Sequence[Record]) -> list[Result]: ...


Build = Callable[[], Step]


class Job(NamedTuple):
    """A batch, and the watchlists' revision to match it with: its data where the process has another."""

    batch: list[Record]
    revision: str
    watchlists: bytes | None


def serve(pipe: "Connection[Any, Any]", build: Build, memory_limit: int, parent: int) -> None:
    """Make the Step, say so, and answer jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent(parent)
    try:
        step = build()
    except Exception as error:
        pipe.send((FAILED, f"{type(error).__name__}: {error}"))
        return
    if memory_limit:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    pipe.send((READY, None))
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        # Whoever is killed before this was not killed by the batch.
        pipe.send((BEGUN, None))
        pipe.send(_answered(step, job))


def _answered(step: Step, job: Job) -> tuple[str, object]:
    try:
        if job.watchlists is not None:
            step.use_watchlists(job.watchlists)
        return READY, step(job.batch)
    except MemoryError:
        return MEMORY, "out of memory"
    except Exception as error:
        return FAILED, f"{type(error).__name__}: {error}"[:500]


def _end_with_parent(parent: int) -> None:
    """A killed parent leaves nobody behind: by the kernel on Linux, by looking every second elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
