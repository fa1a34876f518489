"""What an article's hits led to: alerts, or a place in a story; and where those alerts went."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiokafka import TopicPartition
from msgspec.structs import replace

from topics.codec import decode_alert, decode_hit
from topics.errors import InvalidRecord
from topics.records import Alert, Hit
from topics.stories import CURSOR_KEY, Cursor, Story, Telling, decode_cursor, decode_story
from workers.alerting.part import ORIGIN
from workers.commands.reading import errors_of
from workers.settings import Settings
from workers.tracing import deliveries
from workers.tracing.found import Folded, Met, Place, Ring, Way
from workers.tracing.scan import Scanner, place_of
from workers.tracing.sought import Sought, holding

SLACK = timedelta(minutes=5)
"""What is looked for after a time is looked for from so long before it: brokers' clocks differ."""
DIGEST = "digest"
Told = tuple[Ring, Alert, str]
"""An alert as it is shown, as it is, and the place of the hit that it came of."""


class Alerting:
    """Looks for hits, stories and alerts."""

    def __init__(self, settings: Settings, scanner: Scanner, admin: Any, sought: Sought) -> None:
        self._settings = settings
        self._scanner = scanner
        self._admin = admin
        self._sought = sought
        self._stories: dict[bytes, Story] = {}
        self._cursors: dict[int, Cursor] = {}

    async def follow(
        self, ways: Sequence[Way], letters: Iterable[Any], *, since: datetime | None, now: datetime
    ) -> list[Way]:
        """The ways with their hits, and what came of those."""
        hits = [(place, hit) async for place, hit in self._hits(since)]
        used = {place.partition for place, _ in hits}
        await self._read_stories(used)
        told = [one async for one in self._alerts(used, since)]
        told = await self._delivered(told, letters, now)
        return [self._way(way, hits, told, last=way is ways[-1]) for way in ways]

    def _way(self, way: Way, hits: Sequence[tuple[Place, Hit]], told: Sequence[Told], *, last: bool) -> Way:
        own = [(place, hit) for place, hit in hits if _is_of(hit, way)]
        again = {str(place): _came_before(place, hit, hits) for place, hit in own}
        met = tuple(self._met(place, hit, told, again=again[str(place)]) for place, hit in own)
        # An article is taken back once, whatever number of revisions it had.
        taken = [ring for ring, _, _ in told if ring.kind == "withdrawn" and ring.article_id == way.id]
        return replace(way, hits=met, withdrawals=tuple(taken) if last else ())

    # --- news.hits

    async def _hits(self, since: datetime | None) -> AsyncIterator[tuple[Place, Hit]]:
        partitions = self._scanner.partitions(self._settings.topic("hits"))
        async for message in self._scanner.records(
            await self._scanner.spans(partitions, since), holding(self._sought.ids)
        ):
            try:
                hit = decode_hit(message.value)
            except InvalidRecord:
                continue
            if isinstance(hit, Hit) and hit.article_id in self._sought.ids:
                yield place_of(message), hit

    def _met(self, place: Place, hit: Hit, told: Sequence[Told], *, again: bool) -> Met:
        rings = tuple(ring for ring, _, origin in told if origin == str(place))
        story, telling = self._story(hit)
        digest = tuple(ring for ring, alert, _ in told if _tells_of(alert, ring.place, hit, place))[:1]
        outcome, reason, before = self._outcome(place, hit, rings, telling)
        if outcome == "folded":
            reason = "repeat" if again else reason
            rings = _rang_before(place, story, told)
        return Met(
            desk=hit.desk,
            severity=hit.severity,
            place=place,
            rules=hit.rules,
            outcome=outcome,
            reason=reason,
            before=before,
            story=_folded(story) if story else None,
            alerts=rings or (digest if outcome == "digest" else ()),
        )

    def _outcome(
        self, place: Place, hit: Hit, rings: Sequence[Ring], telling: Telling | None
    ) -> tuple[str, str | None, int | None]:
        """(outcome, reason, hits before it)."""
        if rings:
            return "alerted", None, None
        cursor = self._cursors.get(place.partition)
        if cursor is None or place.offset >= cursor.next:
            return "waiting", None, None if cursor is None else place.offset - cursor.next
        if hit.backfill:
            return "folded", "backfill", None
        if telling is None:
            return "unknown", None, None
        if telling.missed is not None and telling.missed.revision == hit.revision:
            return "digest", None, None
        if hit.stale_at is not None and place.at is not None and place.at > hit.stale_at:
            return "folded", "late", None
        return "folded", _why(hit, telling), None

    # --- news.stories

    async def _read_stories(self, partitions: Iterable[int]) -> None:
        """The desks' stories that tell the article, as they are now, and how far each partition is folded."""
        topic = self._settings.topic("stories")
        used = [tp for tp in self._scanner.partitions(topic) if tp.partition in set(partitions)]
        near = holding(self._sought.ids)

        def wanted(message: Any) -> bool:
            return message.key == CURSOR_KEY or message.key in self._stories or near(message)

        async for message in self._scanner.records(await self._scanner.spans(used), wanted):
            if message.value is None or message.key is None:
                continue  # forgotten since: what it was is still worth telling
            try:
                if message.key == CURSOR_KEY:
                    self._cursors[message.partition] = decode_cursor(message.value)
                elif not message.key.startswith(b"\0"):
                    self._take(message.key, decode_story(message.value))
            except InvalidRecord:
                continue

    def _take(self, key: bytes, story: Story) -> None:
        known = self._stories.get(key)
        told = any(telling.id in self._sought.ids for telling in story.tellings)
        if told or known is None:
            if told:
                self._stories[key] = story
        else:  # it remembers its latest articles only: ours stays as it was
            self._stories[key] = replace(story, tellings=known.tellings)

    def _story(self, hit: Hit) -> tuple[Story | None, Telling | None]:
        for story in self._stories.values():
            for telling in story.tellings:
                if story.desk == hit.desk and telling.id == hit.article_id:
                    return story, telling
        return None, None

    # --- news.alerts

    async def _alerts(self, used: Collection[int], since: datetime | None) -> AsyncIterator[Told]:
        """Alerts on the article, and those of the stories that it belongs to."""
        stories = {story.id for story in self._stories.values()}
        begin = min((story.first_seen - SLACK for story in self._stories.values()), default=since)
        since = min(filter(None, (since, begin)), default=None) if since else None
        partitions = self._scanner.partitions(self._settings.topic("alerts"))
        # Without a hit there may still be one: that it was withdrawn.
        partitions = [tp for tp in partitions if not used or tp.partition in used]
        named = holding([*self._sought.ids, *stories])

        def near(message: Any) -> bool:  # a digest names only some of what it tells of
            return named(message) or (bool(stories) and b'"digest"' in (message.value or b""))

        async for message in self._scanner.records(await self._scanner.spans(partitions, since), near):
            try:
                alert = decode_alert(message.value)
            except InvalidRecord:
                continue
            if alert.kind == DIGEST or alert.article.id in self._sought.ids or alert.story_id in stories:
                yield _ring(alert, place_of(message)), alert, _origin(message)

    async def _delivered(self, told: Sequence[Told], letters: Iterable[Any], now: datetime) -> list[Told]:
        if not told:
            return []
        topic = self._settings.topic("alerts")
        used = sorted({TopicPartition(topic, ring.place.partition) for ring, _, _ in told})
        reached = await deliveries.look(self._settings, self._admin, used)
        refused = dict(_refused(letters))
        return [
            (deliveries.with_deliveries(ring, alert, reached, refused, now), alert, origin)
            for ring, alert, origin in told
        ]


