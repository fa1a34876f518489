"""What is done to topics: the runbook's “Change the number of partitions” and “Lost the cluster”, done to the letter
on a real Kafka, and the commands that ours print for Kafka's tools.
"""

import asyncio
import re
from collections import Counter, defaultdict

import pytest

from tests.by_hand import Site, article
from tests.conftest import KafkaFactory
from tests.e2e.conftest import MakeSite
from tests.kafka.broker import Cluster
from tests.kafka.secured import Secured
from tests.runbook import commands
from tests.worker_processes import WorkerProcess, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

DESKS = tuple(f"desk-{n}" for n in range(6))


async def test_an_input_gets_a_partition_that_is_read_from_its_beginning(kafka: Cluster, site: Site) -> None:
    alter, *_ = commands("Change the number of partitions")
    site.settle_in("trade")
    await site.make_topics(kafka, 1)
    (enrich,) = await site.start("enrich")
    await site.follow(alter, TOPIC=site.topic("raw"), NUMBER="2")
    await site.publish(article(1), partition=1)  # it has not noticed yet
    await until(lambda: enrich.total("wirewatch_processed_articles_total") > 0)
    assert await site.enriched() == {"a1": 1}


async def desks_by_partition(site: Site) -> dict[str, list[int]]:
    """Where each desk's hits are, in the order in which it came there."""
    found: dict[str, list[int]] = defaultdict(list)
    for record in await site.read("hits"):
        if record.key is not None and record.partition not in found[record.key.decode()]:
            found[record.key.decode()].append(record.partition)
    return found


async def told(site: Site) -> Counter[tuple[str, str]]:
    """How often each desk was alerted on each article."""
    return Counter((alert.desk, alert.article.id) for alert in await site.alerts())


async def has_read_all(site: Site, describe: str) -> bool:
    """By the column LAG of the group's description."""
    rows = [line.split() for line in (await site.follow(describe, GROUP=f"{site.prefix}-alert")).splitlines()]
    lag = next(row.index("LAG") for row in rows if "LAG" in row)
    return {row[lag] for row in rows if row[:1] == [f"{site.prefix}-alert"]} == {"0"}


async def test_hits_alerts_and_stories_get_partitions_together_and_nothing_is_lost(kafka: Cluster, site: Site) -> None:
    _, describe, alter, check = commands("Change the number of partitions")
    site.settle_in(*DESKS)
    await site.make_topics(kafka, 2)
    enrich, alert, _ = await site.start("enrich", "alert", "deliver")
    await site.publish(article(1), article(2))
    await site.settled("enrich")

    await site.stop(enrich)
    while not await has_read_all(site, describe):
        pass
    await site.stop(alert)
    await site.follow(alter, NUMBER="5", **{"news.": f"{site.prefix}."})
    assert re.search(r"fine +equal partitions", await site.follow(check))
    await site.start_again(alert)
    await site.start_again(enrich)
    await site.publish(article(2, id="again"), article(3))  # the first of a story that goes on
    await site.settled("enrich", "alert", "deliver")
    moved = {desk for desk, partitions in (await desks_by_partition(site)).items() if len(partitions) > 1}
    assert 0 < len(moved) < len(DESKS)
    wanted = {(desk, f"a{n}") for desk in DESKS for n in (1, 2, 3)} | {(desk, "again") for desk in moved}
    assert await told(site) == dict.fromkeys(wanted, 1)
    assert Counter(one.id for one in await site.alerts("copy")) == {one.id: 1 for one in await site.alerts()}


async def test_where_two_of_the_three_are_forgotten_alert_says_so_and_nothing_is_lost(
    kafka: Cluster, site: Site
) -> None:
    alter, *_ = commands("Change the number of partitions")
    site.settle_in(*DESKS)
    await site.make_topics(kafka, 2)
    await site.follow(alter, TOPIC=site.topic("hits"), NUMBER="9")
    (enrich,) = await site.start("enrich")
    (alert,) = site.workers.start("alert")
    await site.publish(article(1))
    said = await says(alert, "same number of partitions")
    await until(lambda: enrich.total("wirewatch_hits_total") == len(DESKS))
    held = {desk for desk, (partition,) in (await desks_by_partition(site)).items() if partition > 1}
    assert held
    missing = re.findall(r"kafka-topics\.sh [^;]+ --partitions 9", said)
    assert len(missing) == 2
    for command in missing:
        await site.run(command)
    await asyncio.to_thread(alert.wait_ready)
    await site.settled("alert")
    assert await told(site) == {(desk, "a1"): 1 for desk in DESKS}


async def says(worker: WorkerProcess, reason: str) -> str:
    """What /readyz has, once it has this."""
    await until(lambda: reason in worker.asked("readyz")[1])
    return worker.asked("readyz")[1]


async def test_with_the_cluster_lost_all_goes_on_on_another(
    kafka: Cluster, kafka_cluster: KafkaFactory, make_site: MakeSite
) -> None:
    """The broker that tests share is the one that is lost: nothing is taken from it."""
    create, acls, push, check = commands("Lost the cluster")
    old = make_site(kafka)
    old.settle_in()
    await old.make_topics(kafka, 2)
    pushed = old.watch("minerals", "rare earths", folder="pushed")
    await old.follow(push, FILE=str(pushed))
    workers = await old.start("enrich", "alert", "deliver")
    await old.publish(article(1), article(2))
    await old.settled("enrich", "alert", "deliver")
    before = Counter(one.id for one in await old.alerts("copy"))
    assert len(before) == 2
    for worker in workers:
        worker.kill()

    cluster = await asyncio.to_thread(kafka_cluster, 1)
    new = make_site(cluster)
    new.settle_in()
    await new.follow(create, NUMBER="2")
    await cluster.create_topic(new.topic("copy"))  # a sink's topic is its owner's
    assert f"--group {new.prefix}-enrich" in await new.follow(acls)
    await new.follow(push, FILE=str(pushed))
    assert re.search(r"^0 wrong", await new.follow(check), re.MULTILINE)
    await new.start("enrich", "alert", "deliver")
    await new.publish(article(2), article(3))
    await new.settled("enrich", "alert", "deliver")
    assert sorted(one.article.id for one in await new.alerts()) == ["a2", "a3"]


async def test_what_check_says_is_wrong_is_mended_by_the_commands_that_it_prints(kafka: Cluster, site: Site) -> None:
    site.settle_in("trade")
    await kafka.create_topic(site.topic("hits"), 2, retention_ms="3600000")
    await kafka.create_topic(site.topic("alerts"), 1, message_timestamp_type="LogAppendTime")
    await site.make_topics(kafka, 2)
    said = await site.run("wirewatch check")
    remedies = re.findall(r"→ (kafka-\S+\.sh .*)", said)
    assert len(remedies) == 3, said
    for remedy in remedies:
        await site.run(remedy)
    assert re.search(r"^0 wrong", await site.run("wirewatch check"), re.MULTILINE)


async def test_what_is_printed_for_an_administrator_is_taken_by_kafkas_tools(
    secured_kafka: Secured, make_site: MakeSite
) -> None:
    site = make_site(secured_kafka.cluster)
    site.settle_in()
    for topic in ("stories", "dead-letters"):  # those with the most settings
        await site.run(f"wirewatch topics create --print --partitions 2 | grep {site.topic(topic)} | bash")
    listed = await site.run("wirewatch topics list")
    assert listed.count(" partitions") == 2, listed
    said = await site.run(f"wirewatch topics list --acls --worker resume --principal User:{site.prefix} | bash")
    assert said.count(f"principal=User:{site.prefix}") >= 2, said
