"""`wirewatch watchlists`: start one, check one, try one on articles, push it to the topic that workers follow."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from topics.errors import ConfigError
from workers.commands.options import (
    EXIT_PROBLEMS,
    Articles,
    Brokers,
    Config,
    GazetteerFile,
    Json,
    Plain,
    Prefix,
    Processes,
    load,
    section,
)
from workers.commands.running import CommandFailed, run

if TYPE_CHECKING:
    from alerts.pushed import State
    from alerts.watchlist import Watchlist
    from workers.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Start a watchlist, check it, try it on articles, push it to the workers.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for standard output.")] = Path(
        "watchlist.yaml"
    ),
    force: Annotated[bool, typer.Option(help="Overwrite it.")] = False,
) -> None:
    """Write a commented watchlist to start from."""
    from alerts.watchlist import TEMPLATE
    from workers.commands.templates import write_template

    write_template(TEMPLATE, file, force=force, command="watchlists")


Paths = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files or folders.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="A watchlist's id.")]


@app.command("check")
def check_command(paths: Paths, gazetteer: GazetteerFile = None, config: Config = None) -> None:
    """Say what is wrong with watchlists: file, line, field, and what was expected. 1 if anything is."""
    from alerts.plain import plain
    from alerts.watchlist import check, files, load_all
    from workers.article.gazetteer import Gazetteer
    from workers.article.own_gazetteer import load as load_names

    own = load(config, gazetteer_file=gazetteer).gazetteer_file
    names = Gazetteer.load(load_names(own) if own else ())
    found = [(path, check(path, knows=lambda entity: bool(names.spellings(entity)))) for path in files(paths)]
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
    from alerts.watchlist import asks_for_mentions, load_all
    from workers import logs
    from workers.commands.articles import raw_values

    chosen = load(config, watchlists=[watchlist], enrich=section(processes=processes, entities="on-hit"))
    if not asks_for_mentions(load_all([watchlist])):
        chosen = chosen.model_copy(update={"model": "none", "models": {}})
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


@app.command("push", epilog="Example: wirewatch watchlists push minerals.yaml   (needs no restart of any worker)")
def push_command(
    paths: Paths,
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Though the settings' files have one of the same id.")] = False,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Whose push it is, for `list`.")] = None,
    as_json: Json = False,
) -> None:
    """Put watchlists in force in every worker, within a second. Nothing is pushed if one of them is wrong.

    An id is either in the workers' files or on the topic: with both, they keep what they had.
    """
    from alerts.watchlist import WatchlistError, load_all

    chosen = load(config, brokers=brokers, prefix=prefix)
    try:
        watchlists = load_all(paths)
    except WatchlistError as error:
        _print_plain(str(error))
        raise typer.Exit(EXIT_PROBLEMS) from None
    if not watchlists:
        raise ConfigError(f"no watchlist in {', '.join(map(str, paths))}: expected files named *.yaml")
    twice = [f"{file}: has {w.id}, too" for file, w in _in_files(chosen).items() if w.id in {w.id for w in watchlists}]
    if twice and not force:
        _print_plain("\n".join(twice))
        raise CommandFailed("nothing pushed: take these out of the files that the settings name, or use --force")
    run(_push(chosen, watchlists, dry_run=dry_run, by=by, as_json=as_json))


async def _push(
    chosen: "Settings", watchlists: "tuple[Watchlist, ...]", *, dry_run: bool, by: str | None, as_json: bool
) -> None:
    from workers.commands.pushing import push

    async for watchlist, changed in push(chosen, watchlists, dry_run=dry_run, by=by):
        row = {"id": watchlist.id, "version": watchlist.version, "rules": len(watchlist.rules), "changed": changed}
        done = ("would be pushed" if dry_run else "pushed") if changed else "unchanged"
        said = f"{watchlist.id}: {done}, version {watchlist.version}, {len(watchlist.rules)} rules"
        print(json.dumps(row) if as_json else said, flush=True)


@app.command("list")
def list_command(brokers: Brokers = None, prefix: Prefix = None, config: Config = None, as_json: Json = False) -> None:
    """The watchlists on the topic: whether each is whole, whose it is, its version, its rules and its last push."""
    from workers.commands.pushing import states

    chosen = load(config, brokers=brokers, prefix=prefix)
    found = run(states(chosen), limit=chosen.kafka.request_timeout)
    if not found and not as_json:
        print(f"no watchlist on {chosen.topic('watchlists')}", file=sys.stderr)
    for state in found:
        row = _row(state)
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        names = ("id", "desk", "rules", "version", "pushed_at", "pushed_by", "state")
        _print_plain("  ".join(str(row[name]) for name in names if row[name] is not None))
        for problem in state.problems:
            _print_plain(f"    {problem}")


def _row(state: "State") -> dict[str, object]:
    manifest = state.manifest
    return {
        "id": state.id,
        "desk": manifest and manifest.desk,
        "rules": manifest and manifest.rules,
        "version": manifest and manifest.version,
        "pushed_at": manifest and manifest.pushed_at.isoformat(timespec="seconds"),
        "pushed_by": manifest and manifest.pushed_by,
        "state": state.fault or "whole",
        "problems": [str(problem) for problem in state.problems],
    }


@app.command("get", epilog="Example: wirewatch watchlists get minerals > minerals.yaml")
def get_command(
    id: Id, brokers: Brokers = None, prefix: Prefix = None, config: Config = None, as_json: Json = False
) -> None:
    """Print a watchlist of the topic as a file that can be edited and pushed again. 1 if there is none."""
    from alerts.watchlist import as_json as json_of
    from alerts.watchlist import text
    from workers.commands.pushing import get

    chosen = load(config, brokers=brokers, prefix=prefix)
    watchlist = run(get(chosen, id), limit=chosen.kafka.request_timeout)
    print(json_of(watchlist) if as_json else text(watchlist), end="\n" if as_json else "")


@app.command("remove")
def remove_command(id: Id, brokers: Brokers = None, prefix: Prefix = None, config: Config = None) -> None:
    """Take a watchlist out of force in every worker. 1 if there is none.

    Where it was the desk's last one, on the topic and in the files that the settings name, the desk's stories are
    forgotten.
    """
    from workers.commands.pushing import remove

    chosen = load(config, brokers=brokers, prefix=prefix)
    kept = frozenset(watchlist.desk for watchlist in _in_files(chosen).values())
    desk = run(remove(chosen, id, kept=kept))
    print(f"{id}: removed{f', and the desk {desk} closed' if desk else ''}")


def _in_files(chosen: "Settings") -> "dict[Path, Watchlist]":
    """The watchlists in the files that the settings name; those that cannot be read here are not known."""
    from alerts.watchlist import WatchlistError, load_placed

    try:
        return load_placed(chosen.watchlists) if chosen.watchlists_named else {}
    except WatchlistError as error:
        _print_plain(f"not known what the settings' own watchlists hold:\n{error}", file=sys.stderr)
        return {}


def _print_plain(text: str, file: TextIO | None = None) -> None:
    from alerts.plain import plain

    print(plain(text, lines=True), file=file)
