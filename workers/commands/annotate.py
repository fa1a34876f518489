"""`wirewatch annotate`."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.options import (
    Brokers,
    Config,
    Entities,
    GazetteerFile,
    Json,
    Model,
    Plain,
    Prefix,
    Processes,
    SourcesFile,
    Watchlists,
    load,
    section,
    there,
    topic_name,
)
from workers.commands.running import run

if TYPE_CHECKING:
    from workers.settings import Settings


def annotate_command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|-",
            callback=there,
            help="Articles as JSON Lines, or one plain text; - is standard input.",
        ),
    ] = None,
    watchlist: Watchlists = None,
    sources: SourcesFile = None,
    gazetteer: GazetteerFile = None,
    model: Model = None,
    entities: Entities = None,
    config: Config = None,
    processes: Processes = None,
    text: Plain = False,
    hits: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the records of the hits topic here, too.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--from", metavar="TOPIC", help="A sample of this topic instead of a file.")
    ] = None,
    number: Annotated[
        int, typer.Option("--sample", min=1, max=100_000, metavar="N", help="With --from: its last N records.")
    ] = 100,
    as_topic: Annotated[
        str | None, typer.Option("--as", metavar="TOPIC", help="Read the file's lines as this topic's [[input]] says.")
    ] = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Enrich articles without the stream: JSON Lines in and out, or a sample of a topic.

    The same step as the worker's, in order. Lines that are filtered or bad are told on standard error. Of a topic it
    is told how many of its articles have which field, what would be a dead letter and why, and how one was read.
    """
    if (file is None) == (topic is None):
        raise typer.BadParameter("expected a FILE, or --from TOPIC")
    if topic is not None and (text or hits or as_topic):
        raise typer.BadParameter("--text, --hits and --as go with a FILE")
    chosen = load(
        config,
        brokers=brokers,
        prefix=prefix,
        watchlists=watchlist,
        sources_file=sources,
        gazetteer_file=gazetteer,
        model=model,
        enrich=section(processes=1 if text else processes, entities=entities),
    )
    if topic is not None:
        _sample(chosen, topic_name(chosen, topic), number, as_json=as_json)
    elif file is not None:
        _annotate(chosen, file, name=topic_name(chosen, as_topic) if as_topic else file.name, text=text, hits=hits)


def _annotate(chosen: "Settings", file: Path, *, name: str, text: bool, hits: Path | None) -> None:
    from workers import logs
    from workers.commands.annotating import annotate
    from workers.commands.articles import raw_values

    logs.setup(format=chosen.log_format, level="warning")
    with hits.open("wb") if hits else nullcontext() as hit_file:
        values = raw_values(file, text=text)
        run(annotate(chosen, values, name=name, out=sys.stdout.buffer, hits=hit_file))


def _sample(chosen: "Settings", topic: str, number: int, *, as_json: bool) -> None:
    from workers import logs
    from workers.commands import sampling

    logs.setup(format=chosen.log_format, level="warning")
    found = run(sampling.sample(chosen, topic, number))
    print(sampling.as_json(found) if as_json else sampling.as_text(found))
