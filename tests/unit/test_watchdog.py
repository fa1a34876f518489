"""The watchdog ends a process that is stalled, and only such a one."""

import threading

from workers.stream.watchdog import EXIT_STALLED, Watchdog


class _Ended:
    def __init__(self) -> None:
        self.codes: list[int] = []
        self.event = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.event.set()


def test_a_process_that_stays_stalled_is_ended_to_be_started_again() -> None:
    ended = _Ended()
    with Watchdog(lambda: "stands still", patience=0.2, end=ended):
        assert ended.event.wait(5)
    assert ended.codes == [EXIT_STALLED]


def test_a_stall_that_passes_ends_nothing() -> None:
    ended, looked = _Ended(), threading.Event()
    answers = iter(["stands still", None, "stands still", None])

    def stalled() -> str | None:
        answer = next(answers, None)
        if answer is None and not next(answers, None):
            looked.set()
        return answer

    with Watchdog(stalled, patience=0.08, end=ended):
        assert looked.wait(5)
    assert ended.codes == []


def test_a_process_that_works_is_left_alone() -> None:
    ended, looks = _Ended(), threading.Semaphore(0)

    def fine() -> None:
        looks.release()

    with Watchdog(fine, patience=0.04, end=ended):
        assert all(looks.acquire(timeout=5) for _ in range(5))
    assert ended.codes == []
