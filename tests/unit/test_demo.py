"""The demo's parts: how far its publisher runs ahead, what it counts, what it publishes and how that is shown."""

import asyncio
import io
import json
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from topics.codec import decode_raw, encode
from topics.records import Alert, AlertArticle, Counts, Evidence, RuleMet, Snippet
from workers.commands.publishing import key_of
from workers.demo.numbers import Numbers
from workers.demo.run import PORTS, bound, metrics_urls
from workers.demo.seen import SHOWN, Seen
from workers.demo.show import Counters, Screen
from workers.demo.stream import items, paced
from workers.demo.window import HIT_BYTES, LARGEST, OPEN_BYTES, Behind, Window
from workers.messages import Record
from workers.stream.embedded import PARTITION_BYTES

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def alert(**changes: object) -> Alert:
    rule = RuleMet(
        watchlist="trade",
        version="1",
        rule="rare-earths",
        name="Rare earths",
        severity="urgent",
        evidence=(Evidence(field="text", start=4, end=15, text="rare earths", clause="rare earths"),),
    )
    fields = {
        "id": "1",
        "kind": "hit",
        "desk": "trade",
        "story_id": "s",
        "seq": 0,
        "severity": "urgent",
        "rules": (rule,),
        "article": AlertArticle(
            id="a", revision="r", title="Talks resume", source="The Paper", url="https://paper.example/" + "x" * 90
        ),
        "snippet": Snippet(text="The rare earths were on the table " * 6, marks=((4, 15),)),
        "counts": Counts(articles=1, sources=1),
        "first_seen": NOW,
        "last_seen": NOW,
    }
    return Alert(**(fields | changes))  # type: ignore[arg-type]


# --- the window


class Stages:
    """Stages that read an article whenever the publisher has to wait, and a hit where there is none."""

    def __init__(self, *, desks: int = 1) -> None:
        self.sizes: list[int] = []
        self.read = 0
        self.pauses = 0
        self.hits_waiting = 0
        self.window = Window(
            desks=lambda: desks, behind=self._behind, came_out=lambda place: False, pause=self._when_it_waits
        )

    async def publish(self, size: int) -> None:
        await self.window.admit(size)
        self.window.published((0, len(self.sizes)), size)
        self.sizes.append(size)

    @property
    def unread(self) -> list[int]:
        return self.sizes[self.read :]

    async def _behind(self) -> Behind:
        return Behind(articles={0: len(self.unread)}, hits=self.hits_waiting, alerts=0, shown=0)

    async def _when_it_waits(self, _: float) -> None:
        self.pauses += 1
        if self.unread:
            self.read += 1
        else:
            self.hits_waiting -= 1


@given(st.lists(st.integers(1, LARGEST), min_size=1, max_size=60), st.integers(1, 300))
async def test_what_is_on_its_way_never_outgrows_a_partition(sizes: list[int], desks: int) -> None:
    stages = Stages(desks=desks)
    for size in sizes:
        await stages.publish(size)
        assert len(stages.unread) == 1 or sum(stages.unread) <= OPEN_BYTES
        assert len(stages.unread) == 1 or len(stages.unread) * desks * HIT_BYTES < PARTITION_BYTES
    assert stages.sizes == sizes


async def test_the_publisher_goes_on_as_soon_as_one_article_is_through() -> None:
    stages = Stages()
    while not stages.pauses:
        await stages.publish(100)
    assert stages.pauses == stages.read == 1
    assert len(stages.unread) > 100


async def test_hits_that_wait_hold_the_publisher_back() -> None:
    stages = Stages()
    stages.hits_waiting = waiting = PARTITION_BYTES // HIT_BYTES
    while not stages.pauses:
        await stages.publish(100)
    assert stages.unread == [100]  # all before it had to be read, and then some of the hits
    assert stages.hits_waiting < waiting * 0.9


# --- what is counted


