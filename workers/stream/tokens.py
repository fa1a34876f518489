"""Tokens for OAUTHBEARER: from an endpoint by the client credentials grant, or from a function of the user's."""

import asyncio
import importlib
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from topics.errors import ConfigError
from workers.security_section import OAuth, Security
from workers.stream.credentials import SETTINGS, Followed, secret, trusting

TIMEOUT = 10.0
"""How long the endpoint may take, in seconds."""
EARLY = 0.2
"""The share of a token's life, at its end, in which the next one is fetched: it must live while it is being used."""
_DEFAULT_LIFE = 300.0
"""Of a token whose endpoint does not say, in seconds."""


class TokenError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """There is no token. A KafkaError, so that clients take it for a connection that failed, and try again."""

    def __str__(self) -> str:
        return str(self.args[0])


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """What aiokafka asks for tokens. Nothing is started: a token is fetched when a connection wants one."""

    def __init__(self, fetch: Callable[[], Awaitable[str]]) -> None:
        self._fetch = fetch

    async def token(self) -> str:
        return await self._fetch()


class ClientCredentials:
    """Called, it gives a token that is good for a while yet, and asks the endpoint only when it has none.

    Raises TokenError with the endpoint's answer. `now` is a monotonic clock.
    """

    def __init__(self, oauth: OAuth, *, now: Callable[[], float] = time.monotonic) -> None:
        self._oauth = oauth
        self._secret = secret("oauth.client_secret", oauth.client_secret, oauth.client_secret_file)
        self._tls = Followed(lambda: trusting("oauth.ca", oauth.ca), [oauth.ca])
        self._now = now
        self._asking = asyncio.Lock()
        self._token, self._until = "", 0.0

    async def __call__(self) -> str:
        async with self._asking:
            if self._now() >= self._until:
                self._token, life = _read(await self._ask())
                self._until = self._now() + (1 - EARLY) * life
            return self._token

    async def _ask(self) -> Any:
        oauth = self._oauth
        form = (
            {"grant_type": "client_credentials"} | ({"scope": oauth.scope} if oauth.scope else {}) | dict(oauth.extra)
        )
        who = {"Authorization": aiohttp.encode_basic_auth(oauth.client_id, self._secret(), encoding="utf-8")}
        limit = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(headers=who, timeout=limit) as http,
                http.post(oauth.token_url, data=form, ssl=self._tls(), allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    said = await _refusal(answer)
                    raise TokenError(f"the token endpoint {oauth.token_url} gave no token: {said}")
                return await answer.json(content_type=None)
        except TimeoutError:
            raise TokenError(f"the token endpoint {oauth.token_url} does not answer in {TIMEOUT:.0f} s") from None
        except aiohttp.ClientError as error:
            raise TokenError(f"the token endpoint {oauth.token_url} cannot be reached: {error}") from None
        except ValueError:
            raise TokenError(f"the token endpoint {oauth.token_url} did not answer in JSON") from None


async def _refusal(answer: aiohttp.ClientResponse) -> str:
    """The endpoint's own words (RFC 6749, 5.2), and what to look at."""
    try:
        found = await answer.json(content_type=None)
    except (ValueError, aiohttp.ClientError):
        found = None
    words = (
        [str(found[name])[:200] for name in ("error", "error_description") if name in found]
        if isinstance(found, dict)
        else []
    )
    remedy = "; look at client_id and client_secret" if answer.status in (400, 401, 403) else ""
    return ": ".join([f"HTTP {answer.status}", *words]) + remedy


def _read(found: Any) -> tuple[str, float]:
    """The token and its life in seconds."""
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise TokenError("the token endpoint answered without an access_token")
    try:
        life = float(found.get("expires_in") or _DEFAULT_LIFE)
    except (TypeError, ValueError):
        life = _DEFAULT_LIFE
    return token, max(0.0, life)


class _Function(Protocol):
    def __call__(self) -> Any: ...


def provider(security: Security) -> Tokens:
    """Who gives our clients their tokens. Raises ConfigError."""
    if security.token_provider:
        return Tokens(_own(_function(security.token_provider)))
    return Tokens(ClientCredentials(security.oauth))


def _function(name: str) -> _Function:
    module, _, attribute = name.partition(":")
    where = f"{SETTINGS}.token_provider: {name}"
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise ConfigError(f"{where}: expected a module that can be imported: {error}") from None
    if not callable(found):
        raise ConfigError(f"{where}: expected a function in that module, and there is none")
    function: _Function = found
    return function


def _own(function: _Function) -> Callable[[], Awaitable[str]]:
    async def fetch() -> str:
        try:
            if inspect.iscoroutinefunction(function):
                found = await function()
            else:  # it may wait: not on the loop
                found = await asyncio.to_thread(function)
        except Exception as error:  # it is not ours: whatever it raises, there is no token
            raise TokenError(f"the token_provider raised {type(error).__name__}") from error
        if not isinstance(found, str) or not found:
            raise TokenError("the token_provider returned no token: expected a string")
        return found

    return fetch
