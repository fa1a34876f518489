"""`[kafka.security]` for aiokafka's clients, which take new credentials up when the files of the old have changed."""

import asyncio
import ssl
import time
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import CloseReason

from workers.security_section import Security
from workers.settings import Settings
from workers.stream.credentials import Followed, secret, tls
from workers.stream.tokens import provider

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Between two logins after one that was refused, in seconds: servers lock accounts that are tried too often."""
HELD_OFF_POLL = 0.5

log = structlog.get_logger()


_known: dict[int, "Credentials"] = {}


class Credentials:
    """What clients need to open connections. Raises ConfigError when made, and never afterwards."""

    def __init__(self, security: Security) -> None:
        self._security = security
        mechanism = security.mechanism_used
        self.context: Followed[ssl.SSLContext] | None = tls(security) if security.tls else None
        self.password: Followed[str] | None = None
        if mechanism == "OAUTHBEARER":
            provider(security)
        elif mechanism:
            self.password = secret("password", security.password, security.password_file)

    def options(self) -> dict[str, Any]:
        """For aiokafka. Each client has its own tokens: it may live on a loop of its own."""
        security = self._security
        found: dict[str, Any] = {"security_protocol": security.protocol_used}
        if self.context:
            found["ssl_context"] = self.context()
        if self.password:
            found |= {"sasl_plain_username": security.username, "sasl_plain_password": self.password()}
        if security.mechanism_used:
            found["sasl_mechanism"] = security.mechanism_used
        if security.mechanism_used == "OAUTHBEARER":
            found["sasl_oauth_token_provider"] = provider(security)
        return found


def credentials(settings: Settings) -> Credentials:
    """Those of the settings, the same for all clients: made while a file is being replaced, one has the last good.

    Raises ConfigError where they cannot be read the first time.
    """
    security = settings.kafka.security
    found = _known.get(id(security))
    if found is None:
        found = _known[id(security)] = Credentials(security)  # which keeps the settings, so the id stays theirs
    return found


class Client(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """The client inside aiokafka's consumer, producer or admin client: see `follow`.

    Each connection is opened with the credentials of that moment, and after a login that was refused the next is
    not tried at once, unless the password has changed. aiokafka does not log in again on an open connection: where
    the broker asks for that (`connections.max.reauth.ms`), it ends the connection, and the next one is opened.
    """

    settings: Settings
    credentials: Credentials
    _refused = 0
    _not_before = 0.0
    _refused_with: str | None = None

    @property
    def _ssl_context(self) -> ssl.SSLContext | None:
        given: ssl.SSLContext | None = self.__dict__.get("_ssl_context")
        return self.credentials.context() if self.credentials.context else given

    @property
    def _sasl_plain_password(self) -> str | None:
        given: str | None = self.__dict__.get("_sasl_plain_password")
        return self.credentials.password() if self.credentials.password else given

    def _on_connection_closed(self, conn: Any, reason: CloseReason) -> None:
        if reason == CloseReason.AUTH_FAILURE and not self._held_off():
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0**self._refused)
            self._refused += 1
            self._not_before = time.monotonic() + delay
            self._refused_with = self._sasl_plain_password
            log.warning("login refused", brokers=self.settings.brokers, retry_in=delay)
        super()._on_connection_closed(conn, reason)

    def _held_off(self) -> bool:
        return time.monotonic() < self._not_before and self._sasl_plain_password == self._refused_with

    async def _get_conn(self, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False) -> Any:
        open_one = self._conns.get((node_id, group))
        if (open_one is None or not open_one.connected()) and self._held_off():
            await asyncio.sleep(HELD_OFF_POLL)  # whoever asks would ask again at once
            if self._held_off():
                return None
        found = await super()._get_conn(node_id, group=group, no_hint=no_hint)
        if found is not None:
            self._refused = 0
        return found


def follow(client: Any, settings: Settings) -> Any:
    """A client of aiokafka's that was just made, which from now on opens connections as `Client` does.

    aiokafka makes that inner client itself, and keeps what it was given in private attributes: its class is set to
    ours, where they are properties.
    """
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
    inner.__class__ = Client
    inner.settings, inner.credentials = settings, credentials(settings)
    return client
