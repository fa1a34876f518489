"""Whether the alert worker still runs, and whether what it waits for still comes."""

import pytest

from workers.alerting.pulse import Frozen, Progress, Pulse, Stalled


class Hands:
    """A clock that is set by hand."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_process_that_was_frozen_is_told_so_before_it_acts() -> None:
    now = Hands()
    pulse = Pulse(4.5, now)
    now.at = 4.0
    pulse.beat()
    now.at = 8.6
    with pytest.raises(Frozen):
        pulse.check()
    with pytest.raises(Frozen):  # not even its own beat, if that comes first
        pulse.beat()


def test_hits_that_wait_for_long_while_none_come_are_a_standstill() -> None:
    now = Hands()
    progress = Progress(120.0, now)
    progress.check(3, lag=5)
    now.at = 119.0
    progress.check(3, lag=7)
    now.at = 121.0
    with pytest.raises(Stalled, match="partition 3: 7 hits wait, none came for 121 s"):
        progress.check(3, lag=7)


def test_a_hit_after_a_quiet_hour_is_given_its_time() -> None:
    now = Hands()
    progress = Progress(120.0, now)
    progress.moved({3})
    now.at = 3600.0
    progress.check(3, lag=0)
    now.at = 3605.0
    progress.check(3, lag=1)  # it has just been appended, and is on its way to us
    now.at = 3724.0
    progress.check(3, lag=2)
    now.at = 3726.0
    with pytest.raises(Stalled):
        progress.check(3, lag=2)


@pytest.mark.parametrize("sign", ["one came", "none waited", "partitions came anew"])
def test_what_shows_that_hits_come_is_no_standstill(sign: str) -> None:
    now = Hands()
    progress = Progress(120.0, now)
    progress.check(3, lag=5)
    now.at = 100.0
    match sign:
        case "one came":
            progress.moved({2, 3})
        case "none waited":
            progress.check(3, lag=0)
        case _:
            progress.begin()
    now.at = 130.0
    progress.check(3, lag=5)
