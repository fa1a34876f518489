"""This host's clock against the brokers'."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from workers.clock_check import ClockCheck
from workers.deliver import Courier
from workers.messages import Record
from workers.metrics import Metrics
from workers.sections import Route, Sink
from workers.settings import Settings

HOUR = 3600.0
BROKERS = 1_000_000.0


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


def test_deliver_knows_its_clock_by_the_alerts_that_came_after_it_had_read_all() -> None:
    """It may write nothing. What was not there yet when it asked for the ends was appended since then."""
    clocks = Clocks(HOUR)
    route = Route(name="desk", sink=Sink(kind="stdout"))
    metrics = Metrics(CollectorRegistry())
    courier = Courier(Settings(), route, metrics=metrics, stopping=asyncio.Event(), clock=clocks.check)

    def came(offset: int, *, ago: float) -> None:
        courier.consumed([Record("news.alerts", 0, offset, int((clocks.true - ago) * 1000), b"", b"", ())])

    courier._lag({TopicPartition("news.alerts", 0): 5})
    came(4, ago=HOUR)
    assert clocks.shown == [], "it waited for an hour, perhaps"
    came(5, ago=0.1)
    assert round(clocks.shown[-1], -2) == HOUR
    clocks.off = 0.0
    courier._lag({TopicPartition("news.alerts", 0): 6})
    came(6, ago=0.1)
    assert clocks.shown[-1] == 0.0
