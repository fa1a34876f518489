"""One line of the table that `bench_text` prints."""

from typing import NamedTuple


class Row(NamedTuple):
    """A figure, beside the same without this work. `without` and `target` are "" where there is none."""

    what: str
    target: str
    without: str
    found: str
    met: bool
