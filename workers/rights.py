"""What each worker and command needs to be allowed on the cluster, and not a right more: one table, from the settings.

Where Kafka gives Describe along with Read and Write, it is not named. Nobody needs a right to create anything: topics
are made by an administrator (`wirewatch topics create`, or what `--print` prints). An idempotent producer needs no
right of its own since Kafka 2.8: Write on any topic is enough.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from topics.catalog import TOPICS
from workers.sections import Input, Route
from workers.settings import Settings

TOPIC, GROUP = "topic", "group"
EVERY = "*"
"""As a name: all topics there are."""
_META = frozenset(r".^$*+?{}[]\|()")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Right:
    """Operations (as Kafka spells them: Read, Write, Describe …) on a topic or a group.

    `prefixed`: on all whose names begin so.
    """

    kind: str
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False

    @property
    def open(self) -> bool:
        """Whether it is on whatever begins so, and not on one topic or group."""
        return self.prefixed or self.name == EVERY

    def covers(self, topic: str) -> bool:
        """Whether this is about a topic."""
        return self.kind == TOPIC and (self.name in (topic, EVERY) or (self.prefixed and topic.startswith(self.name)))


def rights(settings: Settings, who: str) -> tuple[Right, ...]:
    """What a worker or command (a key of `NEEDS`) needs, sorted; one entry a topic or group."""
    return _merged(NEEDS[who](settings))


def route_rights(settings: Settings, route: Route) -> tuple[Right, ...]:
    """What one of deliver's routes needs."""
    return _merged(
        [
            *_on(settings, "Read", "alerts"),
            *_on(settings, "Write", "dead-letters"),
            _group(settings.group_of(f"deliver-{route.name}")),
            *_to_sink(route),
        ]
    )


def _to_sink(route: Route) -> list[Right]:
    """Those that a sink needs which is a topic."""
    topic = str((route.sink.model_extra or {}).get("topic"))
    return [Right(kind=TOPIC, name=topic, operations=("Write",))] if route.sink.kind == "kafka" else []


def _merged(needed: Iterable[Right]) -> tuple[Right, ...]:
    merged: dict[tuple[str, str, bool], set[str]] = {}
    for right in needed:
        merged.setdefault((right.kind, right.name, right.prefixed), set()).update(right.operations)
    return tuple(
        Right(kind=kind, name=name, prefixed=prefixed, operations=tuple(sorted(_least(operations))))
        for (kind, name, prefixed), operations in sorted(merged.items())
    )


def named(needed: Iterable[Right], kind: str) -> list[str]:
    """The topics or groups among these rights; which there are of a pattern only the cluster knows."""
    return [right.name for right in needed if right.kind == kind and not right.open]


def topics(settings: Settings, who: str) -> list[str]:
    """The topics that a worker needs and that are named."""
    return named(rights(settings, who), TOPIC)


def groups(settings: Settings, who: str) -> list[str]:
    """The consumer groups that a worker is in."""
    return named(rights(settings, who), GROUP)


def stem(pattern: str) -> str:
    """The longest text that all names begin with that a regular expression matches; perhaps too short, never wrong."""
    if _alternatives(pattern):
        return ""
    found: list[str] = []
    rest = iter(range(len(pattern)))
    for at in rest:
        letter = pattern[at]
        if letter == "\\" and at + 1 < len(pattern) and not pattern[at + 1].isalnum():
            letter = pattern[next(rest)]
        elif letter in _META:
            if letter in "*?{" and found:  # the letter before it may be missing
                found.pop()
            break
        found.append(letter)
    return "".join(found)


def _alternatives(pattern: str) -> bool:
    """Whether there is a `|` outside of all brackets."""
    depth = 0
    for letter in re.sub(r"\\.", "", pattern):
        depth += (letter in "([") - (letter in ")]")
        if letter == "|" and depth <= 0:
            return True
    return False


def _least(operations: set[str]) -> set[str]:
    return operations - {"Describe"} if operations & {"Read", "Write"} else operations


