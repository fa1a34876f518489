"""Why the brokers do not let us in, in one sentence with what to do: aiokafka says only that it cannot bootstrap."""

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from topics.errors import ConfigError
from workers.settings import Settings
from workers.stream import listener, security
from workers.stream.listener import LIMIT
from workers.stream.security import Client
from workers.stream.tokens import TokenError

SETTING = "kafka.security"
TOKEN_REFUSED = "the broker refuses our token: look at its audience, scope, issuer and age"
AGAIN = 15.0
"""One client's trouble is looked into at most so often, in seconds: each look is a login, too."""


class Unreachable(KafkaConnectionError):  # type: ignore[misc]  # aiokafka has no types
    """No broker lets us in. The message is the cause, with the remedy.

    `login`: we were refused for what we showed. `sure`: waiting will not mend it, as far as one can see.
    """

    def __init__(self, message: str, *, login: bool = False, sure: bool = True) -> None:
        super().__init__(message)
        self.login = login
        self.sure = sure

    def __str__(self) -> str:
        return str(self.args[0])


async def diagnose(settings: Settings) -> str | None:
    """What is wrong between us and the brokers, with the remedy; None when one of them lets us in.

    It tries them itself, one after the other, some seconds each.
    """
    try:
        found = await _look(settings)
    except ConfigError as error:
        return str(error)
    return str(found) if found else None


async def of(client: Any) -> Unreachable | None:
    """The same, for a client of `workers.stream.kafka`: None for any other. Raises ConfigError."""
    inner = _inner(client)
    return await _look(inner.settings) if inner else None


def nobody_there(client: Any) -> bool:
    """Whether a client of `workers.stream.kafka` has started and yet knows no broker: it was not let in."""
    inner = _inner(client)
    return inner is not None and not inner.cluster.brokers()


def _inner(client: Any) -> Client | None:
    inner = getattr(client, "client", None) or getattr(client, "_client", None)
    return inner if isinstance(inner, Client) else None


class Reason:
    """Why a client that was in has no answer any more: looked into at most every `AGAIN` seconds.

    `found` is what the last look found. Called, it raises nothing.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._looked = -AGAIN
        self.found: str | None = None

    async def __call__(self) -> str | None:
        if time.monotonic() - self._looked >= AGAIN:
            inner = _inner(self._client)
            self.found = await diagnose(inner.settings) if inner else None
            self._looked = time.monotonic()
        return self.found


async def _look(settings: Settings) -> Unreachable | None:
    options = _options(settings)
    first: Unreachable | None = None
    for host, port, _ in collect_hosts(settings.brokers, randomize=False):
        found = await _try(Way(host, port, options))
        if found is None:
            return None
        # What is surely wrong with one says more than that another does not answer.
        if first is None or (found.sure and not first.sure):
            first = found
    return first


def _options(settings: Settings) -> dict[str, Any]:
    """What of a client's options concerns a connection."""
    given = security.credentials(settings).options() | settings.kafka.client | settings.kafka.consumer
    return {name: value for name, value in given.items() if name.startswith(("security_", "ssl_", "sasl_"))}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a broker: where, and with which of aiokafka's options."""

    host: str
    port: int
    options: Mapping[str, Any]

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def sasl(self) -> str | None:
        """The mechanism, where there is a login."""
        protocol = self.options.get("security_protocol", "PLAINTEXT")
        return self.options.get("sasl_mechanism", "PLAIN") if protocol.startswith("SASL") else None

    @property
    def tls(self) -> ssl.SSLContext | None:
        secured = self.options.get("security_protocol") in ("SSL", "SASL_SSL")
        return self.options.get("ssl_context") if secured else None

    def closed(self, what: str, *, login: bool = False, sure: bool = True) -> Unreachable:
        return Unreachable(f"{self.place}: {what}", login=login, sure=sure)


async def _try(way: Way) -> Unreachable | None:
    """What is wrong with one broker, and with those that it names."""
    found = await _brokers(way)
    if isinstance(found, Unreachable):
        return found
    if not found or (way.host, way.port) in found:
        return None
    problems = [await _brokers(Way(host, port, way.options)) for host, port in found]
    wrong = [problem for problem in problems if isinstance(problem, Unreachable)]
    if len(wrong) < len(problems):
        return None
    hint = "their advertised.listeners have to lead there from here"
    return way.closed(f"answers, but not the brokers that it names ({hint}): {wrong[0]}", sure=wrong[0].sure)


async def _brokers(way: Way) -> list[tuple[str, int]] | Unreachable:
    """The brokers that this one names, or why it does not."""
    try:
        connection = await create_conn(way.host, way.port, request_timeout_ms=int(LIMIT * 1000), **way.options)
        with closing(connection):
            answer = await connection.send(MetadataRequest([]))
            if way.sasl == "OAUTHBEARER" and not answer.brokers:
                # A broker says in a challenge that it refuses a token; aiokafka takes that for a yes, and what the
                # broker says next for an answer.
                return way.closed(TOKEN_REFUSED, login=True)
            return [(broker[1], broker[2]) for broker in answer.brokers]
    except (KafkaError, OSError, ValueError, AssertionError) as error:
        return await _explained(error, way)


