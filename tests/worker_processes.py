"""Workers as a user starts them: processes of the `wirewatch` command, which tests stop, kill and freeze."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from types import TracebackType
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.kafka.broker import free_ports, spawn


class WorkerProcess:
    """One worker. Its log is in `log`; its settings come from flags and the environment."""

    def __init__(self, arguments: Sequence[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.arguments = list(arguments)
        self.log = log
        self.port = free_ports(1)[0]
        self._env = os.environ | {"WIREWATCH_LOG_FORMAT": "json", "WIREWATCH_HOST": "127.0.0.1"} | (env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "WorkerProcess":
        command = [sys.executable, "-m", "workers.cli", *self.arguments, "--port", str(self.port)]
        self._process = spawn(command, self.log, env=self._env)
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: Signals) -> None:
        """Send a signal to the worker itself, if it still runs."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def signal_all(self, number: Signals) -> None:
        """Send a signal to the worker and to all that it has started: each worker is a session of its own."""
        if self.running:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        self.signal(SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def stop(self, timeout: float = 40) -> int:
        """SIGTERM, and the exit code. Kills it, and fails, after `timeout` seconds."""
        assert self._process is not None
        self.signal(SIGTERM)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {timeout} s:\n{self.tail()}") from None

    def total(self, metric: str, **labels: str) -> float:
        """The sum of a metric's series that have these labels, from /metrics."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        )

    def wait_ready(self, timeout: float = 60) -> None:
        """Until /readyz says so."""
        self._wait(lambda: self._status("readyz") == 200, timeout, "ready")

    def wait_up(self, timeout: float = 60) -> None:
        """Until it answers at all."""
        self._wait(lambda: self._status("livez") is not None, timeout, "up")

    def _status(self, path: str) -> int | None:
        return self.asked(path)[0]

    def asked(self, path: str, *, accept: str = "*/*") -> tuple[int | None, str]:
        """Status and text of one of its health pages; None where nobody answers."""
        try:
            asked = Request(f"http://127.0.0.1:{self.port}/{path}", headers={"Accept": accept})
            with urlopen(asked, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return None, str(error)

    def _wait(self, done: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not done():
            assert time.monotonic() < deadline, f"not {what} within {timeout} s:\n{self.tail()}"
            time.sleep(0.1)

    def tail(self, characters: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else "(no log)"


class Workers:
    """Starts workers on one cluster and ends them all in the end, whatever happens."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, env: dict[str, str] | None = None) -> None:
        self.flags = ["--brokers", bootstrap, "--prefix", prefix, "--group", prefix]
        self._folder = folder
        self._env = env
        self.all: list[WorkerProcess] = []

    def start(self, kind: str, *more: str, number: int = 1) -> list[WorkerProcess]:
        """`number` workers of a kind, with `more` flags."""
        started = []
        for _ in range(number):
            log = self._folder / f"{kind}-{len(self.all)}.log"
            started.append(WorkerProcess([kind, *self.flags, *more], log, self._env).start())
            self.all.append(started[-1])
        return started

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.all:
            worker.signal(SIGCONT)
            worker.kill()
        if error is not None:
            for worker in self.all:
                print(f"--- {worker.log.name}\n{worker.tail()}")


def run_command(*arguments: str, env: dict[str, str] | None = None, timeout: float = 300, data: bytes = b"") -> bytes:
    """Run `wirewatch` to its end and return its standard output. Fails with its standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        input=data,
        capture_output=True,
        timeout=timeout,
        env=os.environ | (env or {}),
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr.decode(errors='replace')[-3000:]}"
    return done.stdout


async def until(done: Callable[[], bool], timeout: float = 90) -> None:
    """Look again and again, in a thread: a process does not say when its metrics or its log change."""
    async with asyncio.timeout(timeout):
        while not await asyncio.to_thread(done):  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.2)
