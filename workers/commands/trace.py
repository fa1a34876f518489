"""`wirewatch trace`."""

from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.options import EXIT_PROBLEMS, Brokers, Config, Group, Json, Prefix, load
from workers.commands.running import run

if TYPE_CHECKING:
    from workers.tracing.found import Trace


def trace_command(
    article: Annotated[str, typer.Argument(metavar="ID|URL", help="An article's id, or its URL.")],
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back to look: 12h, 7d, a time, or earliest.")
    ] = "7d",
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Look through the raw articles, too, if it was found: for further arrivals."),
    ] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say where an article is: arrival, outcome, rules met, alerts, deliveries; or that it never came.

    It reads and leaves nothing behind. 1 if the article is nowhere, or is missing. Times are in UTC.
    """
    from workers import logs
    from workers.commands.tracing import traced

    chosen = load(config, brokers=brokers, prefix=prefix, group=group)
    logs.setup(format=chosen.log_format, level="error")
    found = run(traced(chosen, article, since=since, thorough=thorough))
    _print(found, as_json=as_json)
    if not found.ways or any(way.outcome == "missing" for way in found.ways):
        raise typer.Exit(EXIT_PROBLEMS)


def _print(found: "Trace", *, as_json: bool) -> None:
    import msgspec

    from workers.tracing.show import shown

    if not as_json:
        for line in shown(found):
            print(line)
        return
    for part in found.ways or (found,):
        print(msgspec.json.encode(part).decode())
