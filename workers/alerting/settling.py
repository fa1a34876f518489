"""What hits led to, written in the order in which nothing is lost, whenever the process ends."""

import asyncio

from workers.alerting.counting import AlertCounting
from workers.alerting.part import Part, Work
from workers.alerting.partitions import Topics
from workers.alerting.pulse import Pulse
from workers.alerting.writer import Writer
from workers.stream.publisher import Publisher


class Settler:
    """Writes to a partition of `topics`. `timeout`, in seconds, bounds the sending of dead letters."""

    def __init__(
        self,
        topics: Topics,
        writer: Writer,
        publisher: Publisher,
        *,
        pulse: Pulse,
        counting: AlertCounting,
        timeout: float,
    ) -> None:
        self._topics = topics
        self._writer = writer
        self._publisher = publisher
        self._pulse = pulse
        self._counting = counting
        self._timeout = timeout

    async def settle(self, part: Part, work: Work) -> None:
        """Write what the work leads to. Once this returns, its hits are done. After an error the process has to go."""
        number = part.place.partition
        await self._send_dead_letters(work)
        if work.alerts:
            part.alerts_end = await self._writer.append(self._topics.alerts, number, work.alerts, whole=False)
        self._pulse.check()
        if work.mark is not None:
            await self._writer.append(self._topics.stories, number, part.entries(work), whole=True)
        for span in work.spans:
            span.end()
        self._counting.settled(work)

    async def _send_dead_letters(self, work: Work) -> None:
        if work.dead_letters:
            async with asyncio.timeout(self._timeout):
                await self._publisher.send(work.dead_letters)
