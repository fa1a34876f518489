"""A worker's time with the brokers: begun again after each failure, watched while it lasts.

With the brokers away a worker waits, says why, and stays alive: an outage is not a restart storm.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from topics.errors import TransientError
from workers.stream.diagnose import Reason, Unreachable, explain

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
AFTER_REFUSAL = 5.0
"""At least, after a login that was refused, in seconds: accounts are locked that are tried too often."""
_FORGIVEN_AFTER = 60.0
"""A session that held this long, in seconds, starts the next delays from the first again."""
PROBE_INTERVAL = 2.0
PROBE_TIMEOUT = 10.0

log = structlog.get_logger()


async def keep_running(
    session: Callable[[], Awaitable[None]],
    *,
    stopping: asyncio.Event,
    waiting: Callable[[str], None] = lambda reason: None,
) -> None:
    """Run `session` until it returns; after a failure of Kafka's run it again, later and later.

    `waiting` is told why nothing happens meanwhile. Anything that no waiting mends comes out.
    """
    delay = FIRST_DELAY
    clock = asyncio.get_running_loop().time
    while not stopping.is_set():
        started = clock()
        try:
            await session()
            return
        except (KafkaError, TransientError, OSError) as error:
            reason = explain(error)
            least = AFTER_REFUSAL if isinstance(error, Unreachable) and error.login else 0.0
        if clock() - started > _FORGIVEN_AFTER:
            delay = FIRST_DELAY
        pause = max(delay, least)
        log.warning("waiting for Kafka", reason=reason, seconds=round(pause, 1))
        waiting(reason)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause * random.uniform(0.8, 1.2))
        delay = min(LONGEST_DELAY, delay * 2)


async def probe(
    consumer: Any,
    producer: Any,
    *,
    reached: Callable[[Mapping[TopicPartition, int]], None],
    away: Callable[[str], None],
) -> None:
    """Ask the brokers every few seconds, for ever: input and output must answer.

    `reached` is given the ends of the assigned partitions, `away` why there was no answer.
    """
    why = Reason(producer)
    while True:
        try:
            assigned = consumer.assignment()
            # Not by `wait_for`: Python 3.11's keeps a cancellation to itself that comes together with an answer.
            async with asyncio.timeout(2 * PROBE_TIMEOUT):
                ends = await consumer.end_offsets(assigned) if assigned else {}
                await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError) as error:
            away(f"no answer from the brokers: {await why() or repr(error)}")
        else:
            reached(ends)
        await asyncio.sleep(PROBE_INTERVAL)


async def either(*events: asyncio.Event) -> None:
    """Return once one of them is set."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(tasks)


async def cancelled(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait for their end, however they end."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
