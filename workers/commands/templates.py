"""A commented file to start from, written where the user asks for it."""

from pathlib import Path

from topics.errors import ConfigError


def write_template(template: str, file: Path, *, force: bool, command: str) -> None:
    """Write it to a file (- for standard output) and say how it is checked: by `wirewatch COMMAND check`.

    Raises ConfigError for a file that is there already, unless `force`, or that cannot be written.
    """
    if file == Path("-"):
        print(template, end="")
        return
    if file.exists() and not force:
        raise ConfigError(f"{file}: is there already (--force overwrites it)")
    try:
        file.write_text(template, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None
    print(f"{file} written. Check it: wirewatch {command} check {file}")
