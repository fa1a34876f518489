"""What the runbook names is there, and each of its parts is done by a test."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer.main
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from alerts.telling import LIFE
from tests.kafka.tools import TOOLS
from tests.runbook import PROJECT, RUNBOOK, commands, section
from topics.catalog import DAY_MS, TOPICS
from workers.cli import app
from workers.metrics import Metrics
from workers.settings import Settings
from workers.stream import inputs

TEXT = RUNBOOK.read_text()
PARTS = re.findall(r"^\*\*(.+?)\.\*\*", TEXT, re.MULTILINE)
DONE_IN = {
    "Upgrade": "tests/e2e/test_runbook_load.py",
    "Scale": "tests/e2e/test_runbook_load.py",
    "Replay": "tests/e2e/test_runbook.py",
    "Redrive dead letters": "tests/image/test_night.py",
    "Rotate credentials": "tests/e2e/test_security.py",
    "Change the number of partitions": "tests/e2e/test_runbook_partitions.py",
    "Lost the cluster": "tests/e2e/test_runbook_partitions.py",
}
QUOTED = sorted({*re.findall(r"`([^`]+)`", TEXT), *(c for part in ("First, always", *PARTS) for c in commands(part))})
THEIRS = {"OOMKilled", "kind: StatefulSet", "--execute"}
"""Words of Kubernetes and of Kafka's tools."""


@cache
def group() -> Any:
    """The `wirewatch` command."""
    return typer.main.get_command(app)


@cache
def words() -> frozenset[str]:
    """What our code calls things: strings, names of arguments and of fields."""
    files = [path for package in ("topics", "alerts", "workers") for path in (PROJECT / package).rglob("*.py")]
    return frozenset(word for path in files for node in ast.walk(ast.parse(path.read_text())) for word in _words(node))


def _words(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def is_setting(name: str) -> bool:
    """Whether `enrich.drain`, or `[kafka.consumer]`, is in the settings."""
    model: Any = Settings
    for field in name.strip("[]").split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel) and field in model.model_fields):
            return False
        model = model.model_fields[field].annotation
    return True


def is_event(name: str) -> bool:
    """Whether a line of our logs begins so, as `brake on` does."""
    return any(word.startswith(f"{name}:") for word in words())


def is_topic(name: str) -> bool:
    return name in {topic.name("news") for topic in TOPICS.values()}


def invoked(quoted: str) -> list[list[str]]:
    """The commands of ours in it, each as its words; `sources check` is one too."""
    found: list[list[str]] = []
    for word in shlex.split(quoted.replace(";", " ; ")):
        if word == "wirewatch" or (not found and word in group().commands):
            found.append([] if word == "wirewatch" else [word])
        elif word in ("|", ";"):
            found.append([])
        elif found:
            found[-1].append(word)
    return [words for words in found if words and words[0] in group().commands]


def wrong_with(words: list[str]) -> str | None:
    """A subcommand or an option that there is not."""
    command, rest = group(), list(words)
    while rest and hasattr(command, "commands"):
        if rest[0] not in command.commands:
            return rest[0]
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    return next((word for word in rest if word.startswith("--") and word not in options), None)


@pytest.mark.parametrize("quoted", [quoted for quoted in QUOTED if invoked(quoted)])
def test_commands_and_their_options_are_there(quoted: str) -> None:
    assert [wrong_with(words) for words in invoked(quoted) if wrong_with(words)] == []


def test_metrics_are_there() -> None:
    families = list(Metrics(CollectorRegistry()).registry.collect())
    known = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    named = set(re.findall(r"\bwirewatch_\w+", TEXT))
    assert named and named <= known


@pytest.mark.parametrize("quoted", QUOTED)
def test_whatever_is_quoted_is_a_name_that_there_is(quoted: str) -> None:
    """A command, a tool of Kafka's, a metric, a setting, a topic, an event, or a word of our code."""
    options = {option for command in group().commands.values() for p in command.params for option in p.opts}
    first = quoted.split()[0]
    known = invoked(quoted) or first in {*TOOLS, "curl", "for", *options} or quoted.startswith("wirewatch_")
    known = known or is_setting(quoted) or is_topic(quoted) or is_event(quoted) or quoted in words() | THEIRS
    assert known, quoted


def test_times_are_those_of_the_code() -> None:
    days = {role: int(TOPICS[role].config["retention.ms"]) // DAY_MS for role in ("raw", "hits", "alerts")}
    kept = "Raw articles are kept for {raw} days, hits for {hits}, alerts for {alerts}"
    assert kept.format_map(days) in section("First, always")
    assert f"without news for {LIFE.total_seconds() / 3600:.0f} h" in section("Replay")
    assert f"`enrich.stalled_after` ({Settings().enrich.stalled_after / 60:.0f} min)" in section("WirewatchStalled")
    assert inputs.METADATA_MAX_AGE_MS <= 60_000
    assert "enrich finds new partitions within a minute" in section("Change the number of partitions")


def test_every_part_that_is_done_by_hand_is_done_by_a_test() -> None:
    assert set(PARTS) == set(DONE_IN)
    for part, file in DONE_IN.items():
        assert part in (PROJECT / file).read_text(), f"{file} does not do {part}"


@pytest.mark.parametrize("words", [["topics", "lst"], ["check", "--workr", "enrich"], ["dlq", "list", "--nothing"]])
def test_what_is_not_there_is_found(words: list[str]) -> None:
    assert wrong_with(words)
