"""Watchlists pushed to their topic, looked at there, and removed."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition

from alerts.pushed import Entry, PushedLog, State, push_of
from alerts.watchlist import Watchlist
from topics.errors import ConfigError, TransientError
from topics.watchlists import manifest_key
from workers.checks.cluster import Cluster, look
from workers.closing import closed
from workers.commands.administering import no_topic
from workers.commands.running import CommandFailed
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.publisher import Publisher
from workers.watchlist_topic import check_topic

MAX_MESSAGE_BYTES = 1_000_000
"""What a topic takes where we may not ask it: Kafka's default, and a little less."""
OVERHEAD = 200
"""Of a record and its batch, beside key and value, in bytes."""
PATIENCE = 600.0
"""Seconds that a push may take. It is given up before its manifest then: much later, others take its rules for
abandoned ones (`alerts.pushed.ABANDONED_AFTER`)."""


class Topic:
    """The watchlists' topic, read to its end; what is written to it is read back, too. Made by `opened`."""

    def __init__(self, settings: Settings, consumer: Any, producer: Any, *, limit: int) -> None:
        self.name = settings.topic("watchlists")
        self.log = PushedLog(f"{self.name}/0")
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._limit = limit
        self._timestamp = 0

    async def read(self, end: int | None = None) -> None:
        """Read on, to the offset `end` or to what is the end now. Raises KafkaError, TimeoutError."""
        tp = TopicPartition(self.name, 0)
        clock, patience = asyncio.get_running_loop().time, self._settings.kafka.request_timeout
        async with asyncio.timeout(patience) as limit:
            end = (await self._consumer.end_offsets([tp]))[tp] if end is None else end
            while await self._consumer.position(tp) < end:
                records = (await self._consumer.getmany(tp, timeout_ms=200)).get(tp, ())
                if records:
                    limit.reschedule(clock() + patience)
                for record in records:
                    self.log.take(record.offset, record.timestamp, record.key, record.value)
                    self._timestamp = record.timestamp

    async def push(self, watchlist: Watchlist, *, by: str | None = None) -> bool:
        """Put a watchlist in force; False where it is already, just as it is.

        Raises CommandFailed for a rule that the topic does not take; nothing is sent then.
        """
        state = self.log.state(watchlist.id)
        if state is not None and state.watchlist is not None and state.watchlist.version == watchlist.version:
            return False
        push = push_of(watchlist, push=secrets.token_hex(8), at=datetime.now(UTC), by=by)
        self._check_sizes([*push.rules, push.manifest])
        started = time.monotonic()
        await self._send(push.rules)
        if time.monotonic() - started > PATIENCE:
            raise CommandFailed(f"{watchlist.id}: not pushed: its rules took longer than {PATIENCE:.0f} s")
        await self._in_force(watchlist.id, push.manifest)
        return True

    async def remove(self, id: str) -> bool:
        """Take a watchlist out of force; False where there is none."""
        if self.log.state(id) is None:
            return False
        await self._in_force(id, (manifest_key(id), None))
        return True

    async def close(self, desk: str) -> None:
        """Say that nobody watches for a desk any more. Raises KafkaError."""
        await Publisher(self._producer, topic=self._settings.topic).send(closed([desk]))

    async def _in_force(self, id: str, manifest: tuple[bytes, bytes | None]) -> None:
        """Write the manifest or its removal, and then clear away what it leaves behind."""
        (at,) = await self._send([manifest])
        await self.read(at + 1)
        await self._send((key, None) for key in list(self.log.stale(id, now=self._timestamp)))

    def _check_sizes(self, entries: Iterable[Entry]) -> None:
        large = [(key, len(key) + len(value)) for key, value in entries if len(key) + len(value) > self._limit]
        if large:
            key, size = large[0]
            raise CommandFailed(
                f"{key.decode()}: {size} bytes, and the topic {self.name} takes {self._limit}: "
                "raise its max.message.bytes, or put the terms into several rules. Nothing of it was pushed"
            )

    async def _send(self, entries: Iterable[tuple[bytes, bytes | None]]) -> list[int]:
        """Send records in order; their offsets, once all are acknowledged. Raises KafkaError."""
        async with asyncio.timeout(PATIENCE):
            sending = [await self._producer.send(self.name, value, key=key, partition=0) for key, value in entries]
            return [metadata.offset for metadata in await asyncio.gather(*sending)]


