"""How the tests come by Kafka: what is needed, said by name; the cache whole, shared, and used without Maven."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.kafka import jars
from tests.kafka.broker import free_ports, spawn, tail

JAVA = """#!/bin/sh
echo 'openjdk version "%s" 2025-04-15' >&2
"""
MAVEN = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
case "$*" in *" -o "*) exit 1;; esac
for word in "$@"; do
  case "$word" in -DoutputDirectory=*) mkdir -p "${word#*=}" && touch "${word#*=}/kafka.jar";; esac
done
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, beside the few programs that the scripts in it use; the cache is empty."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("sh", "dirname", "mkdir", "touch"):
        (folder / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("WIREWATCH_KAFKA_CACHE", str(tmp_path / "cache"))
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_no_java_is_said_by_name(tools: Path) -> None:
    with pytest.raises(jars.KafkaUnavailable, match="Java 17 and Maven are needed"):
        jars.install()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292", "16-ea"])
def test_an_old_java_will_not_do(tools: Path, version: str) -> None:
    script(tools / "java", JAVA % version)
    with pytest.raises(jars.KafkaUnavailable, match="no java of 17"):
        jars.install()


def test_no_maven_is_said_by_name(tools: Path) -> None:
    script(tools / "java", JAVA % "17.0.15")
    with pytest.raises(jars.KafkaUnavailable, match="no mvn"):
        jars.install()


def test_maven_is_asked_offline_first_and_never_again_once_the_jars_are_there(tools: Path) -> None:
    script(tools / "java", JAVA % "21-ea")
    script(tools / "mvn", MAVEN)
    first = jars.install()
    calls = (tools / "calls").read_text().splitlines()
    assert [" -o " in call for call in calls] == [True, False]
    assert [jar.name for jar in first.libs.iterdir()] == ["kafka.jar"]
    (tools / "mvn").unlink()
    assert jars.install() == first


def test_a_failed_fetch_says_what_maven_said_and_leaves_no_half(tools: Path, tmp_path: Path) -> None:
    script(tools / "java", JAVA % "17.0.15")
    script(tools / "mvn", MAVEN + "echo no such host\nexit 1\n")
    with pytest.raises(jars.KafkaUnavailable, match="no such host"):
        jars.install()
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_another_java_gets_another_class_archive(tools: Path) -> None:
    script(tools / "mvn", MAVEN)
    script(tools / "java", JAVA % "17.0.15")
    first = jars.install()
    script(tools / "java", JAVA % "21.0.1")
    assert jars.install().archive != first.archive


def test_the_cache_is_one_runs_at_a_time(tools: Path) -> None:
    with jars.locked(), (jars.cache() / "lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (jars.cache() / "lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_missing_is_skipped_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Java"):
        unavailable("Java 17 and Maven are needed")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Java"):
        unavailable("Java 17 and Maven are needed")


def test_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) < 32_768


def test_what_a_process_says_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert spawn(["sh", "-c", "echo said; echo cried >&2; exit 3"], log).wait(20) == 3
    assert tail(log).splitlines() == ["said", "cried"]
    assert tail(tmp_path / "none") == "(no log)"


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_started_process_does_not_outlive_a_test_run_that_is_killed(tmp_path: Path) -> None:
    """It holds the writing end of a pipe: the pipe ends when it does."""
    program = (
        "import sys, threading, pathlib\n"
        "from tests.kafka.broker import spawn\n"
        "command = ['sh', '-c', 'echo it runs; exec sleep 600']\n"
        "started = threading.Thread(target=spawn, args=(command, pathlib.Path(sys.argv[1])))\n"
        "started.start(); started.join()\n"  # the thread that asked for it is gone, and that must not end it
        "print('up', flush=True); sys.stdin.read()\n"
    )
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(fifo)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None and run.stdout.readline() == b"up\n"
        os.set_blocking(reading, True)
        assert os.read(reading, 100) == b"it runs\n"
        run.kill()
    assert os.read(reading, 100) == b""
    os.close(reading)
