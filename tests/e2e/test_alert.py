"""The alert worker on a real broker: what it publishes is what the offline fold makes of the same hits."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from zlib import crc32

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.alert_stage import Worker, assert_exact, latest, publish, read, wait_folded
from tests.hit_logs import hit, made_up_log, tick, withdrawn
from tests.kafka.broker import Cluster
from topics.codec import decode_alert, encode
from topics.records import HitRecord

pytestmark = pytest.mark.kafka

DESKS = [f"desk-{n}" for n in range(12)]
Start = Callable[..., Worker]


@pytest.fixture
def start(kafka: Cluster, prefix: str, tmp_path: Path) -> Iterator[Start]:
    """Starts workers, and ends them after the test."""
    workers: list[Worker] = []

    def make(session: float = 6.0, *, supervised: bool = False) -> Worker:
        log = tmp_path / f"worker-{len(workers)}.log"
        workers.append(Worker(kafka.bootstrap, prefix, log, session=session, supervised=supervised))
        return workers[-1]

    yield make
    for worker in workers:
        worker.kill()


def spread(records: Iterator[HitRecord], partitions: int = 4) -> list[tuple[int, HitRecord]]:
    """Each hit to its desk's partition, anything else to all."""
    placed: list[tuple[int, HitRecord]] = []
    for record in records:
        desk = getattr(record, "desk", None)
        chosen = range(partitions) if desk is None else [crc32(desk.encode()) % partitions]
        placed += [(number, record) for number in chosen]
    return placed


async def test_two_workers_share_the_hits_and_alert_exactly_what_the_fold_does(
    kafka: Cluster, prefix: str, start: Start
) -> None:
    topics = await kafka.create_topics(prefix, 4)
    workers = [start(), start()]
    await asyncio.gather(*(asyncio.to_thread(worker.wait_for, "state_restored") for worker in workers))
    log = spread(made_up_log(3000, desks=DESKS, seed=11, pace=20))
    await publish(kafka.bootstrap, topics["hits"], log, pace=2000)
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=workers)
    assert await assert_exact(kafka.bootstrap, topics) > 1500
    folded = [int(await asyncio.to_thread(worker.metric, "wirewatch_hits_total")) for worker in workers]
    assert min(folded) > 0
    assert [worker.terminate() for worker in workers] == [0, 0]


async def test_alerts_go_to_their_hits_partition_with_key_and_headers(
    kafka: Cluster, prefix: str, start: Start
) -> None:
    topics = await kafka.create_topics(prefix, 3)
    await publish(kafka.bootstrap, topics["hits"], [(2, hit(desk="trade")), (0, hit(desk="chips"))])
    worker = start()  # afterwards: it appends a tick to each partition
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    async with AIOKafkaConsumer(
        topics["alerts"], bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        records = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(2)]
    found = {record.key: (record.partition, dict(record.headers)["wirewatch.hit"]) for record in records}
    name = topics["hits"].encode()
    assert found == {b"trade": (2, name + b"/2/0"), b"chips": (0, name + b"/0/0")}


async def test_what_cannot_be_read_is_a_dead_letter_and_what_is_not_known_is_passed_by(
    kafka: Cluster, prefix: str, start: Start
) -> None:
    topics = await kafka.create_topics(prefix, 1)
    junk = [b"\xff\xfe", b"{", b'{"type":"hit"}', b'{"type":"digest"}', b"[" * 100_000]
    await publish(kafka.bootstrap, topics["hits"], [(0, value) for value in junk])
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(topics["hits"], None, b"a tombstone", headers=[("trace", b"1"), ("", b"\xff")])
        nothing = producer.create_batch()
        nothing.append(key=None, value=None, timestamp=None)
        nothing.close()
        await (await producer.send_batch(nothing, topics["hits"], partition=0))
    await publish(kafka.bootstrap, topics["hits"], [(0, hit()), (0, tick(5)), (0, withdrawn(at=6))])
    worker = start()
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    async with AIOKafkaConsumer(
        topics["dead-letters"], bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        letters = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(6)]
    assert [letter.value for letter in letters] == [junk[0], junk[1], junk[2], junk[4], None, None]
    headers = [dict(letter.headers) for letter in letters]
    assert [h["wirewatch.errors.offset"] for h in headers] == [b"0", b"1", b"2", b"4", b"5", b"6"]
    assert {h["wirewatch.errors.stage"] for h in headers} == {b"alert"}
    assert [letter.key for letter in letters[-2:]] == [b"a tombstone", None]
    assert letters[-2].headers[:2] == (("trace", b"1"), ("", b"\xff"))
    told = (await read(kafka.bootstrap, topics["alerts"]))[0]
    assert [decode_alert(value).kind for _, value in told] == ["hit", "withdrawn"]


async def test_a_worker_killed_and_started_again_goes_on(kafka: Cluster, prefix: str, start: Start) -> None:
    topics = await kafka.create_topics(prefix, 2)
    log = spread(made_up_log(1200, desks=DESKS, seed=12, pace=60), 2)
    worker = start(session=2.0)
    await publish(kafka.bootstrap, topics["hits"], log[:600])
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    worker.kill()
    await publish(kafka.bootstrap, topics["hits"], log[600:])
    worker.restart()
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    await assert_exact(kafka.bootstrap, topics)