def _is_of(hit: Hit, way: Way) -> bool:
    """Whether a hit came of this arrival: an article that came twice has hits of the same id twice."""
    seen = way.arrived.at if way.arrived is not None else None
    return hit.article_id == way.id and hit.revision == way.revision and seen in (None, hit.seen_at)


def _came_before(place: Place, hit: Hit, hits: Iterable[tuple[Place, Hit]]) -> bool:
    return any(
        other.id == hit.id and at.partition == place.partition and at.offset < place.offset for at, other in hits
    )


def _why(hit: Hit, telling: Telling) -> str:
    """Why a hit that was folded did not ring: as `alerts.policies` decides, told from what is left of it."""
    if hit.id in telling.hits[1:] or (telling.alerted is not None and telling.alerted.revision == hit.revision):
        return "repeat"
    return "cooldown"


def _rang_before(place: Place, story: Story | None, told: Sequence[Told]) -> tuple[Ring, ...]:
    """The alert that a hit was folded into: its story's last one before it."""
    if story is None:
        return ()
    rings = [
        ring
        for ring, _, origin in told
        if (ring.desk, ring.story_id) == (story.desk, story.id) and _before(origin, place)
    ]
    return tuple(rings[-1:])


def _before(origin: str, place: Place) -> bool:
    """Whether an alert came of an earlier hit of the partition. Batches of hits are folded before any alert is sent."""
    topic, _, rest = origin.partition("/")
    partition, _, offset = rest.partition("/")
    return (
        (topic, partition) == (place.topic, str(place.partition)) and offset.isdecimal() and int(offset) < place.offset
    )


def _folded(story: Story) -> Folded:
    return Folded(
        id=story.id,
        title=story.title,
        first_seen=story.first_seen,
        articles=story.articles,
        sources=story.sources,
        suppressed=story.suppressed,
        alerts=story.alerts,
        first_alert=story.first_alert,
    )


def _tells_of(alert: Alert, at: Place, hit: Hit, place: Place) -> bool:
    """Whether an alert is the digest that a missed hit is in: the next one of its desk that covers its time."""
    if alert.kind != DIGEST or alert.desk != hit.desk or not alert.first_seen <= hit.seen_at <= alert.last_seen:
        return False
    return at.at is None or place.at is None or at.at >= place.at


def _ring(alert: Alert, place: Place) -> Ring:
    return Ring(
        id=alert.id,
        kind=alert.kind,
        severity=alert.severity,
        desk=alert.desk,
        story_id=alert.story_id,
        title=alert.article.title,
        article_id=alert.article.id,
        place=place,
    )


def _origin(message: Any) -> str:
    """The place of the hit that an alert came of; empty where nothing says it."""
    return next((value.decode("utf-8", "replace") for name, value in message.headers if name == ORIGIN and value), "")


def _refused(letters: Iterable[Any]) -> Iterable[tuple[tuple[str, Place], str]]:
    """Alerts that a sink refused: (route, where the alert was) and why."""
    for message in letters:
        errors: Mapping[str, str] = errors_of(message)
        if errors.get("stage") != "deliver":
            continue
        try:
            place = Place(topic=errors["topic"], partition=int(errors["partition"]), offset=int(errors["offset"]))
        except (KeyError, ValueError):
            continue
        yield (errors.get("sink", ""), place), errors.get("message", "")
