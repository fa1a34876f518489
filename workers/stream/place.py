"""Where a partition is read from that has no place in its log: none was committed, or the log has moved under it.

It is always the earliest record that is there. Retention that was quicker than we are has taken what came before,
which is counted; a topic that was made anew is read from its beginning: repeats are harmless, gaps are not.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

LOST = (NoOffsetForPartitionError, OffsetOutOfRangeError)
"""What a fetch raises, with `auto_offset_reset="none"`."""
TIMEOUT = 10.0
WAIT = 0.2

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`start` is where to read on; `lost` the offset that was asked for, None where there never was one."""

    partition: TopicPartition
    start: int
    lost: int | None

    @property
    def skipped(self) -> int:
        """Records that retention took before we came to read them, at most: some offsets hold none."""
        return 0 if self.lost is None else max(0, self.start - self.lost)

    @property
    def anew(self) -> bool:
        """Whether the log ends before the offset: it is another log."""
        return self.lost is not None and self.start <= self.lost


async def find(consumer: Any, error: KafkaError) -> Place | None:
    """Where to read on after a fetch raised one of `LOST`; None while the brokers do not say: it will raise again."""
    found = error.args[0]
    ((tp, lost),) = found.items() if isinstance(found, dict) else ((found, None),)
    try:
        start = (await asyncio.wait_for(consumer.beginning_offsets([tp]), TIMEOUT))[tp]
    except (KafkaError, TimeoutError) as again:
        log.warning("no offset to read from yet", partition=f"{tp.topic}/{tp.partition}", error=repr(again))
        await asyncio.sleep(WAIT)
        return None
    place = Place(partition=tp, start=start, lost=lost)
    _say(place)
    return place


def _say(place: Place) -> None:
    name = f"{place.partition.topic}/{place.partition.partition}"
    if place.lost is None:
        log.info("no offset committed: reading from the beginning", partition=name, offset=place.start)
    elif place.anew:
        log.warning(
            "out of range: the topic was made anew, reading it from its beginning",
            partition=name,
            offset=place.lost,
            to=place.start,
        )
    else:
        log.error(
            "out of range: retention has taken records that were not read, going on with the earliest that is there",
            partition=name,
            offset=place.lost,
            to=place.start,
            lost_records=place.skipped,
        )
