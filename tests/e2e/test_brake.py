"""The brake on a real Kafka: a flood of bad records waits, its neighbours go on, and it ends as one is promised."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers, run_command, until
from topics.codec import decode_enriched
from workers.commands.resuming import resume
from workers.commands.running import CommandFailed
from workers.resume import decode
from workers.settings import load
from workers.stream.backlog import Backlog

pytestmark = pytest.mark.kafka

FLOOD = 5000
MINIMUM = 20
ENRICH = ("enrich", "--model", "none", "--processes", "1")


def article(name: str) -> bytes:
    return json.dumps({"id": name, "body": "The ministers met in Geneva."}).encode()


async def send(bootstrap: str, topic: str, partition: int, values: Sequence[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        for future in [await producer.send(topic, value, partition=partition) for value in values]:
            await future


def said(worker: WorkerProcess, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{worker.port}/{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def logged(worker: WorkerProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"].startswith(event)]


async def dead_offsets(bootstrap: str, prefix: str) -> list[int]:
    dead = await whole_topic(bootstrap, f"{prefix}.dead-letters")
    return [int(dict(record.headers)["wirewatch.errors.offset"]) for record in dead]


def on(worker: WorkerProcess) -> bool:
    return worker.total("wirewatch_brake_partitions") == 1


@pytest.mark.timeout(300)
async def test_a_flood_waits_through_a_kill_until_somebody_resumes_it(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    raw = (await kafka.create_topics(prefix, 2))["raw"]
    await send(kafka.bootstrap, raw, 0, [b"<html>%d</html>" % n for n in range(FLOOD)])
    await send(kafka.bootstrap, raw, 1, [article(f"good-{n}") for n in range(100)])
    env = {"WIREWATCH_ENRICH__BRAKE__PROBE_INTERVAL": "1", "WIREWATCH_ENRICH__STALLED_AFTER": "4"}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        (worker,) = workers.start(*ENRICH)
        await asyncio.to_thread(worker.wait_up)
        await until(lambda: on(worker) and enriched(worker) == 100)
        await asyncio.sleep(8)  # twice what would be a standstill
        assert on(worker)
        assert (await asyncio.to_thread(said, worker, "livez"))[0] == 200
        code, reason = await asyncio.to_thread(said, worker, "readyz")
        assert code == 503
        assert f"brake on {raw}/0" in reason
        assert f"wirewatch resume {raw}/0" in reason
        (line,) = logged(worker, "brake on")
        assert (line["level"], line["partition"], line["begins"][:8]) == ("error", f"{raw}/0", "b'<html>")
        assert worker.total("wirewatch_unaccounted") == 0
        worker.kill()
        assert len(await dead_offsets(kafka.bootstrap, prefix)) < MINIMUM

        (worker,) = workers.start(*ENRICH)
        await asyncio.to_thread(worker.wait_up)
        await until(lambda: on(worker))
        assert len(set(await dead_offsets(kafka.bootstrap, prefix))) < 2 * MINIMUM, "what a start may cost"
        told = run_command("resume", f"{raw}/0", "--json", *workers.flags[:4])
        assert json.loads(told) == {"topic": raw, "partition": 0, "until": FLOOD}
        await asyncio.to_thread(worker.wait_ready)
        async with asyncio.timeout(60), Backlog(kafka.bootstrap, {f"{prefix}-enrich": [raw]}) as backlog:
            await backlog.wait()
        assert sorted(set(await dead_offsets(kafka.bootstrap, prefix))) == list(range(FLOOD))
        assert worker.stop() == 0


def enriched(worker: WorkerProcess) -> float:
    return worker.total("wirewatch_processed_articles_total") - worker.total("wirewatch_dead_letters_total")


@pytest.mark.timeout(200)
async def test_a_publisher_that_mends_itself_ends_it_and_what_was_bad_goes_slowly(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    raw = (await kafka.create_topics(prefix, 1))["raw"]
    await send(kafka.bootstrap, raw, 0, [b"not json"] * 300)
    env = {"WIREWATCH_ENRICH__BRAKE__PROBE_INTERVAL": "1", "WIREWATCH_ENRICH__BRAKE__RATE": "50"}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        (worker,) = workers.start(*ENRICH)
        await asyncio.to_thread(worker.wait_up)
        await until(lambda: on(worker))
        await send(kafka.bootstrap, raw, 0, [article(f"good-{n}") for n in range(50)])
        await until(lambda: enriched(worker) == 50)
        await asyncio.to_thread(worker.wait_ready)
        await until(lambda: worker.total("wirewatch_brake_partitions") == 0)
        assert worker.stop() == 0
    dead = await whole_topic(kafka.bootstrap, f"{prefix}.dead-letters")
    assert len(dead) == 300
    drained = dead[MINIMUM:]
    assert len(drained) / ((drained[-1].timestamp - drained[0].timestamp) / 1000) < 60, "50 a second, and a batch"
    found = [decode_enriched(record.value).id for record in await whole_topic(kafka.bootstrap, f"{prefix}.enriched")]
    assert sorted(found) == sorted(f"good-{n}" for n in range(50))


async def test_resume_names_what_it_cannot_do(kafka: Cluster, prefix: str) -> None:
    settings = load(brokers=kafka.bootstrap, prefix=prefix)
    with pytest.raises(CommandFailed, match=r"no topic .*topics create"):
        await resume(settings, [])
    with pytest.raises(CommandFailed, match=r"watchlists_topic is false"):
        await resume(load(enrich={"watchlists_topic": False}), [])
    raw = (await kafka.create_topics(prefix, 2))["raw"]
    for place in (f"{raw}/2", f"{prefix}.hits", "nowhere"):
        with pytest.raises(CommandFailed, match=f"{place}: no partition of an input .*{raw}"):
            await resume(settings, [place])
    await send(kafka.bootstrap, raw, 1, [b"x"])
    assert [(said.partition, said.until) for said in await resume(settings, [])] == [(0, 0), (1, 1)]
    found = await whole_topic(kafka.bootstrap, f"{prefix}.watchlists")
    assert [(record.key.decode(), decode(record.value)) for record in found] == [
        (f"resume/{raw}/{n}", (TopicPartition(raw, n), n)) for n in range(2)
    ]
