"""Schema registries that speak Confluent's API: which schema a framed record was written with.

All asking is done here, on the event loop: the pool's processes get each record with its schema. A registry that does
not answer is waited for, however long; that it has no such schema is an answer.
"""

import asyncio
import base64
import json
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog

from topics.errors import ConfigError
from topics.inputs.framing import LARGEST_ID, Schema, pack, schema_id
from workers import sections
from workers.messages import Record
from workers.stream.credentials import Followed

REQUEST_TIMEOUT = 10.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
ASKED_AGAIN = 30.0
"""After so many seconds a registry is asked again for a schema that it did not have: it may have come late."""
_AT_ONCE = 8
_MOST_MISSING = 10_000
_MOST_REFERENCES = 200

log = structlog.get_logger()


class NoAnswer(Exception):
    """The registry cannot be reached, or answers as none does. The message is for people."""


class Registry:
    """One registry. What it has is kept for ever: a schema under an id never changes.

    Raises ConfigError for files that cannot be read.
    """

    def __init__(
        self,
        settings: sections.Registry,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = settings.url
        self._username = settings.username
        self._password = Followed(lambda: _password(settings), [settings.password_file])
        self._tls = _tls(settings)
        self._now = now
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._known: dict[int, bytes] = {}
        self._missing: dict[int, float] = {}
        self._asking: dict[int, asyncio.Task[bytes | None]] = {}
        self._waiting: dict[int, str] = {}

    @property
    def waiting(self) -> str | None:
        """Why somebody waits for an answer; None while nobody has had to."""
        reasons = list(self._waiting.values())  # at once: the watchdog asks from its own thread
        return reasons[0] if reasons else None

    async def schema(self, number: int) -> bytes | None:
        """The schema, packed (`topics.inputs.framing`); None where the registry has none. Waits for an answer."""
        if number in self._known:
            return self._known[number]
        if number > LARGEST_ID or self._missing.get(number, 0.0) > self._now():
            return None
        if number not in self._asking:
            self._asking[number] = asyncio.create_task(self._ask(number))
            self._asking[number].add_done_callback(lambda _: self._asking.pop(number, None))
        return await asyncio.shield(self._asking[number])  # others wait for the same answer

    async def problem(self) -> str | None:
        """Ask once, for any schema: what is wrong with the registry, for people; None where it answers."""
        try:
            await self._get("schemas/ids/1")
        except NoAnswer as error:
            return str(error)
        return None

    async def close(self) -> None:
        """Give up what is being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _ask(self, number: int) -> bytes | None:
        delay = FIRST_DELAY
        try:
            while True:
                try:
                    found = await self._found(number)
                    break
                except NoAnswer as error:
                    self._waiting[number] = str(error)
                    if next(iter(self._waiting)) == number:  # one says it for all
                        log.warning("waiting for the schema registry", schema=number, reason=str(error))
                await self._sleep(delay * random.uniform(0.8, 1.2))
                delay = min(LONGEST_DELAY, delay * 2)
        finally:
            self._waiting.pop(number, None)
        if found is None:
            self._forget()
            self._missing[number] = self._now() + ASKED_AGAIN
            log.warning("the schema registry has no such schema", url=self.url, schema=number)
            return None
        self._known[number] = pack(found)
        return self._known[number]

    def _forget(self) -> None:
        """Ids that nobody ever registered come without end from a producer of something else."""
        if len(self._missing) >= _MOST_MISSING:
            self._missing.clear()

    async def _found(self, number: int) -> Schema | None:
        """Raises NoAnswer."""
        answer = await self._get(f"schemas/ids/{number}")
        if answer is None:
            return None
        kind = answer.get("schemaType") or "AVRO"
        references: dict[str, str] = {}
        if kind == "AVRO" and not await self._refer(answer, references):
            return None
        return Schema(kind=str(kind), text=answer["schema"], references=tuple(references.values()))

    async def _refer(self, answer: dict[str, Any], found: dict[str, str]) -> bool:
        """Add the schemas that one refers to, each after what it refers to itself. False where one is not there."""
        for reference in answer.get("references") or ():
            subject, version = str(reference.get("subject")), reference.get("version")
            place = f"subjects/{quote(subject, safe='')}/versions/{version}"
            if place in found:
                continue
            if len(found) >= _MOST_REFERENCES:
                return False
            one = await self._get(place)
            if one is None or not await self._refer(one, found):
                return False
            found[place] = one["schema"]
        return True

    async def _get(self, place: str) -> dict[str, Any] | None:
        """An answer with a schema; None where the registry says that it has none. Raises NoAnswer."""
        async with self._at_once:
            try:
                async with self._client().get(f"{self.url}/{place}", headers=self._auth()) as response:
                    return self._read(response.status, await response.read())
            except TimeoutError:
                raise NoAnswer(f"no answer from the schema registry at {self.url} in {REQUEST_TIMEOUT:g} s") from None
            except (aiohttp.ClientError, OSError) as error:
                why = str(error) or type(error).__name__
                raise NoAnswer(f"no answer from the schema registry at {self.url}: {why}") from None

    def _read(self, status: int, body: bytes) -> dict[str, Any] | None:
        answer = _object(body)
        if status == 200 and isinstance(answer.get("schema"), str):
            return answer
        code = answer.get("error_code")
        if status == 404 and isinstance(code, int) and code > 40400:
            return None
        if status in (401, 403):
            raise NoAnswer(
                f"the schema registry at {self.url} refuses us ({status}): registry.username and registry.password "
                "are wrong, or that user may not read schemas"
            )
        if status in (200, 404):
            raise NoAnswer(f"what answers at {self.url} ({status}) is no schema registry: is registry.url right?")
        if status < 500 and status not in (408, 429):
            return None  # it is the id that it does not take: waiting would not mend that
        raise NoAnswer(f"the schema registry at {self.url} answers {status}")

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
            headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
            connector = aiohttp.TCPConnector(ssl=self._tls) if self._tls else None
            self._session = aiohttp.ClientSession(timeout=timeout, headers=headers, connector=connector)
        return self._session

    def _auth(self) -> dict[str, str]:
        if self._username is None:
            return {}
        pair = f"{self._username}:{self._password()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class Registries:
    """Gives the framed records of inputs that name a registry their schemas."""

    def __init__(self, inputs: Sequence[sections.Input]) -> None:
        made: dict[sections.Registry, Registry] = {}
        for one in inputs:
            if one.registry is not None and one.registry not in made:
                made[one.registry] = Registry(one.registry)
        self._inputs = inputs
        self._registries = made
        self._by_topic: dict[str, Registry | None] = {}

    @property
    def waiting(self) -> str | None:
        """What a registry is waited for with, for people."""
        return next((why for one in self._registries.values() if (why := one.waiting) is not None), None)

    async def prepared(self, batch: Sequence[Record]) -> Sequence[Record]:
        """The records with their schemas. Returns once all registries have answered."""
        if not self._registries:
            return batch
        asked = [self._asked(record) for record in batch]
        wanted = {one for one in asked if one is not None}
        schemas = dict(zip(wanted, await asyncio.gather(*(one.schema(n) for one, n in wanted)), strict=True))
        return [
            record._replace(schema=schemas[one]) if one is not None else record
            for record, one in zip(batch, asked, strict=True)
        ]

    async def close(self) -> None:
        for one in self._registries.values():
            await one.close()

    def _asked(self, record: Record) -> tuple[Registry, int] | None:
        number = schema_id(record.value)
        registry = self._of(record.topic) if number is not None else None
        return (registry, number) if registry is not None and number is not None else None

    def _of(self, topic: str) -> Registry | None:
        if topic not in self._by_topic:
            named = next((one.registry for one in self._inputs if one.claims(topic)), None)
            self._by_topic[topic] = self._registries[named] if named else None
        return self._by_topic[topic]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _password(settings: sections.Registry) -> str:
    if settings.password_file is None:
        return settings.password.get_secret_value() if settings.password else ""
    try:
        return settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"settings: input.registry.password_file: {settings.password_file}: expected a password: {error}"
        ) from None


def _tls(settings: sections.Registry) -> ssl.SSLContext | None:
    if settings.ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"settings: input.registry.ca: {settings.ca}: expected certificates in PEM: {error.strerror or error}"
        ) from None
