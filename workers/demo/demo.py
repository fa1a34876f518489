"""One run of the demo: it publishes, shows, counts."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from alerts.watchlist import Watchlist
from topics.records import Alert
from workers.commands.publishing import article_producer, key_of
from workers.demo.children import Children
from workers.demo.numbers import Numbers, unready
from workers.demo.seen import Reader, Seen
from workers.demo.show import Counters, Screen
from workers.demo.stream import Item, items, paced
from workers.demo.window import LARGEST, Behind, Window
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.backlog import Backlog
from workers.stream.publisher import TOO_LARGE
from workers.watchlist_files import WatchlistFiles

PARTITIONS = 2
START_TIMEOUT = 90.0
RELOAD_TIMEOUT = 5.0
POLL = 0.1


class Failed(Exception):
    """The demo cannot go on. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user asked for. `articles` None: the samples. `rate` in articles a second, None: as fast as read."""

    articles: Path | None
    once: bool
    rate: float | None
    own_cluster: bool


class Demo:
    """Runs until `stopping` is set or, with `once`, until the articles are through.

    `urls` are those of the workers' metrics. `finished`: all that was to be published came to its end.
    """

    def __init__(
        self,
        settings: Settings,
        choice: Choice,
        *,
        screen: Screen,
        children: Children,
        urls: Mapping[str, str],
        stopping: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._choice = choice
        self._screen = screen
        self._children = children
        self._ready_urls = {worker: url.replace("/metrics", "/readyz") for worker, url in urls.items()}
        self._numbers = Numbers(urls["enrich"])
        self._seen = Seen(settings.topic("raw"), self._alert)
        self._files = WatchlistFiles(settings.watchlists, on_change=self._reloaded, on_error=self._refused)
        self._desks = _desks(self._files.load())
        self._changes = 0
        self._published: dict[str, float] = {}
        self._articles = 0
        self._unpublished = 0
        self._status = "starting"
        self.finished = False
        self.stopping = stopping

    async def run(self) -> None:
        """Raises Failed."""
        settings = self._settings
        with self._background(self._watch(), self._files.watch(self.stopping)):
            await self._started()
            groups = {
                settings.group_of("enrich"): [settings.topic("raw")],
                settings.group_of("alert"): [settings.topic("hits")],
                settings.group_of("deliver-demo"): [settings.topic("alerts")],
            }
            async with (
                Backlog(settings, groups) as backlog,
                kafka.running(article_producer(settings)) as producer,
                kafka.running(kafka.consumer(settings, fetch_max_wait_ms=20)) as consumer,
            ):
                reader = Reader(consumer, settings, self._seen, partitions=PARTITIONS)
                with self._background(reader.run()):
                    await self._stream(producer, _Stages(backlog, list(groups), reader))
        if self._children.failed.is_set():
            raise Failed(self._children.failure)

    @contextmanager
    def _background(self, *work: Any) -> Iterator[None]:
        """Tasks for as long as the block runs. One that fails stops the demo."""
        tasks = [asyncio.ensure_future(each) for each in work]
        for task in tasks:
            task.add_done_callback(lambda done: None if done.cancelled() or not done.exception() else self._stop())
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()

    def _stop(self) -> None:
        self.stopping.set()

    async def _started(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while (waiting := await unready(self._ready_urls)) and not self.stopping.is_set():
            self._status = "starting: " + ", ".join(_reason(worker, why) for worker, why in waiting.items())
            if time.monotonic() > deadline:
                raise Failed(f"after {START_TIMEOUT:g} s still {self._status}")
            await self._pause(POLL)

    async def _stream(self, producer: Any, stages: "_Stages") -> None:
        """Publish everything; without `once` again whenever a watchlist was changed."""
        window = Window(desks=lambda: self._desks, behind=stages.behind, came_out=self._seen.__contains__)
        round_number = 0
        while not self.stopping.is_set():
            changes = self._changes
            await self._publish(producer, window, round_number)
            await self._through(stages)
            if self._choice.once:
                return
            self._status = "all through. Save a watchlist to stream again; Ctrl-C ends it"
            while self._changes == changes and not self.stopping.is_set():
                await self._pause(POLL)
            self.finished = self.finished and self.stopping.is_set()
            await self._taken()
            round_number += 1

    async def _publish(self, producer: Any, window: Window, round_number: int) -> None:
        self._status = "streaming"
        source = items(self._choice.articles, round_number=round_number)
        async for item in paced(source, self._choice.rate, self.stopping):
            size = len(item.value)
            if size > LARGEST and not self._choice.own_cluster:
                self._too_large(size)
                continue
            await window.admit(size)
            if self.stopping.is_set():
                return
            if item.article is not None:
                self._published[item.article] = time.monotonic()
            place = await self._send(producer, item)
            if place is not None:
                self._articles += 1
                window.published(place, size)

    async def _send(self, producer: Any, item: Item) -> tuple[int, int] | None:
        """Where the record is; None where the cluster does not take one of its size."""
        topic = self._settings.topic("raw")
        try:
            sent = await producer.send_and_wait(topic, item.value, key=key_of(item.value))
        except TOO_LARGE:
            self._too_large(len(item.value))
            return None
        return sent.partition, sent.offset

    def _too_large(self, size: int) -> None:
        self._unpublished += 1
        whose = "the cluster" if self._choice.own_cluster else "the demo's broker"
        self._screen.say(f"not published: a record of {size:,} bytes is too large for {whose}")

    async def _through(self, stages: "_Stages") -> None:
        """Wait until every stage is through, embargoes included."""
        while not self.stopping.is_set():
            behind = await stages.behind()
            if behind.nothing:
                await self._numbers.read()
                self.finished = True
                return
            on_way = {"articles": sum(behind.articles.values()), "hits": behind.hits, "alerts": behind.alerts}
            self._status = "waiting for " + ", ".join(f"{n} {name}" for name, n in on_way.items())
            await self._pause(POLL)

    async def _taken(self) -> None:
        """Wait until the enrich worker has taken the changed watchlists, too: it looks for itself."""
        deadline = time.monotonic() + RELOAD_TIMEOUT
        while self._numbers.reloads <= self._changes and time.monotonic() < deadline and not self.stopping.is_set():
            await self._pause(POLL)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _watch(self) -> None:
        """Counters twice a second; the end of the run when a worker is given up."""
        while True:
            await self._numbers.read()
            self.refresh()
            if self._children.failed.is_set():
                self._stop()
            await asyncio.sleep(0.4)

    def _alert(self, alert: Alert) -> None:
        published = self._published.get(alert.article.id)
        self._screen.alert(alert, None if published is None else time.monotonic() - published)

    def _reloaded(self, watchlists: tuple[Watchlist, ...]) -> None:
        self._changes += 1
        self._desks = max(self._desks, _desks(watchlists))
        rules = sum(len(watchlist.rules) for watchlist in watchlists)
        self._screen.say(f"watchlists read again: {rules} rules\n")

    def _refused(self, message: str) -> None:
        self._screen.say(f"watchlists not taken, the last good ones stay:\n{message}\n")

    def refresh(self, status: str | None = None) -> Counters:
        """Bring the screen up to date; the counters as they are now."""
        seen = self._seen
        filtered = self._numbers.filtered
        if self.finished and not self._numbers.exact:
            # Every article is through, and all that is enriched or dead is on a topic.
            filtered = max(0, self._articles - len(seen.enriched) - len(seen.dead))
        counters = Counters(
            articles=self._articles,
            enriched=len(seen.enriched),
            filtered=filtered,
            hits=seen.hits,
            alerts=seen.alerts,
            dead_letters=len(seen.dead),
            unpublished=self._unpublished,
        )
        self._screen.update(counters, status or self._status)
        return counters


class _Stages:
    """How far each stage is behind; `groups` are those of enrich, alert and deliver."""

    def __init__(self, backlog: Backlog, groups: list[str], reader: Reader) -> None:
        self._backlog = backlog
        self._groups = groups
        self._reader = reader

    async def behind(self) -> Behind:
        found: dict[str, dict[TopicPartition, int]] = await self._backlog.read()
        articles, hits, alerts = (found[group] for group in self._groups)
        return Behind(
            articles={partition.partition: records for partition, records in articles.items()},
            hits=sum(hits.values()),
            alerts=sum(alerts.values()),
            shown=await self._reader.behind(),  # last: what the stages before have sent is counted
        )


def _desks(watchlists: tuple[Watchlist, ...]) -> int:
    return len({watchlist.desk for watchlist in watchlists})


def _reason(worker: str, why: str) -> str:
    if not why:
        why = "loading the model" if worker == "enrich" else "loading"
    return f"{worker} ({why})"
