"""Lag in seconds is that of the oldest record which is not done, in whatever order the others are."""

from hypothesis import given
from hypothesis import strategies as st

from workers.messages import Record
from workers.waiting import Waiting

NOW = 1000.0


def records(*offsets: int) -> list[Record]:
    """Record N came at the second N."""
    return [Record("raw", 0, offset, offset * 1000, None, b"") for offset in offsets]


def test_nothing_waits_where_there_is_no_lag() -> None:
    waiting: Waiting[int] = Waiting(now=lambda: NOW)
    assert waiting.seconds(0, lag=0) == 0
    waiting.read(0, records(10))
    assert waiting.seconds(0, lag=0) == 0


def test_what_was_not_read_yet_came_after_the_last_that_was() -> None:
    waiting: Waiting[int] = Waiting(now=lambda: NOW)
    assert waiting.seconds(0, lag=5) == 0, "nothing is known of it"
    waiting.read(0, records(400))
    waiting.settled(0, records(400))
    assert waiting.seconds(0, lag=5) == 600


def test_a_partition_that_went_is_not_remembered() -> None:
    waiting: Waiting[int] = Waiting(now=lambda: NOW)
    waiting.read(0, records(400))
    waiting.forget(0)
    waiting.settled(0, records(400))
    assert waiting.seconds(0, lag=5) == 0


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(n)), st.integers(0, n))))
def test_the_oldest_that_is_not_done_counts(drawn: tuple[int, list[int], int]) -> None:
    number, order, done = drawn
    waiting: Waiting[int] = Waiting(now=lambda: NOW)
    waiting.read(0, records(*range(1, number + 1)))
    for at in order[:done]:
        waiting.settled(0, records(at + 1))
    left = set(range(1, number + 1)) - {at + 1 for at in order[:done]}
    assert waiting.seconds(0, lag=len(left)) == (NOW - min(left) if left else 0)
