"""Faust as we set it up, without a broker: the traps that we step around stay known."""

import asyncio
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust import streams
from faust.types import TP

from topics.errors import ConfigError
from workers.alerting import faust_app
from workers.alerting.faust_app import _Consumer
from workers.settings import Settings


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> _Consumer:
    """A consumer that was never started; Faust's own hand-over counts its calls."""
    made = object.__new__(_Consumer)
    made.__dict__["handed"] = []

    async def slow(self: Any, *coros: Any, timeout: Any = None) -> None:
        self.__dict__["handed"].append(timeout)
        await asyncio.create_task(coros[0]) if asyncio.iscoroutine(coros[0]) else None
        for other in filter(asyncio.iscoroutine, coros[1:]):
            other.close()

    monkeypatch.setattr("mode.services.Service.wait_first", slow)
    return made


async def test_a_message_that_has_nothing_to_wait_for_is_handed_over_at_once(consumer: _Consumer) -> None:
    done: list[int] = []

    async def hand_over() -> None:
        done.append(1)

    await consumer.wait_first(hand_over(), asyncio.Event().wait())
    assert (done, consumer.__dict__["handed"]) == ([1], [])


async def test_a_message_that_waits_is_handed_over_by_faust_and_loses_nothing(consumer: _Consumer) -> None:
    gate, done = asyncio.Event(), list[int]()

    async def hand_over() -> None:
        done.append(1)
        await gate.wait()
        done.append(2)
        await asyncio.sleep(0)
        done.append(3)

    waiting = asyncio.create_task(consumer.wait_first(hand_over(), asyncio.Event().wait()))
    await asyncio.sleep(0)
    assert done == [1]
    gate.set()
    await waiting
    assert (done, consumer.__dict__["handed"]) == ([1, 2, 3], [None])


async def test_what_hand_over_raises_comes_out_before_and_after_it_waits(consumer: _Consumer) -> None:
    async def at_once() -> None:
        raise ValueError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    with pytest.raises(ValueError, match="at once"):
        await consumer.wait_first(at_once())
    with pytest.raises(ValueError, match="later"):
        await consumer.wait_first(later())


async def test_a_hand_over_that_waits_can_be_cancelled(consumer: _Consumer) -> None:
    seen: list[str] = []

    async def hand_over() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    waiting = asyncio.create_task(consumer.wait_first(hand_over()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert seen == ["cancelled"]


def test_without_the_compiled_stream_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_CStreamIterator", None)
    with pytest.raises(ConfigError, match="compiled stream"):
        faust_app.app(Settings(), "g")


def test_the_app_waits_for_nothing_in_flight_and_declares_no_topic() -> None:
    conf = faust_app.app(Settings(brokers="a:1, b:2"), "g").conf
    assert conf.id == "g"
    assert [str(url) for url in conf.broker] == ["kafka://a:1", "kafka://b:2"]
    assert not (conf.stream_wait_empty or conf.topic_allow_declare or conf.web_enabled)
    assert conf.topic_disable_leader
    assert conf.broker_commit_interval == 1.0


class FakeConsumer:
    """Faust's consumer after a rebalance: `committed` is what the broker says, `read_from` where it reads on."""

    def __init__(self, committed: dict[Any, int | None]) -> None:
        self._committed_offset: dict[Any, int | None] = defaultdict(lambda: None)
        self._committed = committed
        self.read_from: dict[Any, int | None] = {}
        self.paused: set[Any] = set()

    async def perform_seek(self) -> None:
        self._committed_offset.update(self._committed)
        self.read_from.update(self._committed)

    def assignment(self) -> set[Any]:
        return set(self._committed)

    async def seek_wait(self, places: dict[Any, int]) -> None:
        self.read_from.update(places)

    def pause_partitions(self, names: set[Any]) -> None:
        self.paused = names


async def test_it_goes_on_from_our_place_where_the_committed_offset_is_past_it() -> None:
    """A state that was set back would miss the hits between; a committed offset below ours only repeats some."""
    names = [TP("hits", number) for number in range(4)]
    consumer = FakeConsumer(dict(zip(names, (150, 90, 100, None), strict=True)))
    app: Any = SimpleNamespace(consumer=consumer)
    ours = {0: 100, 1: 100, 2: None, 3: 7}
    faust_app.seek_back(app, ours.get, hold=lambda: {3})
    await consumer.perform_seek()
    assert list(consumer.read_from.values()) == [100, 90, 100, None]
    assert consumer.paused == {names[3]}


async def test_after_the_drain_nothing_more_is_committed() -> None:
    """What Faust acknowledges while it stops was not necessarily done."""
    app: Any = SimpleNamespace(consumer=SimpleNamespace(_commit=None))
    faust_app.end_commits(app)
    assert await app.consumer._commit({"any": 1}) is False


def test_the_app_makes_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    faust_app.app(Settings(), "a-group")._create_directories()
    assert list(tmp_path.iterdir()) == []
