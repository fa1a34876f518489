"""Dead letters on their way to a sink: what it takes, refuses again, or does not take now."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.sinks import Sink
from tests.delivering import an_alert, value_of
from topics.errors import InvalidRecord, TransientError
from topics.records import Alert
from workers import routes
from workers.letters.destinations import Outcome, Stays
from workers.letters.letter import Letter, Place
from workers.letters.to_sinks import Couriers
from workers.sections import Route
from workers.settings import Settings

NOW = 1_795_608_000.0


class Taking:
    """A sink that does with each alert what the test says, and remembers what it took."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.taken: list[Alert] = []
        self.closed = False

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(alert)

    async def close(self) -> None:
        self.closed = True


def letters(*values: bytes | None, age: float = 0) -> list[Letter]:
    return [
        Letter(
            place=Place(0, number),
            timestamp=int((NOW - age) * 1000),
            key=b"trade",
            value=value,
            headers=(("traceparent", b"00-1"),),
            errors={"stage": "deliver"},
            before=None,
        )
        for number, value in enumerate(values)
    ]


def many(number: int, **changes: Any) -> list[bytes]:
    return [value_of(an_alert("trade", n, **changes)) for n in range(number)]


async def delivered(
    monkeypatch: pytest.MonkeyPatch,
    sink: Taking,
    batch: Sequence[Letter],
    *,
    rounds: int = 1,
    patience: float = 0.3,
    **route: Any,
) -> list[Outcome]:
    """What became of each letter, after the last round."""

    def make(settings: Settings, route: Route, publish: object) -> Sink:
        return sink

    monkeypatch.setattr(routes, "make_sink", make)
    chosen = Route.model_validate({"name": "chat", "sink": {"kind": "stdout"}} | route)
    couriers = Couriers(Settings(), None, patience=patience, now=lambda: NOW)
    for _ in range(rounds):
        found = await couriers.deliver([(letter, chosen) for letter in batch])
    await couriers.close()
    assert sink.closed
    return [outcome for _, outcome in found]


async def test_a_sink_takes_them_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Taking()
    assert await delivered(monkeypatch, sink, letters(*many(20))) == ["sink chat"] * 20
    assert [alert.article.id for alert in sink.taken] == [f"a-{n}" for n in range(20)]


async def test_what_is_refused_again_stays_and_the_others_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Taking(InvalidRecord("refused", "host answered 400: with words", "host answered 400"))
    first, *others = await delivered(monkeypatch, sink, letters(*many(3)))
    assert first == Stays("sink chat refuses again: host answered 400")
    assert others == ["sink chat"] * 2


async def test_a_sink_that_is_down_is_asked_for_a_while_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Taking(*[TransientError("host answered 503")] * 1000)
    found = await delivered(monkeypatch, sink, letters(*many(3)), rounds=5)
    assert found == [Stays("sink chat does not take them now: host answered 503")] * 3
    assert len(sink.errors) >= 998


@pytest.mark.parametrize(("value", "reason"), [(None, "empty_value"), (b"{", "not_json"), (b'{"id": 1}', "wrong_type")])
async def test_what_is_no_alert_stays(monkeypatch: pytest.MonkeyPatch, value: bytes | None, reason: str) -> None:
    (found,) = await delivered(monkeypatch, Taking(), letters(value))
    assert found == Stays(f"sink chat refuses again: no alert that can be read ({reason})")


async def test_what_the_route_does_not_want_any_more_or_not_yet_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Taking()
    (found,) = await delivered(monkeypatch, sink, letters(*many(1)), desks=["asia"])
    assert isinstance(found, Stays)
    assert "takes no such alerts any more" in found.why
    until = datetime.fromtimestamp(NOW, tz=UTC) + timedelta(seconds=60)
    (found,) = await delivered(monkeypatch, Taking(), letters(*many(1, embargo_until=until)))
    assert isinstance(found, Stays)
    assert "under embargo" in found.why
    assert sink.taken == []


async def test_nothing_old_rings_singly(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Taking()
    assert await delivered(monkeypatch, sink, letters(*many(5), age=7 * 3600), patience=30) == ["sink chat"] * 5
    assert [alert.kind for alert in sink.taken] == ["digest"]
