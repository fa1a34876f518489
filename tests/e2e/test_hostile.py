"""Hostile records on a real Kafka: nothing stalls, nothing is lost, and what cannot be read is a dead letter."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.odd_headers import send_odd_header
from tests.worker_processes import Workers, run_command
from topics.codec import decode_enriched
from workers.stream.backlog import Backlog

pytestmark = pytest.mark.kafka


def _article(name: str, **fields: Any) -> bytes:
    return json.dumps({"id": name, "body": "The ministers met in Geneva.", **fields}).encode()


@pytest.mark.timeout(240)
async def test_hostile_records_neither_stall_nor_get_lost(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    raw = f"{prefix}.raw"
    run_command("topics", "create", "--brokers", kafka.bootstrap, "--prefix", prefix, "--partitions", "1")
    odd: list[tuple[str, bytes | None]] = [("", b"\xff\xfe"), ("null", None)]
    records: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
        (None, _article("plain"), []),
        (b"tombstone", None, odd),
        (b"", b"", []),
        (b"k" * 900_000, _article("huge-key"), []),
        (None, _article("headers"), [(f"h{n}" if n % 3 else "", None if n % 2 else b"\xff") for n in range(500)]),
        (None, _article("large", body="Taiwan and Japan. " * 190_000), []),
        (None, gzip.compress(b"x" * 50_000_000), []),
        (None, b"\xff" * 1_000_000, odd),
        (None, b"[" * 1_000_000, []),
        (None, _article("token", body="y" * 200_000), []),
        (None, _article("deep", body="<div>" * 20_000 + "Geneva"), []),
        (None, _article("colspan", body="<table><tr><td colspan=100000000>Geneva</td></tr></table>"), []),
        (None, _article("last"), []),
    ]
    good = {
        "plain",
        "huge-key",
        "headers",
        "large",
        "token",
        "deep",
        "colspan",
        "last",
        "odd-0",
        "odd-1",
        "odd-2",
        "end",
    }
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=8_000_000)
    await producer.start()
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        for key, value, headers in records:
            await producer.send_and_wait(raw, value, key=key, headers=headers)
        nothing = producer.create_batch()
        nothing.append(key=None, value=None, timestamp=None)
        nothing.close()
        await (await producer.send_batch(nothing, raw, partition=0))
        await send_odd_header(kafka.bootstrap, raw, [_article(f"odd-{n}") for n in range(3)])
        await producer.send_and_wait(raw, _article("end"))
        await producer.stop()
        (enrich,) = workers.start("enrich", "--model", "none", "--processes", "2")
        async with asyncio.timeout(150), Backlog(kafka.bootstrap, {f"{prefix}-enrich": [raw]}) as backlog:
            await backlog.wait()
        assert enrich.total("wirewatch_unaccounted") == 0
        assert enrich.stop() == 0
    enriched = [decode_enriched(record.value).id for record in await whole_topic(kafka.bootstrap, f"{prefix}.enriched")]
    assert sorted(enriched) == sorted(good)
    dead = await whole_topic(kafka.bootstrap, f"{prefix}.dead-letters")
    found = [(record.key, record.value, dict(record.headers)["wirewatch.errors.reason"]) for record in dead]
    assert found == [
        (b"tombstone", None, b"empty_value"),
        (b"", b"", b"empty_value"),
        (None, records[6][1], b"not_json"),
        (None, records[7][1], b"invalid_utf8"),
        (None, records[8][1], b"too_deep"),
        (None, None, b"empty_value"),
    ]
    assert list(dead[0].headers[:2]) == odd


@pytest.mark.timeout(120)
async def test_a_topic_written_in_transactions_is_read_to_its_end(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    """The marker after a transaction has an offset and no record: neither lag nor anything unaccounted is left."""
    raw = f"{prefix}.raw"
    run_command("topics", "create", "--brokers", kafka.bootstrap, "--prefix", prefix, "--partitions", "1")
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=prefix) as producer:
        for number in range(3):
            async with producer.transaction():
                await producer.send_and_wait(raw, _article(f"in-{number}"))
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        (enrich,) = workers.start("enrich", "--model", "none", "--processes", "1")
        async with asyncio.timeout(60), Backlog(kafka.bootstrap, {f"{prefix}-enrich": [raw]}) as backlog:
            await backlog.wait()
        async with asyncio.timeout(20):
            while await asyncio.to_thread(enrich.total, "wirewatch_committed_offset") < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert enrich.total("wirewatch_lag_records") == 0
        assert enrich.total("wirewatch_unaccounted") == 0
        assert enrich.stop() == 0
    assert len(await whole_topic(kafka.bootstrap, f"{prefix}.enriched")) == 3
