"""Hits, alerts and stories go together partition by partition: which partitions can be folded, and why others wait."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from topics.errors import TransientError

REMEDY = "kafka-topics.sh --bootstrap-server {brokers} --alter --topic {topic} --partitions {most}"


class Topics(NamedTuple):
    """The names of the three topics that the stage works on."""

    hits: str
    alerts: str
    stories: str


async def counted(client: Any, topics: Topics) -> dict[str, int]:
    """How many partitions each topic has, asked of the brokers by aiokafka's `client`.

    Raises TransientError for one that has none (yet), and KafkaError.
    """
    cluster = await client.fetch_all_metadata()
    counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
    missing = [topic for topic, count in counts.items() if not count]
    if missing:
        raise TransientError(f"no topic {', '.join(missing)} (ours are made by: wirewatch topics create)")
    return counts


def foldable(counts: Mapping[str, int]) -> int:
    """Partitions below this number are there in all topics."""
    return min(counts.values())


def unequal(counts: Mapping[str, int], brokers: str, waiting: Collection[int] = ()) -> str | None:
    """What is wrong where topics have different numbers of partitions, with the remedy. `waiting` are held back."""
    most = max(counts.values())
    if foldable(counts) == most:
        return None
    found = ", ".join(f"{topic} has {count} partitions" for topic, count in counts.items())
    alter = "; ".join(
        REMEDY.format(brokers=brokers, topic=topic, most=most) for topic, count in counts.items() if count < most
    )
    numbers = ", ".join(map(str, sorted(waiting)))
    held = f"; hits in partition {numbers} wait until then, and none is lost" if waiting else ""
    return f"hits, alerts and stories must have the same number of partitions: {found}{held}: {alter}"
