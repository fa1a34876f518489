"""The image runs each worker without root, rights or a place to write, and keeps what the workers promise."""

import asyncio
import json
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import KafkaFactory
from tests.image.building import BASE, PROJECT, build, podman, run
from tests.image.containers import HARDENED, Container, Containers
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import run_command

pytestmark = [pytest.mark.image, pytest.mark.kafka, pytest.mark.timeout(900)]

LARGEST = 260 * 1024**2
"""What the image may add to its base, in bytes."""
MADE_BY_PODMAN = {
    "/etc",
    "/etc/mtab",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/proc",
    "/sys",
    "/dev",
    "/tmp",
}
MADE_BY_PODMAN |= {"/etc/wirewatch"}  # the place to start in
ROUTE = '[{"name": "copy", "sink": {"kind": "kafka", "topic": "%s.copy"}}]'


def article(number: int) -> bytes:
    body = f"Ministers in Geneva discussed {number} shipments of rare earths on Monday, officials in Japan said."
    return json.dumps({"id": f"a{number}", "title": f"Talks on rare earths, round {number}", "body": body}).encode()


def publish(cluster: Cluster, prefix: str, numbers: range) -> None:
    data = b"\n".join(article(number) for number in numbers)
    run_command("publish", "-", "--brokers", cluster.bootstrap, "--prefix", prefix, data=data)


def topics(cluster: Cluster, prefix: str) -> None:
    run_command("topics", "create", "--brokers", cluster.bootstrap, "--prefix", prefix)


def settings(cluster: Cluster, prefix: str) -> dict[str, str]:
    return {
        "WIREWATCH_BROKERS": cluster.bootstrap,
        "WIREWATCH_PREFIX": prefix,
        "WIREWATCH_ENRICH__PROCESSES": "1",
        "WIREWATCH_DELIVER__ROUTE": ROUTE % prefix,
        "WIREWATCH_KAFKA__SESSION_TIMEOUT": "10",
    }


async def settled(cluster: Cluster, topic: str, records: int, *, timeout: float = 120) -> list[object]:
    """The records of a topic once there are so many."""
    deadline = time.monotonic() + timeout
    while len(found := await whole_topic(cluster.bootstrap, topic)) < records:
        assert time.monotonic() < deadline, f"{len(found)} of {records} records in {topic}"
        await asyncio.sleep(0.5)
    return found


def privileges(container: Container) -> dict[str, str]:
    """What the kernel says of the container's first process."""
    status = Path(f"/proc/{container.state['Pid']}/status").read_text()
    return {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in status.splitlines())}


def test_the_image_says_what_it_is_and_how_it_runs(image: str) -> None:
    found = json.loads(podman("inspect", "--type=image", image))[0]
    config = found["Config"]
    assert config["User"] == "10001:10001", "a number, so that an orchestrator can tell that it is not root"
    assert config["Entrypoint"] == ["wirewatch"]
    assert config["StopSignal"] == "SIGTERM"
    assert found["Healthcheck"]["Test"] == ["CMD", "wirewatch", "health"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in found["Labels"].items()}
    assert (labels["title"], labels["licenses"], labels["revision"]) == ("wirewatch", "Apache-2.0", "test")
    assert run_command("--version").decode() == f"wirewatch {labels['version']}\n"
    assert podman("run", "--rm", *HARDENED, image, "--version") == run_command("--version").decode()


def test_the_image_is_small_and_has_what_workers_need_alone(image: str) -> None:
    size = int(podman("inspect", "--type=image", "--format={{.Size}}", image))
    base = int(podman("inspect", "--type=image", "--format={{.Size}}", BASE))
    print(f"\n{(size - base) / 1e6:.0f} MB on a base of {base / 1e6:.0f} MB")
    assert size - base < LARGEST
    unwanted = "-name tests -o -name '*.c' -o -name '*.pyx' -o -name pip -o -name pytest -o -name confluent_kafka"
    command = f"find /opt/wirewatch \\( {unwanted} \\) -print; command -v gcc cc strip; ls /build /root/.cache"
    shell = ["run", "--rm", *HARDENED, "--entrypoint=sh", image, "-c", f"({command}) 2>/dev/null"]
    assert podman(*shell, check=False) == ""


