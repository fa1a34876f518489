"""The pool's size is the least of what cores, quota and memory allow."""

from pathlib import Path

import pytest

from workers.stream.sizing import PROCESS_BYTES, pool_size


def _cgroup(folder: Path, *, cpu: str | None = None, memory: str | None = None) -> Path:
    for name, text in (("cpu.max", cpu), ("memory.max", memory)):
        if text is not None:
            (folder / name).write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("cpu", "memory", "size"),
    [
        (None, None, 8),
        ("max 100000", "max", 8),
        ("200000 100000", "max", 2),
        ("50000 100000", "max", 1),
        ("250000 100000", "max", 3),
        ("max 100000", str(4 * PROCESS_BYTES), 3),
        ("max 100000", str(PROCESS_BYTES // 2), 1),
        ("400000 100000", str(3 * PROCESS_BYTES), 2),
        ("nonsense", "nonsense", 8),
    ],
)
def test_the_least_bound_decides(tmp_path: Path, cpu: str | None, memory: str | None, size: int) -> None:
    assert pool_size(cgroup=_cgroup(tmp_path, cpu=cpu, memory=memory), cores=8)[0] == size
