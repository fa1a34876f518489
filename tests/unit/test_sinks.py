"""What each sink sends, what it takes for delivered, and what it refuses to be told."""

import ast
import asyncio
import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

import alerts
from alerts import slack
from alerts.plain import plain
from alerts.show import pieces, shown
from alerts.sinks import SINKS, Stdout, StdoutOptions, TryLater, Webhook, WebhookOptions, make
from tests.delivering import Receiver, an_alert, value_of
from topics.errors import ConfigError, InvalidRecord, TransientError
from topics.records import Alert, AlertArticle, Missed, Snippet

HOSTILE = "a\x1b[31mb\x1b]8;;http://evil\x07c\x9b2Jd\u202ee\x00[red]f[/red]\r\ng"


async def nowhere(topic: str, key: bytes | None, value: bytes, alert: Alert) -> None:
    raise AssertionError("not a Kafka sink")


def hostile_alert() -> Alert:
    return an_alert(
        article=AlertArticle(id="a", revision="r", title=HOSTILE, url=f"https://example.com/{HOSTILE}", source=HOSTILE),
        snippet=Snippet(text=HOSTILE, marks=((0, 3),)),
        desk=HOSTILE,
        severity=HOSTILE,
    )


def a_digest(*lines: Missed, **changes: Any) -> Alert:
    return an_alert(kind="digest", missed=lines, snippet=Snippet(text="7 articles in 2 stories came."), **changes)


def missed(number: int = 0, **changes: Any) -> Missed:
    fields: dict[str, Any] = {
        "story_id": f"s{number}",
        "article_id": f"a{number}",
        "revision": "r",
        "title": f"Missed headline {number}",
        "url": f"https://example.com/missed/{number}",
        "source": "AP",
        "severity": "urgent",
        "rules": ("Tariffs",),
        "first_seen": datetime(2026, 3, 1, 3, 10, tzinfo=UTC),
        "last_seen": datetime(2026, 3, 1, 4, 10, tzinfo=UTC),
    }
    return Missed(**(fields | changes))


def test_alerts_import_no_kafka_and_no_worker() -> None:
    for path in Path(alerts.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] not in ("workers", "aiokafka", "faust", "mode"), f"{path.name}: {name}"


# --- text that is safe to print


@given(
    st.text(
        alphabet=st.one_of(st.characters(max_codepoint=0x9F), st.sampled_from("\u202e\u2066\x1b[]"), st.characters())
    )
)
def test_plain_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    for lines in (False, True):
        safe = plain(text, lines=lines)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", safe)
        safe.encode()
        assert lines or not re.search("[\n\t]", safe)


@given(st.text(alphabet="abc äöü谈台湾 ,.-!?"))
def test_plain_leaves_text_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_plain_takes_escape_sequences_whole() -> None:
    assert plain("a\x1b[1;31mred\x1b[0m \x1b]0;title\x07b") == "ared b"
    assert plain("one\r\ntwo\tthree", lines=True) == "one\ntwo\tthree"


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25))))
def test_pieces_are_the_text_whatever_the_marks(text: str, marks: list[tuple[int, int]]) -> None:
    assert "".join(piece for piece, _ in pieces(text, marks)) == text


def test_pieces_mark_what_matched() -> None:
    assert list(pieces("New tariffs now", ((4, 11),))) == [("New ", False), ("tariffs", True), (" now", False)]


# --- stdout


async def said(alert: Alert, **options: Any) -> str:
    out: list[bytes] = []
    await Stdout(StdoutOptions(**options), write=out.append).send(alert, key=None, value=value_of(alert))
    return b"".join(out).decode()


async def test_stdout_tells_a_person_all_that_an_alert_says() -> None:
    text = await said(an_alert(number=4))
    for part in (
        "URGENT",
        "trade",
        "hit",
        "Tariffs",
        "Headline 4",
        "AP",
        "https://example.com/4",
        "New **tariffs** on",
    ):
        assert part in text


async def test_stdout_tells_a_person_of_each_story_in_a_digest() -> None:
    text = await said(a_digest(missed(1, articles=6), missed(2, severity="info", kind="withdrawn"), severity="urgent"))
    first, *stories = text.splitlines()
    assert "URGENT" in first and "trade  digest: 7 articles in 2 stories came." in first
    assert [line.strip() for line in stories if line.strip()] == [
        "URGENT  Missed headline 1",
        "03:10  AP  6 articles  Tariffs  https://example.com/missed/1",
        "INFO  Missed headline 2",
        "withdrawn  03:10  AP  Tariffs  https://example.com/missed/2",
    ]


