"""The demo as a user starts it, and all the processes that it brings: found by a mark in their environment."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pexpect

COMMAND = [sys.executable, "-m", "workers.cli"]


class Marked:
    """Commands run with `env`; `processes` are those of them, and of all that they started, that are still there."""

    def __init__(self, folder: Path, **env: str) -> None:
        self._mark = f"WIREWATCH_TEST_MARK={uuid.uuid4().hex}"
        name, value = self._mark.split("=")
        # A folder of its own for temporary files: what is left there was left by the demo.
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.env = os.environ | env | {name: value, "TMPDIR": str(self.temporary), "TERM": "xterm-256color"}

    def processes(self) -> dict[int, str]:
        """Process id -> command line."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # ended meanwhile, or is not ours
                continue
        return {pid: command for pid, command in found.items() if command}

    def worker(self, kind: str) -> int | None:
        """The process id of a worker, without its pool."""
        names = (pid for pid, command in self.processes().items() if f"workers.cli {kind} " in command)
        return next(names, None)

    def gone(self, timeout: float = 10) -> bool:
        """Whether all of them end in time."""
        return eventually(lambda: not self.processes(), timeout)

    def kill(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def terminal(self, *arguments: str, columns: int = 100) -> "pexpect.spawn[str]":
        """Start it in a terminal of its own."""
        return pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            env=self.env,
            encoding="utf-8",
            dimensions=(40, columns),
            timeout=60,
        )

    def run(self, *arguments: str, timeout: float = 90, data: bytes = b"") -> "subprocess.CompletedProcess[str]":
        """Run it to its end, with pipes for its output."""
        done = subprocess.run(
            [*COMMAND, *arguments], input=data, capture_output=True, timeout=timeout, env=self.env, check=False
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )


def eventually(holds: Callable[[], bool], timeout: float = 10) -> bool:
    """Whether it holds before `timeout` seconds are over: looks often, for what nobody tells us of."""
    deadline = time.monotonic() + timeout
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held
