"""The flags that commands share, and the settings that they make.

What a command needs to do its work is imported when it runs: `--help`, and every process that the workers spawn,
would otherwise wait for all of it.
"""

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workers.settings import Settings

EXIT_PROBLEMS = 1
EXIT_CONFIG = 78
_AGO = re.compile(r"\d{1,6}[smhd]")

Brokers = Annotated[str | None, typer.Option("--brokers", metavar="HOST:PORT[,…]", help="The Kafka cluster.")]
Prefix = Annotated[
    str | None, typer.Option("--prefix", metavar="NAME", help="What our topics' names begin with. [default: news]")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The settings' file. [default: wirewatch.toml]")
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, metavar="N", help="For /metrics, /livez, /readyz; 0 picks a free one."),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group", metavar="NAME", help="What our consumer groups' names begin with. [default: PREFIX.wirewatch]"
    ),
]
Watchlists = Annotated[
    list[Path] | None,
    typer.Option("--watchlist", "-w", metavar="PATH", help="A watchlist, or a folder of them; repeatable."),
]
SourcesFile = Annotated[
    Path | None, typer.Option("--sources", metavar="FILE", help="What is known of sources (wirewatch sources init).")
]
GazetteerFile = Annotated[
    Path | None, typer.Option("--gazetteer", metavar="FILE", help="Names of your own (wirewatch gazetteer init).")
]
Model = Annotated[str | None, typer.Option("--model", metavar="NAME|PATH", help="English's spaCy pipeline, or none.")]
Entities = Annotated[
    str | None,
    typer.Option(
        "--entities", metavar="always|on-hit", help="The model looks at every article, or where a rule is met."
    ),
]
Processes = Annotated[
    int | None, typer.Option("--processes", min=0, metavar="N", help="0: as many as the machine allows.")
]
LogLevel = Annotated[
    str | None,
    typer.Option("--log-level", metavar="debug|info|warning|error", help="From which level on. [default: info]"),
]
LogFormat = Annotated[
    str | None,
    typer.Option("--log-format", metavar="auto|json|text", help="auto: text on a terminal, JSON elsewhere."),
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON, a line each.")]
Plain = Annotated[bool, typer.Option("--text", help="The file is one plain-text article.")]


def there(file: Path | None) -> Path | None:
    if file is None or file == Path("-") or (file.exists() and not file.is_dir()):
        return file
    raise typer.BadParameter(f"{file}: {'a folder' if file.is_dir() else 'no such file'}")


Articles = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|-", callback=there, help="Articles as JSON Lines, or one plain text; - is standard input."
    ),
]
OptionalArticles = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE|-", callback=there, help="Articles as JSON Lines, or one plain text; - is standard input."
    ),
]


def load(config: Path | None = None, **flags: Any) -> "Settings":
    """The settings, from these flags and everything beneath them. Flags of None were not given."""
    from workers import settings

    if config is not None:
        os.environ["WIREWATCH_CONFIG"] = str(config)
    return settings.load(**{name: value for name, value in flags.items() if value not in (None, [], {})})


def section(**values: Any) -> dict[str, Any]:
    """A table of the settings, of those flags that were given."""
    return {name: value for name, value in values.items() if value is not None}


def logging(level: str | None, format: str | None) -> dict[str, Any]:
    """The settings of a worker's log, of those flags that were given."""
    return section(log_level=level, log_format=format)


def topic_name(chosen: "Settings", name: str) -> str:
    """The topic of a role ("alerts"), or the name as it is ("news.alerts.trade")."""
    from topics.catalog import TOPICS

    return chosen.topic(name) if name in TOPICS else name


def time_given(text: str, option: str, *, earliest: bool = True) -> datetime | None:
    """A time, or so long ago, with or without its minus; None for `earliest`, where that makes sense.

    Raises typer.BadParameter for what is none, and names the option.
    """
    from workers.moments import EARLIEST, moment

    given = f"-{text}" if _AGO.fullmatch(text) else text
    try:
        seconds = moment(given, now=time.time())
        if seconds is None and not (earliest and given == EARLIEST):
            raise ValueError
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError):
        expected = "30m, 12h, 7d, a time (2026-11-24T08:00:00Z)" + (" or earliest" if earliest else "")
        raise typer.BadParameter(f"{text}: expected {expected}", param_hint=option) from None
