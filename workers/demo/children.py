"""The demo's workers: the real processes, which end with the demo, however that ends."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workers.supervisor import VARIABLE

STOP_TIMEOUT = 15.0


class Children:
    """Worker processes with their logs in `folder`. An async context: they are stopped in the end."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = dict(env)
        self._children: dict[str, asyncio.subprocess.Process] = {}

    async def __aenter__(self) -> "Children":
        # The workers read the other end: it closes when this process is gone, even by kill -9.
        self._reader, self._writer = os.pipe()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
        os.close(self._reader)
        os.close(self._writer)

    async def start(self, worker: str, flags: Sequence[str] = ()) -> None:
        """Start a worker of the `wirewatch` command under its supervisor."""
        with self.log(worker).open("ab") as log:
            self._children[worker] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workers.cli",
                worker,
                "--supervise",
                *flags,
                env=os.environ | self._env | {VARIABLE: f"{self._reader}:0"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._reader,),
                start_new_session=True,  # a Ctrl-C at the terminal is ours to hand on
            )

    def log(self, worker: str) -> Path:
        return self._folder / f"{worker}.log"

    def ended(self) -> str | None:
        """A worker that has ended for good, with the end of its log; None while all run."""
        for worker, child in self._children.items():
            if child.returncode is not None:
                lines = self.log(worker).read_text(errors="replace").splitlines()
                return f"{worker} ended (exit code {child.returncode}):\n" + "\n".join(lines[-8:])
        return None

    async def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those that are left after `STOP_TIMEOUT` seconds."""
        running = [child for child in self._children.values() if child.returncode is None]
        for child in running:
            child.terminate()
        if running:
            waiting = [asyncio.create_task(child.wait()) for child in running]
            await asyncio.wait(waiting, timeout=STOP_TIMEOUT)
        for child in running:
            if child.returncode is None:
                child.kill()
                await child.wait()
