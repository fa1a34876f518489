"""`wirewatch check` against real brokers: what is missing is said before anything is started."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka.broker import Cluster
from tests.kafka.secured import Secured
from workers.rights import rights
from workers.settings import Settings

pytestmark = pytest.mark.kafka
PASSWORD = "a-password"


def check(folder: Path, config: str, *flags: str) -> tuple[int, list[dict[str, str]], str]:
    """(exit code, findings, standard error)."""
    (folder / "wirewatch.toml").write_text(f'model = "none"\n{config}')
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", "check", "--config", str(folder / "wirewatch.toml"), "--json", *flags],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def bad(findings: list[dict[str, str]]) -> list[tuple[str, str | None, str]]:
    return [(f["check"], f.get("subject"), f["message"]) for f in findings if f["level"] == "wrong"]


def levels(findings: list[dict[str, str]], name: str) -> set[str]:
    return {found["level"] for found in findings if found["check"] == name}


async def test_a_healthy_cluster_is_fine_and_soon_told(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    await kafka.create_topics(prefix)
    started = time.monotonic()
    code, findings, _ = await asyncio.to_thread(check, tmp_path, f'brokers = "{kafka.bootstrap}"\nprefix = "{prefix}"')
    print(f"\ncheck of a healthy cluster: {time.monotonic() - started:.1f} s")
    assert (code, bad(findings)) == (0, [])
    for name in ("connection", "security", "rights", "topics", "equal partitions", "LogAppendTime", "message sizes"):
        assert levels(findings, name) == {"fine"}, name


async def test_topics_that_do_not_go_together_are_wrong(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    await kafka.create_topics(prefix, partitions=3, alerts=2)
    config = f'brokers = "{kafka.bootstrap}"\nprefix = "{prefix}"\n[[input]]\ntopics = ["{prefix}.nowhere"]'
    code, findings, _ = await asyncio.to_thread(check, tmp_path, config)
    assert code == 1
    assert {(name, subject) for name, subject, _ in bad(findings)} == {
        ("equal partitions", f"{prefix}.alerts"),
        ("topic", f"{prefix}.nowhere"),
    }


async def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    code, findings, _ = await asyncio.to_thread(check, tmp_path, 'brokers = "127.0.0.1:9"')
    assert code == 1
    ((name, subject, message),) = bad(findings)
    assert (name, subject) == ("connection", "127.0.0.1:9")
    assert "refused" in message
    assert levels(findings, "watchlists") == {"fine"}, "what needs no cluster is checked all the same"


def secured_config(secured: Secured, prefix: str, password: str = PASSWORD) -> str:
    return (
        f'brokers = "{secured.sasl_ssl}"\nprefix = "{prefix}"\n[kafka.security]\nmechanism = "SCRAM-SHA-256"\n'
        f'username = "{prefix}"\npassword = "{password}"\nca = "{secured.ca}"\n'
    )


def allow(secured: Secured, settings: Settings, worker: str, *, but: str = "") -> None:
    """Exactly what a worker needs, but for one topic."""
    for right in rights(settings, worker):
        if right.name != but:
            secured.allow(settings.prefix, *map(str.upper, right.operations), **{right.kind: right.name})


async def test_rights_are_held_against_what_a_worker_needs(secured_kafka: Secured, prefix: str, tmp_path: Path) -> None:
    await secured_kafka.cluster.create_topics(prefix)
    secured_kafka.set_password(prefix, PASSWORD)
    settings = Settings(prefix=prefix)
    allow(secured_kafka, settings, "enrich", but=settings.topic("hits"))
    secured_kafka.allow(prefix, "READ", topic=settings.topic("hits"))
    config = secured_config(secured_kafka, prefix)
    code, findings, _ = await asyncio.to_thread(check, tmp_path, config, "--worker", "enrich")
    assert code == 1
    wrong = [found for found in findings if found["level"] == "wrong"]
    assert [(found["subject"], found["message"]) for found in wrong] == [
        (settings.topic("hits"), "enrich may not Write the topic")
    ]
    assert "topics list --acls" in wrong[0]["remedy"]
    secured_kafka.allow(prefix, "WRITE", topic=settings.topic("hits"))
    _, findings, _ = await asyncio.to_thread(check, tmp_path, config, "--worker", "enrich")
    assert (bad(findings), levels(findings, "rights")) == ([], {"fine"})
    assert levels(findings, "topic settings") == {"warning"}, "who may not see them is not told that they are right"


async def test_why_the_brokers_do_not_let_us_in(secured_kafka: Secured, prefix: str, tmp_path: Path) -> None:
    secured_kafka.set_password(prefix, PASSWORD)
    wrong_password = secured_config(secured_kafka, prefix, "not-the-password")
    code, findings, said = await asyncio.to_thread(check, tmp_path, wrong_password)
    assert code == 1
    ((_, _, message),) = bad(findings)
    assert "password" in message
    assert "not-the-password" not in json.dumps(findings) + said


async def test_the_latest_records_are_read_as_the_worker_would(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    await kafka.create_topics(prefix)
    feed = await kafka.create_topic(f"{prefix}.feed", 1)
    empty = await kafka.create_topic(f"{prefix}.empty", 1)
    values = [json.dumps({"doc": {"head": f"Ports open again {n}"}, "when": 1767225600 + n}).encode() for n in range(9)]
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for value in (*values, b"{broken"):
            await producer.send_and_wait(feed, value)
    common = f'brokers = "{kafka.bootstrap}"\nprefix = "{prefix}"\n[[input]]\ntopics = ["{feed}", "{empty}"]\n'

    async def told(mapped: str) -> dict[str | None, list[tuple[str, str]]]:
        _, findings, _ = await asyncio.to_thread(check, tmp_path, common + mapped, "--worker", "enrich")
        found: dict[str | None, list[tuple[str, str]]] = {}
        for finding in findings:
            if finding["check"] == "records":
                found.setdefault(finding.get("subject"), []).append((finding["level"], finding["message"]))
        return found

    unmapped = await told("")
    assert [level for level, _ in unmapped[empty]] == ["warning"]
    ((level, message),) = unmapped[feed]
    assert level == "wrong"
    assert message.startswith("10 of the last 10 would be dead letters, such as")
    mapped = await told('[input.map]\ntitle = "doc.head"\npublished_at = "when"\nbody = "nowhere.at.all"')
    assert [level for level, _ in mapped[feed]] == ["warning", "warning"]
    assert f"1 of the last 10 would be dead letters, such as {feed}/0/9: not_json" in mapped[feed][0][1]
    assert mapped[feed][1][1] == "of 9 articles none has body"


async def test_only_who_reads_the_inputs_is_told_of_them(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    await kafka.create_topics(prefix)
    await kafka.create_topic(f"{prefix}-feeds.a", 1)
    config = f'brokers = "{kafka.bootstrap}"\nprefix = "{prefix}"\n[[input]]\ntopics = "{prefix}-feeds\\\\..*"'
    for worker, told in (("enrich", True), ("deliver", False)):
        _, findings, _ = await asyncio.to_thread(check, tmp_path, config, "--worker", worker)
        assert any(found.get("subject") == f"{prefix}-feeds.a" for found in findings) == told
