"""`wirewatch gazetteer`: start a list of names of one's own, check one."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Names of your own, beside those that ship: start a list, check it.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for standard output.")] = Path(
        "gazetteer.yaml"
    ),
    force: Annotated[bool, typer.Option(help="Overwrite it.")] = False,
) -> None:
    """Write a commented list of names to start from."""
    from workers.article.own_gazetteer import TEMPLATE
    from workers.commands.templates import write_template

    write_template(TEMPLATE, file, force=force, command="gazetteer")


@app.command("check")
def check_command(file: Annotated[Path, typer.Argument(metavar="FILE", help="The list of names.")]) -> None:
    """Say what is wrong with a list of names: line, field, and what was expected. 1 if anything is."""
    from workers.article.own_gazetteer import check, load
    from workers.commands.checked import end_on_problems

    end_on_problems(file, check(file))
    print(f"{file}: fine, {len(load(file))} names")