async def test_no_story_in_a_digest_can_reach_the_terminal() -> None:
    line = missed(title=HOSTILE, url=HOSTILE, source=HOSTILE, severity=HOSTILE, rules=(HOSTILE,), kind=HOSTILE)
    text = await said(a_digest(line, desk=HOSTILE, severity=HOSTILE))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


async def test_stdout_as_json_is_the_record_on_a_line() -> None:
    alert = an_alert()
    assert await said(alert, format="json") == value_of(alert).decode() + "\n"


async def test_an_article_cannot_reach_the_terminal() -> None:
    text = await said(hostile_alert())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "[red]f[/red]" in text  # markup is text
    assert "\x1b" not in shown(hostile_alert()).plain


def assert_set(event: threading.Event) -> None:
    assert event.wait(30)


async def test_a_reader_that_does_not_read_blocks_nobody_else() -> None:
    read = threading.Event()
    stdout = Stdout(StdoutOptions(), write=lambda _: assert_set(read))
    alert = an_alert()
    sending = asyncio.create_task(stdout.send(alert, key=None, value=value_of(alert)))
    await asyncio.sleep(0)
    async with Receiver() as receiver:  # the loop is free for other work
        await sent(hook(receiver), alert)
    assert not sending.done()
    read.set()
    await sending


async def test_a_reader_that_is_gone_is_tried_again() -> None:
    def broken(_: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(TransientError, match="Broken pipe"):
        await Stdout(StdoutOptions(), write=broken).send(an_alert(), key=None, value=b"{}")


# --- webhook


def hook(receiver: Receiver, **options: Any) -> Webhook:
    return Webhook(WebhookOptions(url=receiver.url, **options), now=lambda: 1_000_000.0)


async def sent(sink: Webhook, alert: Alert) -> None:
    try:
        await sink.send(alert, key=b"k", value=value_of(alert))
    finally:
        await sink.close()


async def test_a_webhook_posts_the_record_with_its_id() -> None:
    alert = an_alert()
    async with Receiver() as receiver:
        await sent(hook(receiver, headers={"X-Team": "desk"}), alert)
    ((headers, body),) = receiver.requests
    assert body == value_of(alert)
    assert headers["Idempotency-Key"] == alert.id
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Team"] == "desk"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_delivered(status: int) -> None:
    async with Receiver(lambda _: (status, {})) as receiver:
        await sent(hook(receiver), an_alert())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 302, 307])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    async with Receiver(lambda _: (status, {"Location": "/elsewhere"})) as receiver:
        with pytest.raises(TransientError, match=str(status)):
            await sent(hook(receiver), an_alert())
    assert len(receiver.asked) == 1  # by the caller, and no redirect is followed


@pytest.mark.parametrize("status", [301, 308, 400, 401, 403, 404, 405, 410, 413, 422])
async def test_the_rest_is_refused_for_good(status: int) -> None:
    async with Receiver(lambda _: (status, {"Location": "/elsewhere"})) as receiver:
        with pytest.raises(InvalidRecord, match=f"{status}: answer") as refused:
            await sent(hook(receiver), an_alert())
    assert refused.value.reason == "refused"
    assert len(receiver.asked) == 1


@pytest.mark.parametrize(
    ("given", "after"),
    [("7", 7.0), ("Mon, 12 Jan 1970 13:47:00 GMT", 20.0), ("Mon, 12 Jan 1970 00:00:00 GMT", 0.0), ("soon", None)],
)
async def test_retry_after_is_passed_on(given: str, after: float | None) -> None:
    async with Receiver(lambda _: (429, {"Retry-After": given})) as receiver:
        with pytest.raises(TryLater) as error:
            await sent(hook(receiver), an_alert())
    assert error.value.after == after


async def test_a_server_that_is_away_is_tried_again_and_its_url_not_told() -> None:
    receiver = await Receiver().start()
    await receiver.stop()
    with pytest.raises(TransientError) as error:
        await sent(Webhook(WebhookOptions(url=f"{receiver.url}/S3CRET")), an_alert())
    assert "127.0.0.1" in str(error.value)
    assert "S3CRET" not in str(error.value)


