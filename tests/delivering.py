"""Parts of the tests of delivery: alerts, and a web server that takes them or does not."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from topics.codec import encode
from topics.identity import alert_id
from topics.records import Alert, AlertArticle, Counts, Evidence, RuleMet, Snippet

SEEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_alert(desk: str = "trade", number: int = 0, **changes: Any) -> Alert:
    """A whole alert of a story of its own. `changes` replace fields."""
    text = "New tariffs on rare earths were announced."
    rule = RuleMet(
        watchlist="trade",
        version="1",
        rule="tariffs",
        severity="urgent",
        name="Tariffs",
        evidence=(Evidence(field="text", start=4, end=11, text="tariffs", clause="tariff*"),),
    )
    story = f"story-{number}"
    fields: dict[str, Any] = {
        "id": alert_id(desk, story, "hit", 0),
        "kind": "hit",
        "desk": desk,
        "story_id": story,
        "seq": 0,
        "severity": "urgent",
        "rules": (rule,),
        "article": AlertArticle(
            id=f"a-{number}", revision="r", url=f"https://example.com/{number}", title=f"Headline {number}", source="AP"
        ),
        "snippet": Snippet(text=text, marks=((4, 11),)),
        "counts": Counts(articles=1, sources=1),
        "first_seen": SEEN,
        "last_seen": SEEN,
    }
    return Alert(**(fields | changes))


def value_of(alert: Alert) -> bytes:
    return encode(alert)


class Receiver:
    """A web server on loopback. `answer` says with which status and headers it answers an alert's id, after `delay`.

    `taken` lists the alerts it answered with 2xx, as (desk, id), `asked` all that came.
    """

    def __init__(self, answer: Callable[[str], tuple[int, dict[str, str]]] = lambda _: (200, {})) -> None:
        self.answer = answer
        self.taken: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.port = 0
        self.delay = 0.0
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def start(self) -> "Receiver":
        """Listen: on a free port at first, later on the same one."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> "Receiver":
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        found = msgspec.json.decode(body)
        name = request.headers.get("Idempotency-Key", "")
        self.requests.append((dict(request.headers), body))
        await asyncio.sleep(self.delay)
        status, headers = self.answer(name)
        async with self._changed:
            self.asked.append(name)
            if 200 <= status < 300:
                self.taken.append((found.get("desk", ""), name))
            self._changed.notify_all()
        return web.Response(status=status, headers=headers, text="answer")

    async def until(self, condition: Callable[[], bool], timeout: float = 60) -> None:
        """Wait for requests until `condition` holds."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), timeout)

    def ids(self) -> Counter[str]:
        """How many times each id was taken."""
        return Counter(name for _, name in self.taken)

    def of_desk(self, desk: str) -> list[str]:
        return [name for of, name in self.taken if of == desk]
