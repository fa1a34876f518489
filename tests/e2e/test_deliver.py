"""Alerts reach their sinks on real Kafka: all of them, once, in a desk's order, whatever the other side does."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from tests.conftest import KafkaFactory
from tests.delivering import Receiver, an_alert, value_of
from tests.kafka.broker import Cluster, free_ports
from tests.worker_processes import Workers
from topics.records import Alert
from workers import courier, deliver
from workers.metrics import Metrics
from workers.sections import Deliver, Kafka
from workers.settings import Settings

pytestmark = pytest.mark.kafka

Routes = Sequence[Mapping[str, Any]]


def settings_of(cluster: Cluster, prefix: str, routes: Routes, **more: Any) -> Settings:
    return Settings(
        brokers=cluster.bootstrap,
        prefix=prefix,
        group=prefix,
        host="127.0.0.1",
        deliver=Deliver.model_validate({"route": routes, "commit_interval": 0.2, "drain": 5.0}),
        **more,
    )


def webhook(receiver: Receiver, name: str = "hook", **more: Any) -> dict[str, Any]:
    return {"name": name, "sink": {"kind": "webhook", "url": receiver.url, "timeout": 5}} | more


@asynccontextmanager
async def delivering(settings: Settings) -> AsyncIterator[Metrics]:
    """The worker, until the block ends; it has to stop by itself then."""
    metrics, stopping = Metrics(CollectorRegistry()), asyncio.Event()
    worker = asyncio.create_task(deliver.run(settings, metrics, stopping))
    try:
        yield metrics
    finally:
        stopping.set()
        await asyncio.wait_for(worker, 40)


async def publish(kafka: Cluster, topic: str, alerts: Sequence[Alert]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for alert in alerts:
            await producer.send_and_wait(
                topic, value_of(alert), key=alert.desk.encode(), headers=[("origin", b"\xff"), ("", b"")]
            )


async def read(kafka: Cluster, topic: str, number: int) -> list[Any]:
    """The first `number` records of a topic."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        return [await asyncio.wait_for(consumer.getone(), 30) for _ in range(number)]


async def to_commit(kafka: Cluster, prefix: str, route: str) -> int:
    """How many records lie after what a route's group has committed."""
    group = f"{prefix}-deliver-{route}"
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False
    ) as consumer:
        partitions = [TopicPartition(f"{prefix}.alerts", number) for number in range(4)]
        ends = await consumer.end_offsets(partitions)
        committed = [await consumer.committed(tp) or 0 for tp in partitions]
        return int(sum(ends.values()) - sum(committed))


async def eventually(condition: Callable[[], bool], timeout: float = 30) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # a metric tells no event
            await asyncio.sleep(0.02)


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def many(number: int, desks: Sequence[str] = ("trade", "asia", "metals")) -> list[Alert]:
    return [an_alert(desk, number) for number, desk in zip(range(number), itertools.cycle(desks), strict=False)]