async def _silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await asyncio.sleep(30)
    finally:
        writer.close()


async def test_a_server_that_never_answers_is_tried_again() -> None:
    server = await asyncio.start_server(_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TransientError, match="Timeout"):
        await sent(Webhook(WebhookOptions(url=f"http://127.0.0.1:{port}/", timeout=0.2)), an_alert())
    server.close()


async def test_an_endless_answer_is_cut_off() -> None:
    written = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)
            written += 65536

    app = web.Application()
    app.router.add_post("/", endless)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with pytest.raises(InvalidRecord) as refused:
        await sent(Webhook(WebhookOptions(url=f"http://127.0.0.1:{runner.addresses[0][1]}/")), an_alert())
    await runner.cleanup()
    assert len(refused.value.message) < 300
    assert written < 50_000_000


async def test_an_id_cannot_write_headers() -> None:
    async with Receiver() as receiver:
        await sent(hook(receiver), an_alert(id="x\r\nX-Evil: 1"))
    ((headers, _),) = receiver.requests
    assert headers["Idempotency-Key"] == "x%0D%0AX-Evil: 1"


async def test_secrets_come_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        (tmp_path / "token").write_text("t0ken\n")
        sink = make("r", "webhook", {"url_env": "HOOK", "token_file": str(tmp_path / "token")}, publish=nowhere)
        await sink.send(an_alert(), key=None, value=b"{}")
        await sink.close()
    ((headers, _),) = receiver.requests
    assert headers["Authorization"] == "Bearer t0ken"


# --- Slack


async def test_a_slack_message_has_blocks_and_a_text() -> None:
    async with Receiver() as receiver:
        await sent(hook(receiver, format="slack"), an_alert(number=4))
    ((_, body),) = receiver.requests
    message = json.loads(body)
    assert message["text"] == "URGENT trade: Headline 4"
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "section", "context"]
    assert message["blocks"][1]["text"]["text"] == "<https://example.com/4|Headline 4>"
    assert message["blocks"][2]["text"]["text"] == "New *tariffs* on rare earths were announced."


SLACK_TEXT = st.text(alphabet=st.sampled_from("<>&!@#|*a \n\x1b\u202e台"), max_size=5000)


@given(title=SLACK_TEXT, url=SLACK_TEXT, body=SLACK_TEXT)
def test_slack_takes_any_article_within_its_limits_and_without_mentions(title: str, url: str, body: str) -> None:
    article = AlertArticle(id="a", revision="r", title=title, url=f"https://e.com/{url}", source=title)
    marks = tuple((at, at + 2) for at in range(0, len(body), 5))
    message = slack.message(an_alert(article=article, snippet=Snippet(text=body, marks=marks)))
    header, *rest = message["blocks"]
    assert len(header["text"]["text"]) <= slack.HEADER
    texts = [block["text"]["text"] for block in rest if "text" in block]
    elements = [element["text"] for element in rest[-1]["elements"]]
    assert all(0 < len(text) <= slack.SECTION for text in texts)
    assert all(0 < len(text) <= slack.CONTEXT for text in elements)
    assert len(elements) <= 10
    assert len(message["text"]) <= slack.TEXT
    link = re.compile(r"^<https://e\.com/[^<>|]*\|[^<>]*>$")
    for text in [*texts, *elements, message["text"]]:
        assert link.match(text) or not re.search("[<>]", text)
        assert not re.search("&(?!amp;|lt;|gt;)", text)


def test_a_slack_message_links_each_story_of_a_digest() -> None:
    message = slack.message(a_digest(missed(1, articles=6), missed(2, url=None)))
    assert message["text"] == "URGENT trade: 7 articles in 2 stories came."
    assert [block["type"] for block in message["blocks"]] == ["header", *["section"] * 3]
    assert [block["text"]["text"] for block in message["blocks"][1:]] == [
        "7 articles in 2 stories came.",
        ":warning: <https://example.com/missed/1|Missed headline 1>\n03:10 · AP · 6 articles · Tariffs",
        ":warning: *Missed headline 2*\n03:10 · AP · Tariffs",
    ]


