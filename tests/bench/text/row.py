"""One line of the table that `bench_text` prints."""

from typing import NamedTuple


class Row(NamedTuple):
    """A figure, beside the same without this work. `without` is "" where there is nothing to compare with."""

    what: str
    target: str
    without: str
    found: str
    met: bool
