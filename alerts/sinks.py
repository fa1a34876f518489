"""Where alerts go: a class a sink, and the table `SINKS` at the bottom. A new sink touches this file alone."""

import asyncio
import io
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from rich.console import Console

from alerts import slack
from alerts.blocking import in_thread
from alerts.plain import plain
from alerts.show import MARKS, shown
from alerts.sink_options import one_of, read, secret
from topics.errors import ConfigError, InvalidRecord, TransientError
from topics.records import Alert

Publish = Callable[[str, bytes | None, bytes, Alert], Awaitable[None]]
"""Sends (topic, key, value) to Kafka, the record of an alert, and returns once it is acknowledged.

Raises as `Sink.send` does.
"""

MAX_ANSWER_BYTES = 64 * 1024
RETRIED = (408, 425, 429)
MOVED_FOR_NOW = (302, 303, 307)
"""Redirects are not followed: an alert goes where its settings say, and nowhere else. These may be gone again."""


CARRIED: ContextVar[tuple[tuple[str, bytes | None], ...]] = ContextVar("CARRIED", default=())
"""W3C Trace Context of the alert that is being sent, as Kafka's headers: webhooks and topics pass it on."""


class TryLater(TransientError):
    """The other side has said when: not before `after` seconds."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Sink(Protocol):
    """Somewhere that takes alerts, one at a time or several at once."""

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        """Hand over an alert; `key` and `value` are its record as it came.

        Returns once the other side has it. Raises TransientError (try again) or InvalidRecord ("refused": never).
        """
        ...

    async def close(self) -> None: ...


class StdoutOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str = "text"


class Stdout:
    """Standard output, for a person (`format: text`) or a program (`json`, a line an alert)."""

    def __init__(self, options: StdoutOptions, *, write: Callable[[bytes], None] | None = None) -> None:
        one_of("format", options.format, ("text", "json"))
        self._json = options.format == "json"
        self._write = write or _write_stdout
        self._terminal = write is None and sys.stdout.isatty()
        self._turn = asyncio.Lock()

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        data = value.replace(b"\n", b" ") + b"\n" if self._json else self._text(alert).encode()
        async with self._turn:
            try:
                await in_thread(lambda: self._write(data), name="stdout-sink")
            except OSError as error:
                raise TransientError(f"standard output: {error.strerror or error}") from error

    def _text(self, alert: Alert) -> str:
        out = io.StringIO()
        console = Console(
            file=out, force_terminal=self._terminal, width=None if self._terminal else 120, soft_wrap=True
        )
        console.print(shown(alert, marks=("", "") if self._terminal else MARKS))
        return out.getvalue()

    async def close(self) -> None:
        return None


class WebhookOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str | None = None
    url_env: str | None = None
    url_file: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    format: str = "json"
    headers: dict[str, str] = {}
    timeout: float = 10.0


class Webhook:
    """HTTP POST: the alert's record (`format: json`), or a Slack message (`slack`).

    The alert's id goes along as `Idempotency-Key`. `timeout` bounds a whole attempt, in seconds. `now` is wall time,
    for a `Retry-After` that names a date.
    """

    def __init__(self, options: WebhookOptions, *, now: Callable[[], float] = time.time) -> None:
        one_of("format", options.format, ("json", "slack"))
        if not 0 < options.timeout <= 300:
            raise ConfigError(f"timeout: expected more than 0 and at most 300 seconds, got {options.timeout:g}")
        self._url, self._host = _checked_url(options)
        self._slack = options.format == "slack"
        self._headers = _checked_headers(options)
        self._timeout = aiohttp.ClientTimeout(total=options.timeout, sock_connect=min(5.0, options.timeout))
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        body = self.body(alert, value)
        headers = _carried() | self._headers | {"Idempotency-Key": quote(alert.id, safe="-._~:/+ ")}
        try:
            async with self._opened().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                said = await _bounded(answer)
                self._judge(answer.status, answer.headers.get("Retry-After"), said)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Not the error's own text: it may name the URL, and a Slack URL is a secret.
            why = getattr(error, "strerror", None)
            raise TransientError(f"{self._host}: {type(error).__name__}{f' ({why})' if why else ''}") from None

    def body(self, alert: Alert, value: bytes) -> bytes:
        """What is posted for an alert, whose record is `value`."""
        return msgspec.json.encode(slack.message(alert)) if self._slack else value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it connects to."""
        parts = urlsplit(self._url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                # Nobody needs the answer's text so much that a small answer may unpack to gigabytes.
                auto_decompress=False,
            )
        return self._session

    def _judge(self, status: int, retry_after: str | None, said: str) -> None:
        if 200 <= status < 300:
            return
        brief = f"{self._host} answered {status}"
        # What a server says may repeat what it was sent: that is for the dead letter, and in no log.
        message = f"{brief}: {said}" if said else brief
        if status in RETRIED or status >= 500:
            raise TryLater(brief, after=_seconds(retry_after, self._now()))
        if status in MOVED_FOR_NOW:
            raise TransientError(f"{brief} (redirects are not followed)")
        raise InvalidRecord("refused", message, brief)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class KafkaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    topic: str


