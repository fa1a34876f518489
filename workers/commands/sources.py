"""`wirewatch sources`: start a list of sources, check one."""

from pathlib import Path
from typing import Annotated

import typer

from workers.commands.options import EXIT_PROBLEMS

app = typer.Typer(no_args_is_help=True, help="What is known of sources: start a list of them, check it.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for standard output.")] = Path(
        "sources.yaml"
    ),
    force: Annotated[bool, typer.Option(help="Overwrite it.")] = False,
) -> None:
    """Write a commented list of sources to start from."""
    from alerts.sources import TEMPLATE
    from workers.commands.templates import write_template

    write_template(TEMPLATE, file, force=force, command="sources")


@app.command("check")
def check_command(file: Annotated[Path, typer.Argument(metavar="FILE", help="The list of sources.")]) -> None:
    """Say what is wrong with a list of sources: line, field, and what was expected. 1 if anything is."""
    from alerts.plain import plain
    from alerts.sources import check, load

    problems = check(file)
    for problem in problems:
        print(plain(str(problem), lines=True))
    if problems:
        print(f"{file}: {len(problems)} errors")
        raise typer.Exit(EXIT_PROBLEMS)
    print(f"{file}: fine, {len(load(file).listed)} sources")
