"""2,000 real articles through two workers of each kind on a real Kafka."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e import main_job
from tests.e2e.main_job import MALFORMED, Outcome
from tests.kafka.broker import Cluster
from tests.worker_processes import Workers, run_command

ARTICLES = 2000
pytestmark = [pytest.mark.kafka, pytest.mark.shared]


@pytest.mark.timeout(600)
async def test_every_article_is_enriched_once_and_every_alert_is_that_of_the_fold(
    kafka: Cluster, prefix: str, shared_data: Path, tmp_path: Path
) -> None:
    good = main_job.articles(shared_data, ARTICLES)
    values = main_job.mixed(good, [value for value in MALFORMED if value])
    watchlists = main_job.watchlists(tmp_path / "watchlists")
    source = tmp_path / "articles.jsonl"
    source.write_bytes(b"\n".join(good) + b"\n")
    published = tmp_path / "published.jsonl"
    published.write_bytes(b"\n".join(values) + b"\n")
    expected = run_command("annotate", str(source), "-w", str(watchlists), timeout=400)

    flags = ("--brokers", kafka.bootstrap, "--prefix", prefix)
    run_command("topics", "create", *flags, "--partitions", "4")
    run_command("publish", str(published), *flags)
    started = time.monotonic()
    with Workers(kafka.bootstrap, prefix, tmp_path) as workers:
        enrich = workers.start("enrich", "-w", str(watchlists), "--processes", "1", number=2)
        alert = workers.start("alert", number=2)
        await main_job.settled(kafka.bootstrap, prefix, timeout=300)
        elapsed = time.monotonic() - started
        assert [worker.stop() for worker in (*enrich, *alert)] == [0, 0, 0, 0]
    outcome = await Outcome.read(kafka.bootstrap, prefix)
    outcome.check(expected=expected, bad=[value for value in MALFORMED if value], repeats=False)
    print(
        f"\n{len(values) / elapsed:.0f} articles/s with start-up; {len(outcome.hits)} hits, {len(outcome.alerts)} alerts"
    )
    assert datetime.now(UTC)
