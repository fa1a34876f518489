"""A schema registry for tests: Confluent's API over HTTP on loopback. It can be away, want a password, or be broken."""

import base64
import json
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.kafka.broker import free_ports


class SchemaRegistry:
    """An async context. `schemas` are by id, `subjects` by (subject, version); `status` answers for all, if set."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[tuple[str, str], dict[str, Any]] = {}
        self.status: int | None = None
        self.password: str | None = None
        self.asked: list[str] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, number: int, schema: Any, *, kind: str | None = None, **references: tuple[str, int]) -> None:
        """Register a schema under an id; `references` are (subject, version) by name."""
        named = [{"name": name, "subject": subject, "version": v} for name, (subject, v) in references.items()]
        found: dict[str, Any] = {"schema": json.dumps(schema)}
        self.schemas[number] = found | ({"schemaType": kind} if kind else {}) | ({"references": named} if named else {})

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/schemas/ids/{id}", self._by_id)
        app.router.add_get("/subjects/{subject}/versions/{version}", self._by_subject)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Away: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _by_id(self, request: web.Request) -> web.Response:
        return self._answer(request, self.schemas.get(int(request.match_info["id"])), 40403)

    async def _by_subject(self, request: web.Request) -> web.Response:
        place = (request.match_info["subject"], request.match_info["version"])
        return self._answer(request, self.subjects.get(place), 40401)

    def _answer(self, request: web.Request, found: dict[str, Any] | None, code: int) -> web.Response:
        self.asked.append(request.path)
        if self.status is not None:
            return web.Response(status=self.status, text="<html>")
        if self.password is not None:
            sent = request.headers.get("Authorization", "").removeprefix("Basic ")
            if base64.b64decode(sent).decode() != f"reader:{self.password}":
                return web.json_response({"error_code": 40101, "message": "Unauthorized"}, status=401)
        if found is None:
            return web.json_response({"error_code": code, "message": "Schema not found"}, status=404)
        return web.json_response(found)
