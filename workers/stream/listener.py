"""What a broker's port speaks, found out by speaking to it. Nothing secret is sent, and nobody trusted."""

import asyncio
import ssl
from contextlib import closing
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import SaslHandShakeRequest

LIMIT = 5.0
"""How long a connection, or an answer, may take, in seconds."""
_NO_MECHANISM = "NONE"
"""Every broker refuses this one, and says which it takes."""
_CLIENT_WANTED = ("CERTIFICATE", "HANDSHAKE_FAILURE")
"""In the reason of a handshake that ended because of our side's certificate: the port does speak TLS."""


def blind() -> ssl.SSLContext:
    """TLS with whoever answers: to see that TLS is spoken, never to send anything."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def listens(host: str, port: int) -> bool:
    """Whether a connection can be made at all."""
    try:
        async with asyncio.timeout(LIMIT):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.transport.abort()  # there is nothing to say
    return True


async def speaks_tls(host: str, port: int) -> bool:
    """Whether the port takes a TLS handshake."""
    try:
        async with asyncio.timeout(LIMIT):
            _, writer = await asyncio.open_connection(host, port, ssl=blind())
    except ssl.SSLError as error:
        return any(word in (error.reason or "") for word in _CLIENT_WANTED)
    except OSError:
        return False
    writer.transport.abort()  # there is nothing to say
    return True


async def speaks_kafka(host: str, port: int) -> bool:
    """Whether the port answers Kafka's first question in plain text."""
    try:
        with closing(await _connected(host, port, None)):
            return True
    except (KafkaError, OSError, ValueError):
        return False


async def mechanisms(host: str, port: int, context: ssl.SSLContext | None) -> list[str]:
    """The SASL mechanisms that the port takes; none where it takes no SASL, or does not say."""
    try:
        with closing(await _connected(host, port, context)) as connection:
            answer = await connection.send(SaslHandShakeRequest(_NO_MECHANISM))
            return sorted(answer.enabled_mechanisms)
    except (KafkaError, OSError, ValueError):
        return []


async def _connected(host: str, port: int, context: ssl.SSLContext | None) -> Any:
    protocol = "SSL" if context else "PLAINTEXT"
    limit = int(LIMIT * 1000)
    return await create_conn(host, port, security_protocol=protocol, ssl_context=context, request_timeout_ms=limit)
