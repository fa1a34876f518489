"""Outages on a real Kafka: each desk gets one digest of what it missed, nothing rings for hours, nothing is lost.

Times lie in the past where a topic takes its producers' (CreateTime): nobody waits for an outage here. Where the stream
itself was away, an article is old after some seconds.
"""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from msgspec.structs import replace

from tests.alert_stage import Worker, latest, read, wait_folded
from tests.delivering import Receiver, an_alert, value_of
from tests.e2e.test_deliver import delivering, eventually, settings_of, webhook
from tests.hit_logs import hit
from tests.kafka.broker import Cluster, free_ports
from tests.worker_processes import Workers, until
from topics.codec import decode_alert, encode
from topics.records import Alert, Hit
from topics.stories import CURSOR_KEY, Cursor
from workers.alerting.marks import Mark

pytestmark = pytest.mark.kafka

DESKS = ("asia", "trade")
MINUTE = 60.0


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


async def by_producers(kafka: Cluster, topic: str) -> None:
    """From now on, records of the topic have the times that their producers give them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        config = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"message.timestamp.type": "CreateTime"})
        await admin.alter_configs([config])
    finally:
        await admin.close()


async def told(kafka: Cluster, topic: str) -> list[Alert]:
    """Every alert that was published, in order of the partitions."""
    return [decode_alert(value) for pairs in (await read(kafka.bootstrap, topic)).values() for _, value in pairs]


async def wait_told(kafka: Cluster, topic: str, kind: str, number: int, timeout: float = 60) -> list[Alert]:
    """All alerts, once there are so many of a kind."""
    async with asyncio.timeout(timeout):
        while True:
            found = await told(kafka, topic)
            if sum(alert.kind == kind for alert in found) >= number:
                return found
            await asyncio.sleep(0.2)


# The alert worker was away: hits wait.


def waiting_hits(number: int, *, minutes: float, age: float = 10 * MINUTE) -> list[Hit]:
    """News of the last `minutes`, each a story of its own, which rings for `age` seconds."""
    found = []
    for count in range(number):
        seen = ago(minutes * MINUTE * (1 - count / number))
        desk = DESKS[count % len(DESKS)]
        record = hit(f"a{count}", desk=desk, topic=5000 + count)
        stale = seen + timedelta(seconds=age)
        found.append(replace(record, seen_at=seen, published_at=seen, stale_at=stale))
    return found


async def append(kafka: Cluster, topic: str, hits: Sequence[Hit]) -> None:
    """As if each had been appended when it was seen."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for record in hits:
            stamp = int(record.seen_at.timestamp() * 1000)
            await producer.send(topic, encode(record), partition=0, timestamp_ms=stamp)


async def watched_since(kafka: Cluster, topic: str, since: datetime) -> None:
    """State of an alert worker that has watched since then, and has folded nothing yet."""
    cursor = encode(Cursor(next=0, alerts_end=0, live_since=since))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, cursor, key=CURSOR_KEY, partition=0, headers=[Mark(0, 0).header()])


@pytest.fixture
def worker(kafka: Cluster, prefix: str, tmp_path: Path) -> Iterator[Worker]:
    made = Worker(kafka.bootstrap, prefix, tmp_path / "worker.log", session=3.0, supervised=True)
    yield made
    made.kill()


@pytest.mark.parametrize("kill", [False, True])
async def test_an_alert_worker_that_was_away_tells_each_desk_once(
    kafka: Cluster, prefix: str, tmp_path: Path, kill: bool
) -> None:
    topics = await kafka.create_topics(prefix, 1)
    await by_producers(kafka, topics["hits"])
    await watched_since(kafka, topics["stories"], ago(60 * MINUTE))
    await append(kafka, topics["hits"], waiting_hits(3000, minutes=20))
    made = Worker(kafka.bootstrap, prefix, tmp_path / "worker.log", session=3.0, supervised=True)
    try:
        await asyncio.to_thread(made.wait_for, "hits_waited")
        for _ in range(3 if kill else 0):
            await asyncio.sleep(0.2)  # the kill is to come at any moment of the catching up
            made.signal(signal.SIGKILL)
            before = len(made.events("health"))
            await asyncio.to_thread(made.wait_for, "health", count=before + 1)
        alerts = await wait_told(kafka, topics["alerts"], "digest", len(DESKS), timeout=90)
        await wait_folded(kafka.bootstrap, topics, timeout=30, workers=[made])
        _, cursor = latest((await read(kafka.bootstrap, topics["stories"]))[0])
    finally:
        made.kill()
    assert [(alert.kind, alert.counts.articles) for alert in alerts] == [("digest", 1500)] * 2
    assert sorted(alert.desk for alert in alerts) == list(DESKS)
    assert cursor is not None
    assert cursor.resumed == ()


async def test_an_alert_worker_that_was_away_for_a_short_time_rings(
    kafka: Cluster, prefix: str, worker: Worker
) -> None:
    topics = await kafka.create_topics(prefix, 1)
    await by_producers(kafka, topics["hits"])
    await watched_since(kafka, topics["stories"], ago(60 * MINUTE))
    await append(kafka, topics["hits"], waiting_hits(50, minutes=5))
    await wait_told(kafka, topics["alerts"], "hit", 50)


