"""A session with the brokers, and what looks after it: it ends when told to, and waits longer after a refusal."""

import asyncio
from typing import Any

import pytest

from workers.stream.diagnose import Unreachable
from workers.stream.session import keep_running, probe


class Answering:
    """A consumer and a producer; the probe is cancelled just when an answer comes."""

    def __init__(self) -> None:
        self.client = self
        self.probing: asyncio.Task[None] | None = None

    def assignment(self) -> set[Any]:
        return set()

    async def fetch_all_metadata(self) -> None:
        assert self.probing is not None
        if not self.probing.cancelling():
            self.probing.cancel()


async def test_a_probe_that_is_cancelled_just_when_an_answer_comes_ends() -> None:
    brokers = Answering()
    brokers.probing = asyncio.create_task(probe(brokers, brokers, reached=lambda ends: None, away=lambda reason: None))
    done, _ = await asyncio.wait([brokers.probing], timeout=1.0)
    brokers.probing.cancel()
    assert done


@pytest.mark.parametrize(("login", "longest"), [(True, 5.0), (False, 0.5)])
async def test_after_a_login_that_was_refused_it_waits_longer(
    monkeypatch: pytest.MonkeyPatch, login: bool, longest: float
) -> None:
    waited: list[float] = []
    stopping = asyncio.Event()

    async def no_wait(work: Any, timeout: float) -> None:
        work.close()
        waited.append(timeout)
        stopping.set()

    async def refused() -> None:
        raise Unreachable("wrong user or password", login=login)

    monkeypatch.setattr(asyncio, "wait_for", no_wait)
    reasons: list[str] = []
    await keep_running(refused, stopping=stopping, waiting=reasons.append)
    assert reasons == ["wrong user or password"]
    assert 0.8 * longest <= waited[0] <= 1.2 * longest
