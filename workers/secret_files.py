"""The secrets directory: a file a setting, its name that of the environment variable, in any case.

`wirewatch_kafka__security__password` holds what `WIREWATCH_KAFKA__SECURITY__PASSWORD` would. What is a secret of
`[kafka.security]` is not read here, but named as its `…_file`: so it is read again when the file changes.
"""

from pathlib import Path
from typing import Any

from pydantic_settings import NestedSecretsSettingsSource

_FOLLOWED = (
    ("kafka", "security", "password"),
    ("kafka", "security", "key_password"),
    ("kafka", "security", "oauth", "client_secret"),
)


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
