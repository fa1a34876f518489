"""A parent that starts a worker again whenever it ends itself, and takes it along when it goes."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import structlog

from workers import former_life
from workers.former_life import FormerLife

log = structlog.get_logger()

FINAL = (0, 2, 78)
"""Exit codes of a child that is not started again: done, wrong usage, bad configuration."""
VARIABLE = "WIREWATCH_SUPERVISOR"
"""Tells the child its end of the parent's pipe, how often it was restarted, and where to leave what its next life
should know (`former_life`): `fd:restarts:fd`."""
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """Runs one child at a time: see `supervise`."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        backoff: tuple[float, float],
        healthy_after: float,
        grace: float,
        now: Callable[[], float],
    ) -> None:
        self._argv = list(argv)
        self._backoff = backoff
        self._healthy_after = healthy_after
        self._grace = grace
        self._now = now
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._signal = signal.SIGTERM
        self._memory = former_life.keep()

    def handle(self, number: int, _: FrameType | None) -> None:
        """Pass a signal on to the child and start no other. A child that does not end in time is killed."""
        if number == signal.SIGALRM:
            self._kill()
            return
        self._signal = signal.Signals(number)
        self._stopping.set()
        signal.setitimer(signal.ITIMER_REAL, self._grace)
        if self._child is not None:
            self._child.send_signal(number)

    def _kill(self) -> None:
        if self._child is not None:
            log.error("child_killed", after=self._grace)
            self._child.kill()

    def run(self) -> int:
        """Until the child ends with a final code or, after a signal, at all: its exit code."""
        restarts, wait = 0, self._backoff[0]
        while True:
            started = self._now()
            code = self._run_once(restarts)
            if self._stopping.is_set() or code in FINAL:
                return code if code >= 0 else 128 - code
            if self._now() - started >= self._healthy_after:
                wait = self._backoff[0]
            restarts += 1
            log.warning(
                "child_ended", code=code, ran=round(self._now() - started, 1), restart_in=wait, restarts=restarts
            )
            if self._stopping.wait(wait):
                return 0
            wait = min(self._backoff[1], wait * 2)

    def _run_once(self, restarts: int) -> int:
        # The child reads the end of this pipe when we are gone, however that came about.
        reader, writer = os.pipe()
        try:
            self._child = subprocess.Popen(
                self._argv,
                env=os.environ | {VARIABLE: f"{reader}:{restarts}:{self._memory}"},
                pass_fds=(reader, self._memory),
                # One thread only runs here: code between fork and exec is safe.
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            if self._stopping.is_set():  # the signal came while the child was being made
                self._child.send_signal(self._signal)
            return self._child.wait()
        finally:
            self._child = None
            os.close(reader)
            os.close(writer)


def supervise(
    argv: Sequence[str],
    *,
    backoff: tuple[float, float] = (0.5, 30.0),
    healthy_after: float = 60.0,
    grace: float = 30.0,
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Run a command, again and again until it succeeds, or is told to stop: its exit code.

    Between a restart and the next it waits, `backoff` seconds at first and at most, doubling; a child that ran for
    `healthy_after` seconds begins anew. SIGTERM and SIGINT go on to the child, which has `grace` seconds to end. The
    exit codes `FINAL` are not restarted. To be called in the main thread.
    """
    supervisor = Supervisor(argv, backoff=backoff, healthy_after=healthy_after, grace=grace, now=now)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.signal(number, supervisor.handle) for number in numbers]
    try:
        return supervisor.run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def follow_supervisor() -> int:
    """In the child: get a SIGTERM when the supervisor is gone. How often it was restarted; 0 without a supervisor."""
    reader, restarts, _ = _told()
    if not reader.isdigit() or not restarts.isdigit():
        return 0
    threading.Thread(target=_follow, args=(int(reader),), daemon=True, name="follow-supervisor").start()
    return int(restarts)


def left_by_former() -> FormerLife:
    """In the child: what the process before left to this one; nothing, and nothing is kept, without a supervisor."""
    _, _, memory = _told()
    return FormerLife(int(memory) if memory.isdigit() else None)


def _told() -> tuple[str, str, str]:
    reader, restarts, memory, *_ = [*os.environ.get(VARIABLE, "").split(":"), "", ""]
    return reader, restarts, memory


def _follow(reader: int) -> None:
    try:
        os.read(reader, 1)
    except OSError:  # the variable was inherited without the pipe
        return
    os.kill(os.getpid(), signal.SIGTERM)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
