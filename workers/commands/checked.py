"""What is said of a list that was checked."""

from collections.abc import Sequence
from pathlib import Path

import typer

from alerts.document import Problem
from alerts.plain import plain
from workers.commands.options import EXIT_PROBLEMS


def end_on_problems(file: Path, problems: Sequence[Problem]) -> None:
    """Print what is wrong with a list, a line each, and end the command with 1; where nothing is, do nothing."""
    for problem in problems:
        print(plain(str(problem), lines=True))
    if problems:
        print(f"{file}: {len(problems)} errors")
        raise typer.Exit(EXIT_PROBLEMS)
