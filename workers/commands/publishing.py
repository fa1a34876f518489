"""Articles sent to a topic."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec
from aiokafka import AIOKafkaProducer

from topics.errors import ConfigError
from workers.commands.administering import no_topic
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.publisher import TOO_LARGE

_IN_FLIGHT = 1000


@dataclass(slots=True)
class Published:
    """How many records the broker has acknowledged, and which lines (from 1) it refused for their size."""

    records: int = 0
    refused: list[int] = field(default_factory=list)


class _Identity(msgspec.Struct):
    id: str | int | None = None


_identity = msgspec.json.Decoder(_Identity)


async def publish(
    settings: Settings,
    values: Iterable[bytes],
    *,
    topic: str,
    rate: float | None = None,
    progress: Callable[[Published], None] = lambda published: None,
) -> Published:
    """Send each value as it is, keyed by its article's id where it has one; at most `rate` a second.

    Raises ConfigError for a topic that is not there, and KafkaError where the brokers are away or refuse a record for
    more than its size.
    """
    done = Published()
    room = asyncio.Semaphore(_IN_FLIGHT)
    clock = asyncio.get_running_loop().time
    async with kafka.running(article_producer(settings)) as producer:
        if topic not in (await producer.client.fetch_all_metadata()).topics():
            raise ConfigError(no_topic(settings, topic))
        started = clock()
        sending: set[asyncio.Task[None]] = set()

        async def send(line: int, value: bytes) -> None:
            try:
                await producer.send_and_wait(topic, value, key=key_of(value))
                done.records += 1
            except TOO_LARGE:
                done.refused.append(line)
            finally:
                room.release()
            progress(done)

        for line, value in enumerate(values, 1):
            if rate:
                await asyncio.sleep(max(0.0, started + (line - 1) / rate - clock()))
            await room.acquire()
            _raise_first(sending)
            task = asyncio.create_task(send(line, value))
            sending.add(task)
        await asyncio.gather(*sending)
    return done


def article_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer that goes on after a record that the broker refused for its size.

    An idempotent one does not: its count is then one ahead of the broker's, and all that follows is refused, too.
    """
    return kafka.producer(settings, enable_idempotence=False)


def key_of(value: bytes) -> bytes | None:
    """The article's id, so that its revisions stay in one partition and in order."""
    try:
        found = _identity.decode(value).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return str(found).encode("utf-8", "replace") if found else None


def _raise_first(sending: "set[asyncio.Task[None]]") -> None:
    for task in [task for task in sending if task.done()]:
        sending.remove(task)
        task.result()