@asynccontextmanager
async def opened(settings: Settings, *, writes: bool = False) -> AsyncIterator[Topic]:
    """The topic, read to its end; the producer is there with `writes` only.

    Raises ConfigError for a topic that is not there or is not what it must be, and KafkaError or TimeoutError for
    brokers that are not.
    """
    name = settings.topic("watchlists")
    cluster = await look(settings, [name])
    _check(settings, cluster, name, writes=writes)
    limit = (cluster.number(name, "max.message.bytes") or MAX_MESSAGE_BYTES) - OVERHEAD
    async with kafka.running(kafka.consumer(settings)) as consumer:
        consumer.assign([TopicPartition(name, 0)])
        await consumer.seek_to_beginning(TopicPartition(name, 0))
        if not writes:
            topic = Topic(settings, consumer, None, limit=limit)
            await topic.read()
            yield topic
            return
        async with kafka.running(kafka.producer(settings)) as producer:
            topic = Topic(settings, consumer, producer, limit=limit)
            await topic.read()
            yield topic


def _check(settings: Settings, cluster: Cluster, name: str, *, writes: bool) -> None:
    found = cluster.topics[name]
    if found.error is not None and not found.partitions:
        raise ConfigError(no_topic(settings, name))
    try:
        check_topic(name, found)
    except TransientError as error:
        raise CommandFailed(str(error)) from None
    if writes and found.operations is not None and "Write" not in found.operations:
        raise CommandFailed(f"we may not write to the topic {name}: grant Write (wirewatch topics list --acls)")
    policy = cluster.configs.get(name, {}).get("cleanup.policy", "compact")
    if writes and policy != "compact":
        raise ConfigError(
            f"topic {name}: expected cleanup.policy=compact, found {policy}: watchlists would be gone after a while"
        )


async def push(
    settings: Settings, watchlists: Sequence[Watchlist], *, dry_run: bool = False, by: str | None = None
) -> AsyncIterator[tuple[Watchlist, bool]]:
    """Push them one after the other: each as it is done, with whether that changed anything."""
    async with opened(settings, writes=not dry_run) as topic:
        for watchlist in watchlists:
            if dry_run:
                state = topic.log.state(watchlist.id)
                there = state.watchlist if state is not None else None
                yield watchlist, there is None or there.version != watchlist.version
            else:
                yield watchlist, await topic.push(watchlist, by=by)


async def states(settings: Settings) -> list[State]:
    """Every watchlist on the topic, by id."""
    async with opened(settings) as topic:
        return [state for id in topic.log.ids if (state := topic.log.state(id)) is not None]


async def get(settings: Settings, id: str) -> Watchlist:
    """Raises CommandFailed where there is none, or none that is whole."""
    async with opened(settings) as topic:
        state = topic.log.state(id)
    if state is None:
        raise CommandFailed(none(topic.name, id))
    if state.watchlist is None:
        problems = "\n".join(map(str, state.problems))
        raise CommandFailed(f"{id} is {state.fault} on {topic.name}: push it anew\n{problems}")
    return state.watchlist


async def remove(settings: Settings, id: str, *, kept: frozenset[str]) -> str | None:
    """Remove a watchlist; returns the desk that was closed with it, if its last one that we know of went.

    `kept` are desks that have watchlists elsewhere. Raises CommandFailed where there is none of this id.
    """
    async with opened(settings, writes=True) as topic:
        state = topic.log.state(id)
        if state is None or not await topic.remove(id):
            raise CommandFailed(none(topic.name, id))
        left = [other.manifest for name in topic.log.ids if (other := topic.log.state(name)) is not None]
        desk = state.manifest.desk if state.manifest is not None else None
        if desk is None or desk in kept or desk in {manifest.desk for manifest in left if manifest is not None}:
            return None
        await topic.close(desk)
        return desk


def none(topic: str, id: str) -> str:
    return f"no watchlist {id} on {topic} (which there are: wirewatch watchlists list)"
