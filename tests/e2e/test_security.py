"""On a broker that lets in only whom it knows: all workers and commands, and causes of failures.

Passwords and certificates change as the runbook's “Rotate credentials” says.
"""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.alert_stage import publish
from tests.demo_process import COMMAND
from tests.hit_logs import hit
from tests.kafka.certificates import Authority
from tests.kafka.oauth import endpoint
from tests.kafka.secured import PLAIN_PASSWORD, PLAIN_USER, Secured
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers, run_command
from workers.sections import Kafka
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.diagnose import diagnose

pytestmark = pytest.mark.kafka

Env = dict[str, str]
SECURITY = "WIREWATCH_KAFKA__SECURITY__"


def security(**settings: object) -> Env:
    return {SECURITY + name.upper(): str(value) for name, value in settings.items()}


def by_certificate(secured: Secured, user: str) -> Env:
    pair = secured.client(user)
    return {"WIREWATCH_BROKERS": secured.ssl} | security(ca=secured.ca, certificate=pair.certificate, key=pair.key)


def by_password(secured: Secured, user: str, password_file: Path, mechanism: str = "SCRAM-SHA-512") -> Env:
    return security(ca=secured.ca, mechanism=mechanism, username=user, password_file=password_file)


def article(number: int, **fields: object) -> bytes:
    text = f"Rare earths from mine number {number} are short, says report {number * 7919}."
    return json.dumps({"id": f"a{number}", "title": text, "body": text} | fields).encode() + b"\n"


def answer(worker: WorkerProcess, path: str) -> str:
    """What a worker says by HTTP, whatever the status."""
    try:
        with urlopen(f"http://127.0.0.1:{worker.port}/{path}", timeout=10) as found:
            said: str = found.read().decode()
            return said
    except HTTPError as error:
        return error.read().decode()


def command_lines(session: int) -> Iterator[str]:
    """Those of all processes of a worker's session: its pool's and supervisor's, too."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.getsid(int(process.name)) == session:
                    yield (process / "cmdline").read_text(errors="replace")
            except OSError:  # it has ended
                continue


async def count(secured: Secured, topic: str, number: int, timeout: float = 90) -> list[Any]:
    """A topic's records, once there are as many."""
    async with asyncio.timeout(timeout):
        while len(found := await whole_topic(secured.bootstrap, topic)) < number:  # noqa: ASYNC110 - brokers tell nobody
            await asyncio.sleep(0.3)
    return found


@pytest.mark.timeout(240)
async def test_all_workers_go_on_when_the_password_changes_and_show_it_nowhere(
    secured_kafka: Secured, prefix: str, tmp_path: Path
) -> None:
    user, password = f"{prefix}-user", tmp_path / "password"
    password.write_text("marked-one\n")
    watchlist = tmp_path / "watchlist.yaml"
    watchlist.write_text("id: mines\nrules:\n  - {id: r, severity: urgent, terms: [rare earths]}\n")

    def prepare() -> None:
        secured_kafka.set_password(user, "marked-one")
        for name in (user, f"{prefix}-desk"):
            secured_kafka.allow_all(name)

    await asyncio.to_thread(prepare)
    desk = by_certificate(secured_kafka, f"{prefix}-desk") | {"WIREWATCH_PREFIX": prefix}
    assert b"news" not in await asyncio.to_thread(run_command, "topics", "create", "--partitions", "2", env=desk)
    copy = await secured_kafka.cluster.create_topic(f"{prefix}.copy")
    route = [{"name": "copy", "sink": {"kind": "kafka", "topic": copy}}]
    env = by_password(secured_kafka, user, password) | {
        "WIREWATCH_LOG_LEVEL": "debug",
        "WIREWATCH_KAFKA__SESSION_TIMEOUT": "6",
        "WIREWATCH_DELIVER__ROUTE": json.dumps(route),
    }
    send = ("publish", "-", "--topic", f"{prefix}.raw")
    with Workers(secured_kafka.sasl_ssl, prefix, tmp_path, env) as workers:
        enrich = ("--model", "none", "--watchlist", str(watchlist), "--processes", "1")
        all_of_them = workers.start("enrich", *enrich) + workers.start("alert") + workers.start("deliver")
        await asyncio.to_thread(run_command, *send, env=desk, data=article(1))
        await count(secured_kafka, copy, 1)

        await asyncio.to_thread(secured_kafka.set_password, user, "marked-two")
        password.write_text("marked-two\n")
        broker = secured_kafka.cluster.brokers[0]
        await asyncio.to_thread(broker.stop)  # whoever is in stays in, until the connection ends
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(run_command, *send, env=desk, data=article(2))
        await count(secured_kafka, copy, 2)

        for worker in all_of_them:
            shown = [answer(worker, "metrics"), answer(worker, "readyz"), *command_lines(worker.pid)]
            assert len(shown) >= 3
            assert "marked" not in "".join(shown)
        assert [worker.stop() for worker in all_of_them] == [0, 0, 0]
    assert len(await whole_topic(secured_kafka.bootstrap, f"{prefix}.enriched")) >= 2
    logs = "".join(worker.log.read_text() for worker in all_of_them)
    assert "credentials read anew" in logs
    assert "marked" not in logs
    shown_by_tail = await asyncio.to_thread(run_command, "tail", copy, "--once", env=desk)
    assert b"mine number 2" in shown_by_tail