class Kafka:
    """A topic of the subscriber's own: the alert's record with its key, so that a desk's order stays."""

    def __init__(self, options: KafkaOptions, *, publish: Publish) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", options.topic):
            raise ConfigError(f"topic: expected a Kafka topic's name, got {options.topic!r}")
        self.topic = options.topic
        self._publish = publish

    async def send(self, alert: Alert, *, key: bytes | None, value: bytes) -> None:
        await self._publish(self.topic, key, value, alert)

    async def close(self) -> None:
        return None


def make(route: str, kind: str, options: Mapping[str, Any], *, publish: Publish) -> Sink:
    """The sink of a route. Raises ConfigError that names the route, the option and what was expected."""
    if kind not in SINKS:
        raise ConfigError(f"deliver.route {route}: sink.kind: expected one of {', '.join(SINKS)}, got {kind!r}")
    try:
        return SINKS[kind](options, publish)
    except ConfigError as error:
        raise ConfigError(f"deliver.route {route}: sink.{error}") from None


def _checked_url(options: WebhookOptions) -> tuple[str, str]:
    url = secret("url", options.url, options.url_env, options.url_file)
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f]", url):
        named = (
            f"_env: {options.url_env}" if options.url_env else f"_file: {options.url_file}" if options.url_file else ""
        )
        raise ConfigError(f"url{named}: expected http://HOST/… or https://HOST/…")
    return url, host


def _checked_headers(options: WebhookOptions) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "wirewatch"}
    for name, value in options.headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\x00-\x1f\x7f]", value):
            raise ConfigError(f"headers.{plain(name)}: expected an HTTP header's name and a value on one line")
        headers[name] = value
    if options.token_env is not None or options.token_file is not None:
        if any(name.lower() == "authorization" for name in options.headers):
            raise ConfigError("headers.Authorization: expected either this or a token, not both")
        token = secret("token", None, options.token_env, options.token_file)
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise ConfigError("token: expected visible ASCII characters without spaces")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _carried() -> dict[str, str]:
    """What is carried, as HTTP headers, but for what cannot be one."""
    texts = {name: (value or b"").decode("latin-1") for name, value in CARRIED.get()}
    return {name: text for name, text in texts.items() if re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,4000}", text)}


async def _bounded(answer: aiohttp.ClientResponse) -> str:
    """The beginning of an answer, for a message. The connection of one that is longer is closed."""
    data = b""
    while len(data) < MAX_ANSWER_BYTES:
        chunk = await answer.content.read(MAX_ANSWER_BYTES - len(data))
        if not chunk:
            break
        data += chunk
    else:
        answer.close()
    return plain(data[:500].decode("utf-8", "replace")).strip()[:200]


def _seconds(retry_after: str | None, now: float) -> float | None:
    """How long `Retry-After` (RFC 9110: seconds or a date) asks to wait; None where it says nothing readable."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _write_stdout(data: bytes) -> None:
    # Past sys.stdout's buffer: a thread that is stuck in it would hold its lock when the interpreter ends.
    while data:
        data = data[os.write(1, data) :]


SINKS: dict[str, Callable[[Mapping[str, Any], Publish], Sink]] = {
    "stdout": lambda options, _: Stdout(read(options, StdoutOptions)),
    "webhook": lambda options, _: Webhook(read(options, WebhookOptions)),
    "kafka": lambda options, publish: Kafka(read(options, KafkaOptions), publish=publish),
}
"""By the name that `sink.kind` gives."""
