"""One route's alerts, each to its sink: in a desk's order, after its embargo, again and again until it is taken.

After an outage, of ours or of the sink, a desk's alerts that waited too long are sent together (`delivery_lines`).
"""

import asyncio
import math
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakValueDictionary

import structlog

from alerts.sinks import Sink, TryLater
from alerts.undelivered import together
from topics.codec import decode_alert, encode
from topics.errors import InvalidRecord, TransientError
from topics.records import Alert
from workers.dead_letters import dead_letter
from workers.delivery_lines import Lines, Waiting
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
LINGER, LOOKS = 1.5, 20
"""In seconds, how long more is waited for when alerts are sent together, and how often at most."""
CLOCK_CHECK = 30.0
"""An embargo is on the wall clock, which can be set: it is looked at so often, in seconds."""

DELIVERED = Result("delivered")
EMBARGOED = Result("embargoed")
"""Delivered, but later than it came: no measure of latency."""
REPEATED = Result("repeated")
SKIPPED = Result("skipped")
DIGESTED = Result("digested")
"""Delivered with others, in a digest."""

log = structlog.get_logger()


def wanted(route: Route, alert: Alert) -> bool:
    """Whether an alert is for a route."""
    desks, severities = route.desks, route.severities
    return (not desks or alert.desk in desks) and (not severities or alert.severity in severities)


class Delivery:
    """Takes records of the alerts' topic and gives back what became of them; `submit` is for a lane.

    Alerts of one desk are sent one after the other, as they came; desks do not wait for each other. An alert under
    embargo takes its place in its desk's order when its time comes, and what follows on its story stays behind it.
    `counted` is told the result of each attempt (`label_values.DELIVERIES`). `now` is wall time, by which ages are
    taken; embargoes end by `reached`, which is `now` unless given. Ids that were delivered are remembered as long as
    this object lives. Where one waited for more than `max_age` seconds, what waits is sent together.
    """

    def __init__(
        self,
        route: Route,
        sink: Sink,
        *,
        counted: Callable[[str], None] = lambda result: None,
        now: Callable[[], float] = time.time,
        reached: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        first_delay: float = FIRST_DELAY,
        max_age: float = math.inf,
    ) -> None:
        self._route = route
        self._sink = sink
        self._counted = counted
        self._reached = reached or now
        self._sleep = sleep
        self._first_delay = first_delay
        self._lines = Lines(max_age, now, self._reached)
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
            return await self._in_line(record, alert)
        with self._holding(story):
            async with self._turn(story):
                await self._embargo(alert)
                result = await self._in_line(record, alert)
        return EMBARGOED if result is DELIVERED else result

    async def _in_line(self, record: Record, alert: Alert) -> Result:
        with self._lines.waiting(record, alert) as waiting:
            async with self._turn(alert.desk):
                # It may have been sent with others meanwhile.
                return waiting.result or await self._deliver(waiting)

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
        return alert.embargo_until.timestamp() - self._reached() if alert.embargo_until else 0.0

    async def _embargo(self, alert: Alert) -> None:
        while (remaining := self._remaining(alert)) > 0:
            await self._sleep(min(remaining, CLOCK_CHECK))

    async def _deliver(self, waiting: Waiting) -> Result:
        record, alert = waiting.record, waiting.alert
        if alert.id in self._recent:
            self._counted("repeated")
            return REPEATED
        attempt = 0
        while True:
            if self._lines.overdue(waiting):
                return await self._deliver_together(waiting, attempt)
            attempt += 1
            try:
                await self._send(alert, record.key, record.value or b"")
            except InvalidRecord as error:
                self._counted("refused")
                return self._dead(record, error, attempt=attempt)
            except TransientError as error:
                await self._back_off(alert, error, attempt)
            else:
                self._delivered(alert, "delivered")
                return DELIVERED

    async def _send(self, alert: Alert, key: bytes | None, value: bytes) -> None:
        async with self._slots:
            await finished(self._sink.send(alert, key=key, value=value))

    async def _deliver_together(self, waiting: Waiting, attempt: int) -> Result:
        """One digest of all that waits for the desk; the result of `waiting`, and of each of the others."""
        desk = waiting.alert.desk
        await self._gathered(desk)
        while waiting.result is None:
            # Looked at again before each attempt: while the sink is down, more comes.
            late = [one for one in self._lines.late(desk) if one.alert.id not in self._recent]
            alert = together([one.alert for one in late])
            attempt += 1
            try:
                await self._send(alert, waiting.record.key, encode(alert))
            except InvalidRecord as error:
                self._counted("refused")
                for one in late:
                    one.result = self._dead(one.record, error, attempt=attempt)
            except TransientError as error:
                await self._back_off(alert, error, attempt)
            else:
                log.info("delivered together", sink=self._route.name, alert=alert.id, desk=desk, alerts=len(late))
                for one in late:
                    one.result = DIGESTED
                    self._delivered(one.alert, "digested")
        return waiting.result

    async def _gathered(self, desk: str) -> None:
        """Wait until no more alerts of the outage come: they are being fetched."""
        known = -1
        for _ in range(LOOKS):
            if known == (known := len(self._lines.late(desk))):
                return
            await self._sleep(LINGER)

    def _delivered(self, alert: Alert, how: str) -> None:
        self._counted(how)
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
            message=error.brief,
        )
        extra = {"sink": self._route.name, "attempt": str(attempt)}
        letter = dead_letter(record, error, stage="deliver", extra=extra)
        return Result(DEAD_LETTERED, reason=error.reason, first=(letter,))
