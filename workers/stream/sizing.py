"""How many pool processes: what the cores, the container's quota and its memory allow, whichever is least."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
PROCESS_BYTES = 700 * 1024 * 1024
"""What a process with spaCy's small pipeline takes at its worst, seen on articles of a megabyte."""


def pool_size(*, cgroup: Path = CGROUP, cores: int | None = None) -> tuple[int, dict[str, int | None]]:
    """(processes, what each bound allows; None where there is none)."""
    bounds = {
        "affinity": cores or _affinity(),
        "cpu quota": _quota(cgroup),
        "memory": _memory(cgroup),
    }
    return max(1, min(bound for bound in bounds.values() if bound is not None)), bounds


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(cgroup: Path) -> int | None:
    """Whole cores of the cgroup's CPU quota, rounded up: half a core still needs a process."""
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        return max(1, math.ceil(int(quota) / int(period)))
    return None


def _memory(cgroup: Path) -> int | None:
    """Processes that fit into the cgroup's memory, the parent counted as one."""
    limit = _read(cgroup / "memory.max").strip()
    return max(1, int(limit) // PROCESS_BYTES - 1) if limit.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
