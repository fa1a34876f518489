"""`wirewatch demo`."""

from pathlib import Path
from typing import Annotated

import typer

from workers.commands.options import Brokers, Config, Model, Prefix, Watchlists, load
from workers.commands.running import run

SAMPLE_RATE = 4.0


def demo_command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="Your own articles: JSON Lines, or one plain text."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all articles are through.")] = False,
    watchlist: Watchlists = None,
    rate: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Articles a second; 0: as fast as they are read.")
    ] = None,
    model: Model = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
) -> None:
    """The whole stream in this terminal, live.

    Starts an embedded Kafka broker (or uses --brokers, with topics of its own), the three workers and a publisher of
    sample articles, and shows alerts as they fire. Watchlists are read again when they are saved.
    """
    from workers.demo.demo import Choice
    from workers.demo.run import demo

    chosen = load(config, brokers=brokers, prefix=prefix, watchlists=watchlist, model=model)
    if rate is None:
        rate = SAMPLE_RATE if file is None else 0
    choice = Choice(articles=file, once=once, rate=rate or None, own_cluster=brokers is not None)
    raise typer.Exit(run(demo(chosen, choice)))
