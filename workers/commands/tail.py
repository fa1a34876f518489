"""`wirewatch tail`."""

from typing import Annotated

import typer

from workers.commands.options import Brokers, Config, Json, Prefix, load, topic_name
from workers.commands.running import run


def tail_command(
    topic: Annotated[
        str,
        typer.Argument(metavar="TOPIC", help="raw, enriched, hits, alerts, dead-letters …, or a topic's full name."),
    ],
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Not only what comes from now on.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End at the topic's present end.")] = False,
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", min=1, metavar="N", help="End after so many records.")
    ] = None,
) -> None:
    """Show a topic's records as they come."""
    from workers.commands.reading import as_json, as_text, records

    chosen = load(config, brokers=brokers, prefix=prefix)

    async def show() -> None:
        name = topic_name(chosen, topic)
        async for message in records(chosen, name, beginning=beginning or once, follow=not once, limit=limit):
            print(as_json(message) if as_json_lines else as_text(message), flush=True)

    run(show())
