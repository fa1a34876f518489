import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.supervisor import FINAL, VARIABLE, Supervisor, follow_supervisor, supervise

TICK = 0.02


@pytest.fixture
def parent(tmp_path: Path) -> Iterator["Parent"]:
    made = Parent(tmp_path)
    yield made
    made.close()


class Parent:
    """A process that supervises a script; what the script's runs say is in a file, one line each."""

    def __init__(self, folder: Path) -> None:
        self.said = folder / "said"
        self.said.touch()
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, script: str, *, grace: float = 10.0) -> "Parent":
        child = self._folder / "child.py"
        child.write_text(f"said = open({str(self.said)!r}, 'a', buffering=1)\n{script}")
        code = (
            "import sys; from workers.supervisor import supervise;"
            f"sys.exit(supervise([sys.executable, {str(child)!r}], backoff=({TICK}, {TICK * 8}), grace={grace}))"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code])
        return self

    def lines(self, count: int, timeout: float = 20.0) -> list[str]:
        """Wait until the runs have said so much."""
        deadline = time.monotonic() + timeout
        while len(lines := self.said.read_text().splitlines()) < count:
            assert time.monotonic() < deadline, lines
            time.sleep(TICK)
        return lines

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(20)

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


FOLLOWING = """
import os, signal, time
from workers.supervisor import follow_supervisor
def stop(number, frame):
    print(f"stopped {number}", file=said)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
follow_supervisor()
print(os.getpid(), file=said)
time.sleep(60)
"""


@pytest.mark.parametrize("code", FINAL)
def test_a_final_exit_code_is_passed_on_and_not_restarted(code: int, parent: Parent) -> None:
    assert parent.start(f"print('run', file=said); import sys; sys.exit({code})").wait() == code
    assert parent.lines(1) == ["run"]


@pytest.mark.parametrize("end", ["sys.exit(75)", "os.kill(os.getpid(), 9)", "raise ValueError"])
def test_a_child_that_ends_itself_is_started_again_and_told_how_often(end: str, parent: Parent) -> None:
    script = f"""
import os, sys
restarts = int(os.environ[{VARIABLE!r}].split(":")[1])
print(restarts, file=said)
if restarts == 3: sys.exit(0)
{end}
"""
    assert parent.start(script).wait() == 0
    assert parent.lines(4) == ["0", "1", "2", "3"]


def test_waits_double_up_to_a_limit_and_begin_anew_after_a_healthy_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waits = Clock(), []
    runs = iter([(75, 1.0), (75, 1.0), (75, 1.0), (75, 100.0), (75, 1.0), (0, 1.0)])

    def run(self: Supervisor, restarts: int) -> int:
        code, seconds = next(runs)
        clock.time += seconds
        return code

    monkeypatch.setattr(Supervisor, "_run_once", run)
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout: waits.append(timeout))
    assert supervise(["unused"], backoff=(1.0, 3.0), healthy_after=60, now=clock) == 0
    assert waits == [1.0, 2.0, 3.0, 1.0, 2.0]


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_goes_on_to_the_child_and_its_code_comes_back(number: signal.Signals, parent: Parent) -> None:
    parent.start(FOLLOWING).lines(1)
    parent.send(number)
    assert parent.wait() == 0
    assert parent.lines(2)[1] == f"stopped {int(number)}"


def test_a_child_that_ignores_the_signal_is_killed_after_the_grace(parent: Parent) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', file=said); time.sleep(60)"
    parent.start(deaf, grace=0.3).lines(1)
    parent.send(signal.SIGTERM)
    assert parent.wait() == 128 + signal.SIGKILL


def test_a_signal_between_two_runs_ends_it(parent: Parent) -> None:
    parent.start("print('run', file=said); import sys; sys.exit(75)").lines(5)
    parent.send(signal.SIGTERM)
    parent.wait()
    runs = len(parent.lines(5))
    time.sleep(TICK * 20)  # longer than the longest wait
    assert len(parent.lines(5)) == runs


def test_the_child_is_stopped_when_the_supervisor_is_killed(parent: Parent) -> None:
    parent.start(FOLLOWING).lines(1)
    parent.send(signal.SIGKILL)
    assert parent.lines(2)[1] == f"stopped {int(signal.SIGTERM)}"


def test_the_end_of_the_pipe_alone_stops_a_child() -> None:
    reader, writer = os.pipe()
    code = "import time; from workers.supervisor import follow_supervisor as f; print(f(), flush=True); time.sleep(60)"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {VARIABLE: f"{reader}:7"},
        pass_fds=(reader,),
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"7\n"
        os.close(reader)
        os.close(writer)
        assert child.wait(10) == -signal.SIGTERM


def test_a_child_leaves_to_the_next_what_it_should_know(parent: Parent) -> None:
    script = (
        "import sys\nfrom workers.supervisor import left_by_former\nformer = left_by_former()\n"
        "print(former.get('life'), file=said)\nformer.leave('life', str(former.get('life')) + '+')\nsys.exit(75)\n"
    )
    assert parent.start(script).lines(3)[:3] == ["None", "None+", "None++"]


@pytest.mark.parametrize("value", ["", "x:y", "5"])
def test_without_a_supervisor_nothing_is_followed(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert follow_supervisor() == 0
