"""Paths into JSON: `content.html`, `images.0.caption`, `bylines.name`.

Steps are separated by dots. A number is a place in a list; any other step on a list goes into each object of it.
"""

from collections.abc import Iterator
from typing import Any

MOST_STEPS = 20

Path = tuple[str, ...]


def parse(text: str) -> Path:
    """Raises ValueError, with a message for people."""
    steps = tuple(text.split("."))
    if not all(step.strip() for step in steps):
        raise ValueError(f"expected a path such as content.html, found {text[:60]!r}")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"expected a path of at most {MOST_STEPS} steps")
    return steps


def find(value: Any, path: Path) -> list[Any]:
    """All that the path leads to, in order; lists are gone into, one level, at the end too. Nulls are nothing."""
    at = 0
    while at < len(path) and isinstance(value, dict):  # nearly always all the way
        value = value.get(path[at])
        at += 1
    found: list[Any] = []
    for one in _follow(value, path, at) if at < len(path) else (value,):
        if isinstance(one, list):
            found += (item for item in one if item is not None)
        elif one is not None:
            found.append(one)
    return found


def _follow(value: Any, path: Path, at: int) -> Iterator[Any]:
    if at == len(path):
        yield value
        return
    step = path[at]
    if isinstance(value, dict):
        if step in value:
            yield from _follow(value[step], path, at + 1)
    elif isinstance(value, list):
        if step.isdigit():
            if int(step[:9]) < len(value):
                yield from _follow(value[int(step[:9])], path, at + 1)
        else:
            for item in value:
                if isinstance(item, dict) and step in item:
                    yield from _follow(item[step], path, at + 1)
