"""The runbook's “Upgrade” and “Scale”, done to the letter on a real Kafka while articles come.

It is the same version that is rolled here; that readers accept what newer writers add is in
tests/contract/test_compatibility.py.
"""

import re
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer

from tests.by_hand import Site
from tests.kafka.broker import Cluster
from tests.runbook import section
from tests.worker_processes import WorkerProcess, until
from topics.codec import encode
from topics.stories import CURSOR_KEY, SCHEMA, Cursor
from workers.alerting.marks import Mark

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


async def all_is_out_once(site: Site, articles: list[str]) -> None:
    """Each article as enriched, with its hit; each alert at its sink. None is missing and none repeated."""
    once = dict.fromkeys(articles, 1)
    assert await site.enriched() == once
    alerts = await site.alerts()
    assert Counter(alert.article.id for alert in alerts) == once
    assert Counter(alert.id for alert in await site.alerts("copy")) == {alert.id: 1 for alert in alerts}


def assigned(worker: WorkerProcess) -> float:
    return worker.total("wirewatch_assigned_partitions")


async def test_an_upgrade_loses_and_repeats_nothing(kafka: Cluster, site: Site) -> None:
    order = list(dict.fromkeys(re.findall(r"alert|enrich|deliver", section("Upgrade").split(":")[0].lower())))
    assert sorted(order) == ["alert", "deliver", "enrich"]
    site.settle_in("trade")
    await site.make_topics(kafka, 2)
    workers = dict(zip(order, await site.start(*order), strict=True))
    async with site.load() as articles:
        await until(lambda: workers["alert"].total("wirewatch_alerts_total") > 0)
        for kind in order:
            await site.stop(workers[kind])
            await site.start_again(workers[kind])
        rolled = len(articles)
        await until(lambda: len(articles) > rolled + 20)
    await site.settled("enrich", "alert", "deliver")
    await all_is_out_once(site, articles)


async def test_replicas_more_and_a_replica_less_lose_and_repeat_nothing(kafka: Cluster, site: Site) -> None:
    assert "more stand by" in section("Scale")
    site.settle_in("trade")
    await site.make_topics(kafka, 2)
    one, *_ = await site.start("enrich", "alert", "deliver")
    async with site.load() as articles:
        replicas = [one, *await site.start("enrich", "enrich")]
        await until(lambda: sorted(map(assigned, replicas)) == [0, 1, 1])
        busy = [replica for replica in replicas if assigned(replica)]
        await until(lambda: all(replica.total("wirewatch_processed_articles_total") > 10 for replica in busy))
        await site.stop(busy[0])
        replicas.remove(busy[0])
        await until(lambda: list(map(assigned, replicas)) == [1, 1])
        then = len(articles)
        await until(lambda: len(articles) > then + 20)
    await site.settled("enrich", "alert", "deliver")
    await all_is_out_once(site, articles)


async def test_an_older_alert_ends_where_a_newer_one_has_written_another_kind_of_state(
    kafka: Cluster, site: Site
) -> None:
    assert "exit code 78" in section("Upgrade")
    site.settle_in()
    await site.make_topics(kafka, 1)
    newer = encode(Cursor(v=SCHEMA + 1, next=0, alerts_end=0))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(site.topic("stories"), newer, key=CURSOR_KEY, headers=[Mark(0, 0).header()])
    (alert,) = site.workers.start("alert")
    await until(lambda: not alert.running)
    assert alert.stop() == 78
    assert f"is newer than this version's {SCHEMA}" in alert.tail()
