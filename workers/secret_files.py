"""The secrets directory: a file a setting, its name that of the environment variable, in any case.

`wirewatch_kafka__security__password` holds what `WIREWATCH_KAFKA__SECURITY__PASSWORD` would. What is a secret of
`[kafka.security]` is not read here, but named as its `…_file`: so it is read again when the file changes.
"""

import os
from pathlib import Path
from typing import Any

from pydantic_settings import NestedSecretsSettingsSource

from topics.errors import ConfigError

VARIABLE = "WIREWATCH_SECRETS_DIR"
MAX_BYTES = 65536
"""Of one secret."""
_FOLLOWED = (
    ("kafka", "security", "password"),
    ("kafka", "security", "key_password"),
    ("kafka", "security", "oauth", "client_secret"),
)


def require(folder: Path, *, prefix: str) -> None:
    """Raises ConfigError where the directory, or a file of ours in it (`prefix`), holds nothing that can be read."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise _unreadable(folder, f"a directory that we may read: {error.strerror}") from None
    for name in names:
        if name.lower().startswith(prefix.lower()):
            _require_text(folder / name)


def _require_text(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            found = opened.read(MAX_BYTES + 1)
        found.decode()
    except OSError as error:
        raise _unreadable(file, f"a file that we may read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "text in UTF-8") from None
    if len(found) > MAX_BYTES:
        raise _unreadable(file, f"at most {MAX_BYTES} bytes")


def _unreadable(path: Path, expected: str) -> ConfigError:
    return ConfigError(f"{VARIABLE}: {path}: expected {expected}")


class SecretFiles(NestedSecretsSettingsSource):
    """The source of settings that the directory is."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        for *tables, name in _FOLLOWED:
            table: Any = found
            for part in tables:
                table = table.get(part, {}) if isinstance(table, dict) else {}
            if isinstance(table, dict) and name in table and (file := self._file(*tables, name)):
                del table[name]
                table[f"{name}_file"] = str(file)
        return found

    def _file(self, *place: str) -> Path | None:
        wanted = f"{self.env_prefix}{'__'.join(place)}".lower()
        files = (file for folder in self.secrets_paths for file in folder.iterdir())
        return next((file for file in files if file.name.lower() == wanted), None)
