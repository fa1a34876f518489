"""Hits from Faust's agent to their acknowledgement: in batches, settled before they are acknowledged, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from alerts.state import State
from tests.hit_logs import hit
from topics.codec import encode
from topics.errors import ConfigError
from workers.alerting.assignment import Assignment, Owned
from workers.alerting.counting import AlertCounting
from workers.alerting.ending import BAD_CONFIGURATION, RESTART, CrashOnly
from workers.alerting.folding import Folder
from workers.alerting.intake import MAX_HITS, Intake
from workers.alerting.part import Gap, Part, Place, Work
from workers.alerting.partitions import Topics
from workers.alerting.pulse import Pulse
from workers.alerting.restored import Restored
from workers.metrics import Metrics

GENERATION = 7


class Event:
    """A hit as Faust hands it over; `journal` is where its acknowledgement is noted."""

    def __init__(self, journal: list[str], partition: int, offset: int, *, generation: int = GENERATION) -> None:
        self.message = SimpleNamespace(
            topic="hits",
            partition=partition,
            tp=TP("hits", partition),
            offset=offset,
            timestamp=1.7e9,
            key=None,
            value=encode(hit(f"a{partition}-{offset}", topic=offset)),
            headers=None,
            generation_id=generation,
        )
        self._journal = journal

    def ack(self) -> None:
        self._journal.append(f"ack {self.message.partition}/{self.message.offset}")


class Folding:
    """A folder of two partitions that go on from hit 0, and what it did in `journal`."""

    def __init__(self, *, log_start: int = 0, fails: bool = False) -> None:
        self.journal: list[str] = []
        self.assignment = Assignment()
        parts = {n: Part(Place("hits", n), Restored(State(), 0, 0, 0, 0)) for n in range(2)}
        self.assignment.begin(GENERATION, Owned(parts))
        topics = Topics("hits", "alerts", "stories")
        self._log_start = log_start
        self._fails = fails
        self.folder = Folder(
            self.assignment,
            self._settle,
            pulse=Pulse(60.0),
            counting=AlertCounting(Metrics(CollectorRegistry()), topics),
            log_start=self._log_starts,
        )

    async def _settle(self, part: Part, work: Work) -> None:
        await asyncio.sleep(0)
        if self._fails and part.place.partition == 1:
            raise OSError("not written")
        self.journal.append(f"settle {part.place.partition}: {work.hits}")

    async def _log_starts(self, tp: TP) -> int:
        return self._log_start

    async def flush(self, *places: tuple[int, int], generation: int = GENERATION) -> None:
        events: list[Any] = [Event(self.journal, *place, generation=generation) for place in places]
        await self.folder.flush(events)


async def test_hits_are_acknowledged_once_all_partitions_of_the_batch_are_settled() -> None:
    folding = Folding()
    await folding.flush((0, 0), (1, 0), (0, 1))
    assert folding.journal == ["settle 0: 2", "settle 1: 1", "ack 0/0", "ack 1/0", "ack 0/1"]
    assert folding.assignment.place(0) == 2


async def test_where_one_partition_is_not_settled_nothing_is_acknowledged() -> None:
    folding = Folding(fails=True)
    with pytest.raises(OSError, match="not written"):
        await folding.flush((0, 0), (1, 0))
    assert not [line for line in folding.journal if line.startswith("ack")]


async def test_hits_of_another_generation_are_left_to_come_again() -> None:
    folding = Folding()
    await folding.flush((0, 0), generation=GENERATION - 1)
    assert (folding.journal, folding.assignment.place(0)) == ([], 0)
    folding.assignment.pause()
    await folding.flush((0, 0))
    assert (folding.journal, folding.assignment.place(0)) == ([], 0)


async def test_a_gap_is_asked_about_and_ends_the_work_unless_the_log_starts_behind_it() -> None:
    with pytest.raises(Gap):
        await Folding(log_start=0).flush((0, 5))
    retained = Folding(log_start=5)
    await retained.flush((0, 5))
    assert retained.journal == ["settle 0: 1", "ack 0/5"]


# The intake.


class Stream:
    """Faust's stream of so many events."""

    def __init__(self, events: Sequence[int]) -> None:
        self._events = events

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[int]:
        for event in self._events:
            yield event


async def test_hits_come_in_order_in_batches_and_are_in_flight_until_the_next_is_asked_for() -> None:
    intake = Intake(linger=0.0)
    numbers = list(range(MAX_HITS + 10))
    await intake.take(Stream(numbers))
    batches = intake.batches()
    first: list[Any] = await anext(batches)
    assert (first, intake.in_flight()) == (numbers[:MAX_HITS], MAX_HITS + 10)
    second: list[Any] = await anext(batches)
    assert (second, intake.in_flight()) == (numbers[MAX_HITS:], 10)
    waiting = asyncio.ensure_future(anext(batches))
    await asyncio.sleep(0)
    assert intake.in_flight() == 0
    waiting.cancel()


# The end.


class Ended(BaseException):
    """The process has ended."""


def crash_only() -> CrashOnly:
    def end(code: int) -> Any:
        raise Ended(code)

    return CrashOnly(end)


@pytest.mark.parametrize("error", [OSError("away"), Gap("hits are missing"), SystemExit(0)])
def test_whatever_ends_work_for_ever_ends_the_process_to_be_started_again(error: BaseException) -> None:
    with pytest.raises(Ended, match=str(RESTART)), crash_only().guard():
        raise error


def test_work_for_ever_may_be_cancelled() -> None:
    with pytest.raises(asyncio.CancelledError), crash_only().guard():
        raise asyncio.CancelledError


def test_a_wrong_setting_ends_the_process_for_good() -> None:
    with pytest.raises(Ended, match=str(BAD_CONFIGURATION)):
        crash_only().misconfigured(ConfigError("the state is of a newer version"))
