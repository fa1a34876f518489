"""The stream while somebody scrapes `/metrics` far too often, against the same without.

    python -m tests.bench.bench_scrapes [--articles 3000] [--a-second 50] [--runs 3]

Both are done in one run, in turns. A real Kafka (tests/kafka) and the scraper are on the same machine.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.bench.bench_stream import rate_and_latency
from tests.conftest import SHARED_DATA
from tests.e2e.main_job import Job
from tests.kafka import broker, jars
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers

ACCEPT = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
LATE = "1.0"
"""Seconds; a bucket of the loop's delay. Heartbeats have three times as long."""


@asynccontextmanager
async def scraping(port: int, a_second: float) -> AsyncIterator[list[float]]:
    """So many scrapes a second while the block lasts; how long each took is in the list."""
    took: list[float] = []

    async def one(client: aiohttp.ClientSession) -> None:
        began = time.perf_counter()
        async with client.get(f"http://127.0.0.1:{port}/metrics", headers=ACCEPT) as answer:
            await answer.read()
        took.append(time.perf_counter() - began)

    async def go_on() -> None:
        async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
            while a_second:
                group.create_task(one(client))
                await asyncio.sleep(1 / a_second)

    task = asyncio.create_task(go_on())
    try:
        yield took
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def streamed(cluster: broker.Cluster, job: Job, a_second: float) -> float:
    """Articles a second."""
    job.create_topics()
    job.publish()
    with Workers(cluster.bootstrap, job.prefix, job.folder, {"WIREWATCH_LOG_LEVEL": "warning"}) as workers:
        (worker,) = workers.start("enrich", *job.enrich_flags, "--processes", "1")
        workers.start("alert")
        await asyncio.to_thread(worker.wait_up)
        async with scraping(worker.port, a_second) as took:
            await job.settled(timeout=600)
        _report(worker, took, a_second)
    return rate_and_latency(await whole_topic(cluster.bootstrap, f"{job.prefix}.enriched"))[0]


def _report(worker: WorkerProcess, took: Sequence[float], a_second: float) -> None:
    turns = worker.total("wirewatch_loop_delay_seconds_count")
    late = turns - worker.total("wirewatch_loop_delay_seconds_bucket", le=LATE)
    mean = worker.total("wirewatch_loop_delay_seconds_sum") / turns
    answered = f", answered in {statistics.median(took) * 1000:.0f} ms at the median" if took else ""
    print(
        f"   {a_second:.0f} scrapes a second ({len(took)}{answered}): loop delay {mean * 1000:.1f} ms at the mean, "
        f"{late:.0f} of {turns:.0f} over {LATE} s, rebalances {worker.total('wirewatch_rebalances_total'):.0f}"
    )


async def run(articles: int, a_second: float, runs: int) -> None:
    ratios = []
    with tempfile.TemporaryDirectory() as name, broker.running(jars.install(), Path(name) / "kafka") as cluster:
        for number in range(runs):
            rates = []
            for scrapes in (0.0, a_second):
                folder = Path(name) / f"{number}-{scrapes:.0f}"
                folder.mkdir()
                job = Job(cluster.bootstrap, f"bench{folder.name}", folder, SHARED_DATA, articles=articles)
                rates.append(await streamed(cluster, job, scrapes))
            ratios.append(rates[1] / rates[0])
            print(f"run {number}: {rates[0]:.0f} articles/s, scraped {rates[1]:.0f}/s, ratio {ratios[-1]:.2f}")
    print(f"scraped {a_second:.0f} times a second / not at all, median of {runs}: {statistics.median(ratios):.2f}")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--articles", type=int, default=3000)
    parser.add_argument("--a-second", type=float, default=50)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args(arguments)
    if not SHARED_DATA.is_dir():
        sys.exit(f"the articles are not there: {SHARED_DATA}")
    asyncio.run(run(given.articles, given.a_second, given.runs))


if __name__ == "__main__":
    main(sys.argv[1:])
