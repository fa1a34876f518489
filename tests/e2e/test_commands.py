"""Every command on a real Kafka, as a user types it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.conftest import KafkaFactory
from tests.demo_process import COMMAND, eventually
from tests.kafka.broker import Cluster
from tests.worker_processes import Workers
from topics.catalog import TOPICS
from workers.demo.stream import SAMPLES

pytestmark = pytest.mark.kafka
CONFIGURATION = 78


class Shell:
    """Runs commands on one cluster, under one prefix."""

    def __init__(self, kafka: Cluster, prefix: str) -> None:
        self.env = os.environ | {"WIREWATCH_BROKERS": kafka.bootstrap, "WIREWATCH_PREFIX": prefix}
        self.env |= {"WIREWATCH_MODEL": "none", "WIREWATCH_GROUP": prefix}

    def __call__(self, *arguments: str, data: bytes = b"", fails: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*COMMAND, *arguments], input=data, capture_output=True, env=self.env, timeout=60, check=False
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == fails, err
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*COMMAND, *arguments], env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


@pytest.fixture
def wirewatch(kafka: Cluster, prefix: str) -> Shell:
    return Shell(kafka, prefix)


def article(number: int, **fields: object) -> bytes:
    return (
        json.dumps({"id": f"a{number}", "title": f"Title {number}", "body": "Rare earths."} | fields).encode() + b"\n"
    )


def test_topics_are_made_once_and_listed(wirewatch: Shell, prefix: str) -> None:
    assert wirewatch("topics", "list").stdout.count("not there") == len(TOPICS)
    made = wirewatch("topics", "create", "--partitions", "2").stdout.splitlines()
    assert made == sorted(f"{prefix}.{role}: made" for role in TOPICS)
    again = wirewatch("topics", "create", "--partitions", "3").stdout.splitlines()
    assert again == sorted(f"{prefix}.{role}: was there" for role in TOPICS)
    listed = [json.loads(line) for line in wirewatch("topics", "list", "--json").stdout.splitlines()]
    assert {row["name"]: row["partitions"] for row in listed} == {
        f"{prefix}.{role}": 1 if role == "watchlists" else 2 for role in TOPICS
    }
    assert "not there" not in wirewatch("topics", "list").stdout


@pytest.mark.parametrize("arguments", [["tail", "alerts"], ["dlq", "list"], ["publish", "-"]])
def test_a_topic_that_is_not_there_is_said_at_once(wirewatch: Shell, prefix: str, arguments: list[str]) -> None:
    started = time.monotonic()
    done = wirewatch(*arguments, data=article(1), fails=CONFIGURATION)
    assert f"no topic {prefix}." in done.stderr
    assert "wirewatch topics create" in done.stderr
    assert time.monotonic() - started < 20


def test_what_is_published_can_be_tailed_by_a_person_and_by_a_program(wirewatch: Shell, prefix: str) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    done = wirewatch("publish", "-", data=b"".join(article(n) for n in range(3)) + b"not { json\n")
    assert done.stdout == ""
    assert f"4 articles published to {prefix}.raw" in done.stderr
    found = [json.loads(line) for line in wirewatch("tail", "raw", "--once", "--json").stdout.splitlines()]
    assert [record.get("value", {}).get("id") for record in found] == ["a0", "a1", "a2", None]
    assert [record["key"] for record in found] == ["a0", "a1", "a2", None]
    assert "value_base64" in found[3]
    text = wirewatch("tail", f"{prefix}.raw", "--once", "-n", "2").stdout
    assert "Title 1" in text
    assert "Title 2" not in text


def test_a_record_that_is_too_large_is_named_and_the_others_are_published(wirewatch: Shell) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    large = [article(n, body="x" * size) for n, size in ((1, 5_000_000), (2, 9_000_000))]
    done = wirewatch("publish", "-", data=b"".join([article(0), *large, article(3)]), fails=1)
    assert "2 articles published" in done.stderr
    assert "2 not published: lines 2, 3" in done.stderr


def test_publishing_in_a_terminal_has_a_progress_bar(wirewatch: Shell, tmp_path: Path) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    file = tmp_path / "articles.jsonl"
    file.write_bytes(b"".join(article(n) for n in range(30)))
    command = [*COMMAND, "publish", str(file), "--rate", "30"]
    shell = pexpect.spawn(command[0], command[1:], env=wirewatch.env, encoding="utf-8", timeout=30)
    shell.expect(r"published.*━.*\d+/30")
    shell.expect("30 articles published")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0


def test_tail_follows_until_its_reader_leaves(wirewatch: Shell) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    wirewatch("publish", "-", data=article(1))
    tail = wirewatch.start("tail", "raw", "--from-beginning", "--json")
    assert tail.stdout is not None
    assert tail.stderr is not None
    assert json.loads(tail.stdout.readline())["value"]["id"] == "a1"
    wirewatch("publish", "-", data=article(2))
    assert json.loads(tail.stdout.readline())["value"]["id"] == "a2"
    tail.stdout.close()  # like `| head -2`: nothing more comes, and it ends all the same
    assert tail.wait(10) == 0
    assert tail.stderr.read() == ""
    tail.stderr.close()


def test_ctrl_c_ends_tail_silently(wirewatch: Shell) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    wirewatch("publish", "-", data=article(1))
    with wirewatch.start("tail", "raw", "--from-beginning") as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert "raw/0/0" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 130
        assert tail.stderr.read() == ""


def test_control_characters_never_reach_the_terminal(wirewatch: Shell) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    evil = article(1, title="\x1b]0;x\x07\x1b[2Jtitle\u202e\nsecond line") + b'{"id": "b", \x1b[2J broken\n'
    wirewatch("publish", "-", data=evil)
    shown = wirewatch("tail", "raw", "--once").stdout
    assert "title" in shown
    for character in ("\x1b", "\x07", "\u202e"):
        assert character not in shown
    assert len(shown.splitlines()) == 4


def test_dead_letters_are_listed_with_reason_place_and_beginning(
    kafka: Cluster, wirewatch: Shell, prefix: str, tmp_path: Path
) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    wirewatch("publish", "-", data=article(1) + b"not { json\n" + b'{"id": "x"}\n')
    assert wirewatch("dlq", "list").stdout == ""
    with Workers(kafka.bootstrap, prefix, tmp_path, {"WIREWATCH_MODEL": "none"}) as workers:
        workers.start("enrich", "--processes", "1")
        assert eventually(lambda: len(wirewatch("dlq", "list").stdout.splitlines()) == 4, 40)
    first, beginning, *_ = wirewatch("dlq", "list").stdout.splitlines()
    assert "not_json" in first
    assert f"{prefix}.raw/0/1" in first
    assert beginning == "    not { json"
    entries = [json.loads(line) for line in wirewatch("dlq", "list", "--json").stdout.splitlines()]
    assert [(entry["errors"]["reason"], entry["errors"]["offset"]) for entry in entries] == [
        ("not_json", "1"),
        ("no_text", "2"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="waits on sockets as Linux closes them")
def test_tail_says_so_when_the_brokers_go_away(tmp_path: Path, kafka_cluster: KafkaFactory) -> None:
    cluster = kafka_cluster(1)
    wirewatch = Shell(cluster, "news")
    wirewatch.env["WIREWATCH_KAFKA__REQUEST_TIMEOUT"] = "4"
    wirewatch("topics", "create", "--partitions", "1")
    wirewatch("publish", str(SAMPLES))
    with wirewatch.start("tail", "raw", "--from-beginning") as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert "raw/0/0" in tail.stdout.readline()
        cluster.stop()
        said = tail.communicate(timeout=40)[1]
        assert tail.returncode == 1
        assert said.startswith("wirewatch: Kafka ")
        assert len(said.splitlines()) == 1
