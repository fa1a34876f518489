"""The flags that commands share, and the settings that they make."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from topics.catalog import TOPICS
from topics.errors import ConfigError
from workers import settings
from workers.settings import Settings

EXIT_PROBLEMS = 1
EXIT_CONFIG = 78

Brokers = Annotated[str | None, typer.Option("--brokers", metavar="HOST:PORT[,…]", help="The Kafka cluster.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="What our topics' names begin with (news).")]
Config = Annotated[Path | None, typer.Option("--config", help="The settings' file (wirewatch.toml).")]
Port = Annotated[int | None, typer.Option("--port", help="For /metrics, /livez and /readyz; 0 picks a free one.")]
Group = Annotated[str | None, typer.Option("--group", help="What our consumer groups' names begin with.")]
Watchlists = Annotated[
    list[Path] | None, typer.Option("--watchlist", "-w", help="A watchlist, or a folder of them; repeatable.")
]
Model = Annotated[str | None, typer.Option("--model", help="A spaCy pipeline (installed, or a folder), or none.")]
Processes = Annotated[int | None, typer.Option("--processes", help="Pool processes; 0: as the machine allows.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON, a line each.")]
Plain = Annotated[bool, typer.Option("--text", help="The file is one plain-text article.")]


def load(config: Path | None = None, **flags: Any) -> Settings:
    """The settings, from these flags and everything beneath them. Flags of None were not given."""
    if config is not None:
        if not config.is_file():
            raise ConfigError(f"{config}: no such file")
        os.environ["WIREWATCH_CONFIG"] = str(config)
    return settings.load(**{name: value for name, value in flags.items() if value not in (None, [], {})})


def section(**values: Any) -> dict[str, Any]:
    """A table of the settings, of those flags that were given."""
    return {name: value for name, value in values.items() if value is not None}


def topic_name(chosen: Settings, name: str) -> str:
    """The topic of a role ("alerts"), or the name as it is ("news.alerts.trade")."""
    return chosen.topic(name) if name in TOPICS else name
