"""What a worker leaves to its next life: its supervisor keeps it, in memory, for the next process that it starts."""

import json
import os
from contextlib import suppress

_SIZE = 65536


def keep() -> int:
    """In the supervisor: a file without a name for its children to write in. Returns its descriptor."""
    if hasattr(os, "memfd_create"):  # needs no place to write
        return os.memfd_create("wirewatch")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class FormerLife:
    """Texts by name, as the process before left them. `descriptor` is what `keep` returned; None: nobody keeps."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._known: dict[str, str] = {}
        # It may have died in the middle of writing.
        with suppress(OSError, ValueError):
            if descriptor is not None:
                self._known = json.loads(os.pread(descriptor, _SIZE, 0).rstrip(b"\0"))

    def get(self, name: str) -> str | None:
        return self._known.get(name)

    def leave(self, name: str, text: str) -> None:
        """For the next life; the text of that name before is forgotten."""
        self._known[name] = text
        if self._descriptor is not None:
            with suppress(OSError):
                os.pwrite(self._descriptor, json.dumps(self._known).encode().ljust(_SIZE, b"\0"), 0)
