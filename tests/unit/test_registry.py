"""A schema registry is asked once a schema, waited for while it is away, and believed when it has none."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.producers import ARTICLE_SCHEMA, avro, framed
from tests.schema_registry import SchemaRegistry
from topics.errors import ConfigError
from topics.inputs.framing import unpack
from topics.inputs.read import Reader
from workers import sections
from workers.checks.registry import check
from workers.messages import Record
from workers.settings import Settings
from workers.stream.registry import ASKED_AGAIN, Registries, Registry

ARTICLE = {"id": "a1", "title": "Talks", "body": "Text."}


class Clock:
    """A clock for what is asked again, and a sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: asyncio.Queue[float] = asyncio.Queue()
        self.wake: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.slept.put_nowait(seconds)
        await self.wake.get()


@pytest.fixture
async def server() -> AsyncIterator[SchemaRegistry]:
    async with SchemaRegistry() as registry:
        registry.add(42, ARTICLE_SCHEMA)
        yield registry


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def registry(server: SchemaRegistry, clock: Clock) -> AsyncIterator[Registry]:
    made = Registry(sections.Registry(url=server.url), now=lambda: clock.now, sleep=clock.sleep)
    yield made
    await made.close()


async def waited_for(registry: Registry, clock: Clock, number: int = 42) -> "asyncio.Task[bytes | None]":
    """Somebody asks, and has to wait."""
    asking = asyncio.create_task(registry.schema(number))
    await clock.slept.get()
    assert not asking.done()
    return asking


async def test_a_schema_is_asked_for_once_however_many_want_it(server: SchemaRegistry, registry: Registry) -> None:
    found = await asyncio.gather(*(registry.schema(42) for _ in range(20)))
    assert len(set(found)) == 1
    assert await registry.schema(42) == found[0]
    assert server.asked == ["/schemas/ids/42"]
    assert registry.waiting is None


async def test_what_a_schema_refers_to_comes_with_it_in_order(server: SchemaRegistry, registry: Registry) -> None:
    server.add(7, {"type": "record"}, kind="AVRO", b=("people/b", 2))
    server.subjects["people/b", "2"] = {
        "schema": "B",
        "references": [{"name": "a", "subject": "people.a", "version": 1}],
    }
    server.subjects["people.a", "1"] = {"schema": "A"}
    packed = await registry.schema(7)
    assert packed is not None
    assert unpack(packed).references == ("A", "B")
    server.add(8, {"type": "record"}, a=("people.gone", 1))
    assert await registry.schema(8) is None


async def test_while_it_is_away_everybody_waits_and_it_says_why(
    server: SchemaRegistry, registry: Registry, clock: Clock
) -> None:
    await server.stop()
    asking = await waited_for(registry, clock)
    assert registry.waiting is not None
    assert f"no answer from the schema registry at {server.url}" in registry.waiting
    clock.wake.put_nowait(None)
    assert await clock.slept.get() > 0  # still away
    await server.start()
    clock.wake.put_nowait(None)
    assert await asking is not None
    assert registry.waiting is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "answers 500"),
        (503, "answers 503"),
        (429, "answers 429"),
        (401, "refuses us .401.: registry.username and registry.password"),
        (403, "refuses us .403."),
        (404, "is no schema registry: is registry.url right"),
        (200, "is no schema registry: is registry.url right"),
    ],
)
async def test_answers_that_waiting_may_mend(
    server: SchemaRegistry, registry: Registry, clock: Clock, status: int, said: str
) -> None:
    server.status = status
    asking = await waited_for(registry, clock)
    assert re.search(said, registry.waiting or "")
    server.status = None
    clock.wake.put_nowait(None)
    assert await asking is not None


async def test_a_schema_that_it_does_not_have_is_an_answer_and_asked_for_again_later(
    server: SchemaRegistry, registry: Registry, clock: Clock
) -> None:
    assert await registry.schema(43) is None
    server.add(43, ARTICLE_SCHEMA)
    assert await registry.schema(43) is None
    clock.now += ASKED_AGAIN + 1
    assert await registry.schema(43) is not None
    assert server.asked == ["/schemas/ids/43"] * 2


