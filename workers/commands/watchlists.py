"""`wirewatch watchlists`: start one, check one, try one on articles."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from alerts.plain import plain
from alerts.watchlist import TEMPLATE, check, files, load_all
from topics.codec import decode_enriched
from topics.errors import ConfigError
from topics.records import ArticleHit, EnrichedArticle, Evidence
from workers import logs
from workers.commands.annotate import annotated
from workers.commands.articles import raw_values
from workers.commands.options import EXIT_PROBLEMS, Config, Plain, Processes, load, section
from workers.messages import ENRICHED

_AROUND = 60
"""Characters shown on each side of a match."""

app = typer.Typer(no_args_is_help=True, help="Watchlists: start one, check one, try one on articles.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write; - for standard output.")] = Path("watchlist.yaml"),
    force: Annotated[bool, typer.Option(help="Overwrite it.")] = False,
) -> None:
    """Write a commented watchlist to start from."""
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
    watchlist: Annotated[Path, typer.Argument(help="A watchlist, or a folder of them.")],
    articles: Annotated[Path, typer.Argument(metavar="ARTICLES|-", help="JSON Lines, or one plain-text article.")],
    config: Config = None,
    processes: Processes = None,
    text: Plain = False,
) -> None:
    """Show which article meets which rule, and where, marked in the text."""
    chosen = load(config, watchlists=[watchlist], model="none", enrich=section(processes=processes))
    logs.setup(format=chosen.log_format, level="warning")
    console = Console(soft_wrap=True, highlight=False)
    rules: Counter[str] = Counter()
    seen = 0

    async def show() -> None:
        nonlocal seen
        async for record, result in annotated(chosen, raw_values(articles, text=text), name=articles.name):
            seen += 1
            if result.outcome != ENRICHED:
                print(f"line {record.offset + 1}: {result.outcome}: {result.reason}", file=sys.stderr)
                continue
            article = decode_enriched(result.then[0].value)
            rules.update(f"{hit.watchlist}/{hit.rule}" for hit in article.hits)
            if article.hits:
                console.print(marked(article, record.offset + 1))

    asyncio.run(show())
    console.print(
        f"{seen} articles; " + (", ".join(f"{rule}: {n}" for rule, n in rules.most_common()) or "no rule met")
    )


def marked(article: EnrichedArticle, line: int) -> Text:
    """An article's hits for a terminal: the rule, then each piece of evidence in its surroundings."""
    shown = Text()
    title = plain(article.title or article.text[:80])
    shown.append(f"{line}: {title}\n", style="bold")
    for hit in article.hits:
        shown.append(f"  {hit.watchlist}/{hit.rule} ", style="cyan")
        shown.append(f"({hit.severity})\n")
        for evidence in _worth_showing(hit):
            shown.append_text(_in_context(article, evidence))
    return shown


def _worth_showing(hit: ArticleHit) -> Iterable[Evidence]:
    return hit.evidence[:3]


def _in_context(article: EnrichedArticle, evidence: Evidence) -> Text:
    field = (article.title or "") if evidence.field == "title" else article.text
    before = field[max(0, evidence.start - _AROUND) : evidence.start]
    after = field[evidence.end : evidence.end + _AROUND]
    shown = Text(f"    {evidence.field} {evidence.start}-{evidence.end}: …")
    shown.append(plain(before))
    shown.append(plain(evidence.text), style="bold reverse")
    shown.append(plain(after) + "…")
    alias = f"  [{evidence.clause} → {evidence.alias_of}]" if evidence.alias_of else ""
    return shown.append(alias + "\n", style="dim")
