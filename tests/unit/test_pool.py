"""The pool survives whatever an article does to one of its processes, and gives up that article only."""

import asyncio
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from tests.fakes import BrokenStep, HarmfulStep
from tests.worker_processes import until
from workers.messages import DEAD_LETTERED, ENRICHED, Record, Result
from workers.stream.pool import Pool, PoolBroken


@pytest.fixture
async def restarts() -> list[str]:
    return []


@pytest.fixture
async def pool(restarts: list[str]) -> AsyncIterator[Pool]:
    pool = Pool(
        HarmfulStep,
        processes=2,
        time_budget=1.0,
        memory_limit=2 * 1024**3,
        recycle_after=1000,
        on_restart=restarts.append,
    )
    await pool.start(b"w1", "1")
    yield pool
    pool.close()


def _batch(*values: bytes) -> list[Record]:
    return [Record("news.raw", 0, offset, 0, b"k", value, (("h", None),)) for offset, value in enumerate(values)]


def _value(result: Result) -> bytes | None:
    return result.then[0].value


@pytest.mark.parametrize(("harm", "reason"), [(b"hang", "timeout"), (b"memory", "memory"), (b"kill", "crash")])
async def test_a_harmful_record_is_dead_lettered_and_its_batch_mates_are_enriched(
    pool: Pool, restarts: list[str], harm: bytes, reason: str
) -> None:
    results = await pool.submit(_batch(b"a", harm, b"b"), "1")
    assert [result.outcome for result in results] == [ENRICHED, DEAD_LETTERED, ENRICHED]
    letter = results[1].then[0]
    assert (letter.role, letter.key, letter.value) == ("dead-letters", b"k", harm)
    assert ("h", None) in letter.headers
    assert ("wirewatch.errors.reason", b"worker_crash") in letter.headers
    assert restarts == [reason, reason]


async def test_an_exception_out_of_the_step_costs_one_record(pool: Pool) -> None:
    results = await pool.submit(_batch(b"raise", b"b"), "1")
    assert [result.outcome for result in results] == [DEAD_LETTERED, ENRICHED]


async def test_what_an_exception_quotes_is_in_the_dead_letter_and_in_no_log(pool: Pool) -> None:
    with structlog.testing.capture_logs() as said:
        (result,) = await pool.submit(_batch(b"raise"), "1")
    message = (dict(result.then[0].headers)["wirewatch.errors.message"] or b"").decode()
    assert message.startswith("twice: RuntimeError: a bug")
    assert [event["error"] for event in said] == ["RuntimeError", "RuntimeError"]


async def test_a_record_that_fails_alone_is_tried_once_more(pool: Pool, restarts: list[str]) -> None:
    assert (await pool.submit(_batch(b"kill"), "1"))[0].reason == "worker_crash"
    assert len(restarts) == 2


async def test_a_process_killed_from_outside_costs_nothing(pool: Pool) -> None:
    for _ in range(3):
        pid = int((_value((await pool.submit(_batch(b"pid"), "1"))[0]) or b"").split(b"|")[0])
        os.kill(pid, signal.SIGKILL)
        results = await pool.submit(_batch(b"a", b"b"), "1")
        assert [_value(result) for result in results] == [b"a|w1", b"b|w1"]


async def test_processes_that_were_killed_while_idle_cost_nothing(pool: Pool, restarts: list[str]) -> None:
    """As by the kernel's out-of-memory killer, which takes whom it likes."""
    for pid in {child.pid for child in multiprocessing.active_children()}:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    for _ in range(2):
        results = await pool.submit(_batch(b"a"), "1")
        assert [_value(result) for result in results] == [b"a|w1"]
    assert set(restarts) == {"crash"}


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system says it")
async def test_the_pool_says_how_much_memory_its_processes_have(pool: Pool) -> None:
    def resident(pid: int | None) -> int:
        (line,) = re.findall(r"^VmRSS:\s*(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(line) * 1024

    await pool.submit(_batch(b"a"), "1")
    assert pool.memory() == pytest.approx(sum(resident(child.pid) for child in multiprocessing.active_children()), 0.05)
    pool.close()
    await until(lambda: pool.memory() == 0)


async def test_every_task_is_matched_with_the_revision_that_it_names(pool: Pool) -> None:
    pool.use_watchlists(b"w2", "2")
    for revision, data in (("1", b"w1"), ("2", b"w2"), ("1", b"w1")):
        assert _value((await pool.submit(_batch(b"a"), revision))[0]) == b"a|" + data


async def test_a_step_that_cannot_be_made_is_said_at_the_start() -> None:
    pool = Pool(BrokenStep, processes=1, time_budget=5, memory_limit=0, recycle_after=10)
    with pytest.raises(PoolBroken, match="the model is not there"):
        await pool.start(b"", "1")
    pool.close()


def test_a_pool_can_be_closed_before_its_processes_have_started() -> None:
    """As it is when the watchlists turn out to be wrong."""
    pool = Pool(HarmfulStep, processes=2, time_budget=5, memory_limit=0, recycle_after=10)
    pool.close()
    assert not [process for process in multiprocessing.active_children() if process.is_alive()]


async def test_the_pool_shows_that_it_gets_on_while_texts_hang(pool: Pool) -> None:
    """The watchdog must not take a batch that is tried one by one for a standstill."""
    begun = pool.active_at
    submitted = asyncio.create_task(pool.submit(_batch(b"hang", b"hang", b"hang"), "1"))
    seen = {begun}
    while not submitted.done():
        await asyncio.wait({submitted}, timeout=0.05)
        seen.add(pool.active_at)
    assert [result.outcome for result in submitted.result()] == [DEAD_LETTERED] * 3
    assert len(seen) >= 4  # at the start, after the batch, and after its records
