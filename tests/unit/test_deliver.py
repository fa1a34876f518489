"""How one route delivers: order, repeats, retries, embargoes, dead letters; and what a stop interrupts."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from alerts.sinks import TryLater
from tests.delivering import an_alert, value_of
from topics.errors import ConfigError, InvalidRecord, TransientError
from topics.records import Alert
from workers import deliver, delivery
from workers.delivery import DELIVERED, EMBARGOED, REPEATED, SKIPPED, Delivery
from workers.messages import DEAD_LETTERED, Record, Result
from workers.metrics import Metrics
from workers.sections import Deliver, Route
from workers.settings import Settings
from workers.stream import ahead
from workers.stream.ledger import Ledger
from workers.stream.unordered import Unordered, finished

START = 1_800_000_000.0


class FakeSink:
    """Takes alerts, unless `refuse` says otherwise. With `gate`, a send waits until it is opened."""

    def __init__(self, refuse: Callable[[Alert], Exception | None] = lambda _: None) -> None:
        self.refuse = refuse
        self.taken: list[str] = []
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = 0
        self.most_at_once = 0

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        self.begun.put_nowait(alert.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            error = self.refuse(alert)
            if error is not None:
                raise error
            self.taken.append(alert.id)
        finally:
            self.at_once -= 1

    async def close(self) -> None: ...


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


def route(**fields: Any) -> Route:
    return Route.model_validate({"name": "hook", "sink": {"kind": "stdout"}} | fields)


def record_of(alert: Alert, offset: int = 0) -> Record:
    return Record("alerts", 0, offset, 0, alert.desk.encode(), value_of(alert), (("h", None),))


def begun(work: Delivery, alerts: Sequence[Alert]) -> list["asyncio.Task[list[Result]]"]:
    """As a lane does: a task a record, in the order of the offsets."""
    return [asyncio.create_task(work.submit([record_of(alert, n)])) for n, alert in enumerate(alerts)]


async def results(work: Delivery, alerts: Sequence[Alert]) -> list[Result]:
    return [result for (result,) in await asyncio.gather(*begun(work, alerts))]


def flaky(times: int, error: Exception) -> Callable[[Alert], Exception | None]:
    """Each alert fails so many times."""
    seen: Counter[str] = Counter()

    def refuse(alert: Alert) -> Exception | None:
        seen[alert.id] += 1
        return error if seen[alert.id] <= times else None

    return refuse


async def test_what_no_route_asks_for_is_skipped() -> None:
    sink = FakeSink()
    work = Delivery(route(desks=["trade"], severities=["flash"]), sink)
    wanted = an_alert("trade", severity="flash")
    given = [wanted, an_alert("trade", 1, severity="info"), an_alert("asia", 2, severity="flash")]
    assert await results(work, given) == [DELIVERED, SKIPPED, SKIPPED]
    assert sink.taken == [wanted.id]


async def test_an_alert_seen_before_is_not_sent_again() -> None:
    sink, counts = FakeSink(), Counter[str]()
    work = Delivery(route(), sink, counted=lambda result: counts.update([result]))
    alert = an_alert()
    assert await results(work, [alert, alert]) == [DELIVERED, REPEATED]
    assert await results(work, [alert]) == [REPEATED]
    assert len(sink.taken) == 1
    assert counts == {"delivered": 1, "repeated": 2}


async def test_memory_of_ids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "RECENT", 2)
    work = Delivery(route(), FakeSink())
    first, *others = [an_alert(number=number) for number in range(3)]
    await results(work, [first, *others])
    assert await results(work, [others[0], others[1], first]) == [REPEATED, REPEATED, DELIVERED]


@given(desks=st.lists(st.sampled_from(["a", "b", "c"]), max_size=15), failures=st.integers(0, 3))
def test_a_desks_order_is_kept_through_failures(desks: list[str], failures: int) -> None:
    async def run() -> list[str]:
        sink = FakeSink(flaky(failures, TransientError("down")))
        await results(Delivery(route(), sink, first_delay=0.0001), alerts)
        return sink.taken

    alerts = [an_alert(desk, number) for number, desk in enumerate(desks)]
    taken = asyncio.run(run())
    for desk in desks:
        ids = [alert.id for alert in alerts if alert.desk == desk]
        assert [name for name in taken if name in ids] == ids


async def test_a_desk_waits_for_no_other_desk() -> None:
    sink = FakeSink(lambda alert: TransientError("down") if alert.desk == "slow" else None)
    work = Delivery(route(), sink, first_delay=60)
    slow, *others = begun(work, [an_alert("slow"), an_alert("a", 1), an_alert("b", 2)])
    await asyncio.gather(*others)
    assert not slow.done()
    slow.cancel()


async def test_a_sink_gets_a_bounded_number_at_once() -> None:
    sink = FakeSink()
    sink.gate.clear()
    tasks = begun(Delivery(route(), sink), [an_alert(f"desk-{number}", number) for number in range(30)])
    for _ in range(delivery.AT_ONCE):
        await sink.begun.get()
    sink.gate.set()
    await asyncio.gather(*tasks)
    assert sink.most_at_once == delivery.AT_ONCE


def waiting(waits: list[float]) -> Callable[[float], Awaitable[None]]:
    """A sleep that takes no time and writes down how long it was to be."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return sleep