def _on(settings: Settings, operation: str, *roles: str) -> list[Right]:
    return [Right(kind=TOPIC, name=settings.topic(role), operations=(operation,)) for role in roles]


def _inputs(settings: Settings, operation: str) -> list[Right]:
    return [right for one in settings.inputs for right in _input(one, operation)]


def _input(one: Input, operation: str) -> list[Right]:
    if not isinstance(one.topics, str):
        return [Right(kind=TOPIC, name=topic, operations=(operation,)) for topic in one.topics]
    begin = stem(one.topics)
    return [Right(kind=TOPIC, name=begin or EVERY, prefixed=bool(begin), operations=(operation,))]


def _group(name: str, operation: str = "Read") -> Right:
    return Right(kind=GROUP, name=name, operations=(operation,))


def _enrich(settings: Settings) -> list[Right]:
    return [
        *_inputs(settings, "Read"),
        *(_on(settings, "Read", "watchlists") if settings.enrich.watchlists_topic else ()),
        *_on(settings, "Write", "enriched", "hits", "dead-letters"),
        _group(settings.group_of("enrich")),
    ]


def _alert(settings: Settings) -> list[Right]:
    # It reads its own state and alerts back, and appends ticks to the hits.
    return [
        *_on(settings, "Read", "hits", "alerts", "stories"),
        *_on(settings, "Write", "hits", "alerts", "stories", "dead-letters"),
        _group(settings.group_of("alert")),
    ]


def _deliver(settings: Settings) -> list[Right]:
    return [right for route in settings.deliver.route for right in route_rights(settings, route)]


def _groups(settings: Settings) -> list[Right]:
    workers = ["enrich", "alert", *(f"deliver-{route.name}" for route in settings.deliver.route)]
    return [_group(settings.group_of(worker), "Describe") for worker in workers]


def _check(settings: Settings) -> list[Right]:
    needed = [right for worker in (_enrich, _alert, _deliver) for right in worker(settings)]
    looks = ("Describe", "DescribeConfigs")
    return [*(replace(right, operations=looks) for right in needed if right.kind == TOPIC), *_groups(settings)]


def _publish(settings: Settings) -> list[Right]:
    return _inputs(settings, "Write")


def _tail(settings: Settings) -> list[Right]:
    return [*_inputs(settings, "Read"), *_on(settings, "Read", *(role for role in TOPICS if role != "raw"))]


def _trace(settings: Settings) -> list[Right]:
    roles = ("enriched", "hits", "alerts", "stories", "dead-letters")
    return [*_inputs(settings, "Read"), *_on(settings, "Read", *roles), *_groups(settings)]


def _watchlists(settings: Settings) -> list[Right]:
    # Hits: whoever removes a desk's last watchlist says so there.
    return [*_on(settings, "Read", "watchlists"), *_on(settings, "Write", "watchlists", "hits")]


def _resume(settings: Settings) -> list[Right]:
    return [*_inputs(settings, "Describe"), *_on(settings, "Write", "watchlists")]


def _dlq(settings: Settings) -> list[Right]:
    return _on(settings, "Read", "dead-letters")


def _redrive(settings: Settings) -> list[Right]:
    # It marks among the letters what it has redriven; alerts go straight to their sinks, never to the alerts' topic.
    return [
        *_on(settings, "Read", "dead-letters"),
        *_on(settings, "Write", "dead-letters", "hits"),
        *_inputs(settings, "Write"),
        *(right for route in settings.deliver.route for right in _to_sink(route)),
    ]


Need = Callable[[Settings], Iterable[Right]]
NEEDS: dict[str, Need] = {
    "enrich": _enrich,
    "alert": _alert,
    "deliver": _deliver,
    "check": _check,
    "publish": _publish,
    "watchlists": _watchlists,
    "resume": _resume,
    "tail": _tail,
    "trace": _trace,
    "dlq": _dlq,
    "redrive": _redrive,
}
