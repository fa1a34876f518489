"""A sink's options, as the settings give them: read, checked, and secrets fetched from where they are kept."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from topics.errors import ConfigError

Options = TypeVar("Options", bound=msgspec.Struct)


def read(options: Mapping[str, Any], kind: type[Options]) -> Options:
    """These options as a sink's own kind. Raises ConfigError for one that it does not have, or of another type."""
    names = kind.__struct_fields__
    for name in options:
        if name not in names:
            raise ConfigError(f"{name}: no such option; there are {', '.join(names)}")
    try:
        return msgspec.convert(options, kind, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise ConfigError(f"{where.strip('.`') or 'options'}: {what}") from None


def one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ConfigError for a value that is not known."""
    if value not in known:
        raise ConfigError(f"{option}: expected one of {', '.join(known)}, got {value!r}")


def secret(option: str, given: str | None, env: str | None, file: str | None) -> str:
    """The value of an option that is given outright or by reference: one of them. It is in no message.

    Raises ConfigError where there is none, or several, or what is referred to cannot be read.
    """
    if sum(value is not None for value in (given, env, file)) != 1:
        names = f"{option}_env, {option}_file"
        raise ConfigError(f"{option}: expected exactly one of {f'{option}, ' if option == 'url' else ''}{names}")
    if env is not None:
        if not os.environ.get(env):
            raise ConfigError(f"{option}_env: the environment has no {env}")
        return os.environ[env].strip()
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{option}_file: cannot read {file}: {getattr(error, 'strerror', error)}") from None
    return given or ""
