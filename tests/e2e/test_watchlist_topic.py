"""Watchlists on the topic, on a real broker: live in every worker, whole or not at all, and gone when removed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from alerts.watchlist import Rule, Watchlist
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import Workers, run_command
from topics.codec import decode_hit
from topics.records import Closed
from workers.commands import pushing
from workers.settings import Settings, load

pytestmark = pytest.mark.kafka

SOON = 5.0
"""The promise is a second; a busy machine is given more."""


def watchlist(id: str, *terms: str, desk: str | None = None) -> Watchlist:
    rules = tuple(Rule(id=f"r{number}", terms=(term,)) for number, term in enumerate(terms))
    return Watchlist(id=id, desk=desk or id, rules=rules)


def settings_of(kafka: Cluster, prefix: str) -> Settings:
    return load(brokers=kafka.bootstrap, prefix=prefix, group=prefix, watchlists=[])


async def push(settings: Settings, *watchlists: Watchlist) -> list[bool]:
    return [changed async for _, changed in pushing.push(settings, watchlists)]


@asynccontextmanager
async def producing(kafka: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def until(true: Callable[[], bool], timeout: float = 30.0) -> float:
    """The seconds until it is so."""
    started = time.monotonic()
    while not await asyncio.to_thread(true):
        assert time.monotonic() - started < timeout
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def stories_left(kafka: Cluster, prefix: str) -> list[bytes]:
    """The keys of stories that there were, and that were not forgotten."""
    latest = {r.key: r.value for r in await whole_topic(kafka.bootstrap, f"{prefix}.stories") if r.key[:1] != b"\0"}
    assert latest, "there was a story"
    return [key for key, value in latest.items() if value is not None]


async def hits_of(kafka: Cluster, prefix: str, wanted: Callable[[list[Any]], bool]) -> list[Any]:
    """The hits' topic, read until it holds what is wanted."""
    async with asyncio.timeout(30):
        while True:
            found = [decode_hit(record.value) for record in await whole_topic(kafka.bootstrap, f"{prefix}.hits")]
            if wanted(found):
                return found


async def test_a_push_is_live_in_two_workers_at_once_and_a_removal_closes_the_desk(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    topics = await kafka.create_topics(prefix, 2)
    settings = settings_of(kafka, prefix)
    env = {"WIREWATCH_WATCHLISTS": "[]"}
    with Workers(kafka.bootstrap, prefix, tmp_path, env) as workers:
        enrich = workers.start("enrich", "--model", "none", "--processes", "1", number=2)
        (alert,) = workers.start("alert")
        await asyncio.gather(*(asyncio.to_thread(worker.wait_ready) for worker in (*enrich, alert)))

        def rules(worker: Any) -> float:
            total: float = worker.total("wirewatch_watchlist_rules")
            return total

        assert [rules(worker) for worker in enrich] == [0, 0]
        pushed = watchlist("minerals", "neodymium", "cerium")
        assert await push(settings, pushed) == [True]
        assert await until(lambda: all(rules(worker) == 2 for worker in enrich)) < SOON

        async with producing(kafka) as producer:
            for number in range(4):
                article = {"id": f"a{number}", "title": f"Neodymium {number}", "body": "Prices of neodymium rose."}
                article["published_at"] = datetime.now(UTC).isoformat()
                await producer.send_and_wait(topics["raw"], json.dumps(article).encode(), partition=number % 2)
            found = await hits_of(kafka, prefix, lambda found: len(found) == 4)
            assert {(rule.watchlist, rule.version) for hit in found for rule in hit.rules} == {
                ("minerals", pushed.version)
            }
            await until(lambda: alert.total("wirewatch_hits_total") == 4)

            run_command("watchlists", "remove", "minerals", *workers.flags[:4], env=env)
            assert await until(lambda: all(rules(worker) == 0 for worker in enrich)) < SOON
            # One from each worker, and one from the command, which cannot know whether there is any worker.
            closed = await hits_of(kafka, prefix, lambda found: sum(isinstance(hit, Closed) for hit in found) == 3)
            assert {hit.desk for hit in closed if isinstance(hit, Closed)} == {"minerals"}
        stories = [
            record for record in await whole_topic(kafka.bootstrap, topics["stories"]) if record.key[:1] != b"\0"
        ]
        assert stories, "the desk had a story"

        def forgotten() -> bool:
            latest = {r.key: r.value for r in asyncio.run(whole_topic(kafka.bootstrap, topics["stories"]))}
            return all(value is None for key, value in latest.items() if key[:1] != b"\0")

        await until(forgotten)
