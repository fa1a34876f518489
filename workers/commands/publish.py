"""`wirewatch publish`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.options import EXIT_PROBLEMS, Brokers, Config, OptionalArticles, Plain, Prefix, load, topic_name
from workers.commands.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

_SHOWN = 20


def publish_command(
    file: OptionalArticles = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    topic: Annotated[
        str, typer.Option(metavar="TOPIC", help="Where to: a topic of ours, or any by its full name.")
    ] = "raw",
    rate: Annotated[float | None, typer.Option(min=0.01, metavar="N", help="Articles a second, at most.")] = None,
    text: Plain = False,
    samples: Annotated[
        bool, typer.Option("--samples", help="Those that ship, dated now, again and again; no FILE then.")
    ] = False,
) -> None:
    """Publish articles, each line as it is."""
    from workers.commands.publishing import publish

    if (file is None) != samples:
        raise typer.BadParameter("expected a file, - for standard input, or --samples", param_hint="FILE")
    chosen = load(config, brokers=brokers, prefix=prefix)
    name = topic_name(chosen, topic)
    total = sum(1 for _ in _values(file, text=text)) if file is not None and file.is_file() else None
    with _bar() as bar:
        task = bar.add_task("published", total=total)
        done = run(
            publish(
                chosen,
                _values(file, text=text),
                topic=name,
                rate=rate,
                progress=lambda now: bar.update(task, completed=now.records),
            )
        )
    print(f"{done.records} articles published to {name} on {chosen.brokers}", file=sys.stderr)
    if done.refused:
        lines = ", ".join(map(str, sorted(done.refused)[:_SHOWN])) + (" …" if len(done.refused) > _SHOWN else "")
        print(f"too large for the topic, {len(done.refused)} not published: lines {lines}", file=sys.stderr)
        raise typer.Exit(EXIT_PROBLEMS)


def _values(file: Path | None, *, text: bool) -> "Iterator[bytes]":
    """Those of a file; without one, the samples without end."""
    from itertools import count

    from workers.commands.articles import raw_values
    from workers.demo.stream import items

    if file is not None:
        return raw_values(file, text=text)
    return (item.value for number in count() for item in items(None, round_number=number))


def _bar() -> "Progress":
    """On standard error, and only where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