async def test_a_new_group_rings_nobody_with_hits_of_a_week(kafka: Cluster, prefix: str, worker: Worker) -> None:
    topics = await kafka.create_topics(prefix, 1)
    await by_producers(kafka, topics["hits"])
    week = [record for record in waiting_hits(1000, minutes=7 * 24 * 60) if record.seen_at < ago(20 * MINUTE)]
    await append(kafka, topics["hits"], week)
    await asyncio.to_thread(worker.wait_for, "state_restored")
    await append(kafka, topics["hits"], [replace(waiting_hits(1, minutes=0)[0], article_id="fresh", id="fresh")])
    alerts = await wait_told(kafka, topics["alerts"], "hit", 1)
    await wait_folded(kafka.bootstrap, topics, timeout=30, workers=[worker])
    _, cursor = latest((await read(kafka.bootstrap, topics["stories"]))[0])
    assert [alert.article.id for alert in alerts] == ["fresh"]
    assert not [key for key, _ in (await read(kafka.bootstrap, topics["stories"]))[0] if key and b"digest" in key]
    assert cursor is not None
    assert cursor.live_since is not None


# The enrich worker was away: raw articles wait.

AGE = 6.0


def article(name: str, desk: str) -> bytes:
    text = " ".join(f"{name}{n}" for n in range(60))
    return json.dumps({"id": name, "title": f"{desk} {name}", "body": f"{desk}. {text}"}).encode()


async def publish_raw(kafka: Cluster, topic: str, names: Sequence[str]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for number, name in enumerate(names):
            await producer.send_and_wait(topic, article(name, DESKS[number % len(DESKS)]))


async def test_an_enrich_worker_that_was_away_leaves_each_desk_one_digest(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    topics = await kafka.create_topics(prefix, 2)
    for desk in DESKS:
        rules = [{"id": "r", "severity": "info", "terms": [desk]}]
        (tmp_path / f"{desk}.yaml").write_text(json.dumps({"id": desk, "rules": rules}))
    flags = ("-w", str(tmp_path), "--processes", "1", "--model", "none")
    env = {"WIREWATCH_ENRICH__MAX_ALERT_AGE": str(AGE)}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        (enrich,), (alert,) = workers.start("enrich", *flags), workers.start("alert")
        await until(lambda: alert.running and _ready(alert) and _ready(enrich))
        await publish_raw(kafka, topics["raw"], ["live1", "live2"])
        await wait_told(kafka, topics["alerts"], "hit", 2)
        assert enrich.stop() == 0
        await publish_raw(kafka, topics["raw"], [f"missed{n}" for n in range(20)])
        await asyncio.sleep(AGE + 1)  # the outage itself
        await publish_raw(kafka, topics["raw"], [f"young{n}" for n in range(4)])
        await asyncio.sleep(2.5)  # late, and not old
        workers.start("enrich", *flags)
        await wait_told(kafka, topics["alerts"], "digest", 2)
        await publish_raw(kafka, topics["raw"], ["fresh1", "fresh2"])
        alerts = await wait_told(kafka, topics["alerts"], "hit", 4)
        assert alert.total("wirewatch_suppressed_hits_total", reason="missed") == 24
        assert alert.total("wirewatch_alerts_total", kind="digest") == 2
    digests = {alert.desk: alert for alert in alerts if alert.kind == "digest"}
    assert sorted(digests) == list(DESKS)
    assert [digest.counts.articles for digest in digests.values()] == [12, 12]
    assert {line.title for line in digests["asia"].missed} == {
        *(f"asia missed{n}" for n in range(0, 20, 2)),
        *(f"asia young{n}" for n in range(0, 4, 2)),
    }
    assert sorted(a.article.id for a in alerts if a.kind == "hit") == ["fresh1", "fresh2", "live1", "live2"]


def _ready(worker: object) -> bool:
    try:
        worker.wait_ready(0.1)  # type: ignore[attr-defined]
    except AssertionError:
        return False
    return True


# Deliver, or its sink, was away: alerts wait.


async def test_alerts_that_waited_for_deliver_or_its_sink_are_one_digest_a_desk(kafka: Cluster, prefix: str) -> None:
    topics = await kafka.create_topics(prefix)
    await by_producers(kafka, topics["alerts"])
    await kafka.create_topic(f"{prefix}.copy")
    alerts = [an_alert(desk, number) for number in range(300) for desk in DESKS]
    start = time.time() - 8 * 3600
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for number, alert in enumerate(alerts):
            stamp = int((start + number * 8 * 3600 / len(alerts)) * 1000)
            await producer.send(topics["alerts"], value_of(alert), key=alert.desk.encode(), timestamp_ms=stamp)
    receiver = Receiver()
    receiver.port = free_ports(1)[0]
    routes = [webhook(receiver), {"name": "copy", "sink": {"kind": "kafka", "topic": f"{prefix}.copy"}}]
    async with delivering(settings_of(kafka, prefix, routes)) as metrics:
        value = metrics.registry.get_sample_value
        labels = {"sink": "hook", "result": "retried"}
        await eventually(lambda: (value("wirewatch_deliveries_total", labels) or 0) >= 2)
        async with receiver:
            digested = {"sink": "hook", "result": "digested"}
            await eventually(lambda: (value("wirewatch_deliveries_total", digested) or 0) >= 598, timeout=60)
            await eventually(lambda: value("wirewatch_in_flight_records") == 0)
    taken = [decode_alert(body) for _, body in receiver.requests]
    assert Counter((alert.desk, alert.kind) for alert in taken if alert.kind == "digest") == {
        ("asia", "digest"): 1,
        ("trade", "digest"): 1,
    }
    digests = sum(alert.counts.articles for alert in taken if alert.kind == "digest")
    assert digests + sum(alert.kind != "digest" for alert in taken) == len(alerts)
    # Programs get every alert.
    assert len(await told(kafka, f"{prefix}.copy")) == len(alerts)
