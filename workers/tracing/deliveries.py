"""Whether alerts reached their sinks: the routes' consumer groups, looked at and not joined."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError
from msgspec.structs import replace

from topics.records import Alert
from workers.delivery import wanted
from workers.sections import Route
from workers.settings import Settings
from workers.stream import ahead
from workers.tracing.found import Delivery, Place, Ring


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a route's group has come. `route` is None where the settings do not know it, `error` why we cannot see.

    `offsets` are committed ones, with what is settled beyond them.
    """

    name: str
    route: Route | None
    offsets: Mapping[int, tuple[int, frozenset[int]]]
    error: str | None = None

    def delivery(self, alert: Alert, place: Place, refused: Mapping[tuple[str, Place], str], now: datetime) -> Delivery:
        """What became of an alert here."""
        if self.route is not None and not wanted(self.route, alert):
            return Delivery(route=self.name, state="not_wanted")
        if (self.name, replace(place, at=None)) in refused:
            return Delivery(route=self.name, state="refused", reason=refused[self.name, replace(place, at=None)])
        if self.error is not None:
            return Delivery(route=self.name, state="unknown", reason=self.error)
        committed, settled = self.offsets.get(place.partition, (-1, frozenset()))
        if place.offset < committed or place.offset in settled:
            return Delivery(route=self.name, state="delivered" if self.route is not None else "passed")
        return self._waiting(alert, place, committed, settled, now)

    def _waiting(self, alert: Alert, place: Place, committed: int, settled: frozenset[int], now: datetime) -> Delivery:
        if committed < 0:
            return Delivery(route=self.name, state="waiting", reason="the route has not delivered anything here yet")
        before = sum(offset not in settled for offset in range(committed, place.offset))
        embargo = alert.embargo_until
        held = (
            f"under embargo until {embargo.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if embargo and embargo > now else None
        )
        return Delivery(route=self.name, state="waiting", before=before, reason=held)


async def look(settings: Settings, admin: Any, partitions: Sequence[TopicPartition]) -> list[Reached]:
    """The routes of the settings; where those have none, the groups on the cluster that are named like routes."""
    begin = settings.group_of("deliver-")
    routes = {route.name: route for route in settings.deliver.route}
    if not routes:
        try:
            groups = sorted(group[0] for group in await admin.list_consumer_groups())
        except KafkaError:
            return []
        names = [group.removeprefix(begin) for group in groups if group.startswith(begin)]
        return [await _reached(settings, admin, name, None, partitions) for name in names]
    return [await _reached(settings, admin, name, route, partitions) for name, route in routes.items()]


async def _reached(
    settings: Settings, admin: Any, name: str, route: Route | None, partitions: Sequence[TopicPartition]
) -> Reached:
    offsets, error = await committed(admin, settings.group_of(f"deliver-{name}"), partitions)
    found = {tp.partition: (at, ahead.decode(at, note)) for tp, (at, note) in offsets.items()}
    return Reached(name, route, found, error)


async def committed(
    admin: Any, group: str, partitions: Iterable[TopicPartition]
) -> tuple[dict[TopicPartition, tuple[int, str]], str | None]:
    """What a group has committed, with its notes (partitions without a commit are left out), or why we cannot see."""
    asked = list(partitions)
    if not asked:
        return {}, None
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=asked)
    except GroupAuthorizationFailedError:
        return {}, f"we may not look at the group {group} (Describe on it)"
    except KafkaError as error:
        return {}, f"the group {group} cannot be looked at: {error or type(error).__name__}"
    return {tp: (entry.offset, entry.metadata) for tp, entry in found.items() if entry.offset >= 0}, None


def with_deliveries(
    ring: Ring, alert: Alert, reached: Iterable[Reached], refused: Mapping[tuple[str, Place], str], now: datetime
) -> Ring:
    """The alert with what became of it on each route."""
    return replace(ring, deliveries=tuple(one.delivery(alert, ring.place, refused, now) for one in reached))
