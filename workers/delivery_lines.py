"""Which alerts of a route wait for their desk's turn, and which of them have waited too long to be sent singly.

Wall time is compared with the brokers' timestamps here: a clock that is off moves the limit by as much, no more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from topics.records import Alert
from workers.messages import Record, Result

PATIENCE = 1 / 360
"""Of the age: a minute of six hours. What waited longer is of the same outage as an alert that is too old."""
LEAST, MOST = 2.0, 60.0


@dataclass(slots=True, eq=False)
class Waiting:
    """An alert in line; `result` once it was sent with others."""

    record: Record
    alert: Alert
    result: Result | None = None


class Lines:
    """The alerts of each desk in the order in which they came. `max_age` in seconds, `now` is wall time.

    Embargoes end by `reached`.
    """

    def __init__(self, max_age: float, now: Callable[[], float], reached: Callable[[], float]) -> None:
        self._max_age = max_age
        self._patience = min(max_age, max(LEAST, min(MOST, max_age * PATIENCE)))
        self._now = now
        self._reached = reached
        self._lines: dict[str, dict[Waiting, None]] = {}

    @contextmanager
    def waiting(self, record: Record, alert: Alert) -> Iterator[Waiting]:
        """In its desk's line for as long as the block lasts."""
        one, line = Waiting(record, alert), self._lines.setdefault(alert.desk, {})
        line[one] = None
        try:
            yield one
        finally:
            del line[one]
            if not line:
                del self._lines[alert.desk]

    def overdue(self, one: Waiting) -> bool:
        """Whether an alert has waited too long to be sent singly."""
        return self._age(one) > self._max_age

    def late(self, desk: str) -> list[Waiting]:
        """All that is to be sent together once one of a desk's alerts is overdue."""
        return [one for one in self._lines.get(desk, ()) if one.result is None and self._age(one) > self._patience]

    def _age(self, one: Waiting) -> float:
        """Since it was published, or since its embargo ended. Unknown is young."""
        if one.record.timestamp <= 0:
            return 0.0
        age = self._now() - one.record.timestamp / 1000
        if one.alert.embargo_until is not None:
            age = min(age, self._reached() - one.alert.embargo_until.timestamp())
        return age