async def test_what_the_other_side_asks_to_wait_is_waited() -> None:
    waits: list[float] = []
    sink = FakeSink(flaky(2, TryLater("busy", after=7.0)))
    await Delivery(route(), sink, sleep=waiting(waits)).submit([record_of(an_alert())])
    assert waits == [7.0, 7.0]


async def test_waits_grow_to_a_limit_and_are_not_alike() -> None:
    waits: list[float] = []
    sink = FakeSink(flaky(40, TransientError("down")))
    await Delivery(route(), sink, sleep=waiting(waits)).submit([record_of(an_alert())])
    longest = [min(30.0, 0.5 * 2**attempt) for attempt in range(40)]
    assert all(limit / 2 <= wait <= limit for wait, limit in zip(waits, longest, strict=True))
    assert len(set(waits[10:])) > 20


async def test_what_is_refused_is_a_dead_letter_as_it_came() -> None:
    bad = an_alert(number=1)
    sink = FakeSink(lambda alert: InvalidRecord("refused", "400: no") if alert.id == bad.id else None)
    good, refused = await results(Delivery(route(), sink), [an_alert(), bad])
    assert good == DELIVERED
    assert (refused.outcome, refused.reason) == (DEAD_LETTERED, "refused")
    (letter,) = refused.first
    assert (letter.role, letter.key, letter.value) == ("dead-letters", b"trade", value_of(bad))
    assert letter.headers[0] == ("h", None)
    said = dict(letter.headers)
    assert said["wirewatch.errors.sink"] == b"hook"
    assert said["wirewatch.errors.offset"] == b"1"
    assert said["wirewatch.errors.attempt"] == b"1"


@pytest.mark.parametrize(("value", "reason"), [(None, "empty_value"), (b"{}", "wrong_type"), (b"{", "not_json")])
async def test_what_cannot_be_read_is_a_dead_letter(value: bytes | None, reason: str) -> None:
    (result,) = await Delivery(route(), FakeSink()).submit([Record("alerts", 0, 3, 0, b"k", value)])
    assert (result.outcome, result.reason) == (DEAD_LETTERED, reason)
    assert result.first[0].value == value


# --- embargoes


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, tz=UTC)


async def test_an_embargo_holds_its_story_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sink = Clock(), FakeSink()
    monkeypatch.setattr(delivery, "CLOCK_CHECK", 0.005)
    embargoed = an_alert("trade", 0, embargo_until=at(60))
    follows = an_alert("trade", 0, id="follows", seq=1)
    others = [an_alert("trade", 1), an_alert("asia", 2)]
    tasks = begun(Delivery(route(), sink, now=clock), [embargoed, follows, *others])
    await asyncio.gather(*tasks[2:])
    assert sink.taken == [alert.id for alert in others]
    clock.time += 59
    done, _ = await asyncio.wait(tasks[:2], timeout=0.05)
    assert not done
    clock.time += 1
    assert [result for (result,) in await asyncio.gather(*tasks[:2])] == [EMBARGOED, EMBARGOED]
    assert sink.taken[2:] == [embargoed.id, "follows"]


async def test_an_embargo_that_is_over_holds_nothing() -> None:
    work = Delivery(route(), FakeSink(), now=Clock())
    assert await results(work, [an_alert(embargo_until=at(-1))]) == [DELIVERED]


# --- stopping


