"""The brake's judgement: is too much of what a partition brought of late unreadable? Pure, and one partition's.

A publisher that changed its format would else have its whole topic drained to the dead letters.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from workers.messages import DEAD_LETTERED, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Over `share` bad ones of the last `window` records the brake is put on, but of `minimum` records at least.

    Every `probe_interval` seconds it is looked whether the records can be read again; `rate` is at how many bad ones
    a second what is left behind by a publisher that has mended itself goes to the dead letters.
    """

    enabled: bool = True
    window: int = 100
    share: float = 0.5
    minimum: int = 20
    probe_interval: float = 30.0
    rate: float = 20.0


class Window:
    """The last outcomes of a partition: True is bad."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._outcomes: deque[bool] = deque(maxlen=rules.window)

    @property
    def bad(self) -> int:
        return sum(self._outcomes)

    @property
    def records(self) -> int:
        return len(self._outcomes)

    @property
    def over(self) -> bool:
        """Whether too many are bad."""
        return self.records >= self._rules.minimum and self.bad > self._rules.share * self.records

    def add(self, outcomes: Sequence[bool]) -> bool:
        """Count outcomes in their order; whether the brake is to be put on. Good ones alone never put it on."""
        tripped = False
        for bad in outcomes:
            self._outcomes.append(bad)
            tripped = tripped or (bad and self.over)
        return tripped

    def clear(self) -> None:
        self._outcomes.clear()


def is_bad(result: Result) -> bool:
    """Whether a record could not be read, or not be processed, for whatever reason."""
    return result.outcome == DEAD_LETTERED
