"""Dead letters of `deliver`, to the sink that refused them and to no other: as `deliver` does it, for a while."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from alerts import sinks
from alerts.sinks import Sink
from topics.codec import decode_alert
from topics.errors import InvalidRecord, TransientError
from topics.records import Alert
from workers import routes
from workers.delivery import SKIPPED, Delivery
from workers.letters.destinations import Outcome, Stays
from workers.letters.letter import Letter
from workers.messages import DEAD_LETTERED, TRACE, Record, Result
from workers.sections import Route
from workers.settings import Settings

PATIENCE = 60.0
"""A sink that takes nothing for so long, in seconds, is asked no more."""


class Couriers:
    """One a route, made when there is the first letter for it. Letters of a desk are sent in their order."""

    def __init__(
        self,
        settings: Settings,
        producer: Any,
        *,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`producer` is for sinks that are topics; `now` is wall time."""
        self._settings = settings
        self._producer = producer
        self._patience = patience
        self._now = now
        self._made: dict[str, _Courier] = {}

    def courier(self, route: Route) -> "_Courier":
        """That of a route. Raises ConfigError where its settings are wrong."""
        if route.name not in self._made:
            self._made[route.name] = _Courier(self._settings, route, self._publish, self._patience, self._now)
        return self._made[route.name]

    async def deliver(self, leaving: Sequence[tuple[Letter, Route]]) -> list[tuple[Letter, Outcome]]:
        """Send them; returns when each is taken, refused, or given up."""
        by_route: dict[str, tuple[Route, list[Letter]]] = {}
        for letter, route in leaving:
            by_route.setdefault(route.name, (route, []))[1].append(letter)
        work = [self.courier(route).deliver(letters) for route, letters in by_route.values()]
        return [outcome for part in await asyncio.gather(*work) for outcome in part]

    async def close(self) -> None:
        for courier in self._made.values():
            await courier.sink.close()

    async def _publish(self, topic: str, key: bytes | None, value: bytes, alert: Alert) -> None:
        await routes.publish(self._producer, self._settings, topic, key, value, alert)


class _Courier:
    """A route's letters to its sink."""

    def __init__(
        self,
        settings: Settings,
        route: Route,
        publish: sinks.Publish,
        patience: float,
        now: Callable[[], float],
    ) -> None:
        self.sink = _Heard(routes.make_sink(settings, route, publish))
        self._name = route.name
        self._patience = patience
        self._now = now
        self._given_up = False
        age = routes.max_age(settings, route, self.sink.inner)
        self._delivery = Delivery(route, self.sink, now=now, max_age=age)

    async def deliver(self, letters: Sequence[Letter]) -> list[tuple[Letter, Outcome]]:
        tasks = [asyncio.create_task(self._one(letter)) for letter in letters]
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._given_up = True
                for task in waiting:  # an attempt that is under way ends, and counts
                    task.cancel()
                break
        await asyncio.gather(*tasks, return_exceptions=True)
        return [(letter, self._outcome(task)) for letter, task in zip(letters, tasks, strict=True)]

    async def _one(self, letter: Letter) -> Outcome:
        if self._given_up:
            return self._not_now()
        if _under_embargo(letter, self._now()):
            return Stays("under embargo: redrive them when it has ended", harmless=True)
        sinks.CARRIED.set(tuple(header for header in letter.headers if header[0] in TRACE))
        # Its age counts from when it became a dead letter: the alert's own record is another one.
        record = Record(letter.topic, 0, 0, letter.timestamp, letter.key, letter.value, letter.headers)
        (result,) = await self._delivery.submit([record])
        return self._told(result)

    def _told(self, result: Result) -> Outcome:
        if result is SKIPPED:
            return Stays(f"sink {self._name} takes no such alerts any more (its desks and severities)", harmless=True)
        if result.outcome == DEAD_LETTERED:
            why = self.sink.said if result.reason == "refused" else f"no alert that can be read ({result.reason})"
            return Stays(f"sink {self._name} refuses again: {why}")
        return f"sink {self._name}"

    def _outcome(self, task: "asyncio.Task[Outcome]") -> Outcome:
        if task.cancelled():
            return self._not_now()
        return task.exception() or task.result()

    def _not_now(self) -> Stays:
        return Stays(f"sink {self._name} does not take them now: {self.sink.said or 'no answer'}")


class _Heard:
    """A sink that remembers what the other side said last when it took nothing, as far as it quotes nobody."""

    def __init__(self, inner: Sink) -> None:
        self.inner = inner
        self.said = ""

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        try:
            await self.inner.send(alert, key=key, value=value)
        except InvalidRecord as error:
            self.said = error.brief
            raise
        except TransientError as error:
            self.said = str(error)
            raise

    async def close(self) -> None:
        await self.inner.close()


def _under_embargo(letter: Letter, now: float) -> bool:
    try:
        until = decode_alert(letter.value).embargo_until
    except InvalidRecord:
        return False
    return until is not None and until.timestamp() > now
