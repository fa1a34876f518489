"""With the broker away a worker waits, says why, and stays alive: an outage is not a restart storm."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from topics.errors import TransientError

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
_FORGIVEN_AFTER = 60.0
"""A session that held this long, in seconds, starts the next delays from the first again."""

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
            reason = str(error) or type(error).__name__
        if clock() - started > _FORGIVEN_AFTER:
            delay = FIRST_DELAY
        log.warning("waiting for Kafka", reason=reason, seconds=round(delay, 1))
        waiting(reason)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), delay * random.uniform(0.8, 1.2))
        delay = min(LONGEST_DELAY, delay * 2)
