"""How far consumer groups are behind, and waiting until they are not: for a publisher that must not run ahead.

Counted in records: the end of a partition minus what the group has committed. A group that has committed nothing
yet is behind by all that the partition holds.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from topics.errors import ConfigError
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.kafka import STOP_TIMEOUT, stop

POLL = 0.05
"""Between two looks at the broker, in seconds: brokers do not say when somebody commits."""


class Backlog:
    """What groups have yet to read; `topics` are the topics of each. An async context.

    `cluster` is reached by the clients of its settings, or without any security where only its address is given.

    Raises ConfigError for a topic that is not there: to call it read would let a publisher run ahead. Partitions
    that are added later are not looked at. Otherwise it raises what aiokafka raises.
    """

    def __init__(self, cluster: Settings | str, topics: Mapping[str, Iterable[str]]) -> None:
        self._topics = {group: tuple(names) for group, names in topics.items()}
        self._partitions: dict[str, list[TopicPartition]] = {}
        if isinstance(cluster, Settings):
            self._consumer, self._admin = kafka.consumer(cluster), kafka.admin_client(cluster)
        else:
            self._consumer = AIOKafkaConsumer(bootstrap_servers=cluster, enable_auto_commit=False)
            self._admin = AIOKafkaAdminClient(bootstrap_servers=cluster)

    async def __aenter__(self) -> Self:
        try:
            await kafka.start(self._consumer)
            await kafka.start(self._admin)
            for group, names in self._topics.items():
                self._partitions[group] = await self._look_up(names)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def read(self) -> dict[str, dict[TopicPartition, int]]:
        """Records that each group has yet to commit, by partition."""
        every = sorted({partition for some in self._partitions.values() for partition in some})
        committed = {
            group: await self._admin.list_consumer_group_offsets(group, partitions=some)
            for group, some in self._partitions.items()
        }
        starts = await self._consumer.beginning_offsets(every)
        ends = await self._consumer.end_offsets(every)  # after the commits: never less than they are
        return {
            group: {tp: ends[tp] - max(starts[tp], committed[group][tp].offset) for tp in some}
            for group, some in self._partitions.items()
        }

    async def largest(self) -> int:
        """The most that any group is behind in one partition, in records."""
        behind = await self.read()
        return max((records for partitions in behind.values() for records in partitions.values()), default=0)

    async def wait(self, at_most: int = 0) -> None:
        """Until no group is behind by more than `at_most` records in any partition. There is no time limit."""
        while await self.largest() > at_most:  # noqa: ASYNC110 - nothing to wait on but the broker's answer
            await asyncio.sleep(POLL)

    async def _look_up(self, names: Iterable[str]) -> list[TopicPartition]:
        topics = {topic["topic"]: topic["partitions"] for topic in await self._admin.describe_topics(list(names))}
        missing = sorted(name for name, partitions in topics.items() if not partitions)
        if missing:
            raise ConfigError(f"{', '.join(missing)}: no such topic")
        return sorted(TopicPartition(name, entry["partition"]) for name in topics for entry in topics[name])

    async def _stop(self) -> None:
        await stop(self._consumer)
        with suppress(Exception):
            await asyncio.wait_for(self._admin.close(), STOP_TIMEOUT)


async def backlog(cluster: Settings | str, group: str, topics: Iterable[str]) -> dict[TopicPartition, int]:
    """One look: records that a group has yet to commit, by partition."""
    async with Backlog(cluster, {group: topics}) as behind:
        return (await behind.read())[group]
