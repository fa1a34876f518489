"""Topics read for a person or a program, without a consumer group."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiokafka import TopicPartition

from alerts.plain import plain
from topics.errors import ConfigError
from workers.commands.administering import no_topic
from workers.dead_letters import opened
from workers.settings import Settings
from workers.stream import kafka, lenient


async def records(
    settings: Settings, topic: str, *, beginning: bool, follow: bool, limit: int | None = None
) -> AsyncIterator[Any]:
    """The records of a topic: from its beginning or from now on, and to its present end or for ever.

    At most `limit` records. Raises ConfigError for a topic that is not there, KafkaError or TimeoutError for brokers
    that are not, also when they go away meanwhile.
    """
    patience = settings.kafka.request_timeout
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(patience):
            consumer = await stack.enter_async_context(kafka.running(kafka.consumer(settings)))
            partitions = await _partitions(consumer, topic, settings)
            consumer.assign(partitions)
            await (consumer.seek_to_beginning if beginning else consumer.seek_to_end)(*partitions)
            ends = await consumer.end_offsets(partitions)
        count = 0
        async for message in _fetched(consumer, None if follow else ends, patience):
            yield message
            count += 1
            if count == limit:
                return


async def newest(settings: Settings, topic: str, number: int) -> AsyncIterator[Any]:
    """About the last `number` records of a topic, from all of its partitions, in the order of each.

    Fewer where offsets hold no records (compaction, transactions). Raises what `records` raises.
    """
    patience = settings.kafka.request_timeout
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(patience):
            consumer = await stack.enter_async_context(kafka.running(kafka.consumer(settings)))
            partitions = await _partitions(consumer, topic, settings)
            consumer.assign(partitions)
            starts = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            for tp, start in starting_places(starts, ends, number).items():
                consumer.seek(tp, start)
        async for message in _fetched(consumer, ends, patience):
            yield message


async def last(settings: Settings, topic: str, number: int) -> list[Any]:
    """What `newest` reads, the oldest first."""
    found = [message async for message in newest(settings, topic, number)]
    return sorted(found, key=lambda message: (message.timestamp, message.partition, message.offset))


def starting_places(
    starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], number: int
) -> dict[TopicPartition, int]:
    """Where to begin so as to read `number` records: as many of each partition, more where others have few."""
    chosen: dict[TopicPartition, int] = {}
    sizes = sorted((end - starts[tp], tp) for tp, end in ends.items())
    for done, (size, tp) in enumerate(sizes):
        share = min(size, -(-number // (len(sizes) - done)))
        chosen[tp] = ends[tp] - share
        number -= share
    return chosen


async def _partitions(consumer: Any, topic: str, settings: Settings) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # its own list has only topics that it was asked for
    if not (partitions := cluster.partitions_for_topic(topic)):
        raise ConfigError(no_topic(settings, topic))
    return [TopicPartition(topic, partition) for partition in sorted(partitions)]


async def _fetched(consumer: Any, ends: dict[TopicPartition, int] | None, patience: float) -> AsyncIterator[Any]:
    """What comes until `ends`, for ever without. While nothing does, the brokers are asked whether they are there."""
    clock = asyncio.get_running_loop().time
    heard = clock()
    places = {tp: await consumer.position(tp) for tp in consumer.assignment()}
    while ends is None or await _before(consumer, ends):
        try:
            fetched = await consumer.getmany(timeout_ms=200)
        except UnicodeDecodeError:  # a header's name; what else was fetched is lost with it
            lenient.install()
            for tp, offset in places.items():
                consumer.seek(tp, offset)
            continue
        for partition, messages in fetched.items():
            places[partition] = messages[-1].offset + 1
            for message in messages:
                if ends is None or message.offset < ends[partition]:
                    yield message
        if fetched:
            heard = clock()
        elif clock() - heard > patience / 2:
            await asyncio.wait_for(consumer.end_offsets(consumer.assignment()), patience / 2)
            heard = clock()


async def _before(consumer: Any, ends: dict[TopicPartition, int]) -> bool:
    return any([await consumer.position(tp) < end for tp, end in ends.items()])


def as_json(message: Any) -> str:
    """A record as one line of JSON. A value that is no JSON is given as base64, in `value_base64`."""
    found: dict[str, Any] = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": when(message.timestamp),
        "key": None if message.key is None else message.key.decode("utf-8", "replace"),
        "headers": [
            [name, None if value is None else value.decode("utf-8", "replace")] for name, value in message.headers
        ],
    }
    try:
        found["value"] = None if message.value is None else msgspec.json.decode(message.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found["value_base64"] = base64.b64encode(message.value).decode()
    return json.dumps(found, ensure_ascii=False)


def errors_of(message: Any) -> dict[str, str]:
    """What the headers of a dead letter say, without their prefix."""
    return opened(message.headers)[1]


def when(milliseconds: int) -> str:
    """RFC 3339, to the millisecond; empty where it is no time."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def as_text(message: Any) -> str:
    """A record for a person: where it is, and what it says in a line or two. Safe to print."""
    place = f"{message.topic}/{message.partition}/{message.offset}"
    key = "" if message.key is None else message.key.decode("utf-8", "replace")
    return f"{when(message.timestamp)}  {place}  {plain(key[:60])}\n    {plain(_said(message.value))}"


def _said(value: bytes | None) -> str:
    if value is None:
        return "(null)"
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value[:200].decode("utf-8", "replace")
    if not isinstance(found, dict):
        return str(found)[:200]
    inner = found.get("article")
    article = inner if isinstance(inner, dict) else found
    about = [
        found.get("severity"),
        found.get("kind") or found.get("type"),
        found.get("desk"),
        ", ".join(str(rule.get("rule")) for rule in found.get("rules") or () if isinstance(rule, dict)),
        _digest(found) or article.get("title") or str(found.get("text") or found.get("body") or "")[:100],
        article.get("source"),
        article.get("url"),
    ]
    return " | ".join(str(part)[:300] for part in about if part) or json.dumps(found, ensure_ascii=False)[:200]


def _digest(alert: dict[str, Any]) -> str | None:
    """The sentence of a digest, and the headlines that it is about. None for anything else."""
    snippet, missed = alert.get("snippet"), alert.get("missed")
    if alert.get("kind") != "digest" or not isinstance(snippet, dict) or not isinstance(missed, list):
        return None
    titles = [str(line.get("title") or line.get("article_id")) for line in missed if isinstance(line, dict)]
    return f"{snippet.get('text')} {'; '.join(titles)}"
