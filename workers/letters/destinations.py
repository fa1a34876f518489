"""Where a dead letter goes back to, or why it stays. Pure: what the cluster has is handed in."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from aiokafka.partitioner import DefaultPartitioner

from workers.letters.letter import ALERT, DELIVER, ENRICH, Letter
from workers.sections import Route
from workers.settings import Settings
from workers.stream import inputs

Partitions = Callable[[str], Collection[int]]
"""A topic's partitions on the cluster; none where it is not there."""


@dataclass(frozen=True, slots=True)
class ToTopic:
    """Back on a topic, into this partition."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True)
class ToSink:
    """To the sink of a route, and to no other."""

    route: Route

    def __str__(self) -> str:
        return f"sink {self.route.name}"


@dataclass(frozen=True, slots=True)
class Stays:
    """It is left where it is. `harmless`: nobody has to do anything about it."""

    why: str
    harmless: bool = False


Destination = ToTopic | ToSink | Stays
Outcome = str | Stays | BaseException
"""Where a letter has arrived, why it stays, or what went wrong with Kafka."""
REDRIVEN_BEFORE = Stays("redriven before (--again redrives once more)", harmless=True)


def destination(letter: Letter, settings: Settings, partitions: Partitions) -> Destination:
    """Where a letter goes, by its headers, the settings and what the cluster has."""
    find = _BY_STAGE.get(letter.stage or "")
    if find is None:
        return Stays("no dead letter of wirewatch's: no header says which stage it failed in")
    if letter.cut_from is not None:
        return Stays("cut when it became a dead letter, so not the whole record: its source has to publish it again")
    return find(letter, settings, partitions)


def _to_input(letter: Letter, settings: Settings, partitions: Partitions) -> Destination:
    """The partition that it came from: its publisher may choose partitions in another way than we do by the key, and
    an article's revisions are in order in one partition only. Where there is no such partition any more, by the key.
    """
    topic = letter.topic
    if not inputs.present(settings, [topic]):
        return Stays(f"topic {topic or '?'} is no input by these settings, so nobody would read it there")
    there = sorted(partitions(topic))
    if not there:
        return Stays(_gone(topic))
    if letter.partition in there:
        return ToTopic(topic, letter.partition)
    return ToTopic(topic, DefaultPartitioner()(letter.key, there, there))


def _to_hits(letter: Letter, settings: Settings, partitions: Partitions) -> Destination:
    """The same partition and no other: a desk's stories are in that partition's state."""
    topic = settings.topic("hits")
    if letter.topic != topic:
        return Stays(f"topic {letter.topic or '?'} is not that of the hits by these settings ({topic})")
    there = partitions(topic)
    if not there:
        return Stays(_gone(topic))
    if letter.partition is None or letter.partition not in there:
        return Stays(f"topic {topic} has not the partition that it came from")
    return ToTopic(topic, letter.partition)


def _to_sink(letter: Letter, settings: Settings, partitions: Partitions) -> Destination:
    """Never back on the alerts' topic: the alert worker alone writes there, and all other sinks would hear it again."""
    route = next((route for route in settings.deliver.route if route.name == letter.sink), None)
    if route is None:
        known = ", ".join(route.name for route in settings.deliver.route) or "none"
        return Stays(f"sink {letter.sink or '?'} is not in these settings (deliver.route: {known})")
    return ToSink(route)


def _gone(topic: str) -> str:
    return f"topic {topic} is not there any more, or we may not see it"


_BY_STAGE: dict[str, Callable[[Letter, Settings, Partitions], Destination]] = {
    ENRICH: _to_input,
    ALERT: _to_hits,
    DELIVER: _to_sink,
}
