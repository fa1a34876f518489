"""Faust, set up the one way in which it loses nothing: see `app`.

It is given clients of `workers.stream.kafka`, so that it takes the same security settings as everything else, and no
producer: what the alert stage sends, it sends by its own.
"""

import inspect
from collections.abc import Callable, Collection, Coroutine, Generator
from functools import partial
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from faust import streams
from faust.transport.drivers import aiokafka as driver
from yarl import URL

from topics.errors import ConfigError
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.membership import Membership

COMMIT_INTERVAL = 1.0
_ENDED = object()
MAX_POLL_INTERVAL = 600.0
"""Reading the state back may take this long, in seconds; heartbeats go on meanwhile."""


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with a consumer like our others."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        assert isinstance(transport, _Transport)
        consumer = kafka.consumer(
            transport.settings,
            self.app.conf.id,
            worker="alert",
            max_poll_interval_ms=int(MAX_POLL_INTERVAL * 1000),
            fetch_max_wait_ms=500,
        )
        return transport.membership.guard(consumer)


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _commit(self, offsets: Any) -> bool:
        done: bool = await super()._commit(offsets)
        assert isinstance(self.transport, _Transport)
        self.transport.committed(done)
        return done

    async def wait_first(self, *coros: Any, timeout: Any = None) -> Any:
        """Faust hands each message over by this, and makes four tasks for it: a third of all its time.

        Nearly always the first has nothing to wait for, and is done here and now.
        """
        first, *others = coros
        if timeout is None and inspect.iscoroutine(first):
            awaited = _run_until_it_waits(first)
            if awaited is _ENDED:
                for other in filter(inspect.iscoroutine, others):
                    other.close()
                return None
            first = _go_on(first, awaited)
        return await super().wait_first(first, *others, timeout=timeout)

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Not by Faust's monitor, which is off: `alerting.stage.Stage.measure` sees to it."""


def _run_until_it_waits(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine has come to wait for (None: just for its turn), `_ENDED` if it ran to its end."""
    try:
        return coroutine.send(None)
    except StopIteration:
        return _ENDED


async def _go_on(coroutine: Coroutine[Any, Any, Any], awaited: Any) -> None:
    """The rest of a coroutine that has begun, for a task to run."""
    await _Rest(coroutine, awaited)


class _Rest:
    """Waits for what the coroutine waits for, and so on to its end."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        awaited = self._awaited
        while True:
            try:
                sent = yield awaited
            except BaseException as error:
                step: Callable[[], Any] = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, sent)
            try:
                awaited = step()
            except StopIteration:
                return


class _NoProducer(driver.Producer):
    """Faust flushes its producer before each commit, and sends nothing by it: no connection is made."""

    async def on_start(self) -> None:
        await self.add_runtime_dependency(self.buffer)


class _Transport(driver.Transport):
    Consumer = _Consumer
    Producer = _NoProducer

    def __init__(
        self,
        settings: Settings,
        membership: Membership,
        url: list[URL],
        app: faust.App,
        *,
        committed: Callable[[bool], None],
    ) -> None:
        super().__init__(url, app)
        self.settings = settings
        self.membership = membership
        self.committed = committed


class _App(faust.App):
    def _create_directories(self) -> None:
        """None: without tables nothing is kept on disk, and in a container there may be no place to."""


def app(
    settings: Settings,
    group: str,
    membership: Membership | None = None,
    *,
    committed: Callable[[bool], None] = lambda done: None,
) -> faust.App:
    """A Faust app without tables, leader, web server or topics of its own.

    At least once; it never waits for events in flight when partitions are revoked (with Kafka away, that wait has no
    end), so what it has not committed comes again. `committed` is told of each commit whether it was done.

    Raises ConfigError without Faust's compiled stream: the one in plain Python acknowledges events that it skips.
    """
    if vars(streams).get("_CStreamIterator") is None:
        raise ConfigError("faust-streaming has no compiled stream here (NO_CYTHON, or no wheel): it would lose hits")
    urls = [URL(f"kafka://{broker.strip()}") for broker in settings.brokers.split(",")]
    made = _App(
        group,
        broker=urls,
        processing_guarantee="at_least_once",
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        broker_commit_interval=COMMIT_INTERVAL,
        broker_session_timeout=settings.kafka.session_timeout,
        broker_request_timeout=max(settings.kafka.request_timeout, settings.kafka.session_timeout),
        broker_max_poll_interval=MAX_POLL_INTERVAL,
        key_serializer="raw",
        value_serializer="raw",
    )
    made.transport = _Transport(settings, membership or Membership(), urls, made, committed=committed)
    made.producer_transport = made.transport
    return made


def seek_back(
    app: faust.App, place: Callable[[int], int | None], *, hold: Callable[[], Collection[int]] = tuple
) -> None:
    """Let Faust go on from a place of ours where the offset that it committed is past it; and not at all in `hold`.

    `place` gives it for a partition. Faust seeks to the committed offsets after `on_rebalance_complete`, over any
    seek of ours: a state that was set back (its topic made anew, a worker's stale write) would miss the hits between.
    """
    consumer: Any = app.consumer
    original = consumer.perform_seek

    async def perform_seek() -> None:
        await original()
        consumer.pause_partitions({tp for tp in consumer.assignment() if tp.partition in hold()})
        back = {}
        for tp, committed in dict(consumer._committed_offset).items():
            ours = place(tp.partition)
            if committed is not None and ours is not None and ours < committed and tp in consumer.assignment():
                back[tp] = ours
        if back:
            await consumer.seek_wait(back)

    consumer.perform_seek = perform_seek


async def start(app: faust.App) -> None:
    """Start the app, without its monitor: it costs a tenth of the throughput, and its figures are not ours."""
    await app.start()
    app.sensors.remove(app.monitor)


def end_commits(app: faust.App) -> None:
    """From now on nothing is committed: what Faust acknowledges while it stops was not necessarily done."""

    async def refuse(offsets: Any) -> bool:
        return False

    consumer: Any = app.consumer
    consumer._commit = refuse
