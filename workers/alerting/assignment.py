"""The partitions of hits that this process owns: what is shared by those who restore, fold and measure them."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from workers.alerting.part import Part
from workers.alerting.pulse import Progress


class Owned(NamedTuple):
    """What an assignment came to.

    `held` are partitions of hits that are ours and cannot be folded: alerts or stories do not have them (yet).
    `unequal` says why that is, or might come to be.
    """

    parts: Mapping[int, Part] = {}
    held: frozenset[int] = frozenset()
    unequal: str | None = None


NOTHING = Owned()
STALLED = 120.0
"""Hits that wait for so long, in seconds, while none come: the consumer hangs."""


class Assignment:
    """What is ours, and in which generation of the group: None while partitions come or go, and nothing is folded.

    The lock lies over both the folding of a batch and the reading back of state.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.generation: int | None = None
        self.owned = NOTHING
        self.progress = Progress(STALLED)

    def pause(self) -> None:
        """Partitions may go: fold no more."""
        self.generation = None

    def drop(self) -> None:
        """Nothing is ours until it has been read back."""
        self.generation = None
        self.owned = NOTHING

    def begin(self, generation: int, owned: Owned) -> None:
        """This is ours now, and may be folded."""
        self.owned = owned
        self.progress.begin()
        self.generation = generation

    def place(self, number: int) -> int | None:
        """The hit that a partition's state goes on from."""
        part = self.owned.parts.get(number)
        return part.next if part else None
