"""Other people's topics on a real Kafka: a registry that is away costs time and nothing else; a database's rows."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.producers import ARTICLE_SCHEMA, avro, debezium, framed, row
from tests.schema_registry import SchemaRegistry
from tests.worker_processes import WorkerProcess, Workers, run_command
from topics.codec import decode_enriched
from workers.dead_letters import PREFIX

pytestmark = pytest.mark.kafka

CONFIG = """
model = "none"

[enrich]
processes = 1
stalled_after = 2
drain = 1

[[input]]
topics = ["{prefix}-avro"]
format = "avro"
registry = {{url = "{url}"}}

[[input]]
topics = "{prefix}-cdc-.*"
format = "debezium"
deletes = "withdraw"
map = {{title = "headline", published_at = "created"}}
source = "cms"
"""


async def _send(bootstrap: str, topic: str, values: Sequence[bytes | None]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(topic, value, key=b"k") for value in values])
    finally:
        await producer.stop()


def _readiness(worker: WorkerProcess) -> str:
    try:
        with urlopen(f"http://127.0.0.1:{worker.port}/readyz", timeout=5) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        return error.read().decode()
    except OSError as error:
        return str(error)


async def _until(done: Callable[[], bool], worker: WorkerProcess, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        assert worker.running, worker.tail()
        assert time.monotonic() < deadline, worker.tail()
        await asyncio.sleep(0.1)


def _waits(worker: WorkerProcess) -> int:
    return worker.tail(1_000_000).count("waiting for the schema registry")


@pytest.mark.timeout(240)
async def test_a_registry_that_is_away_is_waited_for_and_nothing_is_a_dead_letter_for_it(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    registry = SchemaRegistry()
    registry.add(42, ARTICLE_SCHEMA)
    config = tmp_path / "wirewatch.toml"
    config.write_text(CONFIG.format(prefix=prefix, url=registry.url))
    names = await kafka.create_topics(prefix, partitions=1)
    rows, articles = f"{prefix}-cdc-articles", f"{prefix}-avro"
    for name in (rows, articles):
        await kafka.create_topic(name)
    await _send(
        kafka.bootstrap,
        articles,
        [avro(ARTICLE_SCHEMA, {"id": f"a{n}", "title": "Talks", "body": f"Text {n}."}) for n in range(40)],
    )
    await _send(kafka.bootstrap, rows, [debezium("c", None, row()), debezium("d", row(), None), None, debezium("t")])
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        (worker,) = workers.start("enrich", "--config", str(config))
        worker.wait_up()
        # Longer than a standstill may last: the rows get through meanwhile, and the worker stays alive.
        await _until(lambda: _waits(worker) >= 4, worker)
        assert "no answer from the schema registry" in _readiness(worker)
        assert worker.total("wirewatch_processed_articles_total") == 4
        assert worker.total("wirewatch_dead_letters_total") == 0
        assert worker.stop() == 0  # told to stop while it waits, it leaves what it has not done to the next
        (worker,) = workers.start("enrich", "--config", str(config))
        worker.wait_up()
        async with registry:
            await _until(lambda: worker.total("wirewatch_processed_articles_total") == 40, worker)
            assert worker.total("wirewatch_dead_letters_total") == 0
            worker.wait_ready()
            assert worker.total("wirewatch_input_missing_total") == 80  # neither a URL nor a date
            await _send(kafka.bootstrap, articles, [framed(43, b"what nobody registered")])
            await _until(lambda: worker.total("wirewatch_dead_letters_total") == 1, worker)
            assert worker.stop() == 0
    enriched = [decode_enriched(record.value) for record in await whole_topic(kafka.bootstrap, names["enriched"])]
    assert sorted(article.id for article in enriched) == sorted([*(f"a{n}" for n in range(40)), "7"])
    hits = [json.loads(record.value) for record in await whole_topic(kafka.bootstrap, names["hits"])]
    assert [hit["article_id"] for hit in hits if hit["type"] == "withdrawn"] == ["7"]
    (letter,) = await whole_topic(kafka.bootstrap, names["dead-letters"])
    assert letter.value == framed(43, b"what nobody registered")
    assert f"the registry at {registry.url} has no schema 43" in dict(letter.headers)[f"{PREFIX}message"].decode()


SAMPLED = """
model = "none"

[kafka]
request_timeout = 5

[enrich]
processes = 1

[[input]]
topics = ["{prefix}-cms"]
map = {{title = "meta.headline", body = ["content.html", "content.text"], url = "meta.link", published_at = "pubDate"}}
dates = ["%d.%m.%Y %H:%M"]
timezone = "Europe/Berlin"

[[input]]
topics = ["{prefix}-avro"]
format = "avro"
registry = {{url = "{url}"}}
"""


@pytest.mark.timeout(240)
async def test_a_sample_tells_how_a_topic_is_read(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    registry = SchemaRegistry()
    config = tmp_path / "wirewatch.toml"
    config.write_text(SAMPLED.format(prefix=prefix, url=registry.url))
    flags = ("annotate", "--brokers", kafka.bootstrap, "--config", str(config))
    topic, framed_topic = f"{prefix}-cms", f"{prefix}-avro"
    await kafka.create_topic(topic, partitions=3)
    await kafka.create_topic(framed_topic)
    article = {"meta": {"headline": "Talks"}, "content": {"html": "<p>Text.</p>"}, "pubDate": "02.11.2026 13:00"}
    values = [json.dumps(article).encode()] * 8 + [b"no json", framed(1, b"xy")]
    await _send(kafka.bootstrap, topic, [b'{"meta": "old"}'] * 5 + values)  # one key: all in one partition
    found = json.loads(await asyncio.to_thread(run_command, *flags, "--from", topic, "--sample", "10", "--json"))
    assert (found["records"], found["articles"], found["enriched"]) == (10, 8, 8)
    assert {name: number for name, number in found["fields"].items() if number} == {
        "title": 8,
        "body": 8,
        "published_at": 8,
    }
    assert found["expected"] == ["title", "body", "url", "published_at"]
    assert {bad["reason"]: bad["records"] for bad in found["bad"]} == {"not_json": 1, "schema_registry": 1}
    assert (found["article"]["body"], found["article"]["published_at"]) == ("<p>Text.</p>", "2026-11-02T12:00:00Z")
    await _send(kafka.bootstrap, framed_topic, [avro(ARTICLE_SCHEMA, {"id": "a1", "title": "Talks"})])
    with pytest.raises(AssertionError, match=r"exit code 1: .*no answer from the schema registry"):
        await asyncio.to_thread(run_command, *flags, "--from", framed_topic)
    registry.add(42, ARTICLE_SCHEMA)
    async with registry:
        found = json.loads(await asyncio.to_thread(run_command, *flags, "--from", framed_topic, "--json"))
    assert (found["format"], found["fields"]["title"]) == ("avro", 1)