def test_a_change_of_ours_leaves_the_layer_of_dependencies_as_it_was(image: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    ignored = shutil.ignore_patterns(".git", ".venv", ".cache", "__pycache__", "tests")
    shutil.copytree(PROJECT, context, ignore=ignored)
    source = context / "workers" / "cli.py"
    source.write_text(source.read_text() + "\n# Changed.\n")
    changed = build(context, tag="localhost/wirewatch:changed", REVISION="test")
    try:
        before, after = (
            json.loads(podman("inspect", "--type=image", name))[0]["RootFS"]["Layers"] for name in (image, changed)
        )
        assert before[:2] == after[:2], "the base, and the dependencies"
        assert before[2] != after[2]
    finally:
        podman("rmi", changed)


def test_hadolint_has_nothing_to_say() -> None:
    done = run(["hadolint", "deploy/Dockerfile"], check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


async def test_articles_flow_through_three_hardened_containers(
    containers: Containers, kafka: Cluster, prefix: str
) -> None:
    topics(kafka, prefix)
    await kafka.create_topic(f"{prefix}.copy")
    env = settings(kafka, prefix)
    workers = [containers.start(kind, env=env) for kind in ("enrich", "alert", "deliver")]
    for worker in workers:
        worker.wait_ready()
        assert worker.ask("/livez") == (200, "ok\n")
        assert worker.health() == "healthy"
        found = privileges(worker)
        assert found["Uid"] == "10001 10001 10001 10001"
        assert (int(found["CapEff"], 16), int(found["CapBnd"], 16), found["NoNewPrivs"]) == (0, 0, "1")
    publish(kafka, prefix, range(3))
    alerts = await settled(kafka, f"{prefix}.copy", 1)
    assert b"rare earths" in alerts[0].value  # type: ignore[attr-defined]  # aiokafka's records have no types
    enriched = json.loads((await settled(kafka, f"{prefix}.enriched", 3))[0].value)  # type: ignore[attr-defined]
    assert {"Geneva", "Japan"} <= {entity["text"] for entity in enriched["entities"]}, "the model is in the image"
    assert [worker.stop() for worker in workers] == [0, 0, 0]
    assert all("Traceback" not in worker.log() for worker in workers)


async def test_nothing_is_written_outside_tmp(containers: Containers, kafka: Cluster, prefix: str) -> None:
    """As root, on a root that takes everything: what is tried is done, and seen."""
    topics(kafka, prefix)
    await kafka.create_topic(f"{prefix}.copy")
    flags = ("--network=host", "--tmpfs=/tmp", "--user=0")
    env = settings(kafka, prefix)
    workers = [containers.start(kind, env=env, flags=flags) for kind in ("enrich", "alert", "deliver")]
    for worker in workers:
        worker.wait_ready()
    publish(kafka, prefix, range(3))
    await settled(kafka, f"{prefix}.copy", 1)
    for worker in workers:
        assert worker.stop() == 0
        changed = {line.split(maxsplit=1)[1] for line in podman("diff", worker.name).splitlines()}
        assert {path for path in changed - MADE_BY_PODMAN if not path.startswith("/run")} == set()


async def test_a_container_that_is_stopped_under_load_loses_and_repeats_nothing(
    containers: Containers, kafka: Cluster, prefix: str
) -> None:
    number = 600
    topics(kafka, prefix)
    publish(kafka, prefix, range(number))
    env = settings(kafka, prefix)
    first = containers.start("enrich", env=env)
    first.wait(lambda: first.total("wirewatch_processed_articles_total") > 50, "at work")
    assert first.stop() == 0
    done = len(await whole_topic(kafka.bootstrap, f"{prefix}.enriched"))
    assert 50 < done < number, "it was stopped in the middle"
    second = containers.start("enrich", env=env)
    found = await settled(kafka, f"{prefix}.enriched", number)
    assert second.stop() == 0
    found = await whole_topic(kafka.bootstrap, f"{prefix}.enriched")
    ids = Counter(json.loads(record.value)["id"] for record in found)  # type: ignore[attr-defined]
    assert ids == Counter(f"a{n}" for n in range(number))


async def test_with_no_broker_containers_wait_and_say_why_and_go_on_when_there_is_one(
    containers: Containers, kafka_cluster: KafkaFactory, prefix: str
) -> None:
    cluster = await asyncio.to_thread(kafka_cluster, 1)
    topics(cluster, prefix)
    await cluster.create_topic(f"{prefix}.copy")
    cluster.stop()
    env = settings(cluster, prefix) | {"WIREWATCH_MODEL": "none"}
    workers = [containers.start(kind, env=env) for kind in ("enrich", "alert", "deliver")]
    port = cluster.bootstrap.rpartition(":")[2]
    for worker in workers:
        worker.wait(lambda worker=worker: port in worker.ask("/readyz")[1], "saying what it waits for")  # type: ignore[misc]
        status, said = worker.ask("/readyz")
        assert status == 503
        print(f"\n{worker.name}: {said}")
        assert worker.ask("/livez") == (200, "ok\n")
        assert worker.health() == "healthy", "an outage of the brokers is no reason to start it again"
        entries = map(json.loads, worker.log().splitlines())
        assert any(entry["level"] == "warning" and port in str(entry) for entry in entries), "logged, too"
    await asyncio.to_thread(cluster.brokers[0].start)
    for worker in workers:
        worker.wait_ready()
        assert worker.total("wirewatch_restarts_total") == 0, "it waited, and did not end and start again"


async def test_a_command_that_is_not_a_worker_ends_when_told(
    containers: Containers, kafka: Cluster, prefix: str
) -> None:
    topics(kafka, prefix)
    name = f"wirewatch-test-publisher-{prefix}"
    flags = ["--detach", f"--name={name}", "--no-healthcheck", *HARDENED]
    where = ["--brokers", kafka.bootstrap, "--prefix", prefix]
    podman("run", *flags, containers.image, "publish", "--samples", "--rate", "5", *where)
    try:
        await settled(kafka, f"{prefix}.raw", 1)
        began = time.monotonic()
        podman("stop", "-t", "30", name)
        assert time.monotonic() - began < 15
        assert json.loads(podman("inspect", name))[0]["State"]["ExitCode"] == 130
    finally:
        podman("rm", "--force", "--time=0", name, check=False)
