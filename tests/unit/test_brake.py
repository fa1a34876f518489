"""The brake: what puts it on, what waits meanwhile, and what lets it go on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from topics.errors import InvalidRecord
from workers.dead_letters import REDRIVEN_FROM, dead_letter
from workers.messages import DEAD_LETTERED, ENRICHED, Record, Result
from workers.stream.brake import Rules, Window, is_bad
from workers.stream.brakes import Brakes
from workers.stream.lane import Lane

TP = TopicPartition("news.raw", 2)
RULES = Rules(window=10, share=0.5, minimum=4, probe_interval=0.02, rate=10)


def record(offset: int, value: bytes, tp: TopicPartition = TP) -> Record:
    return Record(tp.topic, tp.partition, offset, 1, None, value)


def batch(start: int, *values: bytes) -> list[Record]:
    return [record(start + n, value) for n, value in enumerate(values)]


class Step:
    """Reads what is not `bad`; `readable` is what has become so meanwhile."""

    def __init__(self) -> None:
        self.readable: set[bytes] = set()
        self.tried: list[int] = []

    async def submit(self, records: Sequence[Record]) -> list[Result]:
        self.tried += [record.offset for record in records]
        return [self.one(record) for record in records]

    def one(self, record: Record) -> Result:
        if record.value == b"good" or record.value in self.readable:
            return Result(ENRICHED)
        error = InvalidRecord("not_json", "found <html>")
        return Result(DEAD_LETTERED, error.reason, then=(dead_letter(record, error, stage="enrich"),))


class Parts:
    """The brakes, on a step of the test's own, with a clock that only a sleep moves."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.step = Step()
        self.newest: Record | None = None
        self.slept = 0.0
        self.brakes = Brakes(
            rules, submit=self.step.submit, newest=self._newest, now=lambda: self.slept, sleep=self._sleep
        )

    async def _newest(self, tp: TopicPartition) -> Record | None:
        return self.newest

    async def _sleep(self, seconds: float) -> None:
        self.slept += seconds

    async def gate(self, records: Sequence[Record]) -> list[bool]:
        """Which records of a batch are bad when it is let through."""
        results = [self.step.one(record) for record in records]
        return [is_bad(result) for result in await self.brakes.gate(records, results)]

    async def braked(self, records: Sequence[Record]) -> "asyncio.Task[list[bool]]":
        """A batch that waits."""
        task = asyncio.create_task(self.gate(records))
        async with asyncio.timeout(5):
            while not self.brakes.held():  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0)
        return task


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 12), st.floats(0.05, 1.2))
def test_the_brake_is_on_exactly_where_the_share_of_the_last_records_is_passed(
    outcomes: list[bool], size: int, share: float
) -> None:
    rules = Rules(window=12, share=share, minimum=size)
    window, seen = Window(rules), list[bool]()
    for bad in outcomes:
        seen = [*seen, bad][-12:]
        wanted = bad and len(seen) >= size and sum(seen) > share * len(seen)
        assert window.add([bad]) == wanted


async def test_a_few_bad_ones_among_good_ones_pass() -> None:
    parts = Parts()
    for start in range(0, 100, 4):
        assert await parts.gate(batch(start, b"good", b"bad", b"good", b"good")) == [False, True, False, False]
    assert parts.brakes.why() is None


async def test_fewer_than_the_minimum_pass() -> None:
    parts = Parts()
    assert await parts.gate(batch(0, b"bad", b"bad", b"bad")) == [True] * 3


async def test_a_flood_waits_and_says_why() -> None:
    parts = Parts()
    assert await parts.gate(batch(0, b"bad", b"bad", b"bad")) == [True] * 3
    task = await parts.braked(batch(3, b"good", b"bad", b"bad"))
    assert parts.brakes.held() == {TP: 5}
    said = parts.brakes.why() or ""
    assert "news.raw/2: 5 of the last 6 records" in said
    assert "offset 4 (not_json: found <html>)" in said
    assert "wirewatch resume news.raw/2" in said
    await asyncio.sleep(0.1)
    assert not task.done()
    assert set(parts.step.tried) == {4}, "only the record itself is tried again"
    task.cancel()


