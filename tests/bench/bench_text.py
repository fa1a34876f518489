"""What canonical names, clean text and languages are worth: each figure beside the same without them, in one run.

Run `python -m tests.bench.bench_text [MEASURE …]` with the evaluation data beside the project. A measure is a module
in `tests/bench/text` with `rows()`.
"""

import argparse
import os
from importlib import import_module

from rich.console import Console
from rich.table import Table

from tests.bench.text.row import Row

MEASURES: tuple[str, ...] = (
    "names",
    "gazetteer",
    "entities",
    "boilerplate",
    "extraction",
    "on_hit",
    "language",
    "syndicated",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)}; all by default")
    wanted = parser.parse_args().measures or MEASURES
    unknown = sorted(set(wanted) - set(MEASURES))
    if unknown:
        parser.error(f"expected measures of {', '.join(MEASURES)}, found {', '.join(unknown)}")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported: as in a pool process, one core each
    table = Table("figure", "target", "without", "with", "")
    for measure in wanted:
        for row in import_module(f"tests.bench.text.{measure}").rows():
            table.add_row(row.what, row.target, row.without, row.found, _verdict(row))
    Console(width=140).print(table)


def _verdict(row: Row) -> str:
    if not row.target:
        return ""
    return "met" if row.met else "missed"


if __name__ == "__main__":
    main()
