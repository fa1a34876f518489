"""`wirewatch watchlists`: start one, check one, try one on articles."""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topics.errors import ConfigError
from workers.commands.options import EXIT_PROBLEMS, Articles, Config, Plain, Processes, load, section
from workers.commands.running import run

if TYPE_CHECKING:
    from workers.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Start a watchlist, check it, try it on articles.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for standard output.")] = Path(
        "watchlist.yaml"
    ),
    force: Annotated[bool, typer.Option(help="Overwrite it.")] = False,
) -> None:
    """Write a commented watchlist to start from."""
    from alerts.watchlist import TEMPLATE

    if file == Path("-"):
        print(TEMPLATE, end="")
        return
    if file.exists() and not force:
        raise ConfigError(f"{file}: is there already (--force overwrites it)")
    try:
        file.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None
    print(f"{file} written. Check it: wirewatch watchlists check {file}")


@app.command("check")
def check_command(paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files or folders.")]) -> None:
    """Say what is wrong with watchlists: file, line, field, and what was expected. 1 if anything is."""
    from alerts.plain import plain
    from alerts.watchlist import check, files, load_all

    found = [(path, check(path)) for path in files(paths)]
    if not found:
        raise ConfigError(f"no watchlist in {', '.join(map(str, paths))}: expected files named *.yaml")
    wrong = False
    for path, problems in found:
        for problem in problems:
            print(plain(str(problem), lines=True))
        errors = sum(1 for problem in problems if not problem.warning)
        wrong |= bool(errors)
        print(f"{path}: {'fine' if not problems else f'{errors} errors, {len(problems) - errors} warnings'}")
    if not wrong:
        load_all(paths)  # what only shows across files: the same id twice
    if wrong:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command()
def test(
    watchlist: Annotated[Path, typer.Argument(metavar="WATCHLIST", help="A watchlist, or a folder of them.")],
    articles: Articles,
    config: Config = None,
    processes: Processes = None,
    text: Plain = False,
) -> None:
    """Show which article meets which rule, and where, marked in the text."""
    from workers import logs
    from workers.commands.articles import raw_values

    chosen = load(config, watchlists=[watchlist], model="none", enrich=section(processes=processes))
    logs.setup(format=chosen.log_format, level="warning")
    run(_test(chosen, raw_values(articles, text=text), articles.name))


async def _test(chosen: "Settings", values: Iterable[bytes], name: str) -> None:
    from rich.console import Console

    from alerts.show import MARKS
    from topics.codec import decode_enriched
    from workers.commands.annotating import annotated
    from workers.commands.marking import marked

    console = Console(soft_wrap=True, highlight=False)
    marks = ("", "") if console.is_terminal else MARKS
    rules: Counter[str] = Counter()
    seen = 0
    async for record, result in annotated(chosen, values, name=name):
        seen += 1
        if result.outcome != "enriched":
            print(f"line {record.offset + 1}: {result.outcome}: {result.reason}", file=sys.stderr)
            continue
        article = decode_enriched(result.then[0].value)
        rules.update(f"{hit.watchlist}/{hit.rule}" for hit in article.hits)
        if article.hits:
            console.print(marked(article, record.offset + 1, marks=marks))
    met = ", ".join(f"{rule}: {n}" for rule, n in rules.most_common()) or "no rule met"
    console.print(f"{seen} articles; {met}", markup=False)
