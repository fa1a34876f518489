"""Logs: one event a line, no secrets, and nothing from an article that a terminal would obey."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from workers import logs
from workers.logs import Repeats


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(format: str, out: io.StringIO | None = None, **values: Any) -> str:
    out = out or io.StringIO()
    logs.setup(format=format, stream=out)
    structlog.get_logger("test").info("happened", **values)
    return out.getvalue()


def test_json_is_an_object_a_line_with_time_and_level() -> None:
    event = json.loads(logged("json", offset=7))
    assert event["event"] == "happened"
    assert (event["level"], event["offset"], event["logger"]) == ("info", 7, "test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event["timestamp"])


def test_text_says_the_same_for_people() -> None:
    assert re.fullmatch(r"\S+Z info +happened a=1 b=\"two words\" logger=test\n", logged("text", a=1, b="two words"))


def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    assert json.loads(logged("auto"))["event"] == "happened"
    assert not logged("auto", Terminal()).startswith("{")


@pytest.mark.parametrize("format", ["json", "text"])
@given(text=st.text(alphabet=st.one_of(st.characters(max_codepoint=0x9F), st.characters()), max_size=40))
def test_nothing_that_a_terminal_obeys_comes_through(format: str, text: str) -> None:
    out = logged(format, value=text, nested={"list": [text]}, error=ValueError(text))
    assert out.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", out)
    if format == "json":
        assert json.loads(out)["event"] == "happened"


def test_a_traceback_is_one_line() -> None:
    for format in ("json", "text"):
        out = io.StringIO()
        logs.setup(format=format, stream=out)
        try:
            raise ValueError("bad \x1b[31m")
        except ValueError:
            structlog.get_logger().exception("failed")
        assert out.getvalue().count("\n") == 1
        assert "ValueError: bad" in out.getvalue()
        assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    "key", ["password", "sasl_plain_password", "token", "client_secret", "Authorization", "api_key", "apikey"]
)
@pytest.mark.parametrize("format", ["json", "text"])
def test_secrets_are_masked_wherever_they_are(format: str, key: str) -> None:
    out = logged(format, None, options={"deep": [{key: "hunter2"}]}, **{key: "hunter2"})
    assert "hunter2" not in out
    assert key in out


def test_userinfo_of_a_url_is_masked_and_the_rest_stays() -> None:
    assert json.loads(logged("json", url="see https://me:hunter2@example.com/a?b=c"))["url"] == (
        "see https://***@example.com/a?b=c"
    )


def test_libraries_are_heard_from_warnings_on_in_our_format() -> None:
    out = io.StringIO()
    logs.setup(format="json", level="debug", stream=out)
    library = logging.getLogger("aiokafka.consumer.fetcher")
    library.info("chatter")
    library.warning("cannot reach %s", "amqp://u:hunter2@host")
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert (event["level"], event["logger"]) == ("warning", "aiokafka.consumer.fetcher")
    assert event["event"] == "cannot reach amqp://***@host"


def test_below_the_level_nothing_is_said() -> None:
    out = io.StringIO()
    logs.setup(format="json", level="warning", stream=out)
    structlog.get_logger().info("quiet")
    assert out.getvalue() == ""
    structlog.get_logger().error("loud")
    assert "loud" in out.getvalue()


def test_bound_values_go_with_every_line_of_their_context() -> None:
    out = io.StringIO()
    logs.setup(format="json", stream=out)
    with structlog.contextvars.bound_contextvars(topic="raw"):
        structlog.get_logger().info("inside")
        logging.getLogger("elsewhere").warning("inside too")
    assert [json.loads(line)["topic"] for line in out.getvalue().splitlines()] == ["raw", "raw"]


def test_a_second_setup_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.setup(format="json", stream=first)
    logs.setup(format="json", stream=second)
    structlog.get_logger().info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_a_library_says_the_same_once_in_a_while() -> None:
    now = 0.0
    repeats = Repeats(every=10.0, now=lambda: now)

    def passes(name: str, message: str) -> bool:
        return repeats.filter(logging.LogRecord(name, logging.ERROR, "", 0, message, None, None))

    assert [passes("aiokafka.conn", "away") for _ in range(3)] == [True, False, False]
    assert passes("aiokafka.conn", "something else")
    assert [passes("workers.enrich", "ours") for _ in range(2)] == [True, True]
    now = 10.0
    assert passes("aiokafka.conn", "away")
