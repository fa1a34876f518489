"""/metrics, /livez and /readyz of one worker, and the beat that /livez listens to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from topics.errors import ConfigError
from workers.metrics_page import MetricsPage

Check = Callable[[], str | None]
"""None while all is well, else what is wrong, for people. It is called on the event loop: it must not wait."""


class Beat:
    """Whether a loop makes progress: it calls `tick`, and `check` complains when none came for `limit` seconds.

    It counts as ticked when made. `now` is a monotonic clock.
    """

    def __init__(self, *, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._last = now()

    def tick(self) -> None:
        self._last = self._now()

    @property
    def age(self) -> float:
        """Seconds since the last tick."""
        return self._now() - self._last

    def check(self) -> str | None:
        age = self.age
        return None if age < self._limit else f"no progress for {age:.0f} s (limit {self._limit:g} s)"


@asynccontextmanager
async def serve(*, host: str, port: int, registry: CollectorRegistry, live: Check, ready: Check) -> AsyncIterator[int]:
    """Answer on `host:port` until the block ends; yields the port, a free one where `port` is 0.

    `/metrics` speaks Prometheus text or OpenMetrics, as asked for (`metrics_page`); `/livez` and `/readyz` answer 200
    "ok", or 503 with the reason. Raises ConfigError where the address cannot be had.
    """
    app = web.Application()
    app.router.add_get("/metrics", _metrics(MetricsPage(registry)))
    app.router.add_get("/livez", _probe(live))
    app.router.add_get("/readyz", _probe(ready))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        yield await _listen(runner, host, port)
    finally:
        await runner.cleanup()


async def watch_loop(observe: Callable[[float], None], *, every: float = 0.5) -> None:
    """Tell `observe`, for ever, by how many seconds the event loop ran a timer late."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        observe(max(0.0, loop.time() - due))


async def _listen(runner: web.AppRunner, host: str, port: int) -> int:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot serve health and metrics on {host}:{port}: {reason}; choose another --port or host"
        ) from None
    bound: int = runner.addresses[0][1]
    return bound


def _metrics(page: MetricsPage) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        body, content_type = page.get(",".join(request.headers.getall("Accept", [])))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return handle


def _probe(check: Check) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        problem = check()
        return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)

    return handle
