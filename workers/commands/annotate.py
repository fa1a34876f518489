"""`wirewatch annotate`."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from workers.commands.options import Articles, Config, Model, Plain, Processes, SourcesFile, Watchlists, load, section
from workers.commands.running import run


def annotate_command(
    file: Articles,
    watchlist: Watchlists = None,
    sources: SourcesFile = None,
    model: Model = None,
    config: Config = None,
    processes: Processes = None,
    text: Plain = False,
    hits: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the records of the hits topic here, too.")
    ] = None,
) -> None:
    """Enrich articles without Kafka: JSON Lines in and out.

    The same step as the worker's, in order. Lines that are filtered or bad are told on standard error.
    """
    from workers import logs
    from workers.commands.annotating import annotate
    from workers.commands.articles import raw_values

    chosen = load(
        config,
        watchlists=watchlist,
        sources_file=sources,
        model=model,
        enrich=section(processes=1 if text else processes),
    )
    logs.setup(format=chosen.log_format, level="warning")
    with hits.open("wb") if hits else nullcontext() as hit_file:
        values = raw_values(file, text=text)
        run(annotate(chosen, values, name=file.name, out=sys.stdout.buffer, hits=hit_file))
