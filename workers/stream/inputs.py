"""Which topics raw articles come from: those that the cluster has of what the inputs name or match."""

import re
from collections.abc import Collection, Iterable
from typing import Any

import structlog
from aiokafka import TopicPartition

from topics.catalog import TOPICS
from topics.errors import ConfigError, TransientError
from workers.sections import Input
from workers.settings import Settings

METADATA_MAX_AGE_MS = 30_000
"""How long a topic or a partition that was added may go unnoticed."""

log = structlog.get_logger()


def subscription(settings: Settings, *, without: Collection[str] = ()) -> tuple[str, ...] | re.Pattern[str]:
    """What to subscribe to: names, or one pattern where any input has one. None of our own topics is ever matched.

    Topics `without` are left out: one that is refused would end the reading of all.

    Raises ConfigError where patterns that are right alone make no pattern together.
    """
    if not any(isinstance(one.topics, str) for one in settings.inputs):
        return tuple(topic for topic in settings.input_topics if topic not in without)
    wanted = [f"(?:{one.topics})" if isinstance(one.topics, str) else _any(one.topics) for one in settings.inputs]
    try:
        # The client matches at the beginning only, hence \Z.
        return re.compile(rf"(?!{_any([*_ours(settings), *without])}\Z)(?:{'|'.join(wanted)})\Z")
    except re.error as error:
        raise ConfigError(f"input: topics: the patterns do not go together in one: {error}") from None


def present(settings: Settings, topics: Iterable[str]) -> list[str]:
    """Those of the cluster's `topics` that are inputs."""
    ours = set(_ours(settings))
    return sorted(topic for topic in topics if topic not in ours and settings.input_of(topic) is not None)


def require(settings: Settings, topics: Iterable[str]) -> None:
    """Raises TransientError while none of the cluster's `topics` is an input: a pattern waits for its first."""
    if not present(settings, topics):
        wanted = ", ".join(str(one.topics) for one in settings.inputs if isinstance(one.topics, str))
        raise TransientError(f"no topic for the inputs yet, waiting for the first that matches {wanted}")


async def partitions(settings: Settings, consumer: Any, *, without: Collection[str] = ()) -> list[TopicPartition]:
    """Every partition that there is of the inputs' topics now, but `without` some. `consumer` has started."""
    # A consumer that is not subscribed is asked for no topic's partitions but by this.
    cluster = await consumer._client.fetch_all_metadata()
    return [
        TopicPartition(topic, partition)
        for topic in present(settings, cluster.topics())
        if topic not in without
        for partition in sorted(cluster.partitions_for_topic(topic) or ())
    ]


class Claims:
    """Topics that several inputs claim: a ConfigError at first, and later logged once, for the first input has it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: set[str] = set()
        self._checked = False

    def check(self, topics: Iterable[str]) -> int:
        """Look at topics of the cluster. Returns how many are claimed twice and were not seen before.

        The first call raises ConfigError for one; patterns meet only where there is a topic.
        """
        found = {topic: claims for topic in topics if len(claims := self._claims(topic)) > 1}
        new = found.keys() - self._seen
        if new and not self._checked:
            topic = min(new)
            raise ConfigError(f"input: topic {topic} is claimed by {_both(found[topic])}; let one leave it out")
        self._checked = True
        self._seen |= new
        for topic in sorted(new):
            log.error(
                "a new topic is claimed by two inputs: the first reads it", topic=topic, inputs=_both(found[topic])
            )
        return len(new)

    def _claims(self, topic: str) -> list[tuple[int, Input]]:
        if topic in _ours(self._settings):
            return []
        return [(number, one) for number, one in enumerate(self._settings.inputs, start=1) if one.claims(topic)]


def _both(claims: list[tuple[int, Input]]) -> str:
    return " and ".join(
        f"[[input]] {number} ({one.topics if isinstance(one.topics, str) else ', '.join(one.topics)})"
        for number, one in claims
    )


def _ours(settings: Settings) -> list[str]:
    """Our own topics that are never an input."""
    return [settings.topic(role) for role in TOPICS if role != "raw"]


def _any(topics: Iterable[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, topics))})"
