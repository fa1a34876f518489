"""The list of sources in a running worker: followed as it is saved, and measured; a wrong one refused at the start."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.demo_process import eventually
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import Workers, run_command
from topics.codec import decode_enriched, decode_hit
from topics.records import Hit

pytestmark = pytest.mark.kafka

WATCHLIST = "id: minerals\nrules:\n  - {id: earths, terms: [rare earths], sources: [wire, stringer]}\n"
FIRST = "sources:\n  - {id: wire, hosts: [wire.example], owner: group, expect_every: 15m}\n"
SECOND = FIRST + "  - {id: stringer, hosts: [blog.wire.example], boilerplate: ['^Follow me']}\n"


def article(number: int, host: str) -> bytes:
    body = f"Rare earths again, {number}.\n\nFollow me for rare earths."
    return json.dumps({"id": f"a{number}", "body": body, "url": f"https://{host}/{number}"}).encode() + b"\n"


async def test_a_worker_follows_the_list_and_measures_each_source(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    sources, watchlist = tmp_path / "sources.yaml", tmp_path / "watchlist.yaml"
    sources.write_text(FIRST)
    watchlist.write_text(WATCHLIST)
    await kafka.create_topics(prefix, partitions=1)
    env = {"WIREWATCH_BROKERS": kafka.bootstrap, "WIREWATCH_PREFIX": prefix}
    flags = ["--model", "none", "--processes", "1", "--watchlist", str(watchlist), "--sources", str(sources)]

    def published(number: int, host: str) -> None:
        run_command("publish", "-", env=env, data=article(number, host))

    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        (enrich,) = workers.start("enrich", *flags)
        await asyncio.to_thread(enrich.wait_ready)

        def total(name: str, **labels: str) -> float:
            return enrich.total(f"wirewatch_{name}", **labels)

        async def until(name: str, value: float, **labels: str) -> None:
            assert await asyncio.to_thread(eventually, lambda: total(name, **labels) == value, 30), enrich.tail()

        assert total("source_expect_every_seconds", source="wire") == 900
        assert total("source_active", source="wire") == 1
        await asyncio.to_thread(published, 1, "blog.wire.example")
        await until("processed_articles_total", 1, outcome="enriched")
        sources.write_text(SECOND)
        await until("sources_reloads_total", 2, result="ok")
        await asyncio.to_thread(published, 2, "blog.wire.example")
        await asyncio.to_thread(published, 3, "stranger.example")
        await until("boilerplate_paragraphs_total", 1, source="stringer")
        await until("processed_articles_total", 3, outcome="enriched")
        assert total("source_age_seconds", source="stringer") < 30
        assert total("source_age_seconds", source="wire") > total("source_age_seconds", source="stringer")
        assert total("source_age_seconds", source="stranger.example") == 0, "no series"
        assert enrich.stop() == 0
    await _check(kafka, prefix)


async def _check(kafka: Cluster, prefix: str) -> None:
    enriched = [decode_enriched(r.value) for r in await whole_topic(kafka.bootstrap, f"{prefix}.enriched")]
    assert {a.id: (a.source, a.removed) for a in enriched} == {
        "a1": ("wire", ()),
        "a2": ("stringer", ("Follow me for rare earths.",)),
        "a3": (None, ()),
    }
    hits: list[Any] = [decode_hit(record.value) for record in await whole_topic(kafka.bootstrap, f"{prefix}.hits")]
    found = {hit.article_id: (hit.source, hit.owner) for hit in hits if isinstance(hit, Hit)}
    assert found == {"a1": ("wire", "group"), "a2": ("stringer", None)}


def test_a_worker_does_not_begin_with_a_list_that_is_wrong(kafka: Cluster, prefix: str, tmp_path: Path) -> None:
    sources = tmp_path / "sources.yaml"
    sources.write_text("sources:\n  - {id: wire, expect_every: often}\n")
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        flags = ["--model", "none", "--processes", "1", "--sources", str(sources)]
        (enrich,) = workers.start("enrich", *flags)
        assert eventually(lambda: not enrich.running, 60)
        assert enrich.stop() == 78
        log = enrich.log.read_text()
        assert f"{sources}:2: sources[0].expect_every: expected a time from 1s to 30d" in log
        assert "Traceback" not in log
