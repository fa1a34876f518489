"""`wirewatch demo`: the whole stream in one terminal, on an embedded broker or on a cluster."""

import asyncio
import json
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from rich.console import Console

from alerts import watchlist as lists
from topics.catalog import TOPICS
from topics.codec import decode_alert
from topics.errors import ConfigError
from workers.commands import topics as topic_admin
from workers.commands.publish import key_of
from workers.demo.children import Children
from workers.demo.numbers import Numbers, ready
from workers.demo.show import Screen
from workers.demo.stream import Behind, Item, Window, fits, items, paced
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.backlog import Backlog
from workers.stream.embedded import SESSION_TIMEOUT, EmbeddedBroker

PORTS = {"enrich": 9464, "alert": 9465, "deliver": 9466}
"""Where the workers' metrics are, unless something else is there already."""
SHOWN = "demo-alerts"
"""The topic that the deliver worker copies the alerts to, for this terminal."""
START_TIMEOUT = 90.0
PARTITIONS = 2
_OLDEST = 10**12  # seconds: a user's own articles alert however old they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user asked for. `articles` None: the samples. `rate` in articles a second, None: as fast as read."""

    articles: Path | None
    once: bool
    rate: float | None
    own_cluster: bool


class Demo:
    """One run: publishes, shows, counts."""

    def __init__(self, settings: Settings, choice: Choice, *, screen: Screen, numbers: Numbers) -> None:
        self._settings = settings
        self._choice = choice
        self._screen = screen
        self._numbers = numbers
        self._published: dict[str, float] = {}
        self._articles = 0
        self._alerts = 0
        self._status = ""
        self.stopping = asyncio.Event()

    async def run(self, children: Children, ready_urls: list[str]) -> int:
        """Until told to stop or, with --once, until the articles are through: the exit code."""
        settings = self._settings
        groups = {
            f"{settings.group}-enrich": [settings.topic("raw")],
            f"{settings.group}-alert": [settings.topic("hits")],
            f"{settings.group}-deliver-demo": [settings.topic("alerts")],
        }
        async with (
            Backlog(settings.brokers, groups) as backlog,
            kafka.running(kafka.producer(settings)) as producer,
            kafka.running(kafka.consumer(settings)) as consumer,
        ):
            background = [asyncio.create_task(task) for task in (self._watch(children), self._show(consumer))]
            try:
                if not await self._started(ready_urls):
                    return self._failed(children)
                await self._stream(producer, backlog, groups)
                await self._end(backlog, groups)
            finally:
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
        return self._failed(children)

    def _failed(self, children: Children) -> int:
        if (ended := children.ended()) is not None:
            self._screen.say(ended)
            return 1
        return 0

    async def _started(self, urls: list[str]) -> bool:
        self._status = "starting the workers …"
        deadline = time.monotonic() + START_TIMEOUT
        while not await ready(urls):
            if self.stopping.is_set():
                return False
            if time.monotonic() > deadline:
                raise ConfigError(f"the workers were not ready after {START_TIMEOUT:g} s")
            await asyncio.sleep(0.1)
        return True

    async def _stream(self, producer: Any, backlog: Backlog, groups: Mapping[str, list[str]]) -> None:
        """Publish everything; without --once again whenever a watchlist was saved meanwhile."""
        window = Window(desks=self._desks(), behind=lambda: self._behind(backlog, groups))
        round_number = 0
        while not self.stopping.is_set():
            self._status = "streaming"
            stamp = self._stamp()
            await self._publish(producer, window, round_number)
            if self._choice.once:
                return
            self._status = "all through: Ctrl-C ends it; save a watchlist to stream again"
            while not self.stopping.is_set() and self._stamp() == stamp:
                await self._pause(0.3)
            await self._pause(1.0)  # the worker reloads, too
            window = Window(desks=self._desks(), behind=lambda: self._behind(backlog, groups))
            round_number += 1

    async def _publish(self, producer: Any, window: Window, round_number: int) -> None:
        topic = self._settings.topic("raw")
        source = items(self._choice.articles, round_number=round_number)
        async for item in paced(source, self._choice.rate, self.stopping):
            if not fits(item.value) and not self._choice.own_cluster:
                self._screen.say(
                    f"not published: a record of {len(item.value)} bytes is too large for the demo's broker"
                )
                continue
            await window.admit(item.value)
            self._note(item)
            await producer.send_and_wait(topic, item.value, key=key_of(item.value))
            self._articles += 1

    def _note(self, item: Item) -> None:
        if item.article is not None:
            self._published[item.article] = time.time()

    async def _end(self, backlog: Backlog, groups: Mapping[str, list[str]]) -> None:
        """Wait until every stage is through, embargoes included."""
        while not self.stopping.is_set():
            behind = await self._behind(backlog, groups)
            await self._numbers.read()
            if behind.nothing and self._numbers.settled >= self._articles:
                await asyncio.sleep(0.3)  # the last alerts are on their way to the screen
                return
            self._status = f"waiting for {behind.articles} articles, {behind.hits} hits, {behind.alerts} alerts"
            await self._pause(0.1)

    async def _behind(self, backlog: Backlog, groups: Mapping[str, list[str]]) -> Behind:
        found = await backlog.read()
        return Behind(*(sum(found[group].values()) for group in groups))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _show(self, consumer: Any) -> None:
        """Alerts from the deliver worker's topic to the screen."""
        partition = TopicPartition(f"{self._settings.prefix}.{SHOWN}", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        async for record in consumer:
            alert = decode_alert(record.value)
            self._alerts += 1
            published = self._published.get(alert.article.id)
            self._screen.alert(alert, None if published is None else time.time() - published)

    async def _watch(self, children: Children) -> None:
        """Counters every half second; an end of the run when a worker has ended for good."""
        while True:
            await self._numbers.read()
            self.refresh()
            if children.ended() is not None:
                self.stopping.set()
            await asyncio.sleep(0.4)

    def refresh(self) -> None:
        counters = {
            "articles": self._articles,
            "enriched": self._numbers["enriched"],
            "filtered": self._numbers["filtered"],
            "hits": self._numbers["hits"],
            "alerts": self._alerts,
            "dead letters": self._numbers["dead_lettered"],
        }
        self._screen.update(counters, self._status)

    def _desks(self) -> int:
        return len({watchlist.desk for watchlist in _watchlists(self._settings)})

    def _stamp(self) -> tuple[tuple[str, int], ...]:
        """When the watchlists were saved last."""
        paths = lists.files(self._settings.watchlists)
        return tuple((str(path), path.stat().st_mtime_ns) for path in paths if path.exists())


def _watchlists(settings: Settings) -> tuple[lists.Watchlist, ...]:
    try:
        return lists.load_all(settings.watchlists)
    except ConfigError:
        return ()  # broken just now: the worker has the last good ones


async def demo(settings: Settings, choice: Choice) -> int:
    """Run the demo: the exit code. Raises ConfigError, and KafkaError for a cluster that cannot be reached."""
    lists.load_all(settings.watchlists)  # what is wrong with them is said before anything starts
    console = Console()
    urls = _urls()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wirewatch-demo-")))
        settings = await stack.enter_async_context(_brokers(settings, choice))
        children = await stack.enter_async_context(Children(folder, _environment(settings, choice)))
        screen = stack.enter_context(Screen(console, urls=urls))
        run = Demo(settings, choice, screen=screen, numbers=Numbers(urls["enrich"]))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, run.stopping.set)
        for worker, url in urls.items():
            await children.start(worker, ["--port", url.rpartition(":")[2].partition("/")[0]])
        code = await run.run(children, [url.replace("/metrics", "/readyz") for url in urls.values()])
        run.refresh()
        stack.callback(screen.summary)
    return code


