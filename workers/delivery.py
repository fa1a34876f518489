"""One route's alerts, each to its sink: in a desk's order, after its embargo, again and again until it is taken."""

import asyncio
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakValueDictionary

import structlog

from alerts.sinks import Sink, TryLater
from topics.codec import decode_alert
from topics.errors import InvalidRecord, TransientError
from topics.records import Alert
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, Record, Result
from workers.sections import Route
from workers.stream.unordered import finished

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
LONGEST_ASKED = 3600.0
"""What `Retry-After` may ask for, in seconds."""
RECENT = 50_000
"""Ids that a route remembers as delivered: some 6 MB."""
AT_ONCE = 8
"""Alerts of different desks that are on their way to one sink at the same time."""
CLOCK_CHECK = 30.0
"""An embargo is on the wall clock, which can be set: it is looked at so often, in seconds."""

DELIVERED = Result("delivered")
EMBARGOED = Result("embargoed")
"""Delivered, but later than it came: no measure of latency."""
REPEATED = Result("repeated")
SKIPPED = Result("skipped")

log = structlog.get_logger()


def wanted(route: Route, alert: Alert) -> bool:
    """Whether an alert is for a route."""
    desks, severities = route.desks, route.severities
    return (not desks or alert.desk in desks) and (not severities or alert.severity in severities)


class Delivery:
    """Takes records of the alerts' topic and gives back what became of them; `submit` is for a lane.

    Alerts of one desk are sent one after the other, as they came; desks do not wait for each other. An alert under
    embargo takes its place in its desk's order when its time comes, and what follows on its story stays behind it.
    `counted` is told the result of each attempt (`metrics.DELIVERIES`), `now` is wall time. Ids that were delivered
    are remembered as long as this object lives.
    """

    def __init__(
        self,
        route: Route,
        sink: Sink,
        *,
        counted: Callable[[str], None] = lambda result: None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        first_delay: float = FIRST_DELAY,
    ) -> None:
        self._route = route
        self._sink = sink
        self._counted = counted
        self._now = now
        self._sleep = sleep
        self._first_delay = first_delay
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._held: Counter[Hashable] = Counter()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def submit(self, batch: Sequence[Record]) -> list[Result]:
        """Returns when each is delivered, or never will be. Cancelled, it ends the attempt under way, and no more."""
        return [await self._settle(record) for record in batch]

    async def _settle(self, record: Record) -> Result:
        try:
            alert = decode_alert(record.value)
        except InvalidRecord as error:
            return self._dead(record, error, attempt=0)
        if not wanted(self._route, alert):
            return SKIPPED
        return await self._in_turn(record, alert)

    async def _in_turn(self, record: Record, alert: Alert) -> Result:
        # Nothing is awaited on the way to the desk's lock unless something holds the story: locks are first come,
        # first served, so that records that were begun in offset order are sent in it.
        story = (alert.desk, alert.story_id)
        if not self._held[story] and self._remaining(alert) <= 0:
            async with self._turn(alert.desk):
                return await self._deliver(record, alert)
        with self._holding(story):
            async with self._turn(story):
                await self._embargo(alert)
                async with self._turn(alert.desk):
                    result = await self._deliver(record, alert)
        return EMBARGOED if result is DELIVERED else result

    def _turn(self, key: Hashable) -> asyncio.Lock:
        lock = self._turns.get(key)
        if lock is None:
            lock = self._turns[key] = asyncio.Lock()
        return lock

    @contextmanager
    def _holding(self, story: Hashable) -> Iterator[None]:
        self._held[story] += 1
        try:
            yield
        finally:
            self._held[story] -= 1
            if not self._held[story]:
                del self._held[story]

    def _remaining(self, alert: Alert) -> float:
        return alert.embargo_until.timestamp() - self._now() if alert.embargo_until else 0.0

    async def _embargo(self, alert: Alert) -> None:
        while (remaining := self._remaining(alert)) > 0:
            await self._sleep(min(remaining, CLOCK_CHECK))

    async def _deliver(self, record: Record, alert: Alert) -> Result:
        if alert.id in self._recent:
            self._counted("repeated")
            return REPEATED
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._slots:
                    await finished(self._sink.send(alert, key=record.key, value=record.value or b""))
            except InvalidRecord as error:
                self._counted("refused")
                return self._dead(record, error, attempt=attempt)
            except TransientError as error:
                await self._back_off(alert, error, attempt)
            else:
                self._delivered(alert)
                return DELIVERED

    def _delivered(self, alert: Alert) -> None:
        self._counted("delivered")
        self._recent[alert.id] = None
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    async def _back_off(self, alert: Alert, error: TransientError, attempt: int) -> None:
        """Wait before the next attempt: longer each time, never all at once, and as long as the other side asks."""
        self._counted("retried")
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        delay = min(LONGEST_DELAY, self._first_delay * 2.0 ** min(attempt - 1, 16)) * random.uniform(0.5, 1.0)
        if isinstance(error, TryLater) and error.after is not None:
            delay = max(delay, min(LONGEST_ASKED, error.after))
        if attempt & (attempt - 1) == 0:  # the 1st, 2nd, 4th, 8th …: an outage is no flood of lines
            log.warning("not delivered yet", sink=self._route.name, alert=alert.id, attempt=attempt, reason=str(error))
        await self._sleep(delay)

    def _dead(self, record: Record, error: InvalidRecord, *, attempt: int) -> Result:
        log.warning(
            "dead letter",
            sink=self._route.name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=error.reason,
            message=error.message,
        )
        extra = {"sink": self._route.name, "attempt": str(attempt)}
        letter = dead_letter(record, error, stage="deliver", extra=extra)
        return Result(DEAD_LETTERED, reason=error.reason, first=(letter,))
