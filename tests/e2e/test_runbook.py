"""The runbook's “First, always” and “By hand”, done to the letter on a real Kafka: its commands are read and run.

“Upgrade” and “Scale” are in test_runbook_load.py, what is done to topics in test_runbook_partitions.py. “Rotate
credentials” is done in test_security.py, “Redrive dead letters” in tests/image/test_night.py.
"""

import asyncio
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.alert_stage import publish
from tests.by_hand import Site, article
from tests.hit_logs import hit
from tests.kafka.broker import Cluster
from tests.runbook import commands
from tests.worker_processes import until
from topics.records import Alert

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

URL = "https://news.example/mines?page=1&part=2"
EXAMPLE = "2026-01-31T06:00:00.000"
"""The moment that the runbook has."""


async def group_of(site: Site, worker: str) -> str:
    """As the runbook says one finds it."""
    (group,) = re.findall(rf"group {worker}: (\S+)", await site.run(f"wirewatch check --worker {worker}"))
    return str(group)


async def set_back(site: Site, group: str, topic: str, to: datetime) -> str:
    """What “Replay” does to a worker's group; what Kafka's tool says."""
    _, reset = commands("Replay")
    moment = to.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return await site.follow(reset, GROUP=group, TOPIC=site.topic(topic), **{EXAMPLE: moment})


async def test_what_is_done_first_says_what_is_wrong_and_where_an_article_is(kafka: Cluster, site: Site) -> None:
    check, curl, trace = commands("First, always")
    site.settle_in("trade")
    await site.make_topics(kafka, 2)
    workers = await site.start("enrich", "alert", "deliver")
    await site.publish(article(1, url=URL))
    await site.settled("enrich", "alert", "deliver")
    assert "\n0 wrong" in await site.follow(check)
    for worker in workers:
        assert await site.follow(curl, **{"WORKER:9464": f"127.0.0.1:{worker.port}"}) == "ok\n"
        assert await site.run(f"curl -s 127.0.0.1:{worker.port}/livez") == "ok\n"
    for asked in ("a1", URL):
        said = await site.follow(trace, **{"ID|URL": asked})
        assert URL in said
        assert re.search(r"\bcopy\b.*deliver", said), said


async def test_articles_that_are_replayed_ring_nobody_but_for_what_a_desk_does_not_know(
    kafka: Cluster, site: Site
) -> None:
    """The first article becomes too old to ring while this goes on."""
    site.settle_in("known", max_alert_age=60)
    await site.make_topics(kafka, 2, raw=1)
    enrich, *_ = await site.start("enrich", "alert", "deliver")
    began = datetime.now(UTC)
    stale = began + timedelta(seconds=10)
    await site.publish(article(1, published_at=(stale - timedelta(seconds=60)).isoformat()))
    await site.settled("enrich", "alert", "deliver")
    await asyncio.to_thread(time.sleep, 0.01)  # articles' times are in milliseconds
    between = datetime.now(UTC)
    await site.publish(article(2, "Rare earths and gallium are short."))
    await site.settled("enrich", "alert", "deliver")
    assert [alert.kind for alert in await site.alerts()] == ["hit", "hit"]
    told = Counter(alert.id for alert in await site.alerts("copy"))

    group = await group_of(site, "enrich")
    assert "inactive" in await set_back(site, group, "raw", between)  # it has a member still
    await site.stop(enrich)
    describe, _ = commands("Replay")
    assert "no active members" in await site.follow(describe, GROUP=group)
    await set_back(site, group, "raw", between)
    await site.start_again(enrich)
    await site.settled("enrich", "alert", "deliver")
    assert await site.enriched() == {"a1": 1, "a2": 2}
    assert Counter(alert.id for alert in await site.alerts("copy")) == told

    await site.stop(enrich)
    site.watch("new", "rare earths")
    site.watch("young", "gallium")
    await until(lambda: datetime.now(UTC) > stale)
    await set_back(site, group, "raw", began - timedelta(hours=1))
    await site.start_again(enrich)
    await site.settled("enrich", "alert")
    assert await site.enriched() == {"a1": 2, "a2": 3}
    assert enrich.total("wirewatch_latency_seconds_sum") > (stale - began).total_seconds()  # it is as late as that
    found = await told_by(site, 4)
    assert {(alert.desk, alert.kind, alert.counts.articles) for alert in found if alert.id not in told} == {
        ("new", "digest", 2),
        ("young", "hit", 1),
    }
    assert sum(alert.desk == "known" for alert in found) == 2


async def told_by(site: Site, number: int) -> list[Alert]:
    """All alerts, once there are so many: a digest goes out some seconds later than it was clear."""
    async with asyncio.timeout(60):
        while len(found := await site.alerts()) < number:  # noqa: ASYNC110 - brokers tell nobody
            await asyncio.sleep(0.2)
    return found


async def test_hits_that_are_replayed_change_nothing_and_alerts_are_sent_again(kafka: Cluster, site: Site) -> None:
    site.settle_in()
    await site.make_topics(kafka, 2)
    began = datetime.now(UTC)
    await publish(kafka.bootstrap, site.topic("hits"), [(n % 2, hit(f"a{n}", topic=n)) for n in range(4)])
    alert, deliver = await site.start("alert", "deliver")
    await site.settled("alert", "deliver")
    before = await site.alerts()

    await site.stop(alert)
    await set_back(site, await group_of(site, "alert"), "hits", began - timedelta(hours=1))
    await site.start_again(alert)
    await publish(kafka.bootstrap, site.topic("hits"), [(0, hit("a4", topic=4))])
    await site.settled("alert", "deliver")
    after = await site.alerts()
    assert len(after) == len(before) + 1 == 5
    copies = Counter(alert.id for alert in await site.alerts("copy"))
    assert copies == {alert.id: 1 for alert in after}

    await site.stop(deliver)
    await set_back(site, await group_of(site, "deliver"), "alerts", began - timedelta(hours=1))
    await site.start_again(deliver)
    await site.settled("deliver")
    assert Counter(alert.id for alert in await site.alerts("copy")) == {alert.id: 2 for alert in after}
