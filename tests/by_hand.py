"""A stream's workers on a real Kafka, and somebody at a shell beside them who does what the runbook says."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from tests import runbook
from tests.hit_logs import text_of
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers
from topics.codec import decode_alert, decode_enriched
from topics.records import Alert
from workers.stream.backlog import Backlog

SETTINGS = """\
brokers = "{brokers}"
prefix = "{prefix}"
group = "{prefix}"
model = "none"
watchlists = {watchlists}
[kafka]
session_timeout = 6
[kafka.consumer]
metadata_max_age_ms = 1000
[enrich]
processes = 1
commit_interval = 0.2
max_alert_age = {max_alert_age}
[deliver]
commit_interval = 0.2
[[deliver.route]]
name = "copy"
sink = {{kind = "kafka", topic = "{prefix}.copy"}}
"""
RATE = 40.0
"""Articles a second, of a load."""


class Site:
    """`folder` has the settings and watchlists; `workers` are started and ended here."""

    def __init__(self, brokers: str, prefix: str, folder: Path, tools: Path) -> None:
        self.brokers = brokers
        self.prefix = prefix
        self.folder = folder
        self.workers = Workers(brokers, prefix, folder, {"WIREWATCH_CONFIG": str(folder / "wirewatch.toml")})
        # A zone in which a time that is not read as UTC is hours off.
        self._env = {"PATH": runbook.path(tools), "PYTHONPATH": str(runbook.PROJECT), "TZ": "Asia/Tokyo"}
        (folder / "watchlists").mkdir(parents=True)

    def settle_in(self, *desks: str, max_alert_age: float = 6 * 3600.0) -> None:
        """Write the settings, and for each desk a watchlist for rare earths; without any, none is read from files."""
        text = SETTINGS.format(
            brokers=self.brokers,
            prefix=self.prefix,
            watchlists=[str(self.folder / "watchlists")] if desks else [],
            max_alert_age=max_alert_age,
        )
        (self.folder / "wirewatch.toml").write_text(text)
        for desk in desks:
            self.watch(desk, "rare earths")

    def watch(self, desk: str, term: str, *, folder: str = "watchlists") -> Path:
        """A watchlist more: its file."""
        file = self.folder / folder / f"{desk}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"id": desk, "rules": [{"id": "r", "severity": "urgent", "terms": [term]}]}))
        return file

    async def make_topics(self, kafka: Cluster, partitions: int, **roles: int) -> None:
        """Those of the stream, and the sink's."""
        await kafka.create_topics(self.prefix, partitions, **roles)
        await kafka.create_topic(self.topic("copy"))

    def topic(self, role: str) -> str:
        return f"{self.prefix}.{role}"

    # --- at the shell

    async def follow(self, command: str, **places: str) -> str:
        """Run a command of the runbook with its places filled in: what it writes."""
        if "BROKERS" in command:
            places["BROKERS"] = self.brokers
        return await self.run(runbook.filled(command, places))

    async def run(self, command: str) -> str:
        return await asyncio.to_thread(runbook.run, command, cwd=self.folder, env=self._env)

    # --- the workers

    async def start(self, *kinds: str) -> list[WorkerProcess]:
        """A worker of each kind, ready."""
        started = [self.workers.start(kind)[0] for kind in kinds]
        await asyncio.gather(*(asyncio.to_thread(worker.wait_ready) for worker in started))
        return started

    async def stop(self, worker: WorkerProcess) -> None:
        assert await asyncio.to_thread(worker.stop) == 0, worker.tail()

    async def start_again(self, worker: WorkerProcess) -> None:
        worker.start()
        await asyncio.to_thread(worker.wait_ready)

    async def settled(self, *workers: str) -> None:
        """Until each, in the stream's order, has committed all that it was given."""
        reads = {"enrich": ("enrich", "raw"), "alert": ("alert", "hits"), "deliver": ("deliver-copy", "alerts")}
        for worker in workers:
            group, role = reads[worker]
            groups = {f"{self.prefix}-{group}": [self.topic(role)]}
            async with asyncio.timeout(90), Backlog(self.brokers, groups) as backlog:
                while await backlog.largest():  # noqa: ASYNC110 - brokers do not say when somebody commits
                    await asyncio.sleep(0.1)

    # --- what goes in and comes out

    async def publish(self, *articles: bytes, partition: int | None = None) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.brokers) as producer:
            for article in articles:
                await producer.send_and_wait(self.topic("raw"), article, partition=partition)

    @asynccontextmanager
    async def load(self) -> AsyncIterator[list[str]]:
        """Articles come as long as the block lasts: their ids."""
        ids: list[str] = []
        over = asyncio.Event()
        publishing = asyncio.create_task(self._publish_until(over, ids))
        try:
            yield ids
        finally:
            over.set()
            await publishing

    async def _publish_until(self, over: asyncio.Event, ids: list[str]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.brokers) as producer:
            while not over.is_set():
                name = f"a{len(ids)}"
                ids.append(name)
                await producer.send_and_wait(self.topic("raw"), article(len(ids) - 1), key=name.encode())
                await asyncio.sleep(1 / RATE)

    async def read(self, topic: str) -> Sequence[Any]:
        """All records of one of our topics."""
        return await whole_topic(self.brokers, self.topic(topic))

    async def enriched(self) -> Counter[str]:
        """How often each article came out."""
        return Counter(decode_enriched(record.value).id for record in await self.read("enriched"))

    async def alerts(self, topic: str = "alerts") -> list[Alert]:
        return [decode_alert(record.value) for record in await self.read(topic)]


def article(number: int, body: str = "Rare earths are short.", **fields: str) -> bytes:
    """One of a story of its own."""
    text = {"id": f"a{number}", "title": text_of(number, 8), "body": f"{body} {text_of(number)}"}
    return json.dumps(text | fields).encode()
