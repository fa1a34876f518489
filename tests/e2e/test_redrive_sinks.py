"""Alerts that a sink refused, redriven: to that sink alone, in a desk's order, never back on the alerts' topic."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.dead_letters import Letters
from tests.delivering import Receiver, an_alert, value_of
from tests.kafka.broker import Cluster
from topics.records import Alert
from workers.letters.sending import Outgoing

pytestmark = pytest.mark.kafka

ROUTES = """
[[deliver.route]]
name = "{name}"
sink = {{kind = "webhook", url = "{url}", timeout = 5}}
"""
COPY = """
[[deliver.route]]
name = "copy"
sink = {{kind = "kafka", topic = "{topic}"}}
"""


class Desks(Letters):
    """Two webhooks, and a topic."""

    hook: Receiver
    other: Receiver

    def refused(self, alert: Alert, *, sink: str = "hook") -> Outgoing:
        headers = (("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"), ("origin", b"\xff"))
        return self.letter(
            value_of(alert),
            key=alert.desk.encode(),
            headers=headers,
            stage="deliver",
            reason="refused",
            topic=self.topic("alerts"),
            to=len(alert.desk) % 2,
            sink=sink,
        )

    async def told(self, *arguments: str, fails: int = 0) -> list[str]:
        """`wirewatch dlq redrive` beside the receivers: what it says on standard error."""
        return await asyncio.to_thread(self.said, "redrive", *arguments, fails=fails)


@pytest.fixture
async def desks(kafka: Cluster, prefix: str, tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(kafka, prefix, tmp_path)
    await made.create()
    async with Receiver() as made.hook, Receiver() as made.other:
        topic = await kafka.create_topic(f"{prefix}.copy")
        routes = (ROUTES.format(name=name, url=to.url) for name, to in (("hook", made.hook), ("other", made.other)))
        made.config.write_text("".join([*routes, COPY.format(topic=topic)]))
        yield made


def many(desk: str, number: int) -> Sequence[Alert]:
    return [an_alert(desk, n) for n in range(number)]


async def test_the_sink_that_refused_gets_them_in_order_and_no_other_does(desks: Desks) -> None:
    alerts = [alert for pair in zip(many("trade", 30), many("asia", 30), strict=True) for alert in pair]
    await desks.put(*map(desks.refused, alerts))
    desks.hook.answer = lambda name: (400 if name == alerts[4].id else 200, {})
    assert await desks.told("--sink", "hook", fails=1) == [
        "59 redriven to sink hook",
        f"1 skipped: sink hook refuses again: 127.0.0.1:{desks.hook.port} answered 400",
    ]
    for desk in ("trade", "asia"):
        assert desks.hook.of_desk(desk) == [
            alert.id for alert in alerts if alert.desk == desk and alert is not alerts[4]
        ]
    headers, body = desks.hook.requests[0]
    assert headers["traceparent"].startswith("00-1111")
    assert body in {value_of(alert) for alert in alerts}
    assert desks.other.asked == []
    assert await desks.records(desks.topic("alerts")) == []
    assert await desks.records(f"{desks.prefix}.copy") == []
    desks.hook.answer = lambda name: (200, {})
    assert await desks.told("--stage", "deliver", fails=0) == [
        "1 redriven to sink hook",
        "59 skipped: redriven before (--again redrives once more)",
    ]
    assert desks.hook.ids() == dict.fromkeys((alert.id for alert in alerts), 1)
    assert len(await desks.listed(sink="hook")) == 60, "what was refused again is no second letter"


async def test_a_sink_that_is_a_topic_gets_the_record_as_deliver_sends_it(desks: Desks) -> None:
    alert = an_alert()
    await desks.put(desks.refused(alert, sink="copy"))
    assert await desks.told("--all") == ["1 redriven to sink copy"]
    (copy,) = await desks.records(f"{desks.prefix}.copy")
    assert (copy.key, copy.value) == (b"trade", value_of(alert))
    headers = dict(copy.headers)
    assert headers["ce_id"] == alert.id.encode()
    assert "traceparent" in headers
    assert "origin" not in headers


async def test_wrong_settings_of_a_sink_are_said_before_anything_goes(desks: Desks) -> None:
    desks.config.write_text('[[deliver.route]]\nname = "hook"\nsink = {kind = "webhook", url_env = "NO_SUCH"}\n')
    await desks.put(desks.letter(), desks.refused(an_alert()))
    for more in ((), ("--dry-run",)):
        (*_, said) = await desks.told("--all", *more, fails=78)
        assert said == "wirewatch: deliver.route hook: sink.url_env: the environment has no NO_SUCH"
    assert await desks.records(desks.topic("raw")) == []
