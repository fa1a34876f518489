"""Records sent as they are, each to the partition that it names, in their order."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError

from workers.letters.destinations import Outcome, Stays
from workers.messages import Headers
from workers.stream.publisher import TOO_LARGE, begin


class Outgoing(NamedTuple):
    """A record to be sent."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


async def send(producer: Any, records: Sequence[Outgoing], *, limit: float) -> list[Outcome]:
    """Send them, and wait for the acknowledgements: `TOPIC/PARTITION/OFFSET` each, or why not.

    Nobody waits longer than `limit` seconds for either: aiokafka's own waits have no end while brokers are away.
    `producer` is not idempotent: such a one sends nothing more after a record that is too large.
    """
    sent: list[asyncio.Future[Any]] = []
    failed: asyncio.Future[Any] | None = None
    for record in records:
        sent.append(failed or await _begun(producer, record, limit))
        if failed is None and _broken(sent[-1]):
            failed = sent[-1]  # what follows would wait as long, one after the other
    if sent:
        await asyncio.wait(sent, timeout=limit)
    return [_outcome(record, future) for record, future in zip(records, sent, strict=True)]


async def _begun(producer: Any, record: Outgoing, limit: float) -> "asyncio.Future[Any]":
    """The acknowledgement to come, or a failure that has."""
    try:
        sending = begin(producer, record.topic, record.key, record.value, record.headers, record.partition)
        found = await asyncio.wait_for(sending, limit)
    except (KafkaError, TimeoutError) as error:
        found = asyncio.get_running_loop().create_future()
        found.set_exception(error)
    return found


def _broken(sent: "asyncio.Future[Any]") -> bool:
    error = sent.exception() if sent.done() else None
    return error is not None and not isinstance(error, TOO_LARGE)


def _outcome(record: Outgoing, sent: "asyncio.Future[Any]") -> Outcome:
    if not sent.done():
        return TimeoutError()
    error = sent.exception()
    if isinstance(error, TOO_LARGE):
        return Stays(f"topic {record.topic} refuses records of their size (max.message.bytes)")
    if error is not None:
        return error
    return f"{record.topic}/{record.partition}/{sent.result().offset}"
