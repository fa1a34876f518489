"""The ledger commits the contiguous settled prefix only, and notices what goes missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.stream.ledger import Ledger


def _ledger(*offsets: int, start: int = 0) -> Ledger[str]:
    ledger: Ledger[str] = Ledger()
    ledger.assign("p", start)
    for offset in offsets:
        ledger.track("p", offset)
    return ledger


def test_nothing_is_committable_before_it_is_settled() -> None:
    ledger = _ledger(0, 1, 2)
    assert ledger.committable() == {}
    ledger.settle("p", 1)
    ledger.settle("p", 2)
    assert ledger.committable() == {}


def test_a_settled_first_offset_frees_all_that_waited_behind_it() -> None:
    ledger = _ledger(0, 1, 2, 3)
    for offset in (2, 1, 0):
        ledger.settle("p", offset)
    assert ledger.committable() == {"p": 3}


def test_gaps_in_the_offsets_are_stepped_over() -> None:
    ledger = _ledger(5, 9, 12, start=3)
    ledger.settle("p", 5)
    assert ledger.committable() == {"p": 9}
    ledger.settle("p", 9)
    ledger.settle("p", 12)
    assert ledger.committable() == {"p": 13}
    assert ledger.unaccounted("p", position=13) == 0


def test_trailing_offsets_without_records_can_be_committed() -> None:
    ledger = _ledger(0)
    ledger.settle("p", 0)
    ledger.skip_to("p", 4)
    assert ledger.committable() == {"p": 4}
    assert ledger.unaccounted("p", position=4) == 0


def test_a_commit_is_not_offered_twice() -> None:
    ledger = _ledger(0, 1)
    ledger.settle("p", 0)
    ledger.committed("p", 1)
    assert ledger.committable() == {}


def test_settling_twice_or_an_unknown_offset_is_an_error() -> None:
    ledger = _ledger(0)
    ledger.settle("p", 0)
    with pytest.raises(KeyError):
        ledger.settle("p", 0)
    with pytest.raises(KeyError):
        ledger.settle("p", 7)
    with pytest.raises(KeyError):
        ledger.track("q", 0)


def test_an_offset_fetched_twice_is_an_error() -> None:
    ledger = _ledger(0, 1)
    with pytest.raises(ValueError, match="fetched before"):
        ledger.track("p", 1)


def test_a_revoked_partition_has_no_books() -> None:
    ledger = _ledger(0)
    ledger.revoke("p")
    assert not ledger.holds("p")
    assert ledger.committable() == {}
    ledger.committed("p", 1)  # a commit that was on its way


def test_a_record_that_was_handed_out_but_never_tracked_shows() -> None:
    ledger = _ledger(0, 1, 2)
    assert ledger.unaccounted("p", position=4) == 1
    ledger.settle("p", 0)
    ledger.committable()
    assert ledger.unaccounted("p", position=4) == 1


@given(
    gaps=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    start=st.integers(0, 5),
    data=st.data(),
)
def test_books_balance_in_any_order(gaps: list[int], start: int, data: st.DataObject) -> None:
    """In any order of settling and committing: the prefix is exact, and nothing is unaccounted."""
    offsets, position = [], start
    for gap in gaps:
        offsets.append(position + gap)
        position += gap + 1
    ledger = _ledger(*offsets, start=start)
    settled: set[int] = set()
    for offset in data.draw(st.permutations(offsets)):
        ledger.settle("p", offset)
        settled.add(offset)
        unsettled = [o for o in offsets if o not in settled]
        end = unsettled[0] if unsettled else position
        assert ledger.committable().get("p", start) <= end
        assert all(o in settled for o in offsets if o < ledger.committable().get("p", start))
        assert ledger.in_flight() == len(unsettled)
        assert ledger.unaccounted("p", position=position) == 0
        if data.draw(st.booleans()):
            for partition, to in ledger.committable().items():
                ledger.committed(partition, to)
            assert ledger.unaccounted("p", position=position) == 0
    assert ledger.committable().get("p", position) == position
