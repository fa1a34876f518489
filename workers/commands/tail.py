"""Topics read for a person or a program, without a consumer group: `wirewatch tail` and `wirewatch dlq`."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from aiokafka import TopicPartition

from alerts.plain import plain
from topics.errors import ConfigError
from workers.commands.options import Brokers, Config, Json, Prefix, load, topic_name
from workers.dead_letters import PREFIX
from workers.settings import Settings
from workers.stream import kafka


async def records(
    settings: Settings, topic: str, *, beginning: bool, follow: bool, limit: int | None = None
) -> AsyncIterator[Any]:
    """The records of a topic: from its beginning or from now on, and to its present end or for ever.

    At most `limit` records. Raises ConfigError for a topic that is not there, KafkaError for brokers that are not.
    """
    async with kafka.running(kafka.consumer(settings)) as consumer:
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            if topic in await consumer.topics():
                partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            else:
                raise ConfigError(f"no topic {topic} on {settings.brokers}")
        consumer.assign(partitions)
        await (consumer.seek_to_beginning if beginning else consumer.seek_to_end)(*partitions)
        ends = await consumer.end_offsets(partitions)
        count = 0
        while follow or await _before(consumer, ends):
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                for message in messages:
                    if not follow and message.offset >= ends[TopicPartition(topic, message.partition)]:
                        continue
                    yield message
                    count += 1
                    if limit is not None and count >= limit:
                        return


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
    return {
        name.removeprefix(PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in message.headers
        if name.startswith(PREFIX)
    }


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
    return plain(f"{when(message.timestamp)}  {place}  {key[:60]}\n    {_said(message.value)}", lines=True)


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
        article.get("title") or str(found.get("text") or found.get("body") or "")[:100],
        article.get("source"),
        article.get("url"),
    ]
    return " | ".join(str(part)[:300] for part in about if part) or json.dumps(found, ensure_ascii=False)[:200]


def tail(
    topic: Annotated[str, typer.Argument(help="raw, enriched, hits, alerts, dead-letters …, or a topic's full name.")],
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Not only what comes from now on.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End at the topic's present end.")] = False,
    limit: Annotated[int | None, typer.Option("-n", "--limit", min=1, help="End after so many records.")] = None,
) -> None:
    """Show a topic's records as they come."""
    chosen = load(config, brokers=brokers, prefix=prefix)

    async def show() -> None:
        name = topic_name(chosen, topic)
        async for message in records(chosen, name, beginning=beginning, follow=not once, limit=limit):
            print(as_json(message) if as_json_lines else as_text(message), flush=True)

    asyncio.run(show())
