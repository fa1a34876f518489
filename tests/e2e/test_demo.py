"""The demo, as a newcomer sees it: real processes, in a pipe and in a terminal, ended in every way there is."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.demo_process import Marked
from tests.kafka.broker import Cluster

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
SUMMARY = re.compile(
    r"articles in (\d+) (.) enriched (\d+) \+ filtered (\d+) \+ dead-lettered (\d+)(?: \+ on their way (\d+))?"
    r"; hits (\d+), alerts (\d+)"
)
RULES = """
id: quick
rules:
  - id: harbour
    terms: [harbour strike]
"""


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[Marked]:
    found = Marked(tmp_path, WIREWATCH_MODEL="none")
    yield found
    found.kill()


def articles(folder: Path, *more: bytes, number: int = 3) -> Path:
    """A file of articles on a harbour strike, and lines of other kinds after them."""
    file = folder / "articles.jsonl"
    lines = [
        {
            "id": f"a{n}",
            "title": f"Pilots call off harbour strike number {n}",
            "body": f"Work resumed on pier {n} at dawn. " * 3,
            "source": f"Paper {n}",
            "url": f"https://paper{n}.example/strike",
        }
        for n in range(number)
    ]
    file.write_bytes(b"\n".join([*(json.dumps(line).encode() for line in lines), *more, b""]))
    return file


def rules(folder: Path, text: str = RULES) -> str:
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def totals(text: str) -> dict[str, int]:
    found = SUMMARY.search(re.sub(r"\s+", " ", text))
    assert found is not None, text[-3000:]
    assert found[2] == "=", found[0]
    names = ("articles", "enriched", "filtered", "dead", "on their way", "hits", "alerts")
    return dict(zip(names, (int(found[n] or 0) for n in (1, 3, 4, 5, 6, 7, 8)), strict=True))


def test_once_streams_the_samples_prints_plain_lines_and_adds_up(marked: Marked) -> None:
    done = marked.run("demo", "--once", "--rate", "30")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    found = totals(done.stdout)
    assert found["articles"] == 56
    assert found["articles"] == found["enriched"] + found["filtered"] + found["dead"]
    assert found["filtered"] == 1
    assert found["dead"] == 1
    blocks = re.findall(r"^ (?:INFO|URGENT|FLASH)  \w+  \w+: .* \d+\.\d s$", done.stdout, re.MULTILINE)
    assert len(blocks) == found["alerts"] >= 20
    assert re.search(r"\*\*Taiwan", done.stdout)
    assert "http://127.0.0.1:" in done.stdout.splitlines()[0]
    assert marked.processes() == {}
    assert list(marked.temporary.iterdir()) == []


def test_a_terminal_shows_alerts_and_takes_a_saved_watchlist_and_says_what_is_wrong_with_one(
    marked: Marked, tmp_path: Path
) -> None:
    watchlist = rules(tmp_path)
    shell = marked.terminal("demo", str(articles(tmp_path)), "-w", watchlist, columns=80)
    shell.expect("loading the model")
    shell.expect("Pilots call off ")
    shell.expect("\x1b.*harbour strike.*\x1b")  # marked by a style
    shell.expect("all through")
    rules(tmp_path, RULES + "  - id: [\n")
    shell.expect("watchlists not taken, the last good ones stay")
    shell.expect(r"rules\.yaml:\d+")
    rules(tmp_path, RULES + "  - id: pier\n    name: At the pier\n    terms: [pier]\n")
    shell.expect("watchlists read again: 2 rules")
    shell.expect("At the pier")
    shell.expect("all through")
    shell.sendintr()
    shell.expect(pexpect.EOF)
    shell.close()
    assert totals(re.sub("\x1b[^A-Za-z]*[A-Za-z]", "", shell.before or ""))["articles"] == 6
    assert shell.exitstatus == 0
    assert marked.processes() == {}
    assert list(marked.temporary.iterdir()) == []


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_starting_ends_it_and_all_of_its_processes(marked: Marked, times: int) -> None:
    shell = marked.terminal("demo")
    shell.expect("starting: ")
    for _ in range(times):
        shell.sendintr()
    shell.expect("articles in 0 = ")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0
    assert marked.processes() == {}
    assert list(marked.temporary.iterdir()) == []


def test_sigterm_while_streaming_says_what_is_on_its_way_and_ends_once_as_interrupted(marked: Marked) -> None:
    shell = marked.terminal("demo", "--once")
    shell.expect(r"URGENT")
    os.kill(shell.pid or 0, signal.SIGTERM)
    shell.expect("articles in")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 130
    assert marked.processes() == {}


def test_a_killed_demo_leaves_no_process_behind(marked: Marked) -> None:
    shell = marked.terminal("demo")
    shell.expect("URGENT")
    assert len(marked.processes()) > 4
    os.kill(shell.pid or 0, signal.SIGKILL)
    shell.close()
    assert marked.gone(15), marked.processes()


def test_a_killed_worker_is_started_again_and_the_summary_still_adds_up(marked: Marked) -> None:
    shell = marked.terminal("demo", "--once", "--rate", "15")
    shell.expect("URGENT")
    enrich, alert = marked.worker("enrich"), marked.worker("alert")
    assert enrich is not None
    assert alert is not None
    os.kill(enrich, signal.SIGKILL)
    shell.expect(r"enrich ended \(signal 9\): started again")
    os.kill(alert, signal.SIGKILL)
    shell.expect(r"alert ended \(signal 9\): started again")
    shell.expect(pexpect.EOF, timeout=90)
    shell.close()
    found = totals(re.sub("\x1b[^A-Za-z]*[A-Za-z]", "", shell.before or ""))
    assert (found["articles"], found["dead"], found["filtered"]) == (56, 1, 1)
    assert shell.exitstatus == 0
    assert marked.processes() == {}


def test_hostile_records_are_counted_and_take_no_effect_on_the_terminal(marked: Marked, tmp_path: Path) -> None:
    hostile = {
        "id": "hostile",
        "title": "[bold red]Harbour strike[/] \x1b]0;owned\x07\x1b[2J\u202eevil",
        "body": "Another harbour strike \x9b31m[link=http://evil.example]here[/link] and so on. " * 4,
        "source": "A\x1b[2Jpaper",
        "url": "https://evil.example/\x1b[31m",
    }
    large = json.dumps({"id": "large", "body": "x" * 2_000_000}).encode()
    file = articles(
        tmp_path, json.dumps(hostile).encode(), large, b"not { json", b'{"id": 1, "body": "\xff"}', *[b"bad"] * 60
    )
    shell = marked.terminal("demo", str(file), "--once", "-w", rules(tmp_path))
    shell.expect("not published: a record of .* bytes is too large")
    shell.expect(pexpect.EOF)
    shell.close()
    said = shell.before or ""
    assert "\x1b]" not in said
    assert "\x1b[2J" not in said
    assert "\u202e" not in said
    assert "[bold red]" in said
    found = totals(re.sub("\x1b[^A-Za-z]*[A-Za-z]", "", said))
    assert found["articles"] == 66
    assert found["enriched"] + found["dead"] == 66, "nothing is held back: one is to see what is wrong"
    assert "1 too large to publish" in said
    assert shell.exitstatus == 0


def test_a_worker_that_cannot_start_is_told_in_one_line_and_the_exit_code_is_1(marked: Marked) -> None:
    done = marked.run("demo", "--once", "--model", "no_such_model")
    assert done.returncode == 1
    assert "enrich ended (exit code 78)" in done.stdout
    assert "cannot load 'no_such_model'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert marked.processes() == {}


@pytest.mark.kafka
async def test_on_a_cluster_it_has_topics_of_its_own_and_removes_them(
    kafka: Cluster, marked: Marked, prefix: str
) -> None:
    done = marked.run("demo", "--once", "--rate", "0", "--brokers", kafka.bootstrap, "--prefix", prefix)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert totals(done.stdout)["articles"] == 56
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        assert [topic for topic in await admin.list_topics() if topic.startswith(prefix)] == []
    finally:
        await admin.close()
    assert marked.processes() == {}
