"""Dead letters on a real Kafka, as the workers leave them, and the commands that show and redrive them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.demo_process import COMMAND
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from topics.errors import InvalidRecord
from workers.commands.publishing import article_producer
from workers.dead_letters import dead_letter
from workers.letters import show
from workers.letters.letter import Wanted
from workers.letters.reading import reading
from workers.letters.sending import Outgoing, send
from workers.messages import Headers, Record
from workers.settings import Settings
from workers.stream import kafka as clients


class Letters:
    """The topics of one test; `topics` are their names by role."""

    def __init__(self, kafka: Cluster, prefix: str, folder: Path) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self.config = folder / "wirewatch.toml"
        self.config.write_text("")
        self.env = os.environ | {"WIREWATCH_BROKERS": kafka.bootstrap, "WIREWATCH_PREFIX": prefix}
        self.env |= {"WIREWATCH_GROUP": prefix, "WIREWATCH_CONFIG": str(self.config), "WIREWATCH_MODEL": "none"}

    @property
    def settings(self) -> Settings:
        return Settings(brokers=self.kafka.bootstrap, prefix=self.prefix)

    def topic(self, role: str) -> str:
        return f"{self.prefix}.{role}"

    async def create(self, partitions: int = 2) -> "Letters":
        await self.kafka.create_topics(self.prefix, partitions=partitions)
        return self

    async def put(self, *outgoing: Outgoing) -> None:
        """Records as they are, in this order: letters, and others."""
        async with clients.running(article_producer(self.settings)) as producer:
            found = await send(producer, outgoing, limit=30)
        assert all(isinstance(one, str) for one in found), found

    def letter(
        self,
        value: bytes | None = b"{",
        *,
        key: bytes | None = None,
        headers: Headers = (),
        topic: str = "",
        partition: int = 0,
        stage: str = "enrich",
        reason: str = "not_json",
        to: int = 0,
        sink: str | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Outgoing:
        """One, in the partition `to`, of a record that came from there."""
        record = Record(topic or self.topic("raw"), partition, 7, 0, key, value, headers)
        extra = {"sink": sink} if sink else {}
        output = dead_letter(record, InvalidRecord(reason, "as the test says"), stage=stage, extra=extra | dict(more))
        return Outgoing(self.topic("dead-letters"), to, output.key, output.value, output.headers)

    def run(self, *arguments: str, fails: int = 0, command: str = "dlq") -> "subprocess.CompletedProcess[bytes]":
        """`wirewatch dlq …`: fails unless it ends with this exit code."""
        done = subprocess.run(
            [*COMMAND, command, *arguments], capture_output=True, env=self.env, timeout=120, check=False
        )
        assert done.returncode == fails, done.stderr.decode()
        assert b"Traceback" not in done.stdout + done.stderr, done.stderr.decode()
        return done

    def said(self, *arguments: str, fails: int = 0) -> list[str]:
        """What it says on standard error."""
        return self.run(*arguments, fails=fails).stderr.decode().splitlines()

    async def listed(self, **wanted: Any) -> list[dict[str, Any]]:
        """What `wirewatch dlq list --json` has, without a process of its own; by place."""
        async with reading(self.settings, Wanted(**wanted)) as letters:
            await letters.find_marks()
            found = [show.entry(letter, redriven=letter in letters) async for letter in letters.read()]
        return sorted(found, key=lambda entry: (entry["record"]["partition"], entry["record"]["offset"]))

    async def places(self, **wanted: Any) -> list[str]:
        return [entry["place"] for entry in await self.listed(**wanted)]

    async def records(self, topic: str) -> Sequence[Any]:
        return await whole_topic(self.kafka.bootstrap, topic)
