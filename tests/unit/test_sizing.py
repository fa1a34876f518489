"""The pool's size is the least of what cores, quota and memory allow; each bound is said, and which one decided."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from workers import article_pool
from workers.sections import Enrich
from workers.settings import Settings
from workers.stream import sizing
from workers.stream.sizing import PROCESS_BYTES, Size, pool_size

GIB = 1024**3
ROOM = 1000 * GIB


class Machine:
    """A tree of control groups, and a process in one of them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.own = folder / "self"
        self.own.write_text("0::/\n")

    def write(self, path: str, text: str) -> "Machine":
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        return self

    def inside(self, *lines: str) -> "Machine":
        self.own.write_text("\n".join(lines) + "\n")
        return self

    def size(self, *, cores: int = 8, memory: int = ROOM) -> Size:
        return pool_size(cgroups=self.root, own_cgroup=self.own, cores=cores, memory=memory)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("cpu", "memory", "size", "decided_by"),
    [
        ("max 100000", "max", 8, "affinity"),
        ("200000 100000", "max", 2, "cpu_quota"),
        ("50000 100000", "max", 1, "cpu_quota"),
        ("250000 100000", "max", 3, "cpu_quota"),
        ("1600000 100000", "max", 8, "affinity"),
        ("max 100000", str(4 * PROCESS_BYTES), 3, "memory"),
        ("max 100000", str(PROCESS_BYTES // 2), 1, "memory"),
        ("400000 100000", str(3 * PROCESS_BYTES), 2, "memory"),
        ("nonsense", "nonsense", 8, "affinity"),
        ("0 0", "", 8, "affinity"),
    ],
)
def test_the_least_bound_decides(machine: Machine, cpu: str, memory: str, size: int, decided_by: str) -> None:
    found = machine.write("cpu.max", cpu).write("memory.max", memory).size()
    assert (found.processes, found.decided_by) == (size, decided_by)


def test_each_further_model_takes_its_memory(machine: Machine) -> None:
    machine.write("cpu.max", "max 100000").write("memory.max", str(4 * PROCESS_BYTES)).inside("0::/")
    found = [
        pool_size(models=n, cgroups=machine.root, own_cgroup=machine.own, cores=8, memory=ROOM) for n in (0, 1, 2, 5)
    ]
    assert [size.processes for size in found] == [3, 3, 2, 1]
    assert found[2].problem(3) is not None
    assert found[1].problem(3) is None


def test_without_control_groups_cores_and_the_machine_s_memory_decide(machine: Machine) -> None:
    machine.own.unlink()
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": None, "memory": ROOM // PROCESS_BYTES - 1}
    assert machine.size(memory=5 * PROCESS_BYTES).processes == 4


def test_every_bound_is_told(machine: Machine) -> None:
    found = machine.write("cpu.max", "300000 100000").write("memory.max", str(7 * PROCESS_BYTES)).size()
    assert found.bounds == {"affinity": 8, "cpu_quota": 3, "memory": 6}
    assert (found.decided_by, found.memory_bytes) == ("cpu_quota", 7 * PROCESS_BYTES)


def test_limits_of_the_process_s_own_group_count(machine: Machine) -> None:
    machine.inside("0::/system.slice/wirewatch.service")
    machine.write("system.slice/wirewatch.service/cpu.max", "200000 100000")
    machine.write("system.slice/wirewatch.service/memory.max", str(2 * PROCESS_BYTES))
    machine.write("system.slice/other.service/cpu.max", "50000 100000")
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": 2, "memory": 1}


@pytest.mark.parametrize(("inner", "outer"), [("400000", "200000"), ("200000", "400000"), ("max", "200000")])
def test_limits_of_every_group_above_count_too(machine: Machine, inner: str, outer: str) -> None:
    machine.inside("0::/kube/pod1/container")
    machine.write("kube/pod1/container/cpu.max", f"{inner} 100000")
    machine.write("kube/cpu.max", f"{outer} 100000")
    machine.write("kube/pod1/memory.max", str(3 * PROCESS_BYTES))
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": 2, "memory": 2}


@pytest.mark.parametrize("path", ["/", "/../other/container", "/docker/1a2b"])
def test_in_a_container_what_is_mounted_is_the_group_itself(machine: Machine, path: str) -> None:
    """With a namespace of its own the path is /, seen from outside /../…, without one the host's, not mounted here."""
    machine.inside(f"0::{path}").write("cpu.max", "200000 100000").write("memory.max", str(3 * PROCESS_BYTES))
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": 2, "memory": 2}


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_version_1_is_read_by_its_controllers(machine: Machine, mount: str) -> None:
    machine.inside("9:name=systemd:/x", "4:memory:/docker/1a", "1:cpu,cpuacct:/docker/1a", "0::/")
    machine.write(f"{mount}/docker/1a/cpu.cfs_quota_us", "150000")
    machine.write(f"{mount}/docker/1a/cpu.cfs_period_us", "50000")
    machine.write("memory/docker/1a/memory.limit_in_bytes", str(6 * PROCESS_BYTES))
    machine.write("memory/memory.limit_in_bytes", "9223372036854771712")
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": 3, "memory": 5}


def test_version_1_without_limits_has_none(machine: Machine) -> None:
    machine.write("cpu/cpu.cfs_quota_us", "-1").write("cpu/cpu.cfs_period_us", "100000")
    machine.write("memory/memory.limit_in_bytes", "9223372036854771712")
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": None, "memory": ROOM // PROCESS_BYTES - 1}


def test_where_both_versions_are_mounted_both_count(machine: Machine) -> None:
    machine.inside("1:cpu:/a", "0::/b")
    machine.write("unified/b/cpu.max", "max 100000").write("unified/b/memory.max", str(3 * PROCESS_BYTES))
    machine.write("cpu/a/cpu.cfs_quota_us", "100000").write("cpu/a/cpu.cfs_period_us", "100000")
    assert machine.size().bounds == {"affinity": 8, "cpu_quota": 1, "memory": 2}


def test_affinity_is_that_of_the_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from workers.stream.sizing import pool_size; print(pool_size().bounds['affinity'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert pool_size().bounds["affinity"] == len(os.sched_getaffinity(0))


def test_memory_that_holds_not_one_process_is_said_and_one_is_taken(machine: Machine) -> None:
    found = machine.write("memory.max", str(GIB)).size()
    assert found.processes == 1
    problem = found.problem(1)
    assert problem is not None
    assert "1 pool process may need 1400 MiB" in problem
    assert "1024 MiB" in problem


def test_more_processes_than_memory_holds_are_taken_and_warned_about(machine: Machine) -> None:
    found = machine.write("memory.max", str(4 * PROCESS_BYTES)).size()
    assert found.problem(3) is None
    problem = found.problem(4)
    assert problem is not None
    assert "set enrich.processes lower" in problem


class Unstarted:
    """Stands where a pool would be: its processes are of no interest here."""

    def __init__(self, *args: object, **options: object) -> None:
        self.processes = options["processes"]


def _made(monkeypatch: pytest.MonkeyPatch, size: Size, **options: int) -> tuple[object, list[dict[str, object]]]:
    monkeypatch.setattr(article_pool, "pool_size", lambda *, models: size)
    monkeypatch.setattr(article_pool, "Pool", Unstarted)
    with capture_logs() as logs:
        pool = article_pool.make_pool(Settings(model="none", enrich=Enrich.model_validate(options)))
    return pool.processes, [dict(line) for line in logs]


def test_the_log_names_each_bound_and_which_one_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    size = Size(2, "cpu_quota", {"affinity": 8, "cpu_quota": 2, "memory": None}, None)
    processes, logs = _made(monkeypatch, size)
    assert processes == 2
    (line,) = logs
    assert json.loads(json.dumps(line)) == {
        "event": "pool",
        "log_level": "info",
        "processes": 2,
        "decided_by": "cpu_quota",
        "affinity": 8,
        "cpu_quota": 2,
        "memory": None,
        "memory_bytes": None,
    }


def test_a_setting_above_the_bounds_is_taken_and_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    size = Size(1, "memory", {"affinity": 8, "cpu_quota": None, "memory": 1}, 2 * PROCESS_BYTES)
    processes, logs = _made(monkeypatch, size, processes=6)
    assert processes == 6
    assert [(line["event"], line["log_level"]) for line in logs] == [("pool", "info"), ("pool.memory", "warning")]
    assert logs[0]["decided_by"] == "enrich.processes"


def test_the_machine_s_memory_is_known_here() -> None:
    memory = sizing._physical()
    assert memory is not None
    assert memory > 256 * 1024**2