@pytest.mark.timeout(180)
async def test_alerts_by_a_client_certificate_that_is_replaced(
    secured_kafka: Secured, prefix: str, tmp_path: Path
) -> None:
    first, second = f"{prefix}-first", f"{prefix}-second"
    topics = await secured_kafka.cluster.create_topics(prefix, 1)
    await asyncio.to_thread(secured_kafka.allow_all, first)
    env = by_certificate(secured_kafka, first) | {"WIREWATCH_KAFKA__SESSION_TIMEOUT": "6"}
    with Workers(secured_kafka.ssl, prefix, tmp_path, env) as workers:
        (alert,) = workers.start("alert")
        await publish(secured_kafka.bootstrap, topics["hits"], [(0, hit(article="a1", title="One", at=0))])
        await count(secured_kafka, topics["alerts"], 1)

        def replace() -> None:
            secured_kafka.authority.issue(second, file=first)
            secured_kafka.allow_all(second)
            secured_kafka.remove(first)
            secured_kafka.cluster.brokers[0].stop()
            secured_kafka.cluster.brokers[0].start()

        await asyncio.to_thread(replace)
        await publish(secured_kafka.bootstrap, topics["hits"], [(0, hit(desk="other", article="a2", at=1))])
        await count(secured_kafka, topics["alerts"], 2)
        assert alert.stop() == 0
    assert "credentials read anew" in alert.log.read_text()


async def says(worker: WorkerProcess, reason: str) -> None:
    """Until a worker is alive, and not ready for this reason."""
    await asyncio.to_thread(worker.wait_up)
    async with asyncio.timeout(40):
        while reason not in answer(worker, "readyz"):  # noqa: ASYNC110 - no event is made of it
            await asyncio.sleep(0.2)
    assert answer(worker, "livez") == "ok\n"


@pytest.mark.timeout(180)
async def test_workers_wait_until_they_are_known_and_allowed_and_say_so(
    secured_kafka: Secured, prefix: str, tmp_path: Path
) -> None:
    user, password = f"{prefix}-user", tmp_path / "password"
    password.write_text("marked-wrong")

    def prepare() -> None:
        secured_kafka.set_password(user, "right")
        secured_kafka.allow(user, "ALL", topic=prefix, prefixed=True)

    await asyncio.to_thread(prepare)
    await secured_kafka.cluster.create_topics(prefix)
    env = by_password(secured_kafka, user, password, "SCRAM-SHA-256") | {"WIREWATCH_MODEL": "none"}
    env["WIREWATCH_DELIVER__ROUTE"] = json.dumps([{"name": "out", "sink": {"kind": "stdout"}}])
    with Workers(secured_kafka.sasl_ssl, prefix, tmp_path, env) as workers:
        waiting = workers.start("enrich", "--processes", "1") + workers.start("alert") + workers.start("deliver")
        for worker in waiting:
            await says(worker, f"wrong user or password for the user {user}")
        password.write_text("right")
        for worker in waiting:
            await says(worker, "not allowed: Read on group")
        await asyncio.to_thread(secured_kafka.allow, user, "READ", group=prefix, prefixed=True)
        for worker in waiting:
            await asyncio.to_thread(worker.wait_ready)
        assert "marked" not in "".join(worker.log.read_text() for worker in waiting)


