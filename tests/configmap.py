"""A folder laid out and changed as Kubernetes does with a ConfigMap: links, and a swap of one link."""

from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree


class ConfigMap:
    """A mounted ConfigMap: each file is a link through `..data` to a folder of that version."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self._version = 0
        folder.mkdir()
        self.update(files)

    def update(self, files: Mapping[str, str]) -> None:
        """All files change in one moment; the version before is deleted."""
        self._version += 1
        version = self.folder / f"..2026_11_24_08_00_{self._version:02}.{self._version}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
        data, swapped = self.folder / "..data", self.folder / "..data_tmp"
        before = data.resolve() if data.exists() else None
        swapped.symlink_to(version.name)
        swapped.replace(data)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if before is not None:
            rmtree(before)
