"""Kafka clients from Settings, the same for every worker and command."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from topics.catalog import MAX_RAW_BYTES
from topics.errors import ConfigError
from workers.settings import Settings

_SECURITY = ("security_protocol", "ssl_context", "sasl_")
STOP_TIMEOUT = 10.0
"""aiokafka's `stop()` hangs while the brokers are away: nobody waits for it longer than this, in seconds."""


def consumer(settings: Settings, group: str | None = None, **options: Any) -> AIOKafkaConsumer:
    """A consumer of raw bytes that commits nothing by itself and starts at the earliest record.

    `options` are aiokafka's and win over ours; the settings' `[kafka.consumer]` wins over both.
    """
    session = int(settings.kafka.session_timeout * 1000)
    ours: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": session,
        "heartbeat_interval_ms": min(3000, session // 3),
        "request_timeout_ms": int(settings.kafka.request_timeout * 1000),
        "max_partition_fetch_bytes": MAX_RAW_BYTES,
        "metadata_max_age_ms": 60_000,
    }
    return _made(AIOKafkaConsumer, "consumer", ours | options | settings.kafka.consumer)


def producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer that waits for every replica in sync."""
    ours: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 5,
        "max_request_size": 2 * MAX_RAW_BYTES,
        "request_timeout_ms": int(settings.kafka.request_timeout * 1000),
    }
    return _made(AIOKafkaProducer, "producer", ours | options | settings.kafka.producer)


def _made(client: Callable[..., Any], section: str, options: dict[str, Any]) -> Any:
    """Raises ConfigError for an option that aiokafka does not take."""
    try:
        return client(**options)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"settings: kafka.{section}: expected options of aiokafka's: {error}") from None


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that has started. Raises KafkaConnectionError where no broker answers."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.brokers,
        request_timeout_ms=int(settings.kafka.request_timeout * 1000),
        **{name: value for name, value in settings.kafka.consumer.items() if name.startswith(_SECURITY)},
    )
    try:
        await client.start()
        yield client
    finally:
        await _ended(client.close())


async def stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Stop a client, within `STOP_TIMEOUT` and whatever state it is in."""
    await _ended(client.stop())


async def _ended(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it, at most `STOP_TIMEOUT`; whatever it raises is of no interest.

    In a task of its own: with the brokers away, aiokafka lets out the CancelledError of tasks that it cancelled, and
    whoever stops the client would take it for theirs.
    """
    task = asyncio.create_task(work)
    await asyncio.wait((task,), timeout=STOP_TIMEOUT)
    if task.done() and not task.cancelled():
        task.exception()
    task.cancel()


@asynccontextmanager
async def running(client: Any) -> AsyncIterator[Any]:
    """Start a client and stop it in the end. Raises what aiokafka raises where no broker answers."""
    try:
        await client.start()
        yield client
    finally:
        await stop(client)
