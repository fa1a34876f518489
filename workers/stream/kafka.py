"""Kafka clients from Settings, the same for every worker and command."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from topics.catalog import MAX_RAW_BYTES
from topics.errors import ConfigError
from workers.settings import Settings
from workers.stream import diagnose, security
from workers.stream.diagnose import Unreachable as Unreachable

_SECURITY = ("security_protocol", "ssl_context", "sasl_")
PATIENCE = 4.0
"""Clients have so many seconds to start before we look for what is wrong."""
COMMAND = "command"
"""In the client id, of whatever is no worker."""
STOP_TIMEOUT = 10.0
"""aiokafka's `stop()` hangs while the brokers are away: nobody waits for it longer than this, in seconds."""


def client_id(settings: Settings, worker: str) -> str:
    """What a client calls itself to the brokers, so that their quotas and logs tell workers apart."""
    return f"{settings.client_id}-{worker}"


def consumer(
    settings: Settings, group: str | None = None, *, worker: str = COMMAND, **options: Any
) -> AIOKafkaConsumer:
    """A consumer of raw bytes that commits nothing by itself and starts at the earliest record.

    `options` are aiokafka's and win over ours; the settings' `[kafka.client]` and `[kafka.consumer]` win over both.
    Raises ConfigError for those that aiokafka does not take, and for credentials that cannot be read.
    """
    session = int(settings.kafka.session_timeout * 1000)
    ours: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "client_id": client_id(settings, worker),
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": session,
        "heartbeat_interval_ms": min(3000, session // 3),
        "request_timeout_ms": int(settings.kafka.request_timeout * 1000),
        "max_partition_fetch_bytes": MAX_RAW_BYTES,
        "metadata_max_age_ms": 60_000,
    }
    return _made(AIOKafkaConsumer, settings, "consumer", ours | options, settings.kafka.consumer)


def producer(settings: Settings, *, worker: str = COMMAND, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer that waits for every replica in sync. Options and errors are like a consumer's."""
    ours: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "client_id": client_id(settings, worker),
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 5,
        "max_request_size": 2 * MAX_RAW_BYTES,
        "request_timeout_ms": int(settings.kafka.request_timeout * 1000),
    }
    return _made(AIOKafkaProducer, settings, "producer", ours | options, settings.kafka.producer)


def _made(
    client: Callable[..., Any], settings: Settings, section: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> Any:
    """A client of ours, with the settings' options over ours. Raises ConfigError."""
    options = ours | security.credentials(settings).options() | settings.kafka.client | theirs
    try:
        made = client(**options)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"settings: kafka.{section}, kafka.client: expected options of aiokafka's: {error}") from None
    return security.follow(made, settings)


def admin_client(settings: Settings, *, worker: str = COMMAND) -> AIOKafkaAdminClient:
    """An admin client. Options and errors are like a consumer's."""
    ours = {
        "bootstrap_servers": settings.brokers,
        "client_id": client_id(settings, worker),
        "request_timeout_ms": int(settings.kafka.request_timeout * 1000),
    }
    secured = {name: value for name, value in settings.kafka.consumer.items() if name.startswith(_SECURITY)}
    return _made(AIOKafkaAdminClient, settings, "consumer", ours, secured)


@asynccontextmanager
async def admin(settings: Settings, *, worker: str = COMMAND) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that has started. Raises Unreachable, which says why, where no broker lets us in."""
    client = admin_client(settings, worker=worker)
    try:
        await start(client)
        yield client
    finally:
        await _ended(client.close())


async def start(client: Any) -> None:
    """Start a client of ours. Raises Unreachable with the cause, within some seconds where there is one.

    aiokafka says only that it cannot bootstrap, and some of the causes not before its request timeout.
    """
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.wait((starting,), timeout=PATIENCE)
        if not starting.done() and (cause := await diagnose.of(client)) is not None and cause.sure:
            raise cause
        await starting
        if diagnose.nobody_there(client) and (cause := await diagnose.of(client)):
            raise cause
    except KafkaConnectionError as error:
        if isinstance(error, Unreachable):
            raise
        raise await diagnose.of(client) or error from None
    finally:
        starting.cancel()
        await asyncio.wait((starting,), timeout=STOP_TIMEOUT)


def before_each_request(producer: AIOKafkaProducer, check: Callable[[], None]) -> None:
    """Call `check` whenever a request of the producer's is about to go to its connection.

    Between `send_batch` and that lie turns of the event loop, in which a process may have been stopped for minutes.
    """
    client = producer.client
    send = client.send

    async def checked(node: int, request: Any, **options: Any) -> Any:
        check()
        return await send(node, request, **options)

    client.send = checked


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
    """Start a client and stop it in the end. Raises Unreachable, which says why, where no broker lets us in."""
    try:
        await start(client)
        yield client
    finally:
        await stop(client)
