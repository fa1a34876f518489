"""What came out of the stream, read off its topics: each article and alert once, however often it was repeated."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import TopicPartition

from topics.codec import decode_alert
from topics.errors import InvalidRecord
from topics.records import Alert
from workers.dead_letters import PREFIX
from workers.settings import Settings

SHOWN = "demo-alerts"
"""The topic, under our prefix, that the deliver worker copies the alerts to."""
_ENRICHED, _DEAD = "enriched", "dead-letters"
Place = tuple[int, int]
"""Partition and offset in the topic of raw articles."""


class _Desk(msgspec.Struct):
    desk: str


class _Origin(msgspec.Struct):
    partition: int
    offset: int


class _Enriched(msgspec.Struct):
    origin: _Origin
    hits: tuple[_Desk, ...] = ()


_enriched = msgspec.json.Decoder(_Enriched)


class Seen:
    """Articles by the place that they came from: `enriched`, `dead`; `hits` are pairs of an article and a desk."""

    def __init__(self, raw_topic: str, on_alert: Callable[[Alert], None]) -> None:
        self._raw_topic = raw_topic.encode()
        self._on_alert = on_alert
        self._alerts: set[str] = set()
        self.enriched: set[Place] = set()
        self.dead: set[Place] = set()
        self.hits = 0

    @property
    def alerts(self) -> int:
        return len(self._alerts)

    def __contains__(self, place: object) -> bool:
        return place in self.enriched or place in self.dead

    def take(self, role: str, record: Any) -> None:
        """Count a record of the topic of this role."""
        if role == _ENRICHED:
            article = _enriched.decode(record.value)
            place = (article.origin.partition, article.origin.offset)
            if place not in self.enriched:
                self.enriched.add(place)
                self.hits += len({hit.desk for hit in article.hits})
        elif role == _DEAD:
            headers = dict(record.headers)
            if headers.get(f"{PREFIX}topic") == self._raw_topic:  # later stages have dead letters of their own
                self.dead.add((int(headers[f"{PREFIX}partition"]), int(headers[f"{PREFIX}offset"])))
        else:
            self._alert(record.value)

    def _alert(self, value: bytes) -> None:
        try:
            alert = decode_alert(value)
        except InvalidRecord:
            return  # nothing that could be shown
        if alert.id not in self._alerts:
            self._alerts.add(alert.id)
            self._on_alert(alert)


class Reader:
    """Reads those topics into `seen`, from their beginning."""

    def __init__(self, consumer: Any, settings: Settings, seen: Seen, *, partitions: int) -> None:
        self._consumer = consumer
        self._seen = seen
        self._roles = {f"{settings.prefix}.{role}": role for role in (_ENRICHED, _DEAD, SHOWN)}
        self._assigned = [
            TopicPartition(topic, partition)
            for topic, role in self._roles.items()
            for partition in range(1 if role == SHOWN else partitions)
        ]
        consumer.assign(self._assigned)

    async def run(self) -> None:
        """Until cancelled."""
        await self._consumer.seek_to_beginning(*self._assigned)
        while True:
            for partition, records in (await self._consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    self._seen.take(self._roles[partition.topic], record)

    async def behind(self) -> int:
        """Records that are there and have yet to be read."""
        ends = await self._consumer.end_offsets(self._assigned)
        return sum([end - await self._consumer.position(partition) for partition, end in ends.items()])
