"""State read back from `news.stories` and `news.alerts`, to their ends, for partitions that are ours now."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from workers.alerting.changelog import Changelog
from workers.alerting.marks import Entry
from workers.alerting.partitions import Topics
from workers.alerting.restored import Log, Restored, restore, tail_start


async def read_back(
    consumer: AIOKafkaConsumer, topics: Topics, partitions: Collection[int], *, stop: Callable[[], bool] = lambda: False
) -> dict[int, Restored]:
    """The state of each partition, by a consumer that is in no group.

    Returns early, with nothing, once `stop` says so. Raises ConfigError, and what aiokafka raises.
    """
    names = [TopicPartition(topic, number) for topic in topics for number in partitions]
    starts, ends = await consumer.beginning_offsets(names), await consumer.end_offsets(names)
    logs = {name: Log(starts[name], ends[name]) for name in names}
    changelogs = {number: Changelog() for number in partitions}
    states = {TopicPartition(topics.stories, n): 0 for n in partitions}
    reads = {name: changelogs[name.partition].read for name in states}
    ended = await _read_to_end(consumer, {n: logs[n].start for n in states}, logs, reads, stop)
    tails: dict[TopicPartition, list[Entry]] = {TopicPartition(topics.alerts, n): [] for n in partitions}
    begin = {n: tail_start(changelogs[n.partition].cursor(), logs[n]) for n in tails}
    ended |= await _read_to_end(consumer, begin, logs, {n: tail.append for n, tail in tails.items()}, stop)
    if stop():
        return {}
    return {
        # In a thread: a second for 20,000 stories, and the loop's beat must not stop for it.
        number: await asyncio.to_thread(
            restore,
            changelogs[number],
            stories_end=ended[TopicPartition(topics.stories, number)],
            hits=logs[TopicPartition(topics.hits, number)],
            alerts_end=ended[TopicPartition(topics.alerts, number)],
            published=tails[TopicPartition(topics.alerts, number)],
            tail=begin[TopicPartition(topics.alerts, number)],
        )
        for number in partitions
    }


async def _read_to_end(
    consumer: AIOKafkaConsumer,
    begin: Mapping[TopicPartition, int],
    logs: Mapping[TopicPartition, Log],
    reads: Mapping[TopicPartition, Callable[[Entry], object]],
    stop: Callable[[], bool],
) -> dict[TopicPartition, int]:
    """Hand every record to its reader; the offsets at which each partition ended."""
    consumer.assign(list(begin))
    for name, offset in begin.items():
        consumer.seek(name, offset)
    places = dict(begin)
    while not stop() and any(places[name] < logs[name].end for name in begin):
        for name, records in (await consumer.getmany(timeout_ms=200, max_records=2000)).items():
            for record in records:
                reads[name](Entry(record.key, record.value, tuple(record.headers)))
        for name in begin:
            places[name] = await consumer.position(name)
    return places
