"""The secured broker does what tests rely on: it knows its users, and lets them do what they were allowed."""

import asyncio
import ssl
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.helpers import create_ssl_context

from tests.kafka.oauth import token
from tests.kafka.secured import PLAIN_PASSWORD, PLAIN_USER, Secured

pytestmark = pytest.mark.kafka


class Tokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types for us
    def __init__(self, user: str) -> None:
        self._user = user

    async def token(self) -> str:
        return token(self._user)


def sasl(secured: Secured, mechanism: str, **options: Any) -> dict[str, Any]:
    return {
        "bootstrap_servers": secured.sasl_ssl,
        "security_protocol": "SASL_SSL",
        "ssl_context": create_ssl_context(cafile=str(secured.ca)),
        "sasl_mechanism": mechanism,
    } | options


def by_password(secured: Secured, mechanism: str, user: str, password: str) -> dict[str, Any]:
    return sasl(secured, mechanism, sasl_plain_username=user, sasl_plain_password=password)


def by_certificate(secured: Secured, user: str) -> dict[str, Any]:
    pair = secured.client(user)
    context = create_ssl_context(cafile=str(secured.ca), certfile=str(pair.certificate), keyfile=str(pair.key))
    return {"bootstrap_servers": secured.ssl, "security_protocol": "SSL", "ssl_context": context}


@pytest.mark.parametrize("way", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER", "certificate"])
async def test_a_user_comes_in_by(secured_kafka: Secured, prefix: str, way: str) -> None:
    user = PLAIN_USER if way == "PLAIN" else f"{prefix}-user"
    if way.startswith("SCRAM"):
        await asyncio.to_thread(secured_kafka.set_password, user, "right", way)
    options = {
        "PLAIN": lambda: by_password(secured_kafka, way, user, PLAIN_PASSWORD),
        "OAUTHBEARER": lambda: sasl(secured_kafka, way, sasl_oauth_token_provider=Tokens(user)),
        "certificate": lambda: by_certificate(secured_kafka, user),
    }.get(way, lambda: by_password(secured_kafka, way, user, "right"))()
    topic = await secured_kafka.cluster.create_topic(f"{prefix}.topic")
    await asyncio.to_thread(secured_kafka.allow, user, "READ", "WRITE", topic=topic)
    async with AIOKafkaProducer(**options, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"one")
    async with AIOKafkaConsumer(topic, **options, auto_offset_reset="earliest") as consumer:
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == b"one"


async def test_a_user_may_do_what_was_allowed_until_it_is_not(secured_kafka: Secured, prefix: str) -> None:
    user = f"{prefix}-user"
    await asyncio.to_thread(secured_kafka.set_password, user, "right")
    topic = await secured_kafka.cluster.create_topic(f"{prefix}.topic")
    options = by_password(secured_kafka, "SCRAM-SHA-512", user, "right")
    await asyncio.to_thread(secured_kafka.allow, user, "WRITE", "DESCRIBE", topic=prefix, prefixed=True)
    async with AIOKafkaProducer(**options) as producer:
        await producer.send_and_wait(topic, b"one")
        await asyncio.to_thread(secured_kafka.deny, user, "WRITE", topic=topic)
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"two")
        await asyncio.to_thread(secured_kafka.remove, user)
        await asyncio.to_thread(secured_kafka.allow, user, "WRITE", topic=topic)
        await producer.send_and_wait(topic, b"three")


async def test_nobody_comes_in_with_a_wrong_password_or_a_stranger_s_certificate(
    secured_kafka: Secured, prefix: str
) -> None:
    user = f"{prefix}-user"
    await asyncio.to_thread(secured_kafka.set_password, user, "right")
    stranger = by_certificate(secured_kafka, user) | {
        "ssl_context": ssl.create_default_context(cafile=secured_kafka.ca)
    }
    for options in (by_password(secured_kafka, "SCRAM-SHA-512", user, "wrong"), stranger):
        producer = AIOKafkaProducer(**options)
        with pytest.raises(KafkaError):
            await producer.start()
        await producer.stop()


async def test_a_password_can_be_changed(secured_kafka: Secured, prefix: str) -> None:
    user = f"{prefix}-user"
    for password in ("old", "new"):
        await asyncio.to_thread(secured_kafka.set_password, user, password, "SCRAM-SHA-256")
        async with AIOKafkaProducer(**by_password(secured_kafka, "SCRAM-SHA-256", user, password)):
            pass
