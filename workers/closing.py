"""Desks that no watchlist serves any more: it is said in `news.hits`, so that their stories are forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from topics.codec import encode
from topics.records import Closed
from workers.messages import Output
from workers.stream.ledger import Ledger

RETRY = 2.0
_LOOK = 0.1

log = structlog.get_logger()


class Closing:
    """Which desks are to be closed, until it is said. Other workers say it, too: that is harmless."""

    def __init__(self) -> None:
        self._desks: set[str] = set()
        self._any = asyncio.Event()

    def change(self, *, closed: Iterable[str], alive: Iterable[str]) -> None:
        """Watchlists have changed: these desks have none any more, and those have one."""
        self._desks = (self._desks | set(closed)) - set(alive)
        (self._any.set if self._desks else self._any.clear)()

    async def run(
        self, settled: Callable[[], Awaitable[None]], send: Callable[[Iterable[Output]], Awaitable[None]]
    ) -> None:
        """Says it, for ever: what was on its way when the desk was closed is `settled` first, for a hit after that
        would have the desk live again."""
        while True:
            await self._any.wait()
            await settled()
            desks = sorted(self._desks)
            try:
                await send(closed(desks))
            except KafkaError as error:
                log.warning("desks not closed yet", desks=desks, error=str(error))
                await asyncio.sleep(RETRY)
                continue
            log.info("desks closed", desks=desks)
            self.change(closed=(), alive=desks)


async def caught_up(ledger: "Ledger[Any]", partitions: Iterable[Any]) -> None:
    """Returns once all that was fetched of these partitions until now is committed, or is no longer ours."""
    ends = {partition: ledger.next(partition) for partition in partitions if ledger.holds(partition)}
    while any(ledger.holds(p) and ledger.base(p) < end for p, end in ends.items()):  # noqa: ASYNC110 - no event is made of it
        await asyncio.sleep(_LOOK)


def closed(desks: Iterable[str]) -> list[Output]:
    """What closes desks."""
    now = datetime.now(UTC)
    return [Output("hits", desk.encode(), encode(Closed(desk=desk, seen_at=now))) for desk in desks]
