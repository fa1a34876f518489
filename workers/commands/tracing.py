"""A trace with its progress on a terminal."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer

from workers.moments import moment
from workers.settings import Settings
from workers.tracing.found import Trace
from workers.tracing.scan import Progress
from workers.tracing.search import trace

_AGO = re.compile(r"\d{1,6}[smhd]")


async def traced(settings: Settings, asked: str, *, since: str, thorough: bool) -> Trace:
    """Raises what `workers.tracing.search.trace` raises, and typer.BadParameter for a time that is none."""
    begin = _since(since)
    with _progress() as progress:
        return await trace(settings, asked, since=begin, thorough=thorough, progress=progress)


def _since(text: str) -> datetime | None:
    given = f"-{text}" if _AGO.fullmatch(text) else text
    try:
        seconds = moment(given, now=time.time())
        if seconds is None and given != "earliest":
            raise ValueError
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text}: expected 30m, 12h, 7d, a time (2026-11-24T08:00:00Z) or earliest", param_hint="--since"
        ) from None


@contextmanager
def _progress() -> Iterator[Progress]:
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
