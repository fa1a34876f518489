"""`wirewatch check`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.options import EXIT_PROBLEMS, Brokers, Config, Group, Json, Model, Prefix, Watchlists, load
from workers.commands.running import run

if TYPE_CHECKING:
    from workers.checks.finding import Finding
    from workers.settings import Settings


def check_command(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    watchlist: Watchlists = None,
    model: Model = None,
    workers: Annotated[
        list[str] | None,
        typer.Option(
            "--worker",
            metavar="enrich|alert|deliver|redrive",
            help="What this one needs; repeatable. [default: the workers]",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is missing before anything is started: cluster, rights, topics, model, watchlists, routes, records.

    Each line is fine, a warning or wrong, with the remedy. Ends with 1 if something is wrong, and with 78 if the
    settings cannot be read.
    """
    from workers import logs
    from workers.checks.run import REDRIVE, WORKERS

    chosen = load(config, brokers=brokers, prefix=prefix, group=group, watchlists=watchlist, model=model)
    logs.setup(format=chosen.log_format, level="error")
    for worker in workers or ():
        if worker not in (known := (*WORKERS, REDRIVE)):
            raise typer.BadParameter(f"{worker}: expected one of {', '.join(known)}", param_hint="--worker")
    if run(_show(chosen, tuple(workers or WORKERS), as_json=as_json)) == "wrong":
        raise typer.Exit(EXIT_PROBLEMS)


async def _show(chosen: "Settings", workers: tuple[str, ...], *, as_json: bool) -> str:
    """Print the findings as they come; the worst level."""
    from rich.console import Console

    from workers.checks.finding import worst
    from workers.checks.run import check

    console = Console(soft_wrap=True, highlight=False)
    found: list[Finding] = []
    async for finding in check(chosen, workers=workers):
        found.append(finding)
        if as_json:
            print(json.dumps(_plain(finding)), flush=True)
        else:
            console.print(_line(finding))
    if not as_json:
        counts = {level: sum(finding.level == level for finding in found) for level in ("wrong", "warning")}
        console.print(f"{counts['wrong']} wrong, {counts['warning']} warnings, {len(found)} checks", markup=False)
    return worst(found)


def _plain(finding: "Finding") -> object:
    import msgspec

    return msgspec.to_builtins(finding)


def _line(finding: "Finding") -> object:
    from rich.text import Text

    from alerts.plain import plain

    colour = {"fine": "green", "warning": "yellow", "wrong": "red"}[finding.level]
    about = f"{finding.check}{f' {finding.subject}' if finding.subject else ''}"
    line = Text.assemble((f"{finding.level:<8}", colour), plain(f"{about}: {finding.message}"))
    if finding.remedy:
        line.append(f"\n{'':8}→ {plain(finding.remedy)}", style="dim")
    return line