class Settled:
    """What a lane is made with, and what it settled."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    async def publish(self, records: Sequence[Record], results: list[Result]) -> None: ...

    def settled(self, records: Sequence[Record]) -> None:
        self.offsets += [record.offset for record in records]


def lane_of(work: Delivery, settled: Settled) -> Unordered:
    return Unordered(submit=work.submit, publish=settled.publish, settled=settled.settled)


async def test_a_lane_settles_what_is_done_in_any_order() -> None:
    held, settled = an_alert("slow", 0), Settled()
    work = Delivery(route(), FakeSink(lambda alert: TransientError("x") if alert == held else None), first_delay=60)
    lane = lane_of(work, settled)
    for offset, alert in enumerate([held, an_alert("a", 1), an_alert("b", 2)]):
        lane.add([record_of(alert, offset)])
    async with asyncio.timeout(5):
        while lane.records > 1:  # noqa: ASYNC110  # the lane tells nobody
            await asyncio.sleep(0)
    assert settled.offsets == [1, 2]
    await lane.abandon(5)


async def test_a_stop_finishes_what_is_being_sent_and_begins_nothing() -> None:
    sink, settled = FakeSink(), Settled()
    sink.gate.clear()
    lane = lane_of(Delivery(route(), sink), settled)
    sending, queued = an_alert("a", 0), an_alert("a", 1)
    lane.add([record_of(sending, 0)])
    lane.add([record_of(queued, 1)])
    await sink.begun.get()
    stop = asyncio.create_task(lane.abandon(5))
    await asyncio.sleep(0)
    lane.add([record_of(an_alert("b", 2), 2)])
    sink.gate.set()
    await stop
    assert sink.taken == [sending.id]
    assert settled.offsets == [0]


async def test_a_stop_does_not_begin_another_attempt() -> None:
    sink, settled = FakeSink(lambda _: TransientError("down")), Settled()
    sink.gate.clear()
    lane = lane_of(Delivery(route(), sink, first_delay=60), settled)
    lane.add([record_of(an_alert())])
    await sink.begun.get()
    stop = asyncio.create_task(lane.abandon(30))
    await asyncio.sleep(0)
    sink.gate.set()
    await asyncio.wait_for(stop, 5)
    assert settled.offsets == []
    assert sink.begun.empty()


async def test_a_stop_has_a_deadline() -> None:
    sink, settled = FakeSink(), Settled()
    sink.gate.clear()
    lane = lane_of(Delivery(route(), sink), settled)
    lane.add([record_of(an_alert())])
    await sink.begun.get()
    await asyncio.wait_for(lane.abandon(0.02), 5)
    assert settled.offsets == []
    assert sink.at_once == 0  # interrupted


async def test_a_failure_that_nobody_expected_shows_on_the_lane() -> None:
    lane = lane_of(Delivery(route(), FakeSink(lambda _: ZeroDivisionError())), Settled())
    lane.add([record_of(an_alert())])
    async with asyncio.timeout(5):
        while lane.failed is None:  # noqa: ASYNC110  # the loop looks, too
            await asyncio.sleep(0)
    assert isinstance(lane.failed, ZeroDivisionError)


async def test_finished_work_counts_though_it_ends_as_it_is_cancelled() -> None:
    work = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(finished(work))
    await asyncio.sleep(0)
    work.set_result("done")
    task.cancel()
    assert await task == "done"


# --- what is settled ahead of a commit


@given(end=st.integers(0, 2**40), places=st.sets(st.integers(0, ahead.BITS - 1), max_size=50))
def test_a_note_gives_back_its_offsets_and_fits_in_a_commit(end: int, places: set[int]) -> None:
    offsets = {end + place for place in places}
    note = ahead.encode(end, offsets)
    assert ahead.decode(end, note) == offsets
    assert len(note) < 4096


def test_a_note_leaves_out_what_is_too_far() -> None:
    assert ahead.decode(5, ahead.encode(5, [4, 6, 5 + ahead.BITS])) == {6}
    assert ahead.encode(0, []) == ""


@given(st.lists(st.booleans(), max_size=30))
def test_ahead_is_what_is_settled_beyond_what_may_be_committed(done: list[bool]) -> None:
    ledger: Ledger[str] = Ledger()
    ledger.assign("p", 0)
    for offset in range(len(done)):
        ledger.track("p", offset)
    for offset in (offset for offset, settled in enumerate(done) if settled):
        ledger.settle("p", offset)
    end = done.index(False) if False in done else len(done)
    assert ledger.ahead("p") == [offset for offset, settled in enumerate(done) if settled and offset > end]


@given(st.text())
def test_a_note_of_somebody_else_says_nothing(note: str) -> None:
    assert note.startswith(ahead.PREFIX) or ahead.decode(0, note) == frozenset()
    assert ahead.decode(0, ahead.PREFIX + "!" + note) == frozenset()
    assert ahead.decode(0, None) == frozenset()


# --- settings


def settings_of(*routes: Route) -> Settings:
    return Settings(deliver=Deliver(route=routes), host="127.0.0.1")


async def refused(*routes: Route) -> str:
    with pytest.raises(ConfigError) as error:
        await deliver.run(settings_of(*routes), Metrics(CollectorRegistry()), asyncio.Event())
    return str(error.value)


async def test_routes_that_cannot_be_are_named() -> None:
    assert "no route" in await refused()
    assert "once: hook" in await refused(route(), route())
    assert "deliver.route hook: sink.kind" in await refused(route(sink={"kind": "pigeon"}))


@pytest.mark.parametrize("topic", ["news.alerts", "news.raw", "news.dead-letters"])
async def test_a_route_cannot_write_to_our_own_topics(topic: str) -> None:
    assert f"{topic} is one of our own" in await refused(route(sink={"kind": "kafka", "topic": topic}))