@asynccontextmanager
async def _brokers(settings: Settings, choice: Choice) -> AsyncIterator[Settings]:
    """The settings with brokers that run and topics that are there. Topics on a cluster are removed in the end."""
    shown = f"{settings.prefix}.{SHOWN}"
    if not choice.own_cluster:
        names = {topic.name(settings.prefix): topic.partitions or PARTITIONS for topic in TOPICS.values()}
        with EmbeddedBroker(names | {shown: 1}) as broker:
            yield settings.model_copy(update={"brokers": broker.bootstrap})
        return
    settings = settings.model_copy(
        update={"prefix": f"{settings.prefix}-demo-{secrets.token_hex(3)}", "group": f"demo-{secrets.token_hex(3)}"}
    )
    await topic_admin.create(settings, partitions=PARTITIONS, more={SHOWN: 1})
    try:
        yield settings
    finally:
        with suppress(KafkaError, TimeoutError):
            async with kafka.admin(settings) as admin:
                await admin.delete_topics([f"{settings.prefix}.{role}" for role in (*TOPICS, SHOWN)])


def _environment(settings: Settings, choice: Choice) -> dict[str, str]:
    """What the workers are told, beside their flags."""
    route = {"name": "demo", "sink": {"kind": "kafka", "topic": f"{settings.prefix}.{SHOWN}"}}
    found = {
        "BROKERS": settings.brokers,
        "PREFIX": settings.prefix,
        "GROUP": settings.group,
        "MODEL": settings.model,
        "WATCHLISTS": json.dumps([str(path.absolute()) for path in settings.watchlists]),
        "HOST": "127.0.0.1",
        "LOG_FORMAT": "text",
        "DELIVER__ROUTE": json.dumps([route]),
        "ENRICH__COMMIT_INTERVAL": "0.2",
        "DELIVER__COMMIT_INTERVAL": "0.2",
    }
    if not choice.own_cluster:
        found["KAFKA__SESSION_TIMEOUT"] = str(SESSION_TIMEOUT)
    if choice.articles is not None:
        found["ENRICH__MAX_ALERT_AGE"] = str(_OLDEST)
    return {f"WIREWATCH_{name}": value for name, value in found.items()}


def _urls() -> dict[str, str]:
    return {worker: f"http://127.0.0.1:{_free(port)}/metrics" for worker, port in PORTS.items()}


def _free(port: int) -> int:
    """The port if nobody listens there, else one that the system chooses."""
    for candidate in (port, 0):
        with suppress(OSError), socket.socket() as taken:
            taken.bind(("127.0.0.1", candidate))
            found: int = taken.getsockname()[1]
            return found
    raise ConfigError("no port is free on 127.0.0.1")
