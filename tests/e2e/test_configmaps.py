"""What a worker reads from ConfigMaps: a change is taken, a wrong one is not, and is said until it is mended."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configmap import ConfigMap
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers, run_command, until
from topics.codec import decode_hit
from topics.records import Hit

pytestmark = pytest.mark.kafka

RELOADS, REFUSED = "wirewatch_{}_reloads_total", "wirewatch_refused_{}"


def watchlist(term: str) -> dict[str, str]:
    return {"w.yaml": f"id: w\nrules:\n  - {{id: r, terms: [{term}]}}\n"}


def sources(expect: str) -> dict[str, str]:
    return {"sources.yaml": f"sources:\n  - {{id: wire, hosts: [wire.example], expect_every: {expect}}}\n"}


@pytest.mark.parametrize("named", ["", "w.yaml"])
async def test_a_wrong_watchlist_is_not_taken_and_is_said_until_it_is_mended(
    kafka: Cluster, prefix: str, tmp_path: Path, named: str
) -> None:
    await kafka.create_topics(prefix, partitions=1)
    mounted = ConfigMap(tmp_path / "watchlists", watchlist("taiwan"))
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        enrich = await _started(workers, "--watchlist", str(mounted.folder / named))
        mounted.update({"w.yaml": "id: w\nrules:\n  - {id: r, trems: [malaysia]}\n"})
        await until(lambda: enrich.total(RELOADS.format("watchlist"), result="failed") == 1)
        assert enrich.total(REFUSED.format("watchlists")) == 1
        assert enrich.asked("readyz")[0] == 200
        assert "w.yaml:3: rules[0].trems: expected “terms”" in _said(enrich, "watchlists.refused")
        assert await _rules_met(kafka, prefix, enrich) == {"taiwan"}
        mounted.update(watchlist("malaysia"))
        await until(lambda: enrich.total(RELOADS.format("watchlist"), result="ok") == 2)
        assert enrich.total(REFUSED.format("watchlists")) == 0
        assert await _rules_met(kafka, prefix, enrich) == {"taiwan", "malaysia"}
        assert enrich.total(RELOADS.format("watchlist"), result="failed") == 1


async def test_a_wrong_list_of_sources_is_not_taken_and_is_said_until_it_is_mended(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    await kafka.create_topics(prefix, partitions=1)
    mounted = ConfigMap(tmp_path / "sources", sources("15m"))
    expected: Callable[[], float] = lambda: enrich.total("wirewatch_source_expect_every_seconds", source="wire")  # noqa: E731
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        enrich = await _started(workers, "--sources", str(mounted.folder / "sources.yaml"))
        mounted.update(sources("often"))
        await until(lambda: enrich.total(RELOADS.format("sources"), result="failed") == 1)
        assert enrich.total(REFUSED.format("files"), file="sources") == 1
        assert enrich.asked("readyz")[0] == 200
        assert "sources.yaml:2: sources[0].expect_every: expected a time" in _said(enrich, "sources.refused")
        assert expected() == 900
        mounted.update(sources("30m"))
        await until(lambda: enrich.total(RELOADS.format("sources"), result="ok") == 2)
        assert enrich.total(REFUSED.format("files"), file="sources") == 0
        assert expected() == 1800


async def _started(workers: Workers, *flags: str) -> WorkerProcess:
    (enrich,) = workers.start("enrich", "--model", "none", "--processes", "1", *flags)
    await asyncio.to_thread(enrich.wait_ready)
    return enrich


def _said(worker: WorkerProcess, event: str) -> str:
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return " ".join(str(line["problems"]) for line in lines if line["event"] == event)


async def _rules_met(kafka: Cluster, prefix: str, enrich: WorkerProcess) -> set[str]:
    """What was found of two articles, and of all before: one that the first watchlist is for, and one for the last."""
    settled = enrich.total("wirewatch_processed_articles_total")
    for place in ("Taiwan", "Malaysia"):
        data = json.dumps({"title": f"{place} {settled:.0f}", "body": f"{place} exports chips."}).encode()
        await asyncio.to_thread(
            run_command, "publish", "-", "--brokers", kafka.bootstrap, "--prefix", prefix, data=data + b"\n"
        )
    await until(lambda: enrich.total("wirewatch_processed_articles_total") == settled + 2)
    hits = [decode_hit(record.value) for record in await whole_topic(kafka.bootstrap, f"{prefix}.hits")]
    return {proof.text.lower() for hit in hits if isinstance(hit, Hit) for rule in hit.rules for proof in rule.evidence}