def _enriched(offset: int, *desks: str) -> Record:
    hits = [{"desk": desk, "watchlist": "w", "rule": "r", "severity": "info", "evidence": []} for desk in desks]
    value = {"id": "a", "origin": {"topic": "news.raw", "partition": 0, "offset": offset}, "hits": hits}
    return Record("news.enriched", 0, offset, 0, None, json.dumps(value).encode())


def test_articles_and_alerts_that_come_again_are_counted_once() -> None:
    shown: list[Alert] = []
    seen = Seen("news.raw", shown.append)
    for record in (_enriched(1, "trade", "trade", "shipping"), _enriched(1, "trade", "trade", "shipping")):
        seen.take("enriched", record)
    for _ in range(2):
        seen.take(SHOWN, Record("news.demo-alerts", 0, 0, 0, None, encode(alert())))
    seen.take(SHOWN, Record("news.demo-alerts", 0, 2, 0, None, b"no alert"))
    assert (len(seen.enriched), seen.hits, seen.alerts, len(shown)) == (1, 2, 1, 1)
    assert (0, 1) in seen


@pytest.mark.parametrize(("topic", "counted"), [(b"news.raw", 1), (b"news.alerts", 0)])
def test_dead_letters_of_articles_alone_are_counted(topic: bytes, counted: int) -> None:
    seen = Seen("news.raw", lambda alert: None)
    headers = (
        ("wirewatch.errors.topic", topic),
        ("wirewatch.errors.partition", b"1"),
        ("wirewatch.errors.offset", b"7"),
    )
    for _ in range(2):
        seen.take("dead-letters", Record("news.dead-letters", 0, 0, 0, None, b"?", headers))
    assert len(seen.dead) == counted


def _metrics(*, filtered: int, restarts: int) -> str:
    return (
        "# TYPE wirewatch_processed_articles counter\n"
        f'wirewatch_processed_articles_total{{outcome="filtered"}} {filtered}\n'
        "# TYPE wirewatch_restarts counter\n"
        f"wirewatch_restarts_total {restarts}\n"
    )


def test_a_worker_that_was_started_again_is_no_longer_exact_and_its_past_is_kept() -> None:
    numbers = Numbers("http://unused")
    numbers.take(_metrics(filtered=3, restarts=0))
    assert (numbers.filtered, numbers.exact) == (3, True)
    numbers.take(_metrics(filtered=1, restarts=1))
    numbers.take(_metrics(filtered=2, restarts=1))
    assert (numbers.filtered, numbers.exact) == (5, False)


# --- what is published


def test_samples_are_dated_now_and_keep_their_distances() -> None:
    dated = [decode_raw(item.value).article for item in items(None, now=lambda: NOW) if item.article]
    assert {article.published_at for article in dated if article.published_at} == {NOW}
    embargoes = [article.embargo_until for article in dated if article.embargo_until]
    assert embargoes
    assert max(embargoes) <= NOW + timedelta(seconds=6)


def test_later_rounds_are_other_articles_with_the_same_links_and_bad_lines_stay_bad() -> None:
    first, second = (list(items(None, round_number=n, now=lambda: NOW)) for n in (0, 1))
    assert [item.article and f"{item.article}-1" for item in first] == [item.article for item in second]
    for one, other in zip(first, second, strict=True):
        if one.article is None:
            assert one.value == other.value
        else:
            assert decode_raw(one.value).article.url == decode_raw(other.value).article.url


def test_an_article_is_keyed_by_its_id_where_it_can_be_read() -> None:
    assert key_of(b'{"id": "a"}') == b"a"
    assert key_of(b'{"id": 7}') == b"7"
    for value in (b"{}", b"not json", b'{"id": ["a"]}', b'"\xff"', b"[" * 100_000):
        assert key_of(value) is None


async def test_pacing_stops_when_it_is_told_to(tmp_path: Path) -> None:
    file = tmp_path / "articles.jsonl"
    file.write_bytes(b'{"title": "x"}\n' * 5)
    stopping = asyncio.Event()
    published = []
    async for item in paced(items(file), 1000, stopping):
        published.append(item)
        if len(published) == 2:
            stopping.set()
    assert len(published) == 2