async def test_other_partitions_do_not_wait() -> None:
    parts = Parts()
    task = await parts.braked(batch(0, *[b"bad"] * 4))
    other = [record(0, b"bad", TopicPartition("news.raw", 0))]
    assert await asyncio.wait_for(parts.gate(other), 1) == [True]
    task.cancel()


async def test_told_to_resume_all_up_to_there_passes_and_what_comes_later_is_judged_again() -> None:
    parts = Parts(Rules(window=10, share=0.5, minimum=4, probe_interval=60))
    task = await parts.braked(batch(0, *[b"bad"] * 4))
    parts.brakes.resume(TP, 8)
    assert await asyncio.wait_for(task, 1) == [True] * 4
    assert parts.brakes.why() is None
    assert await asyncio.wait_for(parts.gate(batch(4, *[b"bad"] * 6)), 1) == [True] * 6, "2 of them count"
    task = await parts.braked(batch(10, b"bad", b"bad"))
    assert "offset 11" in (parts.brakes.why() or "") or "offset 10" in (parts.brakes.why() or "")
    task.cancel()
    assert parts.slept == 0


async def test_what_was_told_before_holds_after_a_restart() -> None:
    parts = Parts()
    parts.brakes.resume(TP, 100)
    for start in range(0, 100, 10):
        assert await asyncio.wait_for(parts.gate(batch(start, *[b"bad"] * 10)), 1) == [True] * 10
    (await parts.braked(batch(100, *[b"bad"] * 4))).cancel()


async def test_a_topic_that_is_made_anew_is_not_what_was_let_through() -> None:
    parts = Parts()
    parts.brakes.resume(TP, 100)
    parts.brakes.forget(TP)
    (await parts.braked(batch(0, *[b"bad"] * 4))).cancel()


async def test_what_was_let_through_of_another_log_is_void() -> None:
    """As after a restart: the topic was made anew, and who was told of the old one is told of it again."""
    parts = Parts()
    parts.brakes.resume(TP, 100)
    parts.brakes.ends({TP: 40})
    parts.brakes.resume(TP, 100)  # the look was older than this
    parts.brakes.ends({TP: 100})
    assert await asyncio.wait_for(parts.gate(batch(0, *[b"bad"] * 4)), 1) == [True] * 4
    for _ in range(2):
        parts.brakes.ends({TP: 40})
    (await parts.braked(batch(4, *[b"bad"] * 4))).cancel()


async def test_a_record_that_reads_well_now_lets_all_go_on_as_they_read_now() -> None:
    parts = Parts()
    task = await parts.braked(batch(0, *[b"bad"] * 4))
    stale = [parts.step.one(record) for record in batch(4, b"bad", b"bad", b"bad")]
    parts.step.readable.add(b"bad")
    assert await asyncio.wait_for(task, 1) == [False] * 4
    again = await parts.brakes.gate(batch(4, b"bad", b"bad", b"bad"), stale)
    assert [is_bad(result) for result in again] == [False] * 3, "what waited behind is tried again, too"


async def test_where_the_newest_reads_well_the_bad_ones_go_at_the_rate_and_no_faster() -> None:
    parts = Parts()
    parts.newest = record(1000, b"good")
    assert await asyncio.wait_for(parts.gate(batch(0, *[b"bad"] * 4)), 1) == [True] * 4
    for start in range(4, 104, 10):
        assert parts.brakes.held() == {TP: min(start, 10) if start > 4 else 4}
        await asyncio.wait_for(parts.gate(batch(start, *[b"bad"] * 10)), 1)
    assert parts.slept == pytest.approx(104 / RULES.rate)
    assert "slowly" in (parts.brakes.why() or "")


