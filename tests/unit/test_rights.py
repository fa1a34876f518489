"""The rights that each worker needs, as they follow from the settings, and the commands that give them."""

import json
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_cli import CONFIGURATION, USAGE, wirewatch
from topics.catalog import TOPICS
from topics.errors import ConfigError
from workers.commands.administering import acl_commands, principals, topic_commands
from workers.rights import NEEDS, TOPIC, Right, named, rights, stem
from workers.sections import Deliver, Input, Route, Sink
from workers.settings import Settings


def of(settings: Settings, who: str) -> dict[str, tuple[str, ...]]:
    return {right.name: right.operations for right in rights(settings, who)}


def test_a_worker_needs_what_it_reads_and_writes_and_its_group_under_whatever_names() -> None:
    settings = Settings(prefix="p", input=(Input(topics=("a", "b")),))
    assert of(settings, "enrich") == {
        "p.wirewatch-enrich": ("Read",),
        "a": ("Read",),
        "b": ("Read",),
        "p.watchlists": ("Read",),
        "p.enriched": ("Write",),
        "p.hits": ("Write",),
        "p.dead-letters": ("Write",),
    }
    assert of(settings, "alert")["p.hits"] == ("Read", "Write")


def test_each_route_has_a_group_and_a_kafka_sink_a_topic() -> None:
    route = Route(name="copy", group="own-group", sink=Sink(kind="kafka", topic="copies"))  # type: ignore[call-arg]
    settings = Settings(deliver=Deliver(route=(route, Route(name="chat", sink=Sink(kind="stdout")))))
    found = of(settings, "deliver")
    assert found["own-group"] == found["news.wirewatch-deliver-chat"] == ("Read",)
    assert found["copies"] == ("Write",)


def test_redrive_writes_where_letters_came_from_and_never_to_the_alerts() -> None:
    routes = [{"name": "copy", "sink": {"kind": "kafka", "topic": "copies"}}, {"name": "x", "sink": {"kind": "stdout"}}]
    settings = Settings(input=(Input(topics=("a",)),), deliver=Deliver.model_validate({"route": routes}))
    assert of(settings, "dlq") == {"news.dead-letters": ("Read",)}
    assert of(settings, "redrive") == {
        "news.dead-letters": ("Read", "Write"),
        "a": ("Write",),
        "news.hits": ("Write",),
        "copies": ("Write",),
    }


def test_a_pattern_needs_all_topics_that_begin_like_it() -> None:
    settings = Settings(input=(Input(topics=r"feeds\.(eu|us)\..*"), Input(topics=".*-wire")))
    found = {right.name: right for right in rights(settings, "enrich") if right.operations == ("Read",)}
    assert found["feeds."].prefixed
    assert not found["*"].prefixed
    assert "feeds." not in named(rights(settings, "enrich"), TOPIC)
    assert found["feeds."].covers("feeds.eu.politics")
    assert found["*"].covers("any")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"news\.raw\..*", "news.raw."),
        ("ab?c", "a"),
        ("ab+", "ab"),
        ("a{0,2}b", ""),
        ("aa|bb", ""),
        ("a(b|c)", "a"),
        (r"a\d", "a"),
        ("[ab]c", ""),
    ],
)
def test_what_all_names_begin_with_that_a_pattern_matches(pattern: str, expected: str) -> None:
    assert stem(pattern) == expected


@given(st.from_regex(r"\A[ab]{0,2}(\\\.|\.|\*|\?|\+|\(a\|b\)|\|){0,3}[ab]{0,2}\Z"), st.data())
def test_no_name_that_a_pattern_matches_begins_otherwise(pattern: str, data: st.DataObject) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    assert data.draw(st.from_regex(compiled, fullmatch=True)).startswith(stem(pattern))


def test_nobody_needs_a_right_to_create_or_to_change_anything() -> None:
    operations = {operation for who in NEEDS for right in rights(Settings(), who) for operation in right.operations}
    assert operations == {"Read", "Write", "Describe", "DescribeConfigs"}


def test_topics_are_printed_with_all_that_they_are_made_with() -> None:
    settings = Settings(prefix="p", brokers="k:9092")
    lines = list(topic_commands(settings, partitions=6, replication_factor=3, command_config="admin properties"))
    assert len(lines) == len(TOPICS)
    words = next(shlex.split(line) for line in lines if " p.stories " in line)
    assert words[:3] == ["kafka-topics.sh", "--bootstrap-server", "k:9092"]
    assert words[words.index("--partitions") + 1] == "6"
    assert words[words.index("--command-config") + 1] == "admin properties"
    assert {f"{name}={value}" for name, value in TOPICS["stories"].config.items()} <= set(words)
    assert "--replication-factor" not in next(topic_commands(settings, partitions=6, replication_factor=0))


def test_rights_are_printed_one_command_a_topic_or_group() -> None:
    settings = Settings(input=(Input(topics=r"raw\..*"),))
    lines = list(acl_commands(settings, "enrich", "User:e"))
    assert len(lines) == len(rights(settings, "enrich"))
    words = next(shlex.split(line) for line in lines if "prefixed" in line)
    assert " ".join(words[3:]) == (
        "--add --allow-principal User:e --operation Read --topic raw. --resource-pattern-type prefixed"
    )


def test_principals_are_one_for_all_or_one_each() -> None:
    assert principals((), ("enrich", "alert")) == {"enrich": "User:wirewatch-enrich", "alert": "User:wirewatch-alert"}
    given = ("enrich=User:CN=e,O=x", "User:all")
    assert principals(given, ("enrich", "alert")) == {"enrich": "User:CN=e,O=x", "alert": "User:all"}
    for wrong in ("all", "enrich=e", "nobody=User:x", "User:"):
        with pytest.raises(ConfigError, match="--principal"):
            principals((wrong,), ("enrich",))


def test_the_commands_are_printed_without_a_cluster() -> None:
    nowhere = ("--brokers", "127.0.0.1:1")
    assert "kafka-topics.sh" in wirewatch("topics", "create", "--print", *nowhere).stdout
    printed = wirewatch("topics", "list", "--acls", "--worker", "enrich", "--json", *nowhere).stdout
    entries = [json.loads(line) for line in printed.splitlines()]
    assert {entry["who"] for entry in entries} == {"enrich"}
    assert {
        "who": "enrich",
        "principal": "User:wirewatch-enrich",
        "resource_type": "topic",
        "name": "news.hits",
        "pattern_type": "literal",
        "operations": ["Write"],
    } in entries
    assert wirewatch("topics", "list", "--acls", "--worker", "nobody").returncode == USAGE
    assert wirewatch("topics", "list", "--acls", "--principal", "x").returncode == CONFIGURATION


def test_a_right_covers_a_topic_and_never_a_group_of_its_name() -> None:
    assert not Right(kind="group", name="a", operations=("Read",)).covers("a")
