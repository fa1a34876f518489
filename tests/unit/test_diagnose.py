"""Why no broker lets us in: each cause is told from the others, and comes with what to do."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from tests.kafka.broker import free_ports
from tests.kafka.certificates import Authority, Pair
from workers.sections import Kafka
from workers.settings import Settings
from workers.stream import diagnose as diagnosis
from workers.stream import listener
from workers.stream.diagnose import Unreachable, diagnose, explain

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates") / "ca")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (diagnosis, listener):
        monkeypatch.setattr(module, "LIMIT", 0.5)


def settings(port: int, host: str = "127.0.0.1", **security: Any) -> Settings:
    return Settings(brokers=f"{host}:{port}", kafka=Kafka.model_validate({"security": security}))


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)


@asynccontextmanager
async def port_of(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    open_ones: set[asyncio.Task[None]] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(tracked, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*open_ones)


def tls(pair: Pair) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def test_nothing_listens() -> None:
    found = await diagnose(settings(free_ports(1)[0]))
    assert found is not None
    assert "connection refused" in found


async def test_a_name_that_does_not_resolve() -> None:
    found = await diagnose(settings(9092, host="no-such-host.invalid"))
    assert found is not None
    assert "no-such-host.invalid does not resolve" in found


async def test_an_authority_that_we_do_not_know(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "somebody else")
    async with port_of(hang_up, tls(authority.issue("broker", hosts="IP:127.0.0.1"))) as port:
        for security in ({"ca": other.ca}, {"protocol": "SSL"}):
            found = await diagnose(settings(port, **security))
            assert found is not None
            assert "an authority that we do not know" in found
            assert "kafka.security.ca" in found


async def test_a_certificate_for_another_host(authority: Authority) -> None:
    async with port_of(hang_up, tls(authority.issue("broker", hosts="DNS:kafka.example"))) as port:
        found = await diagnose(settings(port, ca=authority.ca))
        assert found is not None
        assert "not for 127.0.0.1" in found
        unchecked = await diagnose(settings(port, ca=authority.ca, verify_hostname=False))
        assert unchecked is not None
        assert "not for" not in unchecked


async def test_a_certificate_that_is_out_of_date(authority: Authority) -> None:
    old = authority.issue("old", hosts="IP:127.0.0.1", valid=("20200101000000Z", "20210101000000Z"))
    async with port_of(hang_up, tls(old)) as port:
        found = await diagnose(settings(port, ca=authority.ca))
        assert found is not None
        assert "out of date (certificate has expired)" in found


async def test_plain_text_on_a_port_that_speaks_tls(authority: Authority) -> None:
    async with port_of(hang_up, tls(authority.issue("broker", hosts="IP:127.0.0.1"))) as port:
        found = await diagnose(settings(port))
        assert found is not None
        assert "this port speaks TLS, and we plain text" in found


async def test_a_port_that_takes_connections_and_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with port_of(silent) as port:
        found = await diagnose(settings(port))
        assert found is not None
        assert "does not answer" in found


async def test_what_cannot_be_read_is_said_like_the_rest(tmp_path: Path) -> None:
    found = await diagnose(settings(9092, ca=tmp_path / "none.pem"))
    assert found is not None
    assert "kafka.security.ca" in found
    assert "none.pem" in found


async def test_brokers_that_are_named_and_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {
        "outside:9092": [("inside", 9092), ("inside-2", 9092)],
        "inside:9092": Unreachable("inside:9092: the name inside does not resolve"),
        "inside-2:9092": Unreachable("inside-2:9092: the name inside-2 does not resolve"),
    }

    async def asked(way: diagnosis.Way) -> Any:
        return answers[way.place]

    monkeypatch.setattr(diagnosis, "_brokers", asked)
    found = str(await diagnose(settings(9092, host="outside")))
    assert found.startswith("outside:9092: answers, but not the brokers that it names")
    assert "advertised.listeners" in found
    assert "inside:9092: the name inside does not resolve" in found
    answers["inside-2:9092"] = [("inside-2", 9092)]
    assert await diagnose(settings(9092, host="outside")) is None


async def test_of_several_brokers_one_that_lets_us_in_is_enough_and_a_sure_cause_says_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: dict[str, Any] = {
        "a:1": Unreachable("a:1: no answer", sure=False),
        "b:2": Unreachable("b:2: wrong user or password", login=True),
        "c:3": [("c", 3)],
    }

    async def asked(way: diagnosis.Way) -> Any:
        return answers[way.place]

    monkeypatch.setattr(diagnosis, "_brokers", asked)
    assert await diagnose(Settings(brokers="a:1,b:2")) == "b:2: wrong user or password"
    assert await diagnose(Settings(brokers="a:1,b:2,c:3")) is None


def test_to_be_known_and_to_be_allowed_are_two_things() -> None:
    assert explain(TopicAuthorizationFailedError("news.raw")).startswith(
        "the brokers know us and do not allow us the topic (news.raw)"
    )
    assert "the consumer group (g)" in explain(GroupAuthorizationFailedError("g"))
    assert explain(KafkaError()) == "KafkaError"


def test_a_time_limit_that_has_no_words_is_given_some() -> None:
    assert explain(TimeoutError()) == "the brokers do not answer in time"