async def _explained(error: Exception, way: Way) -> Unreachable:
    if isinstance(error, KafkaError) and not isinstance(error, KafkaConnectionError):
        return await _login(error, way)
    if isinstance(error, socket.gaierror):
        return way.closed(f"the name {way.host} does not resolve: look at brokers, and at the name service")
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return way.closed("connection refused, nothing listens there: is the broker up, the port right?", sure=False)
    if isinstance(error, ssl.SSLCertVerificationError):
        return way.closed(_distrust(error, way.host))
    return await _speech(error, way)


def _distrust(error: ssl.SSLCertVerificationError, host: str) -> str:
    """By OpenSSL's codes (X509_V_ERR_…)."""
    said = error.verify_message
    if error.verify_code in (62, 64):
        return f"the broker's certificate is not for {host}: use a name that is in it ({SETTING}.verify_hostname)"
    if error.verify_code in (9, 10):
        return f"the broker's certificate is out of date ({said}): it has to be renewed, or a clock is wrong"
    if error.verify_code in (2, 18, 19, 20, 21):
        return f"the broker's certificate comes from an authority that we do not know ({said}): name it, {SETTING}.ca"
    return f"the broker's certificate is not accepted: {said}"


async def _login(error: KafkaError, way: Way) -> Unreachable:
    if isinstance(error, TokenError):
        return way.closed(str(error), login=True)
    if isinstance(error, SaslAuthenticationFailed):
        what = "token" if way.sasl == "OAUTHBEARER" else "user or password"
        name = way.options.get("sasl_plain_username")
        who = f" for the user {name}" if name else ""
        return way.closed(f"wrong {what}{who} ({way.sasl}): {_words(error)}", login=True)
    if isinstance(error, UnsupportedSaslMechanismError):
        offered = ", ".join(await listener.mechanisms(way.host, way.port, way.tls)) or "none"
        return way.closed(f"the broker does not take {way.sasl}: it offers {offered} ({SETTING}.mechanism)", login=True)
    if isinstance(error, IllegalSaslStateError):
        return way.closed(f"this port takes no login: {SETTING}.protocol without SASL_", login=True)
    return way.closed(explain(error))


def _words(error: KafkaError) -> str:
    """The broker's own."""
    return str(error.args[0]) if error.args and error.args[0] else "it says no more"


async def _speech(error: Exception, way: Way) -> Unreachable:
    """The connection was made, and ended: do we speak what the port does?"""
    if not await listener.listens(way.host, way.port):
        return way.closed(f"no answer within {LIMIT:.0f} s: a firewall, or the wrong address?", sure=False)
    if way.tls is None and await listener.speaks_tls(way.host, way.port):
        return way.closed(f"this port speaks TLS, and we plain text: {SETTING}.protocol SSL or SASL_SSL")
    if way.tls is not None and await listener.speaks_kafka(way.host, way.port):
        return way.closed(f"this port speaks plain text, and we TLS: {SETTING}.protocol, or another port")
    if way.sasl is None and (offered := await listener.mechanisms(way.host, way.port, way.tls)):
        wanted = f"this port wants a login: {SETTING}.mechanism (it offers {', '.join(offered)}), username, password"
        return way.closed(wanted, login=True)
    if way.sasl == "OAUTHBEARER":
        return way.closed(TOKEN_REFUSED, login=True)
    if isinstance(error, TimeoutError):
        return way.closed(f"takes connections and does not answer within {LIMIT:.0f} s", sure=False)
    if way.tls is not None:
        return _certificate(error, way)
    return way.closed(str(error), sure=False)


def _certificate(error: Exception, way: Way) -> Unreachable:
    """TLS is spoken, and we trust the broker: it does not trust us."""
    reason = _alert(error)
    said = f" ({reason.replace('_', ' ').lower()})" if reason else ""
    remedy = f"{SETTING}.certificate and key, not out of date, from an authority that it knows"
    return way.closed(f"the broker refuses our client certificate, or that there is none{said}: {remedy}", login=True)


def _alert(error: BaseException | None) -> str:
    """The reason in TLS, wherever in the chain of causes it is."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and error.reason:
            return error.reason.partition("_ALERT_")[2] or error.reason
        error = error.__cause__
    return ""


def explain(error: BaseException) -> str:
    """What a client's error means. To be known and to be allowed are two things: a refusal says what is not allowed."""
    for kind, what in REFUSALS.items():
        if isinstance(error, kind):
            named = f" ({_named(error)})" if _named(error) else ""
            return f"the brokers know us and do not allow us {what}{named}: see wirewatch topics list --acls"
    if isinstance(error, TimeoutError) and not str(error):  # of `asyncio.timeout`, which has no words
        return "the brokers do not answer in time"
    return str(error) or type(error).__name__


def _named(error: BaseException) -> str:
    """Which topics or group it was, where the client says so."""
    found = error.args[0] if error.args else ""
    return ", ".join(sorted(map(str, found))) if isinstance(found, set | frozenset | list | tuple) else str(found)


REFUSALS = {
    TopicAuthorizationFailedError: "the topic",
    GroupAuthorizationFailedError: "the consumer group",
    TransactionalIdAuthorizationFailed: "the transactional id",
    # Also what a producer is told that may write to no topic.
    ClusterAuthorizationFailedError: "what we asked of the cluster, or to write at all",
}