async def test_it_is_off_when_the_window_is_good_again_or_the_newest_is_reached() -> None:
    parts = Parts()
    parts.newest = record(1000, b"good")
    await asyncio.wait_for(parts.gate(batch(0, *[b"bad"] * 8)), 1)
    await parts.gate(batch(8, *[b"good"] * 6))
    assert parts.brakes.why() is None, "of the last ten records, most are good"
    parts.newest = record(30, b"good")
    await asyncio.wait_for(parts.gate(batch(14, *[b"bad"] * 10)), 1)
    assert parts.brakes.why()
    await parts.gate(batch(24, *[b"bad"] * 7))
    assert parts.brakes.why() is None, "the record that read well is reached"


async def test_a_newest_record_that_is_the_bad_one_itself_is_no_sign() -> None:
    parts = Parts()
    parts.newest = record(3, b"good")
    task = await parts.braked(batch(3, *[b"bad"] * 4))
    await asyncio.sleep(0.1)
    assert not task.done()
    task.cancel()


async def test_a_rebalance_lets_nothing_more_through() -> None:
    """The partition is taken away and comes back: what is known of it is enough to put the brake on at once."""
    parts = Parts()
    task = await parts.braked(batch(0, *[b"bad"] * 4))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    parts.brakes.revoked([TP])
    assert parts.brakes.held() == {}
    (await parts.braked(batch(0, b"bad"))).cancel()


def redriven(records: Sequence[Record]) -> list[Record]:
    return [record._replace(headers=((REDRIVEN_FROM, b"0/1"),)) for record in records]


async def test_dead_letters_that_are_redriven_and_still_bad_hold_up_nobody() -> None:
    parts = Parts()
    assert await asyncio.wait_for(parts.gate(redriven(batch(0, *[b"bad"] * 500))), 1) == [True] * 500
    assert parts.brakes.why() is None
    task = await parts.braked(batch(500, *[b"bad"] * 4))
    assert "4 of the last 4 records" in (parts.brakes.why() or ""), "its publisher's own count as ever"
    task.cancel()


async def test_where_the_brake_is_on_it_is_never_held_for_what_was_redriven() -> None:
    parts = Parts()
    task = await parts.braked([*redriven(batch(0, b"bad", b"bad")), *batch(2, *[b"bad"] * 4)])
    assert "offset 2" in (parts.brakes.why() or "")
    task.cancel()


async def test_what_is_redriven_takes_nothing_of_the_rate() -> None:
    parts = Parts()
    parts.newest = record(1000, b"good")
    await asyncio.wait_for(parts.gate(batch(0, *[b"bad"] * 4)), 1)
    slept = parts.slept
    await parts.gate(redriven(batch(4, *[b"bad"] * 100)))
    assert parts.slept == slept


async def test_it_can_be_turned_off() -> None:
    for rules in (Rules(enabled=False), Rules(share=1.01)):
        parts = Parts(rules)
        assert await asyncio.wait_for(parts.gate(batch(0, *[b"bad"] * 500)), 1) == [True] * 500


Gate = Callable[[Sequence[Record], list[Result]], Awaitable[list[Result]]]


async def test_a_lane_publishes_nothing_while_it_is_held_and_nothing_after_it_was_given_up() -> None:
    published: list[int] = []
    held = asyncio.Event()

    async def publish(records: Sequence[Record], results: list[Result]) -> None:
        published.extend(record.offset for record in records)

    async def gate(records: Sequence[Record], results: list[Result]) -> list[Result]:
        if records[0].offset == 1:
            held.set()
            await asyncio.sleep(60)
        return results

    lane = Lane(submit=Step().submit, publish=publish, settled=lambda records: None, gate=gate)
    for offset in range(3):
        lane.add([record(offset, b"good")])
    await asyncio.wait_for(held.wait(), 5)
    assert (lane.held, published) == (True, [0])
    await asyncio.wait_for(lane.abandon(5), 1)
    assert published == [0]