@given(title=SLACK_TEXT, url=SLACK_TEXT, rules=st.lists(SLACK_TEXT, max_size=4))
def test_slack_takes_any_digest_within_its_limits_and_without_mentions(title: str, url: str, rules: list[str]) -> None:
    lines = [missed(n, title=title, url=f"https://e.com/{url}", source=title, rules=tuple(rules)) for n in range(20)]
    header, *rest = slack.message(a_digest(*lines))["blocks"]
    assert len(header["text"]["text"]) <= slack.HEADER
    assert 1 + len(rest) <= 50
    for block in rest:
        text = block["text"]["text"]
        assert 0 < len(text) <= slack.SECTION
        assert not re.search("[<>]", re.sub(r"^:warning: <https://e\.com/[^<>|]*\|[^<>]*>", "", text))
        assert not re.search("&(?!amp;|lt;|gt;)", text)


# --- options


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("carrier-pigeon", {}, "sink.kind: expected one of stdout, webhook, kafka"),
        ("stdout", {"format": "xml"}, "sink.format: expected one of text, json"),
        ("stdout", {"colour": "red"}, "sink.colour: no such option; there are format"),
        ("webhook", {}, "sink.url: expected exactly one of url, url_env, url_file"),
        ("webhook", {"url": "http://a", "url_env": "A"}, "sink.url: expected exactly one of"),
        ("webhook", {"url": "ftp://a/b"}, "sink.url: expected http://HOST"),
        ("webhook", {"url": "http://"}, "sink.url: expected http://HOST"),
        ("webhook", {"url_env": "PATH"}, "sink.url_env: PATH: expected http://HOST"),
        ("webhook", {"url": 7}, "sink.url: Expected `str"),
        ("webhook", {"url_env": "NO_SUCH_VARIABLE"}, "sink.url_env: the environment has no NO_SUCH_VARIABLE"),
        ("webhook", {"url_file": "/no/such/file"}, "sink.url_file: cannot read /no/such/file"),
        ("webhook", {"url": "http://a", "format": "xml"}, "sink.format: expected one of json, slack"),
        ("webhook", {"url": "http://a", "timeout": 0}, "sink.timeout: expected more than 0"),
        ("webhook", {"url": "http://a", "timeout": "soon"}, "sink.timeout: Expected `float"),
        ("webhook", {"url": "http://a", "headers": {"a b": "c"}}, "sink.headers.a b: expected an HTTP header"),
        ("webhook", {"url": "http://a", "headers": {"a": "b\nc"}}, "sink.headers.a: expected an HTTP header"),
        ("kafka", {}, "topic"),
        ("kafka", {"topic": "no spaces"}, "sink.topic: expected a Kafka topic's name"),
    ],
)
def test_a_wrong_option_is_named_with_its_route(kind: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        make("desk-chat", kind, options, publish=nowhere)
    assert str(error.value).startswith("deliver.route desk-chat: ")
    assert said in str(error.value)


def test_a_url_is_in_no_message() -> None:
    with pytest.raises(ConfigError) as error:
        make("r", "webhook", {"url": "htp://hooks.example/S3CRET"}, publish=nowhere)
    assert "S3CRET" not in str(error.value)


def test_numbers_may_come_as_text_as_from_the_environment() -> None:
    make("r", "webhook", {"url": "http://a", "timeout": "2.5"}, publish=nowhere)


def test_the_table_is_what_the_settings_name() -> None:
    assert list(SINKS) == ["stdout", "webhook", "kafka"]


async def test_a_kafka_sink_publishes_the_record_as_it_came() -> None:
    out: list[tuple[str, bytes | None, bytes]] = []

    async def publish(topic: str, key: bytes | None, value: bytes, alert: Alert) -> None:
        out.append((topic, key, value))

    sink = make("r", "kafka", {"topic": "mine.alerts"}, publish=publish)
    await sink.send(an_alert(), key=b"\xff", value=b'{"new": 1}')
    await sink.close()
    assert out == [("mine.alerts", b"\xff", b'{"new": 1}')]


def test_the_clock_of_these_tests_is_the_date_that_they_name() -> None:
    assert datetime.fromtimestamp(1_000_000, tz=UTC) == datetime(1970, 1, 12, 13, 46, 40, tzinfo=UTC)
    assert msgspec.json.decode(value_of(an_alert()))["id"] == an_alert().id
