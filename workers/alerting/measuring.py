"""Where the partitions end, asked of the brokers again and again: lag, whether they answer, whether we get on."""

import asyncio
import math
import time

import faust
import structlog
from aiokafka import AIOKafkaProducer
from faust.types import TP

from workers.alerting import partitions
from workers.alerting.assignment import Assignment
from workers.alerting.counting import AlertCounting
from workers.alerting.partitions import Topics
from workers.alerting.pulse import Stalled
from workers.stream.diagnose import Reason
from workers.stream.membership import Membership

MEASURE, REACHABLE = 5.0, 10.0
"""How often the brokers are asked, and how long they may take, in seconds."""

log = structlog.get_logger()


class Mended(Exception):
    """What this process could not work with is as it should be: a new one can."""


class Measuring:
    """Measures what is assigned.

    The app's consumer is asked for the hits' ends, the producer's client for the topics that are written to.
    """

    def __init__(
        self,
        app: faust.App,
        producer: AIOKafkaProducer,
        topics: Topics,
        assignment: Assignment,
        *,
        membership: Membership,
        counting: AlertCounting,
    ) -> None:
        self._app = app
        self._producer = producer
        self._topics = topics
        self._assignment = assignment
        self._membership = membership
        self._counting = counting
        self._reached = -math.inf
        self._why = Reason(producer)

    async def run(self) -> None:
        """Measure for ever. Raises Stalled and Mended: the process has to go."""
        while True:
            try:
                await self._measure()
                self._reached = time.monotonic()
            except (Stalled, Mended):
                raise
            except Exception as error:  # whatever it is, it only measures
                log.warning("not_measured", error=repr(error), why=await self._why())
            await asyncio.sleep(MEASURE)

    def answered(self) -> bool:
        """Whether the brokers did, the last time that they had to."""
        return time.monotonic() - self._reached <= MEASURE + REACHABLE

    @property
    def reason(self) -> str | None:
        """Why they do not, as far as it is known."""
        return self._why.found

    async def _measure(self) -> None:
        async with asyncio.timeout(REACHABLE):
            counts = await partitions.counted(self._producer.client, self._topics)
            await self._measure_lag()
        if self._assignment.owned.unequal and not partitions.unequal(counts, ""):
            raise Mended("hits, alerts and stories have the same number of partitions now: beginning anew")

    async def _measure_lag(self) -> None:
        if self._membership.taken:  # these partitions are another's, and its standstill is not ours
            self._counting.forget(self._assignment.owned.parts)
            return
        parts = {TP(self._topics.hits, number): part for number, part in self._assignment.owned.parts.items()}
        ends = await self._app.consumer.highwaters(*parts) if parts else {}
        for tp, part in parts.items():
            lag = ends[tp] - part.next if part.next is not None else 0
            self._counting.measured(tp.partition, part, end=ends[tp], lag=lag)
            self._assignment.progress.check(tp.partition, lag)