async def test_an_id_that_no_registry_gives_out_is_not_even_asked_for(
    server: SchemaRegistry, registry: Registry
) -> None:
    assert await registry.schema(2**31) is None
    assert server.asked == []
    server.status = 422
    assert await registry.schema(44) is None


async def test_whoever_gives_up_leaves_the_others_their_answer(
    server: SchemaRegistry, registry: Registry, clock: Clock
) -> None:
    await server.stop()
    first = await waited_for(registry, clock)
    second = asyncio.create_task(registry.schema(42))
    first.cancel()
    await server.start()
    clock.wake.put_nowait(None)
    assert await second is not None


async def test_a_password_from_a_file_is_read_again_when_it_changes(server: SchemaRegistry, tmp_path: Path) -> None:
    server.password = "one"
    file = tmp_path / "password"
    file.write_text("one\n")
    clock = Clock()
    registry = Registry(
        sections.Registry(url=server.url, username="reader", password_file=file), now=lambda: 0, sleep=clock.sleep
    )
    assert await registry.schema(42) is not None
    server.password = "another"
    server.add(43, ARTICLE_SCHEMA)
    asking = await waited_for(registry, clock, 43)
    file.write_text("another\n")
    clock.wake.put_nowait(None)
    assert await asking is not None
    await registry.close()


def test_files_that_are_not_what_they_must_be_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"input\.registry\.password_file"):
        Registry(sections.Registry(url="http://r", username="u", password_file=tmp_path / "none"))
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"input\.registry\.ca"):
        Registry(sections.Registry(url="https://r", ca=tmp_path / "ca.pem"))


# --- records


def record(topic: str, value: bytes | None) -> Record:
    return Record(topic, 0, 0, 1, None, value)


async def test_framed_records_of_an_input_with_a_registry_get_their_schemas(server: SchemaRegistry) -> None:
    server.password = "secret"
    named = sections.Registry(url=server.url, username="reader", password=SecretStr("secret"))
    inputs = (
        sections.Input(topics=("avro",), format="avro", registry=named),
        sections.Input(topics="debezium.*", format="debezium", registry=named),
        sections.Input(topics=("plain",)),
    )
    registries = Registries(inputs)
    value = avro(ARTICLE_SCHEMA, ARTICLE)
    batch = [
        record("avro", value),
        record("debezium.a", value),
        record("avro", framed(43, b"x")),
        record("plain", value),
        record("avro", b'{"title": "T"}'),
        record("debezium.a", None),
    ]
    prepared = await registries.prepared(batch)
    assert [one.schema is not None for one in prepared] == [True, True, False, False, False, False]
    assert [one._replace(schema=None) for one in prepared] == batch
    assert sorted(server.asked) == ["/schemas/ids/42", "/schemas/ids/43"]
    reader = Reader(inputs[0].form)
    assert reader(value, schema=prepared[0].schema).article.title == "Talks"
    await registries.close()


async def test_without_registries_records_go_on_as_they_are() -> None:
    batch = [record("plain", framed(1, b"x"))]
    assert await Registries((sections.Input(topics=("plain",)),)).prepared(batch) is batch


# --- wirewatch check


async def test_a_check_tells_whether_registries_answer(server: SchemaRegistry) -> None:
    named = sections.Registry(url=server.url)
    inputs = [sections.Input(topics=(topic,), format="avro", registry=named) for topic in ("a", "b")]
    settings = Settings(input=(*inputs, sections.Input(topics=("c",))))
    assert [(one.level, one.subject) async for one in check(settings)] == [("fine", server.url)]
    server.status = 401
    assert [one.level async for one in check(settings)] == ["wrong"]
    await server.stop()
    (found,) = [one async for one in check(settings)]
    assert found.level == "wrong" and "no answer" in found.message and found.remedy
