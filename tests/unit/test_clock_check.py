"""This host's clock against the brokers'."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.delivering import an_alert, value_of
from topics.records import Alert
from workers.clock_check import MOST, ClockCheck
from workers.delivery import CLOCK_CHECK, DELIVERED, DIGESTED, EMBARGOED, Delivery
from workers.delivery_counting import DeliveryCounting
from workers.messages import Record, Result
from workers.metrics import Metrics
from workers.sections import Route, Sink

HOUR = 3600.0
BROKERS = 1_700_000_000.0


class Clocks:
    """A host whose clock is `off` by some seconds, and what was shown of it."""

    def __init__(self, off: float) -> None:
        self.off = off
        self.true = BROKERS
        self.shown: list[float] = []
        self.check = ClockCheck(self.shown.append, now=lambda: self.true + self.off)

    def send(self, takes: float, *, kind: int = 1, appended_after: float | None = None) -> None:
        """Send a record; the broker appends it on the way."""
        began = self.check.now()
        stamp = self.true + (takes / 2 if appended_after is None else appended_after)
        self.true += takes
        self.check.acknowledged(began, SimpleNamespace(timestamp=int(stamp * 1000), timestamp_type=kind))


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_clock_an_hour_off_is_shown_and_said_once_until_it_is_right_again(off: float) -> None:
    clocks = Clocks(off)
    with capture_logs() as logs:
        for _ in range(3):
            clocks.send(0.1)
        clocks.off = 0.0
        clocks.send(0.1)
        clocks.off = off
        clocks.send(0.1)
    assert [round(offset, -1) for offset in clocks.shown] == [off, off, off, 0, off]
    assert [log["log_level"] for log in logs] == ["warning", "warning"]
    assert round(logs[0]["seconds_ahead"], -1) == off


def test_slow_brokers_are_no_wrong_clock() -> None:
    clocks = Clocks(0.0)
    with capture_logs() as logs:
        clocks.send(120.0, appended_after=1.0)
        clocks.send(120.0, appended_after=119.0)
    assert (clocks.shown, logs) == ([0.0, 0.0], [])


def test_a_slow_send_does_not_hide_an_hour() -> None:
    clocks = Clocks(HOUR)
    clocks.send(30.0)
    assert clocks.shown == [HOUR - 15.0]


def test_a_time_that_is_the_producer_s_own_says_nothing() -> None:
    clocks = Clocks(HOUR)
    clocks.send(0.1, kind=0)
    assert clocks.shown == []


@pytest.mark.parametrize("off", [HOUR, -HOUR, 30.0, 0.0])
def test_the_brokers_time_is_known_once_a_record_was_appended(off: float) -> None:
    clocks = Clocks(off)
    clocks.send(0.1)
    known = clocks.true if abs(off) > MOST else clocks.check.now()
    assert clocks.check.brokers() == pytest.approx(known, abs=0.2)
    assert clocks.check.latest() == pytest.approx(min(known, clocks.check.now()), abs=0.2)


class Taken:
    """A sink that notes when it took an alert, and a clock that sleeping moves on."""

    def __init__(self, off: float) -> None:
        self.clocks = Clocks(off)
        self.at: dict[str, float] = {}
        self.kinds: list[str] = []

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        self.at[alert.id] = self.clocks.true - BROKERS
        self.kinds.append(alert.kind)

    async def close(self) -> None: ...

    async def sleep(self, seconds: float) -> None:
        self.clocks.true += seconds
        await asyncio.sleep(0)

    async def deliver(self, alert: Alert, *, appended_ago: float) -> Result:
        check = self.clocks.check
        route = Route(name="desk", sink=Sink(kind="stdout"))
        work = Delivery(route, self, now=check.brokers, reached=check.latest, sleep=self.sleep, max_age=600)
        stamp = int((self.clocks.true - appended_ago) * 1000)
        (result,) = await work.submit([Record("news.alerts", 0, 0, stamp, b"trade", value_of(alert), ())])
        return result


@pytest.mark.parametrize(("off", "latest"), [(HOUR, 0.0), (-HOUR, HOUR), (0.0, 0.0)])
async def test_with_a_clock_an_hour_off_no_embargo_ends_early_and_none_more_than_an_hour_late(
    off: float, latest: float
) -> None:
    sink = Taken(off)
    sink.clocks.send(0.1)
    alert = an_alert(embargo_until=datetime.fromtimestamp(BROKERS + 100, UTC))
    assert await sink.deliver(alert, appended_ago=0.0) is EMBARGOED
    assert 100 <= sink.at[alert.id] + 0.1 <= 100 + latest + CLOCK_CHECK


@pytest.mark.parametrize("off", [HOUR, -HOUR])
async def test_with_a_clock_an_hour_off_what_is_fresh_rings_and_what_is_old_is_told_together(off: float) -> None:
    sink = Taken(off)
    sink.clocks.send(0.1)
    assert await sink.deliver(an_alert(), appended_ago=1.0) is DELIVERED
    assert await sink.deliver(an_alert("trade", 1), appended_ago=700.0) is DIGESTED
    assert sink.kinds == ["hit", "digest"]


def test_deliver_knows_its_clock_by_the_alerts_that_came_after_it_had_read_all() -> None:
    """It may write nothing. What was not there yet when it asked for the ends was appended since then."""
    clocks = Clocks(HOUR)
    counting = DeliveryCounting(Metrics(CollectorRegistry()), "desk", clock=clocks.check)

    def came(offset: int, *, ago: float) -> None:
        counting.consumed([Record("news.alerts", 0, offset, int((clocks.true - ago) * 1000), b"", b"", ())])

    counting.measured({TopicPartition("news.alerts", 0): 5}, {})
    came(4, ago=HOUR)
    assert clocks.shown == [], "it waited for an hour, perhaps"
    came(5, ago=0.1)
    assert round(clocks.shown[-1], -2) == HOUR
    clocks.off = 0.0
    counting.measured({TopicPartition("news.alerts", 0): 6}, {})
    came(6, ago=0.1)
    assert clocks.shown[-1] == 0.0


@pytest.mark.parametrize("timestamp", [-1, 0, 1, 86_400_000])
def test_a_broker_that_gives_no_time_says_nothing_of_the_clocks(timestamp: int) -> None:
    clocks = Clocks(off=0.0)
    clocks.check.appended(clocks.check.now(), timestamp)
    assert clocks.shown == []
    assert clocks.check.latest() == clocks.check.now()
