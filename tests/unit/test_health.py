"""What a probe and a scraper may count on."""

import asyncio
import os
from asyncio.subprocess import PIPE, STDOUT
from contextlib import AsyncExitStack

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from tests.demo_process import COMMAND
from topics.errors import ConfigError
from workers.health import Beat, Check, serve, watch_loop


def well() -> None:
    return None


async def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}{path}", headers=headers) as got:
        return got.status, await got.text(), got.headers["Content-Type"]


async def served(stack: AsyncExitStack, *, live: Check = well, ready: Check = well, port: int = 0) -> int:
    registry = CollectorRegistry()
    Counter("seen", "What was seen", registry=registry).inc(3)
    return await stack.enter_async_context(
        serve(host="127.0.0.1", port=port, registry=registry, live=live, ready=ready)
    )


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_well_worker_answers_ok(path: str) -> None:
    async with AsyncExitStack() as stack:
        status, text, _ = await get(await served(stack), path)
    assert (status, text) == (200, "ok\n")


async def test_each_probe_says_its_own_reason() -> None:
    async with AsyncExitStack() as stack:
        port = await served(stack, live=lambda: "stuck", ready=lambda: "no broker")
        assert (await get(port, "/livez"))[:2] == (503, "stuck\n")
        assert (await get(port, "/readyz"))[:2] == (503, "no broker\n")


async def test_a_reason_is_asked_for_anew_each_time() -> None:
    reasons = iter(["starting", None])
    async with AsyncExitStack() as stack:
        port = await served(stack, ready=lambda: next(reasons))
        assert (await get(port, "/readyz"))[0] == 503
        assert (await get(port, "/readyz"))[0] == 200


@pytest.mark.parametrize(
    ("accept", "content_type", "last"),
    [
        ("*/*", "text/plain", ""),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", "# EOF"),
    ],
)
async def test_metrics_come_as_they_are_asked_for(accept: str, content_type: str, last: str) -> None:
    async with AsyncExitStack() as stack:
        status, text, kind = await get(await served(stack), "/metrics", Accept=accept)
    assert status == 200
    assert kind.startswith(content_type)
    assert "seen_total 3.0" in text
    assert text.rstrip("\n").endswith(last)


async def test_a_port_in_use_is_a_setting_to_change() -> None:
    async with AsyncExitStack() as stack:
        port = await served(stack)
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}.*in use"):
            await served(stack, port=port)


async def test_nothing_listens_after_the_block() -> None:
    async with AsyncExitStack() as stack:
        port = await served(stack)
    with pytest.raises(aiohttp.ClientConnectionError):
        await get(port, "/livez")


def test_a_beat_is_well_while_it_is_young() -> None:
    time = 0.0
    beat = Beat(limit=10, now=lambda: time)
    time = 9.9
    assert beat.check() is None
    time = 10.0
    assert beat.check() == "no progress for 10 s (limit 10 s)"
    beat.tick()
    assert beat.check() is None


async def test_a_blocked_loop_is_measured() -> None:
    late: asyncio.Queue[float] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    watch = asyncio.create_task(watch_loop(late.put_nowait, every=0.01))
    await late.get()
    until = loop.time() + 0.2
    while loop.time() < until:
        pass  # what no code on the loop may do
    assert await late.get() > 0.1
    watch.cancel()


async def asked(port: int, *flags: str) -> tuple[int, str]:
    """What `wirewatch health` answers beside a worker: its exit code, and what it says."""
    child = await asyncio.create_subprocess_exec(
        *COMMAND, "health", *flags, env=os.environ | {"WIREWATCH_PORT": str(port)}, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await child.communicate()
    return child.returncode or 0, said.decode()


async def test_the_health_command_is_well_while_the_worker_lives() -> None:
    async with AsyncExitStack() as stack:
        port = await served(stack, ready=lambda: "no broker")
        assert await asked(port) == (0, "ok\n")
        code, said = await asked(port, "--ready")
        assert (code, "no broker" in said) == (1, True)


async def test_the_health_command_says_what_is_wrong() -> None:
    async with AsyncExitStack() as stack:
        code, said = await asked(await served(stack, live=lambda: "no progress for 130 s"))
    assert (code, "no progress for 130 s" in said) == (1, True)


async def test_the_health_command_fails_where_nobody_answers() -> None:
    async with AsyncExitStack() as stack:
        port = await served(stack)
    code, said = await asked(port)
    assert (code, f":{port}" in said) == (1, True)


async def test_the_health_command_wants_a_port_that_can_be_known() -> None:
    code, said = await asked(0)
    assert (code, "WIREWATCH_PORT" in said) == (2, True)
