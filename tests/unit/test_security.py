"""`[kafka.security]`: what fits together, where its secrets come from, and that they are read again."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.conn import CloseReason

from tests.kafka.certificates import Authority
from tests.kafka.oauth import endpoint
from topics.errors import ConfigError
from workers.sections import Kafka
from workers.security_section import OAuth, Security
from workers.settings import Settings, load
from workers.stream import kafka
from workers.stream.security import credentials
from workers.stream.tokens import ClientCredentials, TokenError, provider


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates") / "ca")


def secured(**security: Any) -> Settings:
    return Settings(kafka=Kafka.model_validate({"security": security}))


@asynccontextmanager
async def made(settings: Settings) -> AsyncIterator[list[Any]]:
    """The clients inside a consumer, a producer and an admin client."""
    consumer, producer, admin = kafka.consumer(settings), kafka.producer(settings), kafka.admin_client(settings)
    yield [consumer._client, producer.client, admin._client]
    await asyncio.gather(consumer.stop(), producer.stop(), admin.close())


SCRAM = {"mechanism": "SCRAM-SHA-512", "username": "u"}
TOKENS = {"token_url": "https://id.example/token", "client_id": "c"}


@pytest.mark.parametrize(
    ("given", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"ca": "ca.pem"}, "SSL"),
        ({"certificate": "c.pem"}, "SSL"),
        (SCRAM | {"password": "p"}, "SASL_SSL"),
        (SCRAM | {"password": "p", "protocol": "SASL_PLAINTEXT"}, "SASL_PLAINTEXT"),
        ({"oauth": TOKENS | {"client_secret": "s"}}, "SASL_SSL"),
        ({"token_provider": "tokens:fetch"}, "SASL_SSL"),
    ],
)
def test_the_protocol_follows_from_the_rest(given: dict[str, Any], protocol: str) -> None:
    assert Security.model_validate(given).protocol_used == protocol


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mechanism": "SCRAM-SHA-512"}, "username: expected, because mechanism is SCRAM-SHA-512"),
        (SCRAM, "password or password_file: expected"),
        (SCRAM | {"password": "marked", "password_file": "p"}, "password, password_file: expected one of the two"),
        ({"username": "u"}, "mechanism: expected"),
        ({"protocol": "SASL_SSL"}, "mechanism: expected PLAIN"),
        ({"protocol": "SSL", **SCRAM, "password": "marked"}, "protocol: expected SASL_SSL or SASL_PLAINTEXT"),
        ({"protocol": "PLAINTEXT", "ca": "ca.pem"}, "protocol: expected SSL or SASL_SSL, because there is a ca"),
        ({"key": "k.pem"}, "certificate: expected, because there is a key"),
        ({"mechanism": "OAUTHBEARER"}, "oauth.token_url or token_provider: expected one of the two"),
        ({"oauth": TOKENS}, "oauth.client_secret or oauth.client_secret_file: expected"),
        ({"oauth": TOKENS, **SCRAM, "password": "marked"}, "mechanism: expected OAUTHBEARER"),
        ({"token_provider": "no function"}, "token_provider: .*expected to match"),
        ({"mechanism": "GSSAPI"}, "mechanism: expected 'PLAIN'"),
        ({"pasword": "marked"}, "pasword: unknown; expected one of ca, certificate"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line_and_without_values(
    folder: Path, given: dict[str, Any], said: str
) -> None:
    lines = [f"{name} = {_toml(value)}" for name, value in given.items()]
    (folder / "wirewatch.toml").write_text("\n".join(["[kafka.security]", *lines]))
    with pytest.raises(ConfigError, match=rf"wirewatch.toml:\d+: kafka.security.*{said}") as raised:
        load()
    assert "marked" not in str(raised.value)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {json.dumps(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


def test_secrets_come_from_the_secrets_directory_and_are_shown_nowhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "wirewatch.toml").write_text('[kafka.security]\nmechanism = "PLAIN"\nusername = "u"\n')
    secrets = folder / "secrets"
    secrets.mkdir()
    file = secrets / "wirewatch_kafka__security__password"
    file.write_text("marked-1\n")
    monkeypatch.setenv("WIREWATCH_SECRETS_DIR", str(secrets))
    found = load()
    assert credentials(found).options()["sasl_plain_password"] == "marked-1"
    assert "marked" not in repr(found) + str(found.model_dump()) + found.model_dump_json()
    file.write_text("marked-two\n")
    assert credentials(found).options()["sasl_plain_password"] == "marked-two"


def test_a_secret_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "wirewatch.toml").write_text('[kafka.security]\nmechanism = "PLAIN"\nusername = "u"\n')
    monkeypatch.setenv("WIREWATCH_KAFKA__SECURITY__PASSWORD", "marked")
    found = load()
    assert credentials(found).options()["sasl_plain_password"] == "marked"
    assert "marked" not in repr(found)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ca", None, "expected a file that we may read: No such file"),
        ("ca", "nonsense", "expected certificates in PEM"),
        ("certificate", "nonsense", "expected a certificate in PEM"),
        ("key", "nonsense", "expected a private key in PEM"),
        ("password_file", "", "expected a secret, found an empty file"),
        ("password_file", None, "expected a file that we may read"),
    ],
)
def test_a_file_that_is_not_what_it_must_be(
    authority: Authority, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    pair = authority.issue("client")
    given: dict[str, Any] = {"ca": authority.ca, "certificate": pair.certificate, "key": pair.key}
    given |= SCRAM | {"password_file": tmp_path / "password"}
    (tmp_path / "password").write_text("right\n")
    given[name] = tmp_path / "wrong"
    if content is not None:
        given[name].write_text(content)
    with pytest.raises(ConfigError, match=rf"kafka\.security\.{name}: .*{said}"):
        credentials(secured(**given))


def test_the_key_of_another_certificate(authority: Authority) -> None:
    one, two = authority.issue("one"), authority.issue("two")
    with pytest.raises(ConfigError, match="expected the private key of the certificate"):
        credentials(secured(ca=authority.ca, certificate=one.certificate, key=two.key))


async def test_each_connection_takes_the_credentials_of_its_moment(authority: Authority, tmp_path: Path) -> None:
    password, ca = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("one\n")
    ca.write_bytes(authority.ca.read_bytes())
    async with made(secured(ca=ca, password_file=password, **SCRAM)) as clients:
        contexts = [client._ssl_context for client in clients]
        assert [client._sasl_plain_password for client in clients] == ["one"] * 3
        password.write_text("number two\n")
        ca.write_bytes(Authority(tmp_path / "other").ca.read_bytes() + b"\n")
        assert [client._sasl_plain_password for client in clients] == ["number two"] * 3
        assert all(client._ssl_context is not before for client, before in zip(clients, contexts, strict=True))


async def test_what_cannot_be_read_anew_leaves_the_last_good(authority: Authority, tmp_path: Path) -> None:
    password, ca = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("one")
    ca.write_bytes(authority.ca.read_bytes())
    settings = secured(ca=ca, password_file=password, **SCRAM)
    async with made(settings) as clients:
        context = clients[0]._ssl_context
        password.unlink()
        ca.write_text("half a fi")
        async with made(settings) as later:
            assert {client._sasl_plain_password for client in clients + later} == {"one"}
            assert all(client._ssl_context is context for client in clients + later)
        password.write_text("two")
        assert clients[0]._sasl_plain_password == "two"


async def test_a_login_that_was_refused_is_not_repeated_at_once(authority: Authority, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong")
    async with made(secured(ca=authority.ca, password_file=password, **SCRAM)) as (client, *_):
        client._on_connection_closed(None, CloseReason.AUTH_FAILURE)
        assert await client._get_conn(1) is None
        assert client._held_off()
        password.write_text("another one")
        assert not client._held_off()


async def test_client_options_pass_through_to_every_client() -> None:
    async with made(Settings(kafka=Kafka(client={"retry_backoff_ms": 1234}))) as clients:
        assert [client._retry_backoff for client in clients] == [1.234] * 3


async def test_an_option_that_aiokafka_does_not_take() -> None:
    with pytest.raises(ConfigError, match=r"kafka\.client.*no_such_option"):
        kafka.producer(Settings(kafka=Kafka(client={"no_such_option": 1})))


# --- tokens


async def test_a_token_is_kept_until_a_while_before_it_ends() -> None:
    now = 0.0
    async with endpoint("right", lifetime=100) as serving:
        oauth = OAuth.model_validate(
            {
                "token_url": serving.url,
                "client_id": "c",
                "client_secret": "right",
                "scope": "kafka",
                "extra": {"a": "b"},
            }
        )
        tokens = ClientCredentials(oauth, now=lambda: now)
        first = await tokens()
        now = 79.0
        assert await tokens() == first
        assert len(serving.asked) == 1
        now = 81.0
        await tokens()
        assert len(serving.asked) == 2
    assert serving.asked[0] == {"grant_type": "client_credentials", "scope": "kafka", "a": "b"}


async def test_the_client_s_secret_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old\n")
    async with endpoint("new") as serving:
        oauth = OAuth.model_validate({"token_url": serving.url, "client_id": "c", "client_secret_file": file})
        tokens = ClientCredentials(oauth)
        with pytest.raises(TokenError, match="HTTP 401: invalid_client: client authentication failed; look at"):
            await tokens()
        file.write_text("new\n")
        assert await tokens()


async def test_an_endpoint_that_is_away() -> None:
    async with endpoint("s") as serving:
        url = serving.url
    oauth = OAuth.model_validate({"token_url": url, "client_id": "c", "client_secret": "marked"})
    with pytest.raises(TokenError, match="cannot be reached") as raised:
        await ClientCredentials(oauth)()
    assert "marked" not in str(raised.value)


def given_out() -> str:
    return "a token"


async def given_out_later() -> str:
    return "a later token"


def refused() -> str:
    raise RuntimeError("marked")


async def test_a_function_of_the_user_s_own_gives_tokens() -> None:
    for name, expected in (("given_out", "a token"), ("given_out_later", "a later token")):
        assert await provider(Security(token_provider=f"{__name__}:{name}")).token() == expected
    with pytest.raises(TokenError, match="raised RuntimeError") as raised:
        await provider(Security(token_provider=f"{__name__}:refused")).token()
    assert "marked" not in str(raised.value)
    for name in (f"{__name__}:nothing", "no.such.module:function"):
        with pytest.raises(ConfigError, match="token_provider"):
            provider(Security(token_provider=name))


def test_hosts_are_verified_unless_told_otherwise(authority: Authority) -> None:
    for verify in (True, False):
        context = credentials(secured(ca=authority.ca, verify_hostname=verify)).options()["ssl_context"]
        assert context.check_hostname is verify
        assert context.verify_mode == ssl.CERT_REQUIRED
