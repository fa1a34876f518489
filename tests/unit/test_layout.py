"""The layout's arrows: topics ← alerts ← workers, and what may be imported where."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("topics", "alerts", "workers")
# Third-party package -> the only folders that may import it.
ONLY_IN = {
    "spacy": ("workers/article/",),
    "thinc": ("workers/article/",),
    "trafilatura": ("workers/article/",),
    "aiokafka": ("workers/",),
    "faust": ("workers/alert.py", "workers/alerting/"),
    "prometheus_client": ("workers/",),
}
# Folder of workers -> what it does not know.
STRANGERS = {
    "workers/stream/": ("workers.article", "workers.alerting"),
    "workers/article/": ("workers.stream", "workers.alerting"),
    "workers/alerting/": ("workers.article",),
}


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _imported(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    name = _name(path)
    own = PACKAGES.index(name.split("/")[0])
    for module in _imported(path):
        package = module.split(".")[0]
        if package in PACKAGES:
            assert PACKAGES.index(package) <= own, f"{name} imports {module}"
        for third, folders in ONLY_IN.items():
            if package == third:
                assert name.startswith(folders), f"{name} imports {module}"
        for folder, others in STRANGERS.items():
            if name.startswith(folder):
                assert not module.startswith(others), f"{name} imports {module}"


def test_package_files_are_empty() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            assert not path.read_text(), path
