"""The main job on a cluster of somebody else: their record shape and topic, SCRAM over TLS, no right too many."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.e2e.main_job import ENV, Job
from tests.kafka.secured import Secured
from tests.worker_processes import Workers
from workers.rights import rights
from workers.sections import Input
from workers.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.shared]
PASSWORD = "not-for-everybody"
TOPIC = "cms.public.stories"
INPUT = {
    "topics": [TOPIC],
    "format": "debezium",
    "map": {
        "id": ["ref"],
        "url": ["links.canonical", "links.amp"],
        "title": ["content.headline", "content.short"],
        "body": ["content.html", "content.text"],
        "source": ["provider.name"],
        "published_at": ["stamps.0.at"],
        "language": ["lang"],
    },
}


def foreign(value: bytes) -> bytes:
    """One of our records as a row of a newsroom's database, as change data capture publishes it."""
    article = json.loads(value)
    names = {"id": "ref", "language": "lang"}
    row = {names[name]: article[name] for name in names if name in article}
    row["links"] = {"amp": article.get("url")}
    row["content"] = {"headline": article.get("title"), "text": article.get("body"), "html": None}
    row["provider"] = {"name": article.get("source")}
    row["stamps"] = [{"at": article.get("published_at")}]
    source = {"connector": "postgresql", "db": "cms", "schema": "public", "table": "stories", "lsn": 24023128}
    change = {"before": None, "after": row, "source": source, "op": "c", "ts_ms": 1767225600000, "transaction": None}
    return json.dumps(change).encode()


def config(folder: Path, secured: Secured, worker: str) -> str:
    """A file of settings for one worker, who logs in as itself."""
    file = folder / f"{worker}.toml"
    given = INPUT["map"]
    assert isinstance(given, dict)
    mapped = "\n".join(f"{name} = {json.dumps(paths)}" for name, paths in given.items())
    file.write_text(
        f'[kafka.security]\nmechanism = "SCRAM-SHA-512"\nusername = "{worker}"\npassword = "{PASSWORD}"\n'
        f'ca = "{secured.ca}"\n[[input]]\ntopics = ["{TOPIC}"]\nformat = "debezium"\n[input.map]\n{mapped}\n'
    )
    return str(file)


def introduce(secured: Secured, settings: Settings, worker: str) -> None:
    """A user who may do what the worker has to, and nothing else."""
    secured.set_password(worker, PASSWORD)
    for right in rights(settings, worker):
        secured.allow(worker, *map(str.upper, right.operations), **{right.kind: right.name, "prefixed": right.prefixed})


@pytest.mark.timeout(900)
async def test_two_thousand_articles_in_a_foreign_shape_with_least_rights(
    secured_kafka: Secured, prefix: str, shared_data: Path, tmp_path: Path
) -> None:
    job = Job(secured_kafka.bootstrap, prefix, tmp_path, shared_data, articles=2000)
    expected = await asyncio.to_thread(job.offline, "--model", "none")
    job.create_topics()
    await secured_kafka.cluster.create_topic(TOPIC, 4)
    good = set(job.good)
    job.values = [foreign(value) if value in good else value for value in job.values]
    await asyncio.to_thread(job.publish_to, TOPIC)
    settings = Settings(prefix=prefix, group=prefix, input=(Input.model_validate(INPUT),))
    started = time.monotonic()
    with Workers(secured_kafka.sasl_ssl, prefix, tmp_path, ENV) as workers:
        all_of_them = []
        for worker, flags in (("enrich", (*job.enrich_flags, "--model", "none", "--processes", "1")), ("alert", ())):
            introduce(secured_kafka, settings, worker)
            settings_file = config(tmp_path, secured_kafka, worker)
            all_of_them += workers.start(worker, "--config", settings_file, *flags, number=2)
        await job.settled(timeout=400, topic=TOPIC)
        elapsed = time.monotonic() - started
        assert [worker.stop() for worker in all_of_them] == [0] * 4
        assert not any(PASSWORD in worker.log.read_text() for worker in all_of_them)
    outcome = await job.outcome()
    outcome.check(expected=expected, bad=job.bad, repeats=False)
    print(f"\n{len(job.values) / elapsed:.0f} articles/s, start-up included; {outcome.described()}")
