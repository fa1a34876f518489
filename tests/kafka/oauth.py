"""Tokens that the secured broker takes, and an endpoint that gives them out for a client's secret."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


def token(user: str, *, lifetime: float = 300.0) -> str:
    """An unsigned JSON web token for a user, good for `lifetime` seconds."""
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + lifetime}
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Endpoint:
    """What a token endpoint was asked, and how it answers: `secret` is what it takes from every client."""

    def __init__(self, secret: str, *, lifetime: float = 300.0) -> None:
        self.secret = secret
        self.lifetime = lifetime
        self.asked: list[dict[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        user, _, secret = base64.b64decode(given).decode().partition(":")
        if secret != self.secret:
            error = {"error": "invalid_client", "error_description": "client authentication failed"}
            return web.json_response(error, status=401)
        body = {"access_token": token(user, lifetime=self.lifetime), "token_type": "Bearer"}
        return web.json_response(body | {"expires_in": self.lifetime})


@asynccontextmanager
async def endpoint(secret: str, *, lifetime: float = 300.0) -> AsyncIterator[Endpoint]:
    """A token endpoint of the client credentials grant on 127.0.0.1, until the block ends."""
    serving = Endpoint(secret, lifetime=lifetime)
    app = web.Application()
    app.router.add_post("/token", serving.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
        yield serving
    finally:
        await runner.cleanup()
