"""What tests of the alert stage need: hits on Kafka, and what the stage made of them compared with the offline fold."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from alerts.engine import fold
from alerts.state import State
from tests.kafka.broker import tail
from topics.codec import decode_hit, encode
from topics.errors import InvalidRecord
from topics.records import HitRecord
from topics.stories import CURSOR_KEY, Cursor, decode_cursor

_SUPERVISE = "import sys; from workers.supervisor import supervise; sys.exit(supervise(sys.argv[1:]))"

Pairs = list[tuple[bytes | None, bytes | None]]


class Worker:
    """A process of `wirewatch alert`. The log is a file."""

    def __init__(
        self, bootstrap: str, prefix: str, log: Path, *, session: float = 6.0, supervised: bool = False
    ) -> None:
        self._environment = os.environ | {
            "WIREWATCH_BROKERS": bootstrap,
            "WIREWATCH_PREFIX": prefix,
            "WIREWATCH_GROUP": prefix,
            "WIREWATCH_HOST": "127.0.0.1",
            "WIREWATCH_LOG_FORMAT": "json",
            "WIREWATCH_KAFKA": json.dumps(
                {"session_timeout": session, "request_timeout": 10, "consumer": {"metadata_max_age_ms": 5000}}
            ),
        }
        self.log = log
        worker = [sys.executable, "-m", "tests.alert_process"]
        self._supervised = supervised
        self._command = [sys.executable, "-c", _SUPERVISE, *worker] if supervised else worker
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(self._command, env=self._environment, stdout=output, stderr=output)

    def restart(self) -> None:
        self.process = self._start()

    def kill(self) -> None:
        """SIGKILL, to the supervisor too."""
        if self._supervised and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)  # it must not start another
            self.signal(signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    @property
    def pid(self) -> int | None:
        """The process that folds; None between two of them."""
        if not self._supervised:
            return self.process.pid
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def signal(self, number: signal.Signals) -> bool:
        """Signal the process that folds; whether there was one."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, number)
        return pid is not None

    def terminate(self, timeout: float = 30) -> int:
        """SIGTERM, also while it is frozen; the exit code."""
        self.process.terminate()
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
        return self.process.wait(timeout)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        lines = (line for line in self.log.read_text(errors="replace").splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, lines) if line["event"] == name]

    def wait_for(self, name: str, *, count: int = 1, timeout: float = 60) -> list[dict[str, Any]]:
        """Until the log has an event so often."""
        deadline = time.monotonic() + timeout
        while len(found := self.events(name)) < count:
            assert time.monotonic() < deadline, f"no {name} in\n{self.tail}"
            time.sleep(0.05)
        return found

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its health pages."""
        port = self.wait_for("health")[-1]["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        (line,) = (line for line in self.get("metrics")[1].splitlines() if line.startswith(name + " "))
        return float(line.split()[1])

    def wait_ready(self, timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while self.get("readyz")[0] != 200:
            assert time.monotonic() < deadline, self.tail
            time.sleep(0.05)

    @property
    def tail(self) -> str:
        return tail(self.log)


async def publish(
    bootstrap: str, topic: str, records: Iterable[tuple[int, HitRecord | bytes]], *, pace: float = 0.0
) -> None:
    """Write records, or bytes, to the partitions that they name; at most `pace` of them a second."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        started, waiting = time.monotonic(), []
        for number, (partition, record) in enumerate(records):
            value = record if isinstance(record, bytes) else encode(record)
            waiting.append(await producer.send(topic, value, partition=partition))
            if pace and number % 50 == 0:
                await asyncio.sleep(max(0.0, number / pace - (time.monotonic() - started)))
        await asyncio.gather(*waiting)


async def read(bootstrap: str, topic: str) -> dict[int, Pairs]:
    """Every record of a topic now, by partition and in order."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        await consumer.topics()
        cluster = await consumer._client.fetch_all_metadata()
        names = [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
        ends = await consumer.end_offsets(names)
        consumer.assign(names)
        await consumer.seek_to_beginning(*names)
        found: dict[int, Pairs] = {name.partition: [] for name in names}
        while any([await consumer.position(name) < ends[name] for name in names]):
            for name, records in (await consumer.getmany(timeout_ms=200)).items():
                found[name.partition] += [(record.key, record.value) for record in records]
        return found


def offline(values: Sequence[bytes | None]) -> tuple[list[bytes], dict[bytes, bytes]]:
    """What the fold makes of a partition's hits: its alerts, and its stories by key, all as bytes."""
    state = State()
    alerts = [encode(alert) for alert in fold(map(_decoded, values), state)]
    return alerts, {story.key: encode(story) for story in state.stories()}


def _decoded(value: bytes | None) -> HitRecord | None:
    try:
        return decode_hit(value)
    except InvalidRecord:
        return None


def latest(pairs: Pairs) -> tuple[dict[bytes, bytes], Cursor | None]:
    """What a partition of `news.stories` says in the end: the stories by key, and the cursor."""
    kept = {key: value for key, value in pairs if key is not None}
    cursor = kept.pop(CURSOR_KEY, None)
    stories = {key: value for key, value in kept.items() if value is not None and not key.startswith(b"\0")}
    return stories, decode_cursor(cursor) if cursor else None


async def wait_folded(bootstrap: str, topics: Mapping[str, str], *, timeout: float, workers: Sequence[Worker]) -> None:
    """Until every partition's cursor is at the end of its hits."""
    deadline = time.monotonic() + timeout
    while True:
        hits, stories = await read(bootstrap, topics["hits"]), await read(bootstrap, topics["stories"])
        cursors = {number: latest(pairs)[1] for number, pairs in stories.items()}
        behind = {
            n: len(pairs) for n, pairs in hits.items() if pairs and ((c := cursors[n]) is None or c.next < len(pairs))
        }
        if not behind:
            return
        if time.monotonic() > deadline:
            logs = "\n".join(worker.tail for worker in workers)
            raise AssertionError(f"not folded: {behind}, cursors {cursors}\n{logs}")
        await asyncio.sleep(0.3)


async def assert_exact(bootstrap: str, topics: Mapping[str, str], *, repeats: bool = False) -> int:
    """Alerts and stories are what the offline fold makes of the hits: none missing, none twice. How many alerts.

    With `repeats` an alert may be there again, byte for byte: two workers had a partition for a moment.
    """
    hits, told, stories = [await read(bootstrap, topics[role]) for role in ("hits", "alerts", "stories")]
    count = 0
    for number, pairs in hits.items():
        alerts, state = offline([value for _, value in pairs])
        published = [value for _, value in told[number]]
        once = list(dict.fromkeys(published)) if repeats else published
        assert sorted(filter(None, once)) == sorted(alerts), _difference(published, alerts)
        assert latest(stories[number])[0] == state
        count += len(alerts)
    return count


def _difference(published: Sequence[bytes | None], alerts: Sequence[bytes]) -> str:
    missing, strange = set(alerts) - set(published), set(published) - set(alerts)
    return f"{len(missing)} missing, {len(strange)} unexpected, {len(published) - len(set(published))} repeated"
