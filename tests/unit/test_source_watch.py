"""Listed sources are followed while a worker runs, and how long ago each was heard of is a metric."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts.sources import SourcesError
from workers.messages import ENRICHED, Record, Result
from workers.metrics import Metrics
from workers.source_watch import SourceWatch

NOON = 1_795_608_000.0
SOON = 10.0
TEXT = "sources:\n  - {id: wire, expect_every: 15m, active: {hours: '06:00-18:00'}}\n  - id: daily\n"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def value(metrics: Metrics, name: str, source: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"source": source})


def age(metrics: Metrics, source: str) -> float | None:
    return value(metrics, "wirewatch_source_age_seconds", source)


def came(watch: SourceWatch, source: str | None, at: float, *, boilerplate: int = 0) -> None:
    record = Record("raw", 0, 0, int(at * 1000), None, b"{}")
    watch.settled([record], [Result(ENRICHED, source=source, boilerplate=boilerplate)])
    watch.show()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sources.yaml"
    path.write_text(TEXT)
    return path


def test_the_age_is_that_of_the_latest_article_and_begins_with_the_worker(metrics: Metrics, file: Path) -> None:
    clock = Clock()
    watch = SourceWatch(file, metrics=metrics, now=clock)
    watch.load()
    assert (age(metrics, "wire"), age(metrics, "daily")) == (0, 0)
    clock.now += 60
    came(watch, "wire", NOON + 50)
    came(watch, "wire", NOON + 20)  # from another partition, older
    assert (age(metrics, "wire"), age(metrics, "daily")) == (10, 60)
    came(watch, "wire", NOON + 90)  # a broker whose clock is ahead
    assert age(metrics, "wire") == 0


def test_what_is_expected_stands_beside_it(metrics: Metrics, file: Path) -> None:
    clock = Clock()
    watch = SourceWatch(file, metrics=metrics, now=clock)
    watch.load()
    assert value(metrics, "wirewatch_source_expect_every_seconds", "wire") == 900
    assert value(metrics, "wirewatch_source_expect_every_seconds", "daily") is None
    assert value(metrics, "wirewatch_source_active", "wire") == 1
    clock.now += 8 * 3600
    watch.show()
    assert value(metrics, "wirewatch_source_active", "wire") == 0
    assert value(metrics, "wirewatch_source_active", "daily") == 1


def test_a_stranger_makes_no_series(metrics: Metrics, file: Path) -> None:
    watch = SourceWatch(file, metrics=metrics)
    watch.load()
    came(watch, None, NOON)
    came(watch, "stranger", NOON, boilerplate=3)
    found = {s.labels.get("source") for f in metrics.registry.collect() for s in f.samples if "source" in s.labels}
    assert found == {"wire", "daily"}


def test_boilerplate_is_counted_by_source(metrics: Metrics, file: Path) -> None:
    watch = SourceWatch(file, metrics=metrics)
    watch.load()
    came(watch, "wire", NOON, boilerplate=2)
    came(watch, "wire", NOON, boilerplate=1)
    assert value(metrics, "wirewatch_boilerplate_paragraphs_total", "wire") == 3
    assert value(metrics, "wirewatch_boilerplate_paragraphs_total", "daily") == 0


def test_a_broken_list_is_an_error_at_the_start(metrics: Metrics, file: Path) -> None:
    file.write_text("sources:\n  - {id: wire, host: wire.example}\n")
    with pytest.raises(SourcesError, match=r"sources.yaml:2: sources\[0\].host: expected “hosts”"):
        SourceWatch(file, metrics=metrics).load()


def save(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text)


@contextlib.asynccontextmanager
async def following(watch: SourceWatch) -> AsyncIterator[None]:
    watch.load()
    task = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def reloads(metrics: Metrics, result: str, count: int) -> None:
    name = "wirewatch_sources_reloads_total"
    async with asyncio.timeout(SOON):
        while metrics.registry.get_sample_value(name, {"result": result}) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_save_is_followed_and_what_is_known_of_a_source_stays(metrics: Metrics, file: Path) -> None:
    clock, changes = Clock(), asyncio.Queue[None]()
    watch = SourceWatch(file, metrics=metrics, on_change=lambda: changes.put_nowait(None), now=clock)
    async with following(watch):
        came(watch, "wire", NOON)
        clock.now += 100
        save(file, "sources:\n  - {id: wire}\n  - {id: new, expect_every: 60}\n")
        await asyncio.wait_for(changes.get(), SOON)
        assert [source.id for source in watch.current.listed] == ["wire", "new"]
        assert (age(metrics, "wire"), age(metrics, "new"), age(metrics, "daily")) == (100, 0, None)
        assert value(metrics, "wirewatch_source_expect_every_seconds", "wire") is None


async def test_a_broken_save_keeps_the_last_good_list(metrics: Metrics, file: Path) -> None:
    changes = asyncio.Queue[None]()
    watch = SourceWatch(file, metrics=metrics, on_change=lambda: changes.put_nowait(None))
    async with following(watch):
        good = watch.current
        save(file, "sources: what\n")
        await reloads(metrics, "failed", 1)
        save(file, None)
        await reloads(metrics, "failed", 2)
        assert watch.current is good
        save(file, "# the same again\n" + TEXT)
        await reloads(metrics, "ok", 2)
        assert watch.current is good
        assert changes.empty()


async def test_without_a_file_there_is_nothing_to_follow(metrics: Metrics) -> None:
    watch = SourceWatch(None, metrics=metrics)
    watch.load()
    await watch.run()
    came(watch, "wire", NOON)
    assert watch.current.listed == ()
