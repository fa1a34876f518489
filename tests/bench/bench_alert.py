"""Hits a second through one `alert` process on a real broker, and through the fold alone.

Run `python -m tests.bench.bench_alert`. The hits are on the topic before the worker starts. Counted is the time from
the first hits to the last, and the CPU time that the process took for them (on a busy machine the steadier figure); the
same hits, decoded, folded and encoded in this process, are the figure beside it.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from msgspec.structs import replace

from alerts.engine import step
from alerts.state import State
from tests.alert_stage import Worker, assert_exact, publish, wait_folded
from tests.hit_logs import made_up_log, text_of
from tests.kafka import broker, jars
from tests.kafka.broker import Cluster
from topics.codec import decode_hit, encode
from topics.records import Hit, HitRecord, Policy, Snippet
from topics.stories import Story

PARTITIONS = 4


def realistic(record: HitRecord) -> HitRecord:
    """With the snippet, evidence and names that a hit of an agency article has: about 2 kB."""
    if not isinstance(record, Hit):
        return record
    evidence = record.rules[0].evidence * 4
    rules = tuple(replace(rule, evidence=evidence, meta={"owner": "trade desk"}) for rule in record.rules)
    return replace(
        record, policy=Policy(), rules=rules, snippet=Snippet(text=text_of(3)[:420], marks=((4, 10), (60, 72)))
    )


def hits(count: int, topics: int) -> list[tuple[int, bytes]]:
    """Hits for 24 desks, each told of every topic; the fewer topics, the more articles a story has."""
    desks = [f"desk-{number}" for number in range(24)]
    log = (
        record for record in made_up_log(count, desks=desks, seed=31, pace=2, topics=topics) if isinstance(record, Hit)
    )
    return [(crc32(record.desk.encode()) % PARTITIONS, encode(realistic(record))) for record in log]


class Rate(NamedTuple):
    """Hits a second, and hits a second of CPU time."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:6.0f} hits/s, {self.cpu:6.0f} hits per CPU-second"


def fold_alone(values: list[tuple[int, bytes]]) -> Rate:
    """The values decoded, folded, alerts and stories encoded."""
    states = [State() for _ in range(PARTITIONS)]
    started, cpu = time.perf_counter(), time.process_time()
    for partition, value in values:
        record = decode_hit(value)
        assert record is not None
        done = step(states[partition], record)
        states[partition].apply(done)
        for alert in done.alerts:
            encode(alert)
        for change in done.changes:
            if isinstance(change, Story):
                encode(change)
    return Rate(len(values) / (time.perf_counter() - started), len(values) / (time.process_time() - cpu))


class Look(NamedTuple):
    """How far a worker was, when, and what it had cost."""

    hits: float
    wall: float
    cpu: float


def look(worker: Worker) -> Look:
    hits = worker.metric("wirewatch_hits_total")
    return Look(hits, time.perf_counter(), worker.metric("process_cpu_seconds_total"))


async def through_kafka(cluster: Cluster, values: list[tuple[int, bytes]], folder: Path) -> tuple[Rate, int]:
    """Through one process; and how many alerts."""
    topics = await cluster.create_topics("bench", PARTITIONS)
    await publish(cluster.bootstrap, topics["hits"], values)
    worker = Worker(cluster.bootstrap, "bench", folder / "worker.log", session=30.0)
    try:
        await asyncio.to_thread(worker.wait_for, "state_restored")
        looks: list[Look] = []
        while not looks or looks[-1].hits < len(values):
            looks.append(await asyncio.to_thread(look, worker))
            await asyncio.sleep(0.5)  # each look costs the worker 30 ms
        # The last look comes some time after the last hit: it is the one before that counts.
        first, last = next(at for at in looks if at.hits), looks[-2]
        rate = Rate(*((last.hits - first.hits) / spent for spent in (last.wall - first.wall, last.cpu - first.cpu)))
        await wait_folded(cluster.bootstrap, topics, timeout=30, workers=[worker])
        return rate, await assert_exact(cluster.bootstrap, topics)
    finally:
        worker.terminate()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hits", type=int, default=40_000)
    parser.add_argument("--topics", type=int, default=100)
    options = parser.parse_args()
    values = hits(options.hits, options.topics)
    size = sum(len(value) for _, value in values) / len(values)
    print(f"{len(values)} hits of {size:.0f} bytes, {PARTITIONS} partitions, 24 desks")
    with tempfile.TemporaryDirectory() as folder, broker.running(jars.install(), Path(folder) / "kafka") as cluster:
        rate, alerts = asyncio.run(through_kafka(cluster, values, Path(folder)))
    print(f"one alert process on Kafka: {rate}; {alerts} alerts, exact")
    print(f"the fold alone:             {fold_alone(values)}")


if __name__ == "__main__":
    main()
