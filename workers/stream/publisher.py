"""Outputs to Kafka: hits before the article that is their receipt, everything acknowledged or an exception."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError

from topics.errors import ConfigError
from workers.clock_check import ClockCheck
from workers.messages import Headers, Output, Record, Result

TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError)
"""What says that a topic refuses a record of this size: our producer's own limit, or the broker's."""


class Publisher:
    """Sends Results through `producer`. `topic` gives the name of a role's topic, `sent` is told what was sent.

    `clock` is told what the brokers say of the time.
    """

    def __init__(
        self,
        producer: Any,
        *,
        topic: Callable[[str], str],
        sent: Callable[[str], None] = lambda topic: None,
        clock: ClockCheck | None = None,
    ) -> None:
        self._clock = clock or ClockCheck()
        self._producer = producer
        self._topic = topic
        self._sent = sent

    async def publish(self, records: Sequence[Record], results: Sequence[Result]) -> None:
        """Send all outputs of a batch in offset order, and return once they are acknowledged.

        Raises what aiokafka raises where that fails for good, and ConfigError where a topic refuses the size.
        """
        await self.send(output for result in results for output in result.first)
        await self.send(output for result in results for output in result.then)

    async def send(self, outputs: Iterable[Output]) -> None:
        """Send outputs in order, and return once they are acknowledged. Raises as `publish` does."""
        began = self._clock.now()
        sending: list[tuple[asyncio.Future[Any], str, Output]] = []
        for output in outputs:
            topic = self._topic(output.role)
            for partition in await self._partitions(topic, output):
                sending.append((await self._send(topic, output, partition), topic, output))
        if sending:
            await asyncio.wait([future for future, _, _ in sending])
        done = None
        for future, topic, output in sending:
            try:
                done = future.result()
            except TOO_LARGE as error:
                raise _too_large(topic, output, error) from error
            self._sent(topic)
        if done is not None:
            self._clock.acknowledged(began, done)

    async def _partitions(self, topic: str, output: Output) -> Sequence[int | None]:
        return sorted(await self._producer.partitions_for(topic)) if output.every else [None]

    async def _send(self, topic: str, output: Output, partition: int | None) -> "asyncio.Future[Any]":
        try:
            return await begin(self._producer, topic, output.key, output.value, output.headers, partition)
        except TOO_LARGE as error:
            raise _too_large(topic, output, error) from error


async def begin(
    producer: Any, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None
) -> "asyncio.Future[Any]":
    """Hand a record to the producer: the acknowledgement to come. Raises what aiokafka raises.

    `send` refuses one without key and value, such as a dead letter of a tombstone: that is a batch of its own.
    """
    if key is not None or value is not None:
        sent: asyncio.Future[Any] = await producer.send(
            topic, value, key=key, partition=partition, headers=list(headers)
        )
        return sent
    batch = producer.create_batch()
    batch.append(key=None, value=None, timestamp=None, headers=list(headers))
    batch.close()
    if partition is None:
        partition = min(await producer.partitions_for(topic))
    alone: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
    return alone


def _too_large(topic: str, output: Output, error: Exception) -> ConfigError:
    size = len(output.value or b"") + len(output.key or b"")
    return ConfigError(
        f"topic {topic} refuses a record of {size} bytes ({type(error).__name__}): raise its max.message.bytes, "
        "or lower enrich.max_output_bytes"
    )
