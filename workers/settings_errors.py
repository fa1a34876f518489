"""What is wrong with the settings, said by where it came from: the flag, the variable, or the file's line."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Place = tuple[int | str, ...]
"""Where a setting is: ("deliver", "route", 0, "name")."""
_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")
_FIELD = re.compile(r'field "([^"]+)"')


def explain(
    error: ValidationError,
    model: type[BaseModel],
    *,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    prefix: str,
    file: Path,
) -> str:
    """A line for each thing that is wrong with `model`: where it was set, and what was expected. No values.

    `flags` were given on the command line; `prefix` is that of the variables.
    """
    lines = _lines(file)
    return "\n".join(
        f"{_origin(found['loc'], flags, environment, prefix, file, lines)}: {_expected(found, model)}"
        for found in error.errors(include_url=False, include_input=False)
    )


def not_json(error: ValueError, prefix: str) -> str:
    """For a variable that has to hold JSON and does not."""
    field = _FIELD.search(str(error))
    name = f"{prefix}{field[1].upper()}" if field else "an environment variable"
    return f'{name}: expected JSON, such as ["a", "b"] for several values or {{"key": "value"}} for a table'


def _origin(
    place: Place, flags: Mapping[str, Any], environment: Mapping[str, str], prefix: str, file: Path, lines: list[Place]
) -> str:
    if place and _holds(flags, place):
        return f"--{str(place[-1]).replace('_', '-')}"
    names = {name.upper() for name in environment}
    for length in range(len(place), 0, -1):
        variable = prefix + "__".join(str(part).upper() for part in place[:length])
        if variable in names:
            return variable if length == len(place) else f"{variable} ({_dotted(place[length:])})"
    line = _line(place, lines)
    return f"{file}:{line}: {_dotted(place)}" if line else _dotted(place) or "settings"


def _holds(values: Any, place: Place) -> bool:
    for part in place:
        if not isinstance(values, Mapping) or part not in values:
            return values is not None and not isinstance(values, Mapping)
        values = values[part]
    return True


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


def _expected(found: Any, model: type[BaseModel]) -> str:
    place: Place = found["loc"]
    if found["type"] == "extra_forbidden":
        section = _section(model, place[:-1])
        return f"unknown; expected one of {', '.join(sorted(section.model_fields))}" if section else "unknown"
    if found["type"] == "missing":
        return "expected, and not there"
    message: str = found["msg"].removeprefix("Value error, ")
    return message.replace("Input should be", "expected").replace("String should match", "expected to match")


def _section(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    """The table of settings at a place."""
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not models:
            return None
        model = models[0]
    return model


def _lines(file: Path) -> list[Place]:
    """What each line of a TOML file sets; () for one that sets nothing. Good enough to point at a line."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return list(_places(text))


def _places(text: str) -> Iterator[Place]:
    table: Place = ()
    counts: dict[Place, int] = {}
    for line in text.splitlines():
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
            table = tuple(_numbered(table, counts))
            yield table
        elif key := _KEY.match(line):
            yield (*table, *_parts(key[1]))
        else:
            yield ()


def _parts(dotted: str) -> Place:
    return tuple(part.strip(" \"'") for part in dotted.split("."))


def _numbered(table: Place, counts: Mapping[Place, int]) -> Iterator[int | str]:
    """The table's name with the number of each array of tables in it."""
    for length, part in enumerate(table, 1):
        yield part
        if table[:length] in counts:
            yield counts[table[:length]]


def _line(place: Place, lines: list[Place]) -> int | None:
    """The line, from 1, that sets the place, or that begins the table which it is in."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines.index(place[:length]) + 1
    return None
