"""Containers of our image as a careful operator runs them: what tests ask of one, and a clean end for all."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.image.building import podman, run
from tests.kafka.broker import free_ports

HARDENED = (
    "--network=host",
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
MEMORY = {"enrich": "2g", "alert": "512m", "deliver": "512m"}
"""What each worker must get by with."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container, whose worker serves its health on `port` of 127.0.0.1."""

    name: str
    port: int

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads(podman("inspect", self.name))[0]["State"])

    @property
    def running(self) -> bool:
        return self.state["Running"] is True

    def health(self) -> str:
        """What the image's health check finds now."""
        podman("healthcheck", "run", self.name, check=False)
        return str(self.state["Health"]["Status"])

    def log(self) -> str:
        done = run(["podman", "logs", self.name], check=False)
        return done.stdout + done.stderr

    def stop(self, timeout: int = 40) -> int:
        """SIGTERM, and SIGKILL after `timeout` seconds: the exit code."""
        podman("stop", "-t", str(timeout), self.name, timeout=timeout + 30)
        return int(self.state["ExitCode"])

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text of a page; 0 where nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def total(self, metric: str) -> float:
        """The sum of a metric's series."""
        families = list(text_string_to_metric_families(self.ask("/metrics")[1]))
        return sum(sample.value for family in families for sample in family.samples if sample.name == metric)

    def wait(self, done: Callable[[], bool], what: str, timeout: float = 120) -> None:
        """Until `done()`; fails with the log's end after `timeout` seconds, or when the container has ended."""
        deadline = time.monotonic() + timeout
        while not done():
            assert time.monotonic() < deadline, f"{self.name}: not {what} within {timeout} s:\n{self.log()[-3000:]}"
            assert self.running, f"{self.name}: ended before it was {what}:\n{self.log()[-3000:]}"
            time.sleep(0.2)

    def wait_ready(self) -> None:
        self.wait(lambda: self.ask("/readyz")[0] == 200, "ready")


class Containers:
    """Starts containers of an image and removes them all in the end, whatever happens."""

    def __init__(self, image: str) -> None:
        self.image = image
        self._started: list[Container] = []

    def start(self, *command: str, env: Mapping[str, str] | None = None, flags: Sequence[str] = HARDENED) -> Container:
        """A worker, with the memory that it must get by with, on a port of its own."""
        port = free_ports(1)[0]
        container = Container(f"wirewatch-test-{command[0]}-{uuid.uuid4().hex[:8]}", port)
        self._started.append(container)
        given = {"WIREWATCH_PORT": str(port), "WIREWATCH_HOST": "127.0.0.1"} | dict(env or {})
        settings = [f"--env={name}={value}" for name, value in given.items()]
        limit = f"--memory={MEMORY[command[0]]}"
        podman("run", "--detach", f"--name={container.name}", *flags, limit, *settings, self.image, *command)
        return container

    def __enter__(self) -> "Containers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for container in self._started:
            if error is not None:
                print(f"--- {container.name}\n{container.log()[-3000:]}")
            podman("rm", "--force", "--time=0", container.name, check=False)
