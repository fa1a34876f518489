"""The demo's workers: the real processes, started again when they die, ended with the demo however that ends."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from workers.supervisor import VARIABLE

STOP_TIMEOUT = 15.0
FINAL = (2, 78)
"""Exit codes that no new start mends: wrong usage, bad configuration."""
ATTEMPTS = 3
"""Deaths in a row, each within `HEALTHY_AFTER` seconds of the start, after which a worker is given up."""
HEALTHY_AFTER = 20.0
_LOG_LINES = 8


class Children:
    """Worker processes with their logs in `folder`. An async context: they are stopped in the end.

    `say` is told of each death, for the user. `failed` is set when a worker is given up; `failure` says why.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], *, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._env = dict(env)
        self._say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False
        self.failed = asyncio.Event()
        self.failure = ""

    async def __aenter__(self) -> Self:
        # The workers read the other end: it closes when this process is gone, even by kill -9.
        self._reader, self._writer = os.pipe()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
        os.close(self._reader)
        os.close(self._writer)

    async def start(self, worker: str, flags: Sequence[str] = ()) -> None:
        """Start a worker of the `wirewatch` command, and keep it running."""
        await self._spawn(worker, flags, 0)
        self._keepers.append(asyncio.create_task(self._keep(worker, flags)))

    def log(self, worker: str) -> Path:
        return self._folder / f"{worker}.log"

    async def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those that are left after `STOP_TIMEOUT` seconds."""
        self._stopping = True
        for child in self._alive():
            child.terminate()
        if waiting := [asyncio.create_task(child.wait()) for child in self._alive()]:
            await asyncio.wait(waiting, timeout=STOP_TIMEOUT)
        self.kill()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, *(child.wait() for child in self._alive()), return_exceptions=True)

    def kill(self) -> None:
        """SIGKILL to all that are left: `stop` then ends at once."""
        self._stopping = True
        for child in self._alive():
            child.kill()

    def _alive(self) -> list[asyncio.subprocess.Process]:
        return [child for child in self._running.values() if child.returncode is None]

    async def _keep(self, worker: str, flags: Sequence[str]) -> None:
        restarts = deaths = 0
        while True:
            started = time.monotonic()
            code = await self._running[worker].wait()
            if self._stopping:
                return
            deaths = 1 if time.monotonic() - started > HEALTHY_AFTER else deaths + 1
            if code in FINAL or deaths >= ATTEMPTS:
                self.failure = f"{worker} ended ({_how(code)}):\n{self._last_words(worker)}"
                self.failed.set()
                return
            self._say(f"{worker} ended ({_how(code)}): started again")
            restarts += 1
            await self._spawn(worker, flags, restarts)

    async def _spawn(self, worker: str, flags: Sequence[str], restarts: int) -> None:
        with self.log(worker).open("ab") as log:
            self._running[worker] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workers.cli", worker, "--no-supervise", *flags),
                env=os.environ | self._env | {VARIABLE: f"{self._reader}:{restarts}"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._reader,),
                start_new_session=True,  # a Ctrl-C at the terminal is ours to hand on
            )

    def _last_words(self, worker: str) -> str:
        """What the worker said for people in the end, else the last lines of its log."""
        lines = self.log(worker).read_text(errors="replace").splitlines()
        said = [line for line in lines if line.startswith("wirewatch: ")]
        return said[-1] if said else "\n".join(lines[-_LOG_LINES:])


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
