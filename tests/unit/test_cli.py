"""What the command promises before it reaches Kafka: exit codes, messages, and that it starts quickly."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_process import COMMAND

CONFIGURATION = 78
USAGE = 2


def wirewatch(*arguments: str, data: bytes = b"", **env: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*COMMAND, *arguments], input=data, capture_output=True, env=os.environ | env, timeout=60, check=False
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def article(**fields: object) -> bytes:
    return json.dumps({"id": "a1", "title": "Talks on rare earths resume", "body": "In Geneva."} | fields).encode()


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where somebody takes connections and never says a word."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(20)
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("heavy", ["spacy", "numpy", "aiokafka", "faust", "pydantic", "rich.console", "trafilatura"])
def test_the_command_starts_without_what_only_some_commands_need(heavy: str) -> None:
    code = f"import sys, workers.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        "",
        "enrich",
        "alert",
        "deliver",
        "demo",
        "publish",
        "tail",
        "annotate",
        "topics",
        "watchlists",
        "dlq",
        "dlq list",
        "dlq show",
        "dlq redrive",
        "health",
        "sources",
        "gazetteer",
        "trace",
    ],
)
def test_every_command_explains_itself_within_80_columns(command: str) -> None:
    done = wirewatch(*command.split(), "--help", COLUMNS="80")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_version_names_the_version() -> None:
    assert wirewatch("--version").stdout.startswith("wirewatch 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["demo", "--nosuch"],
        ["demo", "no-such-file.jsonl"],
        ["publish", "no-such-file.jsonl"],
        ["annotate", "."],
        ["tail"],
        ["topics", "schema", "NoSuch"],
        ["topics", "create", "--partitions", "0"],
        ["enrich", "--port", "99999"],
        ["dlq", "list", "--stage", "no"],
        ["dlq", "list", "--until", "earliest"],
        ["dlq", "list", "--since", "soon"],
        ["dlq", "show", "7"],
        ["dlq", "show", "0/7", "--raw", "--json"],
        ["dlq", "redrive"],
        ["dlq", "redrive", "x/7"],
        ["dlq", "redrive", "0/7", "--stage", "enrich"],
        ["dlq", "redrive", "--all", "--reason", "not_json"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    done = wirewatch(*arguments)
    assert done.returncode == USAGE
    assert "Error: " in done.stderr


def test_a_wrong_variable_is_named_with_what_was_expected() -> None:
    done = wirewatch("topics", "list", WIREWATCH_ENRICH__BATCH="x")
    assert done.returncode == CONFIGURATION
    assert "WIREWATCH_ENRICH__BATCH: expected a valid integer" in done.stderr


def test_a_wrong_file_is_named_with_line_and_key_and_what_was_expected(tmp_path: Path) -> None:
    file = tmp_path / "wirewatch.toml"
    file.write_text('broker = "a:1"\n\n[enrich]\nbatch = "many"\n')
    done = wirewatch("topics", "list", "--config", str(file))
    assert done.returncode == CONFIGURATION
    assert f"{file}:4: enrich.batch: expected a valid integer" in done.stderr
    assert f"{file}:1: broker: unknown; expected one of alert, brokers, " in done.stderr


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--config", "no-such.toml"], "no-such.toml: expected a file of settings"),
        (["--prefix", "a b"], "--prefix: expected to match"),
        (["--brokers", "not an address:x"], "--brokers: expected HOST:PORT"),
    ],
)
def test_wrong_flags_for_settings_are_bad_configuration(flags: list[str], expected: str) -> None:
    done = wirewatch("topics", "list", *flags)
    assert done.returncode == CONFIGURATION
    assert expected in done.stderr


def test_a_model_that_is_not_there_is_bad_configuration(tmp_path: Path) -> None:
    done = wirewatch("annotate", "--model", "no_such_model", "-", data=article())
    assert done.returncode == CONFIGURATION
    assert "cannot load 'no_such_model'" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "list"],
        ["topics", "create"],
        ["tail", "alerts"],
        ["dlq", "list"],
        ["dlq", "redrive", "--all"],
        ["publish", "-"],
    ],
)
def test_with_no_broker_a_command_ends_with_one_line_and_exit_code_1(arguments: list[str]) -> None:
    done = wirewatch(*arguments, "--brokers", "127.0.0.1:1", data=article())
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("wirewatch: Kafka cannot be reached: ")
    assert "127.0.0.1:1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["topics", "list"], ["tail", "alerts"], ["publish", "-"]])
def test_with_a_broker_that_never_answers_a_command_ends_in_time(silent: str, arguments: list[str]) -> None:
    done = wirewatch(*arguments, "--brokers", silent, data=article(), WIREWATCH_KAFKA__REQUEST_TIMEOUT="2")
    assert done.returncode == 1
    assert done.stderr.startswith("wirewatch: Kafka ")
    assert len(done.stderr.splitlines()) == 1


def test_annotate_gives_a_line_an_article_and_says_which_lines_are_bad() -> None:
    data = b"\n".join([article(), b"not { json", article(id="a2")])
    done = wirewatch("annotate", "-", "--model", "none", "--processes", "1", data=data)
    assert done.returncode == 0
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a1", "a2"]
    assert json.loads(done.stderr)["line"] == 2
    assert json.loads(done.stderr)["reason"] == "not_json"


def test_annotate_takes_a_plain_text_whose_first_line_is_its_title(tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text("Talks resume\n\nRare earths were the subject.\n")
    found = json.loads(wirewatch("annotate", "--model", "none", str(file)).stdout)
    assert (found["title"], found["text"]) == ("Talks resume", "Rare earths were the subject.")
    assert {hit["rule"] for hit in found["hits"]} >= {"rare-earths"}


def test_articles_can_come_from_what_is_read_only_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(article() + b"\n"))
    writer.start()
    done = wirewatch("annotate", "--model", "none", "--processes", "1", str(pipe))
    writer.join()
    assert json.loads(done.stdout)["id"] == "a1"


def test_a_watchlist_is_started_checked_and_tried_with_the_match_marked(tmp_path: Path) -> None:
    watchlist, articles = tmp_path / "mine.yaml", tmp_path / "articles.jsonl"
    assert wirewatch("watchlists", "init", str(watchlist)).returncode == 0
    assert wirewatch("watchlists", "init", str(watchlist)).returncode == CONFIGURATION
    assert "--force" in wirewatch("watchlists", "init", str(watchlist)).stderr
    assert wirewatch("watchlists", "check", str(watchlist)).returncode == 0
    watchlist.write_text("id: mine\nrules:\n  - id: talks\n    terms: [rare earths]\n")
    articles.write_bytes(article() + b"\n" + article(id="a2", title="Rain", body="All day.") + b"\n")
    done = wirewatch("watchlists", "test", str(watchlist), str(articles), "--processes", "1")
    assert done.returncode == 0
    assert "mine/talks" in done.stdout
    assert "Talks on **rare earths** resume" in done.stdout
    assert "2 articles; mine/talks: 1" in done.stdout


def test_terms_with_a_label_or_an_entity_are_checked_and_tried(tmp_path: Path) -> None:
    watchlist, articles = tmp_path / "mine.yaml", tmp_path / "articles.jsonl"
    terms = "[{entity: Q865}, {entity: Q999999999999}, {term: Trump, label: PERSON}]"
    watchlist.write_text(f"id: mine\nrules:\n  - id: named\n    terms: {terms}\n")
    done = wirewatch("watchlists", "check", str(watchlist))
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{watchlist}:4: warning: rules[0].terms[1].entity: expected the id of an entity in the gazetteer,"
        " found “Q999999999999”: nothing is met",
        f"{watchlist}: 0 errors, 1 warnings",
    ]
    names = tmp_path / "names.yaml"
    names.write_text("names:\n  - {id: acme:kestrel, name: Kestrel Lines, label: ORG}\n")
    ours = tmp_path / "ours.yaml"
    ours.write_text("id: ours\nrules:\n  - {id: named, terms: [{entity: acme:kestrel}]}\n")
    assert "0 errors, 1 warnings" in wirewatch("watchlists", "check", str(ours)).stdout
    assert f"{ours}: fine" in wirewatch("watchlists", "check", str(ours), "--gazetteer", str(names)).stdout
    bodies = ("Officials in 台湾 said so.", "A trump card was played.", "President Donald Trump said so on Monday.")
    articles.write_bytes(b"".join(article(id=str(n), title="", body=body) + b"\n" for n, body in enumerate(bodies)))
    done = wirewatch("watchlists", "test", str(watchlist), str(articles), "--processes", "1")
    assert done.returncode == 0
    assert "in **台湾** said so. as Q865\n" in done.stdout
    assert "Donald **Trump** said so on Monday. as PERSON\n" in done.stdout
    assert "3 articles; mine/named: 2" in done.stdout


def test_a_bad_watchlist_is_said_with_file_and_line_and_exit_code_1(tmp_path: Path) -> None:
    watchlist = tmp_path / "bad.yaml"
    watchlist.write_text("id: mine\nrules:\n  - id: talks\n    severity: loud\n    terms: [x]\n")
    done = wirewatch("watchlists", "check", str(watchlist))
    assert done.returncode == 1
    assert f"{watchlist}:4" in done.stdout
    done = wirewatch("annotate", "-", "--model", "none", "-w", str(watchlist), data=article())
    assert done.returncode == CONFIGURATION
    assert f"{watchlist}:4" in done.stderr


def test_schemas_are_printed_and_a_reader_that_leaves_is_no_error() -> None:
    names = wirewatch("topics", "schema").stdout.split()
    assert "Alert" in names
    assert json.loads(wirewatch("topics", "schema", "Alert").stdout)
    command = " ".join([*COMMAND, "topics", "schema", "--asyncapi"])
    done = subprocess.run(f"{command} | head -1", shell=True, capture_output=True, check=False)
    assert done.stdout == b"{\n"
    assert b"rror" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("-", "--from", "news.raw"), ("--from", "news.raw", "--text")])
def test_annotate_takes_a_file_or_a_topic(arguments: tuple[str, ...]) -> None:
    assert wirewatch("annotate", *arguments).returncode == 2


def test_annotate_reads_a_file_as_a_topic_s_input_says(tmp_path: Path) -> None:
    config, file = tmp_path / "wirewatch.toml", tmp_path / "articles.jsonl"
    config.write_text('model = "none"\n[[input]]\ntopics = ["cms"]\nmap = {title = "meta.headline"}\n')
    file.write_text('{"meta": {"headline": "Talks"}}\n')
    done = wirewatch("annotate", str(file), "--as", "cms", "--config", str(config), "--processes", "1")
    assert json.loads(done.stdout)["title"] == "Talks"
