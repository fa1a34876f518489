"""How far consumer groups are behind, and waiting until they are not: for a publisher that must not run ahead.

Counted in records: the end of a partition minus what the group has committed. A group that has committed nothing
yet is behind by all that the partition holds.
"""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from workers.stream.kafka import STOP_TIMEOUT, stop

POLL = 0.05
"""Between two looks at the broker, in seconds: brokers do not say when somebody commits."""


class Backlog:
    """What groups have yet to read of topics that exist already. An async context; raises what aiokafka raises.

    `topics` are the topics that each group reads.
    """

    def __init__(self, bootstrap: str, topics: Mapping[str, Iterable[str]]) -> None:
        self._topics = {group: tuple(names) for group, names in topics.items()}
        self._consumer = AIOKafkaConsumer(
            *{name for names in self._topics.values() for name in names},
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
        )
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await self._admin.start()
        except BaseException:
            await self._stop()
            raise
        self._consumer.pause(*self._consumer.assignment())  # it only asks for offsets
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def read(self) -> dict[str, dict[TopicPartition, int]]:
        """Records that each group has yet to commit, by partition."""
        partitions = {group: self._partitions(names) for group, names in self._topics.items()}
        every = sorted({partition for some in partitions.values() for partition in some})
        committed = {
            group: await self._admin.list_consumer_group_offsets(group, partitions=some)
            for group, some in partitions.items()
        }
        starts = await self._consumer.beginning_offsets(every)
        ends = await self._consumer.end_offsets(every)  # after the commits: never less than they are
        return {
            group: {tp: ends[tp] - max(starts[tp], committed[group][tp].offset) for tp in some}
            for group, some in partitions.items()
        }

    async def largest(self) -> int:
        """The most that any group is behind in one partition, in records."""
        behind = await self.read()
        return max((records for partitions in behind.values() for records in partitions.values()), default=0)

    async def wait(self, at_most: int = 0) -> None:
        """Until no group is behind by more than `at_most` records in any partition. There is no time limit."""
        while await self.largest() > at_most:  # noqa: ASYNC110 - nothing to wait on but the broker's answer
            await asyncio.sleep(POLL)

    def _partitions(self, names: Iterable[str]) -> list[TopicPartition]:
        return [
            TopicPartition(name, partition)
            for name in names
            for partition in sorted(self._consumer.partitions_for_topic(name) or ())
        ]

    async def _stop(self) -> None:
        await stop(self._consumer)
        await asyncio.wait_for(self._admin.close(), STOP_TIMEOUT)


async def backlog(bootstrap: str, group: str, topics: Iterable[str]) -> dict[TopicPartition, int]:
    """One look: records that a group has yet to commit, by partition."""
    async with Backlog(bootstrap, {group: topics}) as behind:
        return (await behind.read())[group]
