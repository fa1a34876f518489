"""deploy/compose.yaml, executed. What cannot be pulled here is this machine's programs, with the same configuration."""

import json
import os
from collections.abc import Iterator
from signal import SIGKILL

import pytest

from tests.image.building import podman, run
from tests.image.stack import Stack, until, up
from tests.kafka.jars import Kafka
from tests.worker_processes import run_command

pytestmark = [pytest.mark.image, pytest.mark.kafka, pytest.mark.timeout(900)]

WORKERS = ("enrich", "alert", "deliver")


@pytest.fixture(scope="module")
def stack(image: str, kafka_installation: Kafka) -> Iterator[Stack]:
    """All of it, with samples being published."""
    with up(image, kafka_installation) as started:
        yield started


def test_prometheus_scrapes_every_worker_and_itself(stack: Stack) -> None:
    stack.wait("up", dict.fromkeys((*WORKERS, "prometheus", "alertmanager"), 1.0))


def test_services_start_in_the_order_of_health(stack: Stack) -> None:
    topics, check = stack.state("topics"), stack.state("check")
    assert (topics["ExitCode"], check["ExitCode"]) == (0, 0)
    assert check["StartedAt"] > topics["FinishedAt"]
    for worker in WORKERS:
        assert stack.state(worker)["StartedAt"] > check["FinishedAt"]
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
