"""Watchlists on the topic, kept up to date while a worker runs."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from aiokafka import TopicPartition

from alerts.pushed import PushedLog, State
from alerts.watchlist import Watchlist
from topics.errors import TransientError
from workers.settings import Settings
from workers.stream import authorized, kafka, lenient
from workers.stream.session import keep_running

LOOK_AGAIN = 10.0
"""Seconds between looks for a topic that is not there."""
QUIET = 0.05
LINGER = 0.5
"""Seconds without a record after which a push is taken for finished; and for how long at most that is waited for."""
_FETCH_WAIT = 0.5
_SHOWN = 5

Control = Callable[[str, bytes | None], None]
"""Takes the key and the value of a record that is an instruction to workers."""

log = structlog.get_logger()


class Placed(NamedTuple):
    """A watchlist, and the record of its manifest: TOPIC/PARTITION/OFFSET."""

    watchlist: Watchlist
    place: str


class WatchlistTopic:
    """The watchlists on the topic, by id. `current` has the last of each that was whole and right.

    `on_change` is called, in the event loop, with every new set; `on_error` with what is wrong with a watchlist that
    was not taken. `controls` has who is told of records of other kinds: a key's first part (`resume`) -> whom. They
    are told of every such record from the beginning of the topic, in its order, and again after each reconnection.

    `waiting` says why the topic could not be read, if it could not; `read` is set once it was, or is not there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_change: Callable[[Mapping[str, Placed]], None],
        on_error: Callable[[str], None] = lambda message: None,
        controls: Mapping[str, Control] | None = None,
    ) -> None:
        self.current: dict[str, Placed] = {}
        self.read = asyncio.Event()
        self.failed: Exception | None = None
        self.waiting: str | None = "the watchlists' topic was not read yet"
        self._settings = settings
        self._on_change = on_change
        self._on_error = on_error
        self._controls = dict(controls or {})
        self._topic = settings.topic("watchlists")
        self._partition = TopicPartition(self._topic, 0)
        self._position = 0
        self._gone = self._remade = False
        self._missing = False
        self._said: dict[str, str] = {}

    async def follow(self, stop: asyncio.Event) -> None:
        """Reads the topic, and on for ever, until `stop` is set. No failure of Kafka's ends it.

        What no waiting mends comes out, and is in `failed`, for whoever waits for `read`.
        """

        async def session() -> None:
            if await self._there(stop):
                await self._session(stop)

        try:
            await keep_running(session, stopping=stop, waiting=self._wait)
        except Exception as error:
            self.failed = error
            self.read.set()
            raise

    def _wait(self, reason: str) -> None:
        self.waiting = reason

    async def _there(self, stop: asyncio.Event) -> bool:
        """Whether the topic is there, once it is; False where it was stopped. Raises TransientError for one that we
        cannot use."""
        while not stop.is_set():
            async with kafka.admin(self._settings, worker="enrich") as admin:
                found = (await authorized.topics(admin, [self._topic]))[self._topic]
            if found.error is None:
                check_topic(self._topic, found)
                self._missing = False
                return True
            if not found.missing:
                raise TransientError(cannot_read(self._topic, found.error))
            if not self._missing:
                log.info("watchlists.no_topic", topic=self._topic, remedy="wirewatch topics create")
            self._missing, self.waiting = True, None
            self.read.set()
            await _until(stop, LOOK_AGAIN)
        return False

    @property
    def refused(self) -> int:
        """How many watchlists' last change was not taken."""
        return len(self._said)

    async def _session(self, stop: asyncio.Event) -> None:
        tp = self._partition
        # Nothing that we have not seen may be skipped: where the log does not hold our place, it is read anew.
        options: dict[str, Any] = {
            "auto_offset_reset": "none",
            "fetch_min_bytes": 1,
            "fetch_max_wait_ms": int(_FETCH_WAIT * 1000),
        }
        async with kafka.running(kafka.consumer(self._settings, worker="enrich", **options)) as consumer:
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            await consumer.seek_to_beginning(tp)
            self._remade = self._gone or end < self._position
            await self._read(consumer, end, stop)

    async def _read(self, consumer: Any, end: int, stop: asyncio.Event) -> None:
        tp = self._partition
        pushed = PushedLog(f"{tp.topic}/{tp.partition}")
        clock = asyncio.get_running_loop().time
        first, since = True, clock()
        while not stop.is_set():
            records = await self._fetched(consumer, QUIET if pushed.changed else _FETCH_WAIT)
            since = since if pushed.changed else clock()
            for record in records:
                pushed.take(record.offset, record.timestamp, record.key, record.value)
                self._control(record.key, record.value)
            self._check_there(consumer)
            position = await consumer.position(tp)
            if position < max(end, consumer.highwater(tp) or 0):
                continue  # what follows may be the other half
            self._position = position
            # Every set costs each process of the pool a load: what is pushed at once is taken at once.
            if first:
                await self._apply(pushed, {*pushed.ids, *self.current})
                self._gone = False
            elif pushed.changed and (not records or clock() - since > LINGER):
                await self._apply(pushed, pushed.changed)
            first, self.waiting = False, None
            self.read.set()

    def _check_there(self, consumer: Any) -> None:
        """Raises TransientError for a topic that was deleted: the client would ask for it for ever."""
        if not consumer.partitions_for_topic(self._topic):
            self._gone = True
            raise TransientError(f"the watchlists' topic {self._topic} is gone")

    async def _fetched(self, consumer: Any, seconds: float) -> list[Any]:
        try:
            fetched = await consumer.getmany(self._partition, timeout_ms=int(seconds * 1000))
        except UnicodeDecodeError:
            lenient.install()
            raise TransientError("a header's name is no UTF-8: parsing leniently from now on") from None
        found: list[Any] = fetched.get(self._partition, [])
        return found

    def _control(self, key: bytes | None, value: bytes | None) -> None:
        name = (key or b"").decode("utf-8", "replace")
        if (told := self._controls.get(name.partition("/")[0])) is not None:
            told(name, value)

    async def _apply(self, pushed: PushedLog, ids: Iterable[str]) -> None:
        """Take what is whole of these; what is not leaves the last that was."""
        names = sorted(ids)
        pushed.changed.clear()
        # Ten thousand rules take most of a second, and heartbeats live on this loop.
        states = await asyncio.to_thread(lambda: [pushed.state(id) for id in names])
        found = dict(self.current)
        for id, state in zip(names, states, strict=True):
            if state is None:
                if id in pushed.removed or not self._remade:
                    found.pop(id, None)
                self._said.pop(id, None)
            elif state.watchlist is None:
                self._refuse(state)
            else:
                found[id] = Placed(state.watchlist, f"{pushed.place}/{state.offset}")
                self._said.pop(id, None)
        if found != self.current:
            self.current = found
            self._on_change(found)

    def _refuse(self, state: State) -> None:
        message = "\n".join(map(str, state.problems))
        if self._said.get(state.id) == message:
            return
        self._said[state.id] = message
        kept = self.current.get(state.id)
        log.warning(
            "watchlists.refused",
            watchlist=state.id,
            fault=state.fault,
            problems=[str(problem) for problem in state.problems[:_SHOWN]],
            more=max(0, len(state.problems) - _SHOWN),
            kept=kept.watchlist.version if kept else None,
        )
        self._on_error(message)


def check_topic(topic: str, found: authorized.Allowed) -> None:
    """Raises TransientError, which names the remedy, for a topic that no watchlists can be read from."""
    if found.operations is not None and "Read" not in found.operations:
        raise TransientError(cannot_read(topic, "TopicAuthorizationFailedError"))
    if found.partitions != 1:
        raise TransientError(
            f"topic {topic} has {found.partitions} partitions, and watchlists keep their order in one alone: "
            "make it anew (wirewatch topics create)"
        )


def cannot_read(topic: str, error: str) -> str:
    """Why watchlists cannot be read, and what to do."""
    if "Authorization" in error:
        return (
            f"we may not read the watchlists' topic {topic}: grant Read and Describe (wirewatch topics list --acls), "
            "or set enrich.watchlists_topic = false"
        )
    return f"the watchlists' topic {topic} cannot be read: {error}"


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
