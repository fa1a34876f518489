"""A trace with its progress on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workers.commands.options import time_given
from workers.settings import Settings
from workers.tracing.found import Trace
from workers.tracing.scan import Progress
from workers.tracing.search import trace


async def traced(settings: Settings, asked: str, *, since: str, thorough: bool) -> Trace:
    """Raises what `workers.tracing.search.trace` raises, and typer.BadParameter for a time that is none."""
    begin = time_given(since, "--since")
    with progress_bar() as progress:
        return await trace(settings, asked, since=begin, thorough=thorough, progress=progress)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Shown on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda topic, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, object] = {}

        def show(topic: str, done: int, total: int) -> None:
            task = tasks.get(topic)
            if task is None:
                task = tasks[topic] = bars.add_task(topic, total=total)
            bars.update(task, completed=min(done, total), total=total)  # type: ignore[arg-type]

        yield show