async def test_a_cursor_behind_the_committed_offset_is_gone_back_to(kafka: Cluster, prefix: str, start: Start) -> None:
    """A commit may be ahead of the state: the state's topic lost its end, or a stale write set the cursor back."""
    topics = await kafka.create_topics(prefix, 1)
    worker = start(session=2.0)
    log = [(0, record) for record in made_up_log(100, desks=("a",), seed=13, pace=60)]
    await publish(kafka.bootstrap, topics["hits"], log)
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    assert worker.terminate() == 0
    await _commit(kafka.bootstrap, f"{prefix}-alert", topics["hits"], 150)
    await publish(kafka.bootstrap, topics["hits"], [(0, r) for r in made_up_log(100, desks=("b",), seed=14, pace=60)])
    worker.restart()
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    await assert_exact(kafka.bootstrap, topics)


async def test_topics_that_come_later_are_waited_for_and_named_with_the_remedy(
    kafka: Cluster, prefix: str, start: Start
) -> None:
    worker = start()
    (waiting, *_) = await asyncio.to_thread(worker.wait_for, "waiting for Kafka")
    assert f"no topic {prefix}.alerts, {prefix}.dead-letters, {prefix}.hits, {prefix}.stories" in waiting["reason"]
    assert "wirewatch topics create" in (await asyncio.to_thread(worker.get, "readyz"))[1]
    topics = await kafka.create_topics(prefix, 1)
    await publish(kafka.bootstrap, topics["hits"], [(0, hit())])
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    assert len((await read(kafka.bootstrap, topics["alerts"]))[0]) == 1


async def test_hits_in_a_partition_that_stories_do_not_have_wait_and_the_others_go_on(
    kafka: Cluster, prefix: str, start: Start
) -> None:
    topics = await kafka.create_topics(prefix, 2)
    worker = start(session=2.0, supervised=True)
    await asyncio.to_thread(worker.wait_ready)
    await _grow(kafka.bootstrap, topics["hits"], 3)
    await publish(kafka.bootstrap, topics["hits"], [(n, hit(desk=f"d{n}")) for n in (0, 2)])
    (said, *_) = await asyncio.to_thread(worker.wait_for, "unequal_partitions")
    assert f"{topics['stories']} has 2 partitions" in said["why"]
    assert "partition 2 wait" in said["why"]
    assert f"--alter --topic {topics['alerts']} --partitions 3" in said["why"]
    await _until(lambda: _told(kafka.bootstrap, topics["alerts"], 0))
    assert (await asyncio.to_thread(worker.get, "readyz"))[0] == 503
    assert worker.metric("wirewatch_paused_partitions") == 1
    for role in ("alerts", "stories"):
        await _grow(kafka.bootstrap, topics[role], 3)
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    assert await assert_exact(kafka.bootstrap, topics) == 2
    await asyncio.to_thread(worker.wait_ready)
    assert worker.terminate() == 0


async def test_with_no_broker_it_waits_alive_and_not_ready_and_ends_when_told(prefix: str, tmp_path: Path) -> None:
    worker = Worker("127.0.0.1:9", prefix, tmp_path / "worker.log")
    try:
        await asyncio.to_thread(worker.wait_for, "waiting for Kafka")
        assert (await asyncio.to_thread(worker.get, "livez"))[0] == 200
        code, why = await asyncio.to_thread(worker.get, "readyz")
        assert (code, "127.0.0.1:9: connection refused" in why) == (503, True)
        assert worker.terminate() == 0
    finally:
        worker.kill()


async def test_health_and_metrics_say_what_it_does(kafka: Cluster, prefix: str, start: Start) -> None:
    topics = await kafka.create_topics(prefix, 1)
    worker = start()
    await publish(kafka.bootstrap, topics["hits"], [(0, hit()), (0, hit("a2", at=9)), (0, b"{")])
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    await asyncio.to_thread(worker.wait_ready)
    text = (await asyncio.to_thread(worker.get, "metrics"))[1]
    for line in (
        "wirewatch_hits_total 2.0",
        'wirewatch_alerts_total{kind="hit",severity="info"} 1.0',
        'wirewatch_suppressed_hits_total{reason="cooldown"} 1.0',
        'wirewatch_dead_letters_total{reason="not_json"} 1.0',
        "wirewatch_assigned_partitions 1.0",
        "wirewatch_lost_places_total 0.0",
    ):
        assert line in text
    worker.signal(signal.SIGINT)
    assert await asyncio.to_thread(worker.process.wait, 30) == 0


async def test_the_cursor_counts_every_record(kafka: Cluster, prefix: str, start: Start) -> None:
    topics = await kafka.create_topics(prefix, 1)
    await publish(kafka.bootstrap, topics["hits"], [(0, tick(1)), (0, tick(2)), (0, encode(tick(3)))])
    worker = start()
    await asyncio.to_thread(worker.wait_for, "state_restored")
    await wait_folded(kafka.bootstrap, topics, timeout=60, workers=[worker])
    stories, cursor = latest((await read(kafka.bootstrap, topics["stories"]))[0])
    assert cursor is not None
    assert (stories, cursor.next, cursor.ticked) == ({}, 4, tick(3).seen_at)  # and the worker's own tick


async def _grow(bootstrap: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(partitions)})
    finally:
        await admin.close()


async def _told(bootstrap: str, topic: str, partition: int) -> bool:
    return bool((await read(bootstrap, topic))[partition])


async def _until(done: Callable[[], Awaitable[bool]], timeout: float = 60) -> None:
    async with asyncio.timeout(timeout):
        while not await done():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.2)


async def _commit(bootstrap: str, group: str, topic: str, offset: int) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): offset})