async def test_alerts_survive_a_sink_that_is_down_and_then_fails(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    alerts = many(60)
    receiver = Receiver()
    receiver.port = free_ports(1)[0]
    await publish(kafka, names["alerts"], alerts)
    async with delivering(settings_of(kafka, prefix, [webhook(receiver)])) as metrics:
        await eventually(
            lambda: counted(metrics, "wirewatch_deliveries_total", sink="hook", result="retried") >= 3  # down
        )
        failures = iter(range(10))
        receiver.answer = lambda _: (500 if next(failures, None) is not None else 200, {})
        async with receiver:
            await receiver.until(lambda: len(receiver.ids()) == len(alerts))
            await eventually(lambda: counted(metrics, "wirewatch_in_flight_records") == 0)
    assert receiver.ids() == dict.fromkeys((alert.id for alert in alerts), 1)
    for desk in ("trade", "asia", "metals"):
        assert receiver.of_desk(desk) == [alert.id for alert in alerts if alert.desk == desk]
    assert await to_commit(kafka, prefix, "hook") == 0


async def test_a_restart_sends_nothing_twice(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    alerts = many(40)
    async with Receiver() as receiver:
        settings = settings_of(kafka, prefix, [webhook(receiver)])
        await publish(kafka, names["alerts"], alerts[:20])
        async with delivering(settings):
            await receiver.until(lambda: len(receiver.asked) >= 10)  # stopped while it delivers
        await publish(kafka, names["alerts"], alerts[20:])
        async with delivering(settings):
            await receiver.until(lambda: len(receiver.ids()) == len(alerts))
    assert set(receiver.ids().values()) == {1}


async def test_only_what_is_refused_for_good_is_a_dead_letter(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    alerts = many(12)
    bad = alerts[4]
    async with Receiver(lambda name: (400 if name == bad.id else 200, {})) as receiver:
        await publish(kafka, names["alerts"], alerts)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            await producer.send_and_wait(names["alerts"], b'{"id": 1}', key=b"trade")
        async with delivering(settings_of(kafka, prefix, [webhook(receiver)])) as metrics:
            await receiver.until(lambda: len(receiver.taken) == len(alerts) - 1)
            await eventually(lambda: counted(metrics, "wirewatch_dead_letters_total", reason="refused") == 1)
            await eventually(lambda: counted(metrics, "wirewatch_dead_letters_total", reason="wrong_type") == 1)
    letters = {letter.value: letter for letter in await read(kafka, names["dead-letters"], 2)}
    assert set(letters) == {value_of(bad), b'{"id": 1}'}
    refused = letters[value_of(bad)]
    assert refused.key == bad.desk.encode()
    assert refused.headers[:2] == (("origin", b"\xff"), ("", b""))
    headers = dict(refused.headers)
    assert headers["wirewatch.errors.stage"] == b"deliver"
    assert headers["wirewatch.errors.reason"] == b"refused"
    assert headers["wirewatch.errors.sink"] == b"hook"
    assert headers["wirewatch.errors.attempt"] == b"1"
    assert headers["wirewatch.errors.topic"] == names["alerts"].encode()
    assert b"400" in headers["wirewatch.errors.message"]
    assert await to_commit(kafka, prefix, "hook") == 0


async def test_a_dead_sink_holds_up_no_other(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    alerts = [*many(20), an_alert("trade", 100, severity="info")]
    dead = Receiver()
    dead.port = free_ports(1)[0]
    async with Receiver() as receiver:
        routes = [webhook(dead, "dead"), webhook(receiver, "works", desks=["trade", "asia"], severities=["urgent"])]
        async with delivering(settings_of(kafka, prefix, routes)) as metrics:
            await publish(kafka, names["alerts"], alerts)
            wanted = [alert.id for alert in alerts[:20] if alert.desk in ("trade", "asia")]
            await receiver.until(lambda: len(receiver.taken) >= len(wanted))
            await eventually(lambda: counted(metrics, "wirewatch_delivery_waiting_alerts", sink="works") == 0)
            assert counted(metrics, "wirewatch_deliveries_total", sink="dead", result="delivered") == 0
    assert receiver.ids() == dict.fromkeys(wanted, 1)
    assert await to_commit(kafka, prefix, "works") == 0
    assert await to_commit(kafka, prefix, "dead") == len(alerts)


async def test_an_embargoed_alert_waits_alone_and_survives_a_restart(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    until = datetime.now(UTC) + timedelta(seconds=12)
    early = an_alert("trade", 0, embargo_until=until)
    others = [an_alert("asia", 1), an_alert("trade", 2), an_alert("metals", 3)]
    when: list[datetime] = []

    def answer(name: str) -> tuple[int, dict[str, str]]:
        if name == early.id:
            when.append(datetime.now(UTC))
        return 200, {}

    async with Receiver(answer) as receiver:
        settings = settings_of(kafka, prefix, [webhook(receiver)])
        await publish(kafka, names["alerts"], [early, *others])
        async with delivering(settings):
            await receiver.until(lambda: len(receiver.taken) == len(others))
        assert early.id not in receiver.asked
        assert await to_commit(kafka, prefix, "hook") >= 1  # it is not committed past
        async with delivering(settings):
            await receiver.until(lambda: early.id in receiver.ids())
    assert when[0] >= until
    assert receiver.ids()[early.id] == 1
    assert await to_commit(kafka, prefix, "hook") == 0


async def test_a_topic_of_the_subscribers_own_gets_the_records_as_they_are(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    topic = await kafka.create_topic(f"{prefix}.alerts.trade")
    alerts = many(9)
    route = {"name": "trade", "desks": ["trade"], "sink": {"kind": "kafka", "topic": topic}}
    await publish(kafka, names["alerts"], alerts)
    async with delivering(settings_of(kafka, prefix, [route])):
        records = await read(kafka, topic, 3)
    assert [record.value for record in records] == [value_of(alert) for alert in alerts if alert.desk == "trade"]
    assert {record.key for record in records} == {b"trade"}


async def test_two_workers_share_a_route(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    alerts = many(120, [f"desk-{number}" for number in range(12)])
    async with Receiver() as receiver:
        settings = settings_of(kafka, prefix, [webhook(receiver)])
        async with delivering(settings) as first:
            await publish(kafka, names["alerts"], alerts[:40])
            await receiver.until(lambda: len(receiver.taken) >= 20)
            async with delivering(settings) as second:
                await publish(kafka, names["alerts"], alerts[40:80])
                await eventually(lambda: counted(second, "wirewatch_assigned_partitions") == 2)
                await eventually(lambda: counted(first, "wirewatch_assigned_partitions") == 2)
                await publish(kafka, names["alerts"], alerts[80:])
                await receiver.until(lambda: len(receiver.ids()) == len(alerts))
    assert receiver.ids() == dict.fromkeys((alert.id for alert in alerts), 1)


async def test_a_killed_worker_loses_nothing(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    names = await kafka.create_topics(prefix)
    alerts = many(300)
    await publish(kafka, names["alerts"], alerts)
    async with Receiver() as receiver:
        receiver.delay = 0.02  # commits fall between the kills
        config = tmp_path / "wirewatch.toml"
        config.write_text(
            f'host = "127.0.0.1"\n[kafka]\nsession_timeout = 3.0\n[deliver]\ncommit_interval = 0.1\n'
            f'[[deliver.route]]\nname = "hook"\n[deliver.route.sink]\nkind = "webhook"\nurl = "{receiver.url}"\n'
        )
        with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
            for enough in (60, 160):
                (worker,) = workers.start("deliver", "--config", str(config))
                await receiver.until(lambda enough=enough: len(receiver.ids()) >= enough)  # type: ignore[misc]
                await asyncio.to_thread(worker.kill)
            (worker,) = workers.start("deliver", "--config", str(config))
            await receiver.until(lambda: len(receiver.ids()) == len(alerts))
            assert await asyncio.to_thread(worker.stop) == 0
    repeated = len(receiver.taken) - len(alerts)
    print(json.dumps({"alerts": len(alerts), "kills": 2, "repeated": repeated}))
    assert await to_commit(kafka, prefix, "hook") == 0


async def test_with_the_broker_away_it_waits_and_says_why(kafka_cluster: KafkaFactory, prefix: str) -> None:
    cluster = await asyncio.to_thread(kafka_cluster, 1)
    names = await cluster.create_topics(prefix)
    port = free_ports(1)[0]
    alerts = many(6)
    async with Receiver() as receiver, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:

        async def get(path: str) -> tuple[int, str]:
            async with client.get(path) as answer:
                return answer.status, await answer.text()

        async def until_ready(wanted: int) -> str:
            async with asyncio.timeout(60):
                while True:
                    status, text = await get("/readyz")
                    if status == wanted:
                        return text
                    await asyncio.sleep(0.05)

        async with delivering(settings_of(cluster, prefix, [webhook(receiver)], port=port)):
            await asyncio.sleep(0)  # until it listens, nobody answers
            await publish(cluster, names["alerts"], alerts[:3])
            await receiver.until(lambda: len(receiver.taken) == 3)
            await until_ready(200)
            await asyncio.to_thread(cluster.brokers[0].stop)
            assert "route hook" in await until_ready(503)
            assert (await get("/livez"))[0] == 200
            await asyncio.to_thread(cluster.brokers[0].start)
            await publish(cluster, names["alerts"], alerts[3:])
            await receiver.until(lambda: len(receiver.taken) == 6)
            await until_ready(200)
    assert set(receiver.ids().values()) == {1}


async def test_a_route_that_is_full_pauses_and_keeps_its_place(
    kafka: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "WAITING_ALERTS", 8)
    names = await kafka.create_topics(prefix)
    alerts = many(60)
    receiver = Receiver()
    receiver.port = free_ports(1)[0]
    await publish(kafka, names["alerts"], alerts)
    short = Kafka(session_timeout=2.0)
    async with delivering(settings_of(kafka, prefix, [webhook(receiver)], kafka=short)) as metrics:
        await eventually(lambda: counted(metrics, "wirewatch_paused_partitions") > 0)
        await asyncio.sleep(5)  # longer than the session: the group would have noticed
        assert counted(metrics, "wirewatch_in_flight_records") <= 8 + 3 * 4
        async with receiver:
            await receiver.until(lambda: len(receiver.ids()) == len(alerts))
            await eventually(lambda: counted(metrics, "wirewatch_in_flight_records") == 0)
        assert counted(metrics, "wirewatch_rebalances_total") == 1
    assert set(receiver.ids().values()) == {1}
    assert await to_commit(kafka, prefix, "hook") == 0


async def test_a_stop_does_not_wait_for_what_cannot_be_sent(kafka: Cluster, prefix: str) -> None:
    names = await kafka.create_topics(prefix)
    dead = Receiver()
    dead.port = free_ports(1)[0]
    await publish(kafka, names["alerts"], many(5))
    async with delivering(settings_of(kafka, prefix, [webhook(dead)])) as metrics:
        await eventually(lambda: counted(metrics, "wirewatch_deliveries_total", sink="hook", result="retried") > 0)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 4