# --- what is shown


def screen(*, terminal: bool, width: int = 80) -> tuple[Screen, Callable[[], str]]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, color_system="standard" if terminal else None)
    made = Screen(console, urls={"enrich": "http://127.0.0.1:9464/metrics", "alert": "http://127.0.0.1:9465/metrics"})
    return made, out.getvalue


def test_an_alert_in_a_pipe_is_plain_lines_with_the_match_marked() -> None:
    made, text = screen(terminal=False)
    made.alert(alert(), 0.25)
    assert "\x1b" not in text()
    lines = text().splitlines()
    assert lines[0] == " URGENT  trade  hit: Rare earths  0.2 s"
    assert lines[1:3] == ["  Talks resume", "  The Paper  https://paper.example/" + "x" * 90]
    assert lines[3].startswith("  The **rare earths** were on")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_in_a_terminal_lines_keep_to_the_width_and_only_links_run_on(width: int) -> None:
    made, text = screen(terminal=True, width=width)
    made.alert(alert(), 0.25)
    stripped = [_without_styles(line) for line in text().splitlines()]
    assert all(len(line) <= width for line in stripped if "https://" not in line)
    assert any("https://paper.example/" + "x" * 90 in line for line in stripped)
    assert all(line.startswith("  ") for line in stripped if "table" in line)


def _without_styles(line: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", line)


@pytest.mark.parametrize("terminal", [True, False])
def test_control_characters_and_markup_of_an_article_are_text(terminal: bool) -> None:
    evil = "[red]title[/red] \x1b]0;x\x07\x1b[2J\u202e\x9b5m"
    article = AlertArticle(id="a", revision="r", title=evil, source=evil, url=evil)
    made, text = screen(terminal=terminal)
    made.alert(alert(article=article, snippet=Snippet(text=evil)), None)
    made.say(evil)
    for character in ("\x1b]", "\x1b[2J", "\u202e", "\x9b", "\x07"):
        assert character not in text()
    assert text().count("[red]title[/red]") == 5


def test_the_summary_says_whether_it_adds_up() -> None:
    for counters, stopped, expected in (
        (Counters(articles=4, enriched=2, filtered=1, dead_letters=1), False, "articles in 4 = enriched 2 + "),
        (Counters(articles=4, enriched=2, filtered=1), False, "articles in 4 ≠ enriched 2 + "),
        (Counters(articles=4, enriched=2, filtered=1), True, "+ dead-lettered 0 + on their way 1; "),
        (Counters(articles=1, enriched=2), True, "articles in 1 ≠ enriched 2"),
        (Counters(unpublished=3), False, "; 3 too large to publish"),
    ):
        made, text = screen(terminal=False)
        made.update(counters, "")
        made.summary(stopped=stopped)
        assert expected in text()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_counters_and_urls_fit_on_three_lines(width: int) -> None:
    made, text = screen(terminal=True, width=width)
    with made:
        made.update(Counters(articles=56, enriched=54, filtered=1, hits=38, alerts=33, dead_letters=1), "streaming")
    shown = _without_styles(text())
    assert "56 articles" in shown
    assert "http://127.0.0.1:9464/metrics (enrich)" in shown
    assert all(len(line.strip("\r")) <= width for line in shown.splitlines() if "\x1b" not in line)


def test_a_port_that_is_taken_is_left_alone() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with bound(port) as other:
            assert other.getsockname()[1] not in (0, port)
    with bound(port) as free:
        assert free.getsockname()[1] == port


def test_demos_that_begin_at_once_have_ports_of_their_own() -> None:
    with metrics_urls() as one, metrics_urls() as other:
        assert one.keys() == other.keys() == PORTS.keys()
        assert len({*one.values(), *other.values()}) == 2 * len(PORTS)
