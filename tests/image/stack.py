"""deploy/compose.yaml, up: what its services say and do. Containers stand in for what cannot be pulled.

The override is deploy/compose.test.yaml; Grafana and Kafka UI are left out.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.image.building import BASE, PROJECT, environment, podman, run
from tests.kafka.broker import free_ports
from tests.kafka.jars import Kafka

SHIM = PROJECT / "tests" / "image" / "podman"
SERVICES = ("kafka", "prometheus", "alertmanager")
"""Those that have a port on this machine."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What `up` has started. `ports` are those on this machine, by service."""

    image: str
    project: str
    ports: dict[str, int]

    def state(self, service: str) -> dict[str, Any]:
        return dict(json.loads(podman("inspect", self.container(service)))[0]["State"])

    def container(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def network(self, service: str) -> str:
        """That a service is in, where the others find it by its name."""
        (found,) = json.loads(podman("inspect", self.container(service)))[0]["NetworkSettings"]["Networks"]
        return str(found)

    def get(self, service: str, path: str, **query: Any) -> Any:
        """An answer of a service, read as JSON."""
        with urlopen(f"http://127.0.0.1:{self.ports[service]}{path}?{urlencode(query)}", timeout=30) as answer:
            return json.loads(answer.read())

    def query(self, expression: str) -> dict[str, float]:
        """What Prometheus has for an expression, by worker, or by job where there is none."""
        result = self.get("prometheus", "/api/v1/query", query=expression)["data"]["result"]
        return {row["metric"].get("worker", row["metric"].get("job", "")): float(row["value"][1]) for row in result}

    def wait(self, expression: str, expected: dict[str, float], timeout: float = 120) -> None:
        """Until Prometheus has exactly this for an expression."""
        until(lambda: self.query(expression) == expected, f"{expression} as expected", timeout)


def until(done: Callable[[], bool], what: str, timeout: float = 120) -> None:
    """Until `done()`; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.5)


@contextmanager
def up(
    image: str,
    kafka: Kafka,
    *,
    overrides: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    ports: Sequence[str] = (),
) -> Iterator[Stack]:
    """`podman-compose up`, with articles being published, and `down` in the end, of which nothing is left.

    `overrides` are further files over compose.yaml, `env` their variables, `ports` their services that take their
    port on this machine from `NAME_PORT`.
    """
    names = (*SERVICES, *ports)
    stack = Stack(image, f"wirewatch-test-{os.getpid()}", dict(zip(names, free_ports(len(names)), strict=True)))
    all_env = environment() | _variables(image, kafka, stack.ports) | dict(env or {})
    files = [PROJECT / "deploy" / "compose.yaml", PROJECT / "deploy" / "compose.test.yaml", *overrides]
    named = [argument for file in files for argument in ("-f", str(file))]
    compose = ["podman-compose", "--podman-path", str(SHIM), "-p", stack.project, *named, "--profile", "demo"]
    try:
        run([*compose, "up", "--detach", "--no-build"], env=all_env, timeout=300)
        yield stack
    finally:
        run([*compose, "down", "--volumes", "--timeout", "5"], env=all_env, check=False)
    left = podman("ps", "--all", "--quiet", "--filter", f"label=io.podman.compose.project={stack.project}")
    assert left + podman("network", "ls", "--quiet", "--filter", f"name={stack.project}") == ""


def _variables(image: str, kafka: Kafka, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "WIREWATCH_IMAGE": image,
        "TEST_BASE": BASE,
        "TEST_KAFKA_LIBS": str(kafka.libs),
        "TEST_JAVA_HOME": str(Path(kafka.java).resolve().parents[1]),
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
