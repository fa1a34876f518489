"""Alerts that waited for hours, because we or the sink were away: one digest a desk, nothing lost, nothing twice."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.undelivered import together
from tests.delivering import SEEN, an_alert
from tests.unit.test_deliver import START, Clock, FakeSink, begun, record_of, route
from topics.codec import decode_alert
from topics.errors import InvalidRecord, TransientError
from topics.records import Alert, Counts, Missed, Snippet
from workers import routes
from workers.delivery import DELIVERED, DIGESTED, EMBARGOED, REPEATED, Delivery
from workers.messages import DEAD_LETTERED, Record, Result
from workers.sections import Deliver, Route
from workers.settings import Settings

HOUR = 3600.0
AGE = 6 * HOUR


class Kept(FakeSink):
    """Keeps whole alerts."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.alerts: list[Alert] = []

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        await super().send(alert, key=key, value=value)
        assert decode_alert(value) == alert
        assert key == alert.desk.encode()
        self.alerts.append(alert)


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def delivery(sink: FakeSink, clock: Clock | None = None, **more: Any) -> Delivery:
    return Delivery(route(), sink, now=clock or Clock(), sleep=at_once, max_age=AGE, **more)


def aged(alert: Alert, hours: float, offset: int = 0) -> Record:
    """Its record, appended so many hours before START."""
    return record_of(alert, offset)._replace(timestamp=int((START - hours * HOUR) * 1000))


async def results(work: Delivery, records: Sequence[Record]) -> list[Result]:
    tasks = [asyncio.create_task(work.submit([record])) for record in records]
    return [result for (result,) in await asyncio.gather(*tasks)]


async def test_after_an_outage_each_desk_gets_one_digest_and_no_bells() -> None:
    sink = Kept()
    alerts = [an_alert(desk, n) for n in range(60) for desk in ("trade", "asia")]
    records = [aged(alert, 8 - n / 20, n) for n, alert in enumerate(alerts)]
    assert await results(delivery(sink), records) == [DIGESTED] * 120
    assert sorted((alert.desk, alert.kind) for alert in sink.alerts) == [("asia", "digest"), ("trade", "digest")]
    assert all(alert.snippet.text.startswith("60 alerts on 60 stories") for alert in sink.alerts)


async def test_what_came_after_the_outage_rings_and_comes_after_the_digest() -> None:
    sink = Kept()
    old, fresh = an_alert(number=1), an_alert(number=2)
    assert await results(delivery(sink), [aged(old, 7), aged(fresh, 0.001, 1)]) == [DIGESTED, DELIVERED]
    assert [alert.kind for alert in sink.alerts] == ["digest", "hit"]


async def test_a_wait_that_is_shorter_rings_for_each() -> None:
    sink = Kept()
    assert await results(delivery(sink), [aged(an_alert(number=n), 5, n) for n in range(5)]) == [DELIVERED] * 5


async def test_a_sink_that_is_down_for_hours_gets_one_digest_when_it_is_back() -> None:
    clock, up = Clock(), asyncio.Event()
    sink = Kept(lambda _: None if up.is_set() else TransientError("down"))
    waits = 0

    async def sleep(seconds: float) -> None:
        nonlocal waits
        waits += 1
        clock.time += 600
        if waits > 60:
            up.set()
        await asyncio.sleep(0)

    work = Delivery(route(), sink, now=clock, sleep=sleep, max_age=AGE)
    records = [aged(an_alert(number=n), 0, n) for n in range(30)]
    assert await results(work, records) == [DIGESTED] * 30
    assert [alert.kind for alert in sink.alerts] == ["digest"]


async def test_alerts_are_settled_only_once_their_digest_is_taken() -> None:
    sink = Kept()
    sink.gate.clear()
    work = delivery(sink)
    tasks = [asyncio.create_task(work.submit([aged(an_alert(number=n), 7, n)])) for n in range(3)]
    await sink.begun.get()
    assert not any(task.done() for task in tasks)
    sink.gate.set()
    assert [result for (result,) in await asyncio.gather(*tasks)] == [DIGESTED] * 3


async def test_a_digest_that_is_refused_makes_dead_letters_of_all_its_alerts() -> None:
    sink = Kept(lambda _: InvalidRecord("refused", "400: no"))
    records = [aged(an_alert(number=n), 7, n) for n in range(3)]
    found = await results(delivery(sink), records)
    assert [(result.outcome, result.reason) for result in found] == [(DEAD_LETTERED, "refused")] * 3
    assert [result.first[0].value for result in found] == [record.value for record in records]


