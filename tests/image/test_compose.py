"""deploy/compose.yaml, executed. What cannot be pulled here is this machine's programs, with the same configuration.

The override is deploy/compose.test.yaml; Grafana and Kafka UI are left out.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.image.building import BASE, PROJECT, environment, podman, run
from tests.kafka.broker import free_ports
from tests.kafka.jars import Kafka
from tests.worker_processes import run_command

pytestmark = [pytest.mark.image, pytest.mark.kafka, pytest.mark.timeout(900)]

WORKERS = ("enrich", "alert", "deliver")
SHIM = PROJECT / "tests" / "image" / "podman"


@dataclass(frozen=True, slots=True)
class Stack:
    """What `up` has started. `ports` are those on this machine, by service."""

    project: str
    ports: dict[str, int]

    def state(self, service: str) -> dict[str, Any]:
        return dict(json.loads(podman("inspect", self.container(service)))[0]["State"])

    def container(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def get(self, service: str, path: str, **query: str) -> Any:
        """The data of an answer of Prometheus, or Alertmanager."""
        with urlopen(f"http://127.0.0.1:{self.ports[service]}{path}?{urlencode(query)}", timeout=10) as answer:
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


@pytest.fixture(scope="module")
def stack(image: str, kafka_installation: Kafka) -> Iterator[Stack]:
    """`podman-compose up`, with samples being published, and `down` in the end."""
    names = ("kafka", "prometheus", "alertmanager")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    stack = Stack(f"wirewatch-test-{os.getpid()}", ports)
    env = environment() | {
        "WIREWATCH_IMAGE": image,
        "TEST_BASE": BASE,
        "TEST_KAFKA_LIBS": str(kafka_installation.libs),
        "TEST_JAVA_HOME": str(Path(kafka_installation.java).resolve().parents[1]),
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    files = ["-f", "deploy/compose.yaml", "-f", "deploy/compose.test.yaml", "--profile", "demo"]
    compose = ["podman-compose", "--podman-path", str(SHIM), "-p", stack.project, *files]
    try:
        run([*compose, "up", "--detach", "--no-build"], env=env, timeout=300)
        yield stack
    finally:
        run([*compose, "down", "--volumes", "--timeout", "5"], env=env, check=False)
    left = podman("ps", "--all", "--quiet", "--filter", f"label=io.podman.compose.project={stack.project}")
    assert left + podman("network", "ls", "--quiet", "--filter", f"name={stack.project}") == ""


def test_prometheus_scrapes_every_worker_and_itself(stack: Stack) -> None:
    stack.wait("up", dict.fromkeys((*WORKERS, "prometheus", "alertmanager"), 1.0))


def test_services_start_in_the_order_of_health(stack: Stack) -> None:
    assert stack.state("topics")["ExitCode"] == 0
    made = stack.state("topics")["FinishedAt"]
    for worker in WORKERS:
        assert stack.state(worker)["StartedAt"] > made
        assert stack.state(worker)["Running"]


@pytest.mark.parametrize("service", ["kafka", *WORKERS, "prometheus", "alertmanager"])
def test_every_health_check_turns_healthy(stack: Stack, service: str) -> None:
    check = ["podman", "healthcheck", "run", stack.container(service)]
    until(lambda: run(check, check=False).returncode == 0, f"{service} healthy")
    assert stack.state(service)["Health"]["Status"] == "healthy"


def test_sample_articles_become_alerts_that_are_logged(stack: Stack) -> None:
    until(lambda: "hit: Rare earths" in podman("logs", stack.container("deliver")), "the alert in the log")
    stack.wait('wirewatch_processed_articles_total{worker="enrich"} > bool 0', {"enrich": 1.0})


def test_the_broker_is_reached_from_this_machine_by_its_port(stack: Stack) -> None:
    listed = run_command("topics", "list", "--brokers", f"localhost:{stack.ports['kafka']}", "--json")
    assert all(json.loads(line)["partitions"] for line in listed.splitlines())


def test_prometheus_tells_alertmanager(stack: Stack) -> None:
    told = stack.get("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    assert [alertmanager["url"] for alertmanager in told] == ["http://alertmanager:9093/api/v2/alerts"]
    assert stack.get("alertmanager", "/api/v2/status")["cluster"]["status"] == "disabled"


def test_a_worker_that_is_killed_comes_back_by_itself(stack: Stack) -> None:
    before = stack.state("enrich")["Pid"]
    os.kill(before, SIGKILL)  # podman's own kill would count as a wish that it stays down
    until(lambda: stack.state("enrich")["Pid"] not in (0, before), "a process again")
    stack.wait('up{worker="enrich"}', {"enrich": 1.0})


def test_compose_files_are_valid() -> None:
    checked = run(["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"], check=False)
    assert checked.returncode == 0, checked.stdout
    for command in (
        ["promtool", "check", "config", "deploy/prometheus/prometheus.yml"],
        ["amtool", "check-config", "deploy/alertmanager/alertmanager.yml"],
    ):
        done = run(command, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
