"""`wirewatch sources`: start a list of sources, check one, learn what to take out of their articles."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from workers.commands.options import (
    Brokers,
    Config,
    Json,
    OptionalArticles,
    Prefix,
    Processes,
    SourcesFile,
    load,
    section,
    topic_name,
)

app = typer.Typer(
    no_args_is_help=True, help="What is known of sources: start a list of them, check it, learn their boilerplate."
)


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
    from alerts.sources import check
    from alerts.sources import load as sources_in
    from workers.commands.checked import end_on_problems

    end_on_problems(file, check(file))
    print(f"{file}: fine, {len(sources_in(file).listed)} sources")


@app.command("learn")
def learn_command(
    file: OptionalArticles = None,
    topic: Annotated[
        str | None, typer.Option("--from", metavar="TOPIC", help="Articles of this topic instead of a file.")
    ] = None,
    number: Annotated[
        int, typer.Option("--sample", min=1, max=1_000_000, metavar="N", help="With --from: its last N records.")
    ] = 10_000,
    least: Annotated[
        int,
        typer.Option(
            "--min", min=2, metavar="N", help="Different articles that must have it; one of a hundred must, too."
        ),
    ] = 5,
    to: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the list of sources with the proposals in it here."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite it.")] = False,
    sources: SourcesFile = None,
    config: Config = None,
    processes: Processes = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Propose patterns for paragraphs that come again in a source's articles, with counts and examples.

    Nothing is in force until you have looked at them and named the file in the settings. General boilerplate and what
    the list (--sources) takes out already is not proposed.
    """
    if (file is None) == (topic is None):
        raise typer.BadParameter("expected a FILE, or --from TOPIC")
    from alerts.sources import Sources
    from alerts.sources import load as sources_in
    from workers import logs
    from workers.commands import learning
    from workers.commands.articles import raw_values
    from workers.commands.running import run
    from workers.messages import Record

    chosen = load(
        config, brokers=brokers, prefix=prefix, sources_file=sources, model="none", enrich=section(processes=processes)
    )
    logs.setup(format=chosen.log_format, level="warning")
    listed = sources_in(chosen.sources_file) if chosen.sources_file else Sources()
    if file is not None:
        name = file.name
        records = (Record(name, 0, line, 0, None, value) for line, value in enumerate(raw_values(file)))
        found = run(learning.learned(chosen, records, least=least))
    else:
        topic = topic_name(chosen, topic or "")
        found = run(learning.learned(chosen, learning.records_of_topic(chosen, topic, number), least=least))
    print(learning.as_json(found) if as_json else learning.as_text(found))
    if to is not None:
        learning.write(found, listed, sources_file=chosen.sources_file, to=to, force=force)
        print(f"{to} written. Look at it, and check it: wirewatch sources check {to}", file=sys.stderr)