async def test_an_alert_that_came_before_is_in_no_digest() -> None:
    sink, clock, counts = Kept(), Clock(), Counter[str]()
    work = delivery(sink, clock, counted=lambda result: counts.update([result]))
    first, second = an_alert(number=1), an_alert(number=2)
    assert await results(work, [aged(first, 0)]) == [DELIVERED]
    clock.time += 7 * HOUR
    assert await results(work, [aged(first, 0), aged(second, 0, 1)]) == [REPEATED, DIGESTED]
    assert [line.title for line in sink.alerts[-1].missed] == ["Headline 2"]
    assert counts == {"delivered": 1, "digested": 1, "repeated": 1}


async def test_the_wait_for_an_embargo_is_no_outage() -> None:
    sink = Kept()
    over = datetime.fromtimestamp(START - HOUR, UTC)
    held = an_alert(number=1, embargo_until=over)
    assert await results(delivery(sink), [aged(held, 9)]) == [DELIVERED]
    clock = Clock()
    later = an_alert(number=2, embargo_until=datetime.fromtimestamp(START + 9 * HOUR, UTC))

    async def sleep(seconds: float) -> None:
        clock.time += seconds

    work = Delivery(route(), sink, now=clock, sleep=sleep, max_age=AGE)
    assert await results(work, [aged(later, 0)]) == [EMBARGOED]


@pytest.mark.parametrize("off", [-HOUR, HOUR])
async def test_a_clock_that_is_an_hour_off_loses_nothing(off: float) -> None:
    sink, clock = Kept(), Clock()
    clock.time += off
    found = await results(delivery(sink, clock), [aged(an_alert(number=n), n / 2, n) for n in range(20)])
    assert all(result in (DELIVERED, DIGESTED) for result in found)
    told = [line.article_id for alert in sink.alerts for line in alert.missed]
    rung = [alert.article.id for alert in sink.alerts if not alert.missed]
    assert sorted(told + rung) == sorted(an_alert(number=n).article.id for n in range(20))


async def test_a_record_without_a_time_rings() -> None:
    sink = Kept()
    work = delivery(sink)
    assert [await task for task in begun(work, [an_alert()])] == [[DELIVERED]]


# What a digest of alerts says.


def test_each_story_is_there_as_its_last_alert_left_it() -> None:
    first = an_alert(number=1, story_id="s", counts=Counts(articles=1, sources=1))
    last = an_alert(number=2, story_id="s", kind="withdrawn", counts=Counts(articles=4, sources=2))
    alert = together([first, last])
    (line,) = alert.missed
    assert (line.kind, line.articles, line.title) == ("withdrawn", 4, "Headline 2")
    assert alert.counts.articles == 4
    assert alert.snippet.text == (
        "2 alerts on 1 story could not be delivered when they were due, from 2026-03-01 12:00 to 12:00 UTC."
    )


def test_the_most_severe_come_first_and_all_are_counted() -> None:
    alert = together([an_alert(number=n, severity="flash" if n == 7 else "info") for n in range(50)])
    assert (alert.severity, alert.missed[0].title, len(alert.missed)) == ("flash", "Headline 7", 20)
    assert alert.counts.articles == 50


def test_a_digest_that_was_not_delivered_either_adds_what_it_tells_of() -> None:
    line = Missed(
        story_id="m", article_id="m1", revision="r", title="Missed", severity="info", first_seen=SEEN, last_seen=SEEN
    )
    digest = an_alert(
        kind="digest",
        missed=(line,),
        counts=Counts(articles=9),
        first_seen=SEEN - timedelta(hours=8),
        snippet=Snippet(text="9 articles"),
    )
    alert = together([an_alert(number=1), digest])
    assert {line.title for line in alert.missed} == {"Headline 1", "Missed"}
    assert alert.counts.articles == 10
    assert alert.first_seen == SEEN - timedelta(hours=8)


def test_the_id_is_that_of_the_alerts() -> None:
    alerts = [an_alert(number=n) for n in range(3)]
    assert together(alerts).id == together(alerts).id
    assert together(alerts).id != together(alerts[:2]).id


# Settings.


async def nowhere(topic: str, key: bytes | None, value: bytes, alert: Alert) -> None: ...


@pytest.mark.parametrize(
    ("fields", "age"),
    [
        ({}, AGE),
        ({"max_alert_age": 60}, 60.0),
        ({"sink": {"kind": "kafka", "topic": "copy"}}, float("inf")),
        ({"sink": {"kind": "kafka", "topic": "copy"}, "max_alert_age": 60}, 60.0),
    ],
)
def test_a_topic_gets_every_alert_unless_its_route_says_otherwise(fields: dict[str, Any], age: float) -> None:
    chosen = Route.model_validate({"name": "hook", "sink": {"kind": "stdout"}} | fields)
    settings = Settings(deliver=Deliver(route=(chosen,)))
    assert routes.max_age(settings, chosen, routes.make_sink(settings, chosen, nowhere)) == age
