"""2,000 real articles, with malformed records among them, through two workers of each kind on a real Kafka."""

import time
from pathlib import Path

import pytest

from tests.e2e.main_job import ENV, Job
from tests.kafka.broker import Cluster
from tests.worker_processes import Workers

pytestmark = [pytest.mark.kafka, pytest.mark.shared]


@pytest.mark.timeout(900)
async def test_every_article_is_enriched_once_and_every_alert_is_that_of_the_fold(
    kafka: Cluster, prefix: str, shared_data: Path, tmp_path: Path
) -> None:
    job = Job(kafka.bootstrap, prefix, tmp_path, shared_data, articles=2000)
    expected = job.offline()
    job.create_topics()
    job.publish()
    started = time.monotonic()
    with Workers(kafka.bootstrap, prefix, tmp_path, ENV) as workers:
        enrich = workers.start("enrich", *job.enrich_flags, "--processes", "1", number=2)
        alert = workers.start("alert", number=2)
        await job.settled(timeout=500)
        elapsed = time.monotonic() - started
        folded = [worker.total("wirewatch_consumed_records_total") for worker in alert]
        processed = [worker.total("wirewatch_processed_articles_total") for worker in enrich]
        assert [worker.stop() for worker in (*enrich, *alert)] == [0, 0, 0, 0]
    assert all(folded), "both alert workers fold hits"
    assert sum(processed) == len(job.values)
    outcome = await job.outcome()
    outcome.check(expected=expected, bad=job.bad, repeats=False)
    print(f"\n{len(job.values) / elapsed:.0f} articles/s, start-up included; {outcome.described()}")
