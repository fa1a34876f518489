"""How many pool processes: what the cores, the container's quota and its memory allow, whichever is least.

Limits of control groups hold for a group and all below it, so those of the process's own group and of every group
above it count. Both versions are read: in version 2 a group is one folder, in version 1 one for each controller.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
PROCESS_BYTES = 700 * 1024 * 1024
"""What a process with spaCy's small pipeline takes at its worst, seen on articles of a megabyte."""
MODEL_BYTES = 100 * 1024 * 1024
"""What each further small pipeline adds: its weights and its vocabulary; 53 MB seen for the French one."""
_UNLIMITED = 2**60
"""Version 1 writes no word for "no limit" but the largest number of pages there can be."""
_MOUNTS = {"cpu": ("cpu", "cpu,cpuacct"), "memory": ("memory",)}


@dataclass(frozen=True, slots=True)
class Size:
    """`bounds` are the processes that each bound allows, None where there is none; `decided_by` is the least of them.

    `memory_bytes` is what this process and its pool may use together, None where nobody can say; `process_bytes` is
    what each of them may need.
    """

    processes: int
    decided_by: str
    bounds: dict[str, int | None]
    memory_bytes: int | None = None
    process_bytes: int = PROCESS_BYTES

    def problem(self, processes: int) -> str | None:
        """What is wrong with so many processes, and what to do about it; None if nothing is."""
        if self.memory_bytes is None or processes <= _fitting(self.memory_bytes, self.process_bytes):
            return None
        needed = (processes + 1) * self.process_bytes
        return (
            f"{processes} pool process{'es' if processes > 1 else ''} may need {_mib(needed)} with this one, and the "
            f"memory limit is {_mib(self.memory_bytes)}: raise it, or "
            + ("set enrich.processes lower" if processes > 1 else "expect to be killed by it")
        )


def pool_size(
    *,
    models: int = 1,
    cgroups: Path = CGROUPS,
    own_cgroup: Path = OWN_CGROUP,
    cores: int | None = None,
    memory: int | None = None,
) -> Size:
    """The pool's size here, for processes of so many models.

    `cores` and `memory` (bytes) are the machine's, which are asked for where not given.
    """
    groups = _paths(own_cgroup)
    process = PROCESS_BYTES + max(0, models - 1) * MODEL_BYTES
    quota = min(_quotas(cgroups, groups), default=None)
    machine = _physical() if memory is None else memory
    least = min([*_limits(cgroups, groups), *([machine] if machine else [])], default=None)
    bounds: dict[str, int | None] = {
        "affinity": cores or _affinity(),
        # Half a core still needs a process, and a core and a half has work for two.
        "cpu_quota": None if quota is None else max(1, math.ceil(quota)),
        "memory": None if least is None else max(1, _fitting(least, process)),
    }
    found = {name: bound for name, bound in bounds.items() if bound is not None}
    decided = min(found, key=lambda name: found[name])
    return Size(max(1, found[decided]), decided, bounds, least, process)


def _fitting(memory: int, process: int) -> int:
    """Pool processes, of so many bytes each, that fit into so much memory beside this one."""
    return memory // process - 1


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _physical() -> int | None:
    """The machine's memory in bytes; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _paths(own_cgroup: Path) -> dict[str, str]:
    """Controller -> this process's group (cgroups(7): `hierarchy:controllers:path`); version 2's under ""."""
    groups = {}
    for line in _read(own_cgroup).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _folders(cgroups: Path, controller: str, groups: dict[str, str]) -> Iterator[Path]:
    """The folders of our group and of those above it, by both versions. One that is not there says nothing."""
    yield from _upwards(cgroups, groups.get("", "/"))
    yield from _upwards(cgroups / "unified", groups.get("", "/"))  # both versions side by side
    for mount in _MOUNTS[controller]:
        yield from _upwards(cgroups / mount, groups.get(controller, "/"))


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    # A group outside our namespace is written /../other, and in a container what is mounted may be our own group:
    # what can be seen of either is the mount itself.
    path = PurePosixPath(group)
    for above in (path, *path.parents):
        if ".." not in above.parts:
            yield mount.joinpath(*above.parts[1:])


def _quotas(cgroups: Path, groups: dict[str, str]) -> Iterator[float]:
    """Cores: a quota in microseconds and the period that it is for."""
    for folder in _folders(cgroups, "cpu", groups):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        for used, per in (
            (_number(quota), _number(period)),
            (_number(_read(folder / "cpu.cfs_quota_us")), _number(_read(folder / "cpu.cfs_period_us"))),
        ):
            if used and per:
                yield used / per


def _limits(cgroups: Path, groups: dict[str, str]) -> Iterator[int]:
    """Bytes."""
    for folder in _folders(cgroups, "memory", groups):
        for file in ("memory.max", "memory.limit_in_bytes"):
            limit = _number(_read(folder / file))
            if limit is not None and limit < _UNLIMITED:
                yield limit


def _number(text: str) -> int | None:
    """None for "max", for -1, and for a file that is not there."""
    return int(text) if text.strip().isdecimal() else None


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
