"""A dead letter as it lies on its topic, the marker that says it was redriven, and which of them are wanted. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from workers.dead_letters import CUT, REDRIVEN_FROM, opened, was_redriven
from workers.messages import Headers

STAGES = ENRICH, ALERT, DELIVER = ("enrich", "alert", "deliver")
REDRIVEN = "wirewatch.redriven"
"""Header of a marker: the place of the letter that was redriven.

A marker is a record of the dead-letter topic without a value, in the letter's partition and with its key (the place
where it has none). So it comes after the letter, and is there for as long as the letter is.
"""
REDRIVEN_TO = "wirewatch.redriven-to"
"""Header of a marker, for people: `TOPIC/PARTITION/OFFSET`, or `sink NAME`."""
_PLACE = re.compile(r"(\d{1,9})/(\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class Place(NamedTuple):
    """Where a letter lies on the dead-letter topic: what it is named by."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


def place(text: str) -> Place | None:
    """`PARTITION/OFFSET`; None where it is none."""
    found = _PLACE.fullmatch(text)
    return Place(int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter. `headers` are those that its record came with, `errors` what ours say of it.

    `before` is the place of the letter that it was redriven from; None where this is its first failure. `timestamp` is
    when it became a dead letter, in milliseconds since the epoch. `message` is its record as the client gives it.
    """

    place: Place
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    errors: Mapping[str, str]
    before: str | None
    message: Any = field(default=None, repr=False, compare=False)

    @property
    def stage(self) -> str | None:
        """None: nobody of ours wrote it."""
        return self.errors.get("stage")

    @property
    def topic(self) -> str:
        """Where the record came from."""
        return self.errors.get("topic", "")

    @property
    def partition(self) -> int | None:
        """Of that topic. None where the header holds none."""
        text = self.errors.get("partition", "")
        return int(text) if _NUMBER.fullmatch(text) else None

    @property
    def came_from(self) -> str:
        """Topic, partition and offset as the headers say them."""
        return "/".join(self.errors.get(name, "?") for name in ("topic", "partition", "offset"))

    @property
    def sink(self) -> str | None:
        """The route whose sink refused it."""
        return self.errors.get("sink")

    @property
    def cut_from(self) -> str | None:
        """How many bytes the record's value had; None where this is all of it."""
        return self.errors.get(CUT)

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        return len(self.key or b"") + len(self.value or b"") + 1024


class Mark(NamedTuple):
    """What a marker says: when a letter was redriven (milliseconds since the epoch), and where to."""

    at: int
    to: str


def letter_of(message: Any) -> Letter:
    """A record of the dead-letter topic, as a letter."""
    came, errors = opened(message.headers)
    return Letter(
        place=Place(message.partition, message.offset),
        timestamp=message.timestamp,
        key=None if message.key is None else bytes(message.key),
        value=None if message.value is None else bytes(message.value),
        headers=tuple((name, None if value is None else bytes(value)) for name, value in came if name != REDRIVEN_FROM),
        errors=errors,
        before=was_redriven(came),
        message=message,
    )


def marked(message: Any) -> Place | None:
    """The letter that a record of the dead-letter topic is a marker of; None where it is none."""
    text = next((value for name, value in message.headers if name == REDRIVEN and value is not None), None)
    if text is None or message.value is not None or opened(message.headers)[1]:
        return None
    found = place(text.decode("utf-8", "replace"))
    # A marker is in its letter's partition, and after it.
    return found if found and found.partition == message.partition and found.offset < message.offset else None


def mark_of(message: Any) -> Mark:
    """What a marker says."""
    to = next((value for name, value in message.headers if name == REDRIVEN_TO and value is not None), b"")
    return Mark(message.timestamp, to.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters: those that meet all that is given; with `places`, those alone. Times in seconds."""

    places: frozenset[Place] = field(default_factory=frozenset)
    stage: str | None = None
    reasons: tuple[str, ...] = ()
    topic: str | None = None
    sink: str | None = None
    since: float | None = None
    until: float | None = None

    def __call__(self, letter: Letter) -> bool:
        given = (
            (self.stage, letter.stage),
            (self.topic, letter.topic),
            (self.sink, letter.sink),
        )
        return (
            all(wanted in (None, found) for wanted, found in given)
            and (not self.reasons or letter.errors.get("reason") in self.reasons)
            and (not self.places or letter.place in self.places)
            and (self.since is None or letter.timestamp >= self.since * 1000)
            and (self.until is None or letter.timestamp < self.until * 1000)
        )