def test_a_command_says_why_it_is_not_let_in(secured_kafka: Secured, prefix: str, tmp_path: Path) -> None:
    user, password = f"{prefix}-user", tmp_path / "password"
    password.write_text("marked-wrong")
    secured_kafka.set_password(user, "right")
    stranger = Authority(tmp_path / "other", "somebody else")
    mine = by_password(secured_kafka, user, password) | {"WIREWATCH_BROKERS": secured_kafka.sasl_ssl}
    cases = {
        f"wrong user or password for the user {user}": mine,
        "an authority that we do not know": mine | security(ca=stranger.ca),
        "this port speaks TLS, and we plain text": {"WIREWATCH_BROKERS": secured_kafka.sasl_ssl},
        "refuses our client certificate": {"WIREWATCH_BROKERS": secured_kafka.ssl} | security(ca=secured_kafka.ca),
    }
    for said, env in cases.items():
        started = time.monotonic()
        done = subprocess.run(
            [*COMMAND, "topics", "list"], capture_output=True, text=True, env=os.environ | env, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert said in done.stderr
        assert "marked" not in done.stderr
        assert time.monotonic() - started < 25


def secured(brokers: str, secured_kafka: Secured, **given: Any) -> Settings:
    return Settings(brokers=brokers, kafka=Kafka.model_validate({"security": {"ca": secured_kafka.ca} | given}))


async def test_each_cause_is_told_from_the_others(secured_kafka: Secured, prefix: str, tmp_path: Path) -> None:
    user = f"{prefix}-user"
    await asyncio.to_thread(secured_kafka.set_password, user, "right", "SCRAM-SHA-256")
    login = {"mechanism": "SCRAM-SHA-256", "username": user, "password": "right"}
    stranger = Authority(tmp_path / "other", "somebody else").issue(user)
    theirs = {"certificate": stranger.certificate, "key": stranger.key}
    ours = secured_kafka.client(user)
    sasl_ssl, ssl, plain = secured_kafka.sasl_ssl, secured_kafka.ssl, secured_kafka.bootstrap
    causes: list[tuple[str, dict[str, Any], str | None]] = [
        (sasl_ssl, login, None),
        (sasl_ssl, login | {"mechanism": "SCRAM-SHA-512"}, f"wrong user or password for the user {user}"),
        (sasl_ssl, login | {"mechanism": "PLAIN"}, f"wrong user or password for the user {user}"),
        (sasl_ssl, {}, "this port wants a login: kafka.security.mechanism (it offers OAUTHBEARER, PLAIN, SCRAM"),
        (plain, login, "this port speaks plain text, and we TLS"),
        (plain, login | {"protocol": "SASL_PLAINTEXT", "ca": None}, "this port takes no login"),
        (ssl, {"certificate": ours.certificate, "key": ours.key}, None),
        (ssl, theirs, "refuses our client certificate, or that there is none (certificate unknown)"),
        (ssl, login, "refuses our client certificate, or that there is none (bad certificate)"),
    ]
    for brokers, given, said in causes:
        found = await diagnose(secured(brokers, secured_kafka, **given))
        assert (found is None) if said is None else said in str(found), (brokers, given, found)


async def sent_and_read(settings: Settings, topic: str) -> bytes:
    async with kafka.running(kafka.producer(settings)) as producer:
        await producer.send_and_wait(topic, b"one")
    async with kafka.running(kafka.consumer(settings, f"{topic}-group")) as consumer:
        consumer.subscribe([topic])
        value: bytes = (await asyncio.wait_for(consumer.getone(), 20)).value
        return value


async def test_plain_and_tokens_come_in_too(secured_kafka: Secured, prefix: str) -> None:
    topic = await secured_kafka.cluster.create_topic(f"{prefix}.topic")
    for user in (PLAIN_USER, f"{prefix}-tokens"):
        await asyncio.to_thread(secured_kafka.allow, user, "READ", "WRITE", topic=topic)
        await asyncio.to_thread(secured_kafka.allow, user, "READ", group=f"{topic}-group")
    plain = {"mechanism": "PLAIN", "username": PLAIN_USER, "password": PLAIN_PASSWORD}
    assert await sent_and_read(secured(secured_kafka.sasl_ssl, secured_kafka, **plain), topic) == b"one"
    async with endpoint("client-secret") as serving:
        oauth = {"token_url": serving.url, "client_id": f"{prefix}-tokens", "client_secret": "client-secret"}
        assert await sent_and_read(secured(secured_kafka.sasl_ssl, secured_kafka, oauth=oauth), topic) == b"one"


async def test_a_token_that_the_broker_refuses(secured_kafka: Secured, prefix: str) -> None:
    async with endpoint("s", lifetime=-100) as serving:
        oauth = {"token_url": serving.url, "client_id": prefix, "client_secret": "s"}
        with pytest.raises(kafka.Unreachable, match="the broker refuses our token"):
            async with kafka.admin(secured(secured_kafka.sasl_ssl, secured_kafka, oauth=oauth)) as admin:
                await admin.list_topics()
