"""What `wirewatch resume` does: a record a partition, on the topic that every enrich worker follows."""

from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import TopicPartition

from workers import resume as records
from workers.commands.administering import no_topic
from workers.commands.running import CommandFailed
from workers.resume import Resume
from workers.settings import Settings
from workers.stream import inputs, kafka


async def resume(settings: Settings, places: Sequence[str]) -> list[Resume]:
    """Write them, for these places (TOPIC or TOPIC/PARTITION), or for all of the inputs where there are none.

    Raises CommandFailed for a place that is no input's, and where the topic for them is not there or not read.
    """
    topic = settings.topic("watchlists")
    if not settings.enrich.watchlists_topic:
        raise CommandFailed("enrich.watchlists_topic is false: workers do not read the topic that tells them")
    async with kafka.running(kafka.consumer(settings)) as consumer:
        if topic not in await consumer.topics():
            raise CommandFailed(f"workers are told by it: {no_topic(settings, topic)}")
        there = await inputs.partitions(settings, consumer)
        chosen = _chosen(there, places)
        if not chosen:
            raise CommandFailed("the inputs have no topic yet")
        ends = await consumer.end_offsets(chosen)
    now = datetime.now(UTC)
    told = [Resume(topic=tp.topic, partition=tp.partition, until=ends[tp], at=now) for tp in chosen]
    async with kafka.running(kafka.producer(settings)) as producer:
        for one in told:
            await producer.send_and_wait(topic, records.encode(one), key=records.key(one))
    return told


def _chosen(there: Sequence[TopicPartition], places: Sequence[str]) -> list[TopicPartition]:
    found: dict[TopicPartition, None] = {}
    for place in places:
        some = [tp for tp in there if place in (tp.topic, f"{tp.topic}/{tp.partition}")]
        if not some:
            known = ", ".join(dict.fromkeys(tp.topic for tp in there)) or "none"
            raise CommandFailed(f"{place}: no partition of an input (topics of the inputs: {known})")
        found |= dict.fromkeys(some)
    return list(found) if places else list(there)
