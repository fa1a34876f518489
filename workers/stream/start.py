"""Where a consumer group begins that has no offsets yet.

What `start` says holds once, for the partitions that there are at that time: their offsets are committed before
anybody subscribes. Every partition without a committed offset, whenever it comes, is then read from its beginning:
were it read from its end, what was written before we noticed it would be lost. A group whose offsets the brokers have
dropped (with a topic that was deleted, or after `offsets.retention.minutes` without a member) is new again.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from workers.moments import EARLIEST, moment
from workers.settings import Settings
from workers.stream import inputs, kafka

log = structlog.get_logger()


async def place(
    settings: Settings, group: str, *, without: Collection[str] = (), now: Callable[[], float] = time.time
) -> None:
    """See to it that the group has offsets, if it is new and `settings.start` is not `earliest`.

    Topics `without` are not touched: they cannot be read for now, and will be read from their beginning.

    A group that has an offset of any topic is not new. Of several workers that start at once one commits: what the
    others have to say is refused as soon as one has joined. Raises KafkaError.
    """
    if settings.start == EARLIEST:
        await _tell(settings, group, without)
        return
    if await _offsets(settings, group):
        return
    async with kafka.running(kafka.consumer(settings, group, worker="enrich")) as consumer:
        partitions = await inputs.partitions(settings, consumer, without=without)
        if not partitions:
            return
        offsets = await _places(consumer, partitions, moment(settings.start, now=now()))
        consumer.assign(partitions)
        if await _offsets(settings, group):  # somebody else was quicker
            return
        await _commit(consumer, group, settings.start, offsets)


async def _tell(settings: Settings, group: str, without: Collection[str]) -> None:
    """Say what the default means, where it means anything: nothing has to be done for it."""
    async with kafka.running(kafka.consumer(settings, worker="enrich")) as consumer:
        partitions = await inputs.partitions(settings, consumer, without=without)
    # Asked for what it has of these: not every broker (the embedded one) can tell all that a group has.
    if partitions and not await _offsets(settings, group, partitions):
        log.info(
            "a new group reads from the earliest record (start, --start); articles older than max_alert_age are "
            "backfill and ring nobody",
            group=group,
            max_alert_age=settings.enrich.max_alert_age,
        )


async def _commit(consumer: Any, group: str, start: str, offsets: Mapping[TopicPartition, int]) -> None:
    places = {f"{tp.topic}/{tp.partition}": offset for tp, offset in sorted(offsets.items())}
    note = f"start {start} at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        await consumer.commit({tp: (offset, note) for tp, offset in offsets.items()})
    except CommitFailedError:
        log.info("the group is read by another worker already: it said where to begin", group=group)
        return
    log.info(
        "a new group: it begins where start says; partitions that are added later are read from their beginning",
        group=group,
        start=start,
        offsets=places,
    )


async def _offsets(settings: Settings, group: str, partitions: Sequence[TopicPartition] | None = None) -> bool:
    """Whether the group has committed any, of these partitions or at all."""
    async with kafka.admin(settings, worker="enrich") as admin:
        committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
    return any(entry.offset >= 0 for entry in committed.values())


async def _places(
    consumer: Any, partitions: Sequence[TopicPartition], start: float | None
) -> dict[TopicPartition, int]:
    """The first offset at `start` (seconds since the epoch) or later, in each partition; its end where there is none.

    The ends are asked for first: a record that comes in between is then read, and not skipped.
    """
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    if start is None:
        return ends
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, max(0, int(start * 1000))))
    return {tp: found[tp].offset if found.get(tp) is not None else end for tp, end in ends.items()}
