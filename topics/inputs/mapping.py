"""From an object with somebody else's names to one with RawArticle's."""

from collections.abc import Iterable, Mapping
from typing import Any

from topics.inputs import paths
from topics.inputs.form import FIELDS
from topics.inputs.paths import Path

_NUMBERS = ("id", "version", "published_at", "updated_at", "embargo_until")
"""Fields that may be numbers."""


class Map:
    """Paths by field: the first that leads to something usable wins, else the first that leads anywhere.

    A body in several pieces is their paragraphs; of other fields with several values the first counts, but for
    authors. A field without a path keeps its own name, if the object has it; one with an empty list of paths is not
    read. What no path begins with goes along, for `extra`. Raises ValueError for a field or a path that cannot be.
    """

    def __init__(self, named: Mapping[str, Iterable[str]]) -> None:
        unknown = [name for name in named if name not in FIELDS]
        if unknown:
            raise ValueError(f"{unknown[0][:60]}: no such field; expected one of {', '.join(FIELDS)}")
        self._paths = {field: _parsed(field, given) for field, given in named.items()}
        self._used = {path[0] for given in self._paths.values() for _, path in given} | set(named)

    def __call__(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """`found` with RawArticle's names. Fields that no path leads to are not in it."""
        mapped = {name: value for name, value in found.items() if name not in self._used}
        for field, given in self._paths.items():
            value = _first(field, given, found)
            if value is not None:
                mapped[field] = value
        return mapped

    def nowhere(self, found: Mapping[str, Any]) -> str:
        """What of text was looked for, and what there is: for the message where an article has none."""
        looked = "; ".join(
            f"{field} at {', '.join(path for path, _ in self._paths[field])}"
            for field in ("title", "body")
            if self._paths.get(field)
        )
        names = ", ".join(str(name)[:40] for name in list(found)[:20])
        return f"nothing at {looked}: the record has {names or 'no fields'}" if looked else ""


def _parsed(field: str, given: Iterable[str]) -> list[tuple[str, Path]]:
    try:
        return [(text, paths.parse(text)) for text in given]
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _first(field: str, given: list[tuple[str, Path]], found: Mapping[str, Any]) -> Any:
    unusable = None
    for text, path in given:
        # Names with a dot in them come from tools that flatten objects.
        values = paths.find(found, (text,) if text in found else path)
        value = _of_many(field, values)
        if _usable(field, value):
            return value
        if unusable is None and value not in (None, "", [], {}):
            unusable = value
    return unusable


def _of_many(field: str, values: list[Any]) -> Any:
    if field == "authors":
        return [value for value in values if value]
    if field == "body":
        pieces = [value for value in values if isinstance(value, str) and value.strip()]
        if len(pieces) > 1:
            return "\n\n".join(pieces)
    usable = (value for value in values if _usable(field, value))
    return next(usable, values[0] if values else None)


def _usable(field: str, value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    if field == "authors":
        return isinstance(value, list) and any(isinstance(name, str) for name in value)
    return field in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool)
