"""`wirewatch dlq`: what went to the dead letters, and why."""

import json
from typing import Annotated

import typer

from workers.commands.options import Brokers, Config, Json, Prefix, load
from workers.commands.running import run

app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be processed, and why.")


@app.callback()
def _group() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@app.command("list", epilog="Example: wirewatch dlq list --json | jq -r .errors.reason | sort | uniq -c")
def list_command(
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
    limit: Annotated[int | None, typer.Option("-n", "--limit", min=1, metavar="N", help="At most so many.")] = None,
) -> None:
    """Every dead letter that the topic still has, with its reason."""
    from workers.commands.reading import dead_letter_entry, dead_letter_text, records

    chosen = load(config, brokers=brokers, prefix=prefix)

    async def show() -> None:
        topic = chosen.topic("dead-letters")
        async for message in records(chosen, topic, beginning=True, follow=False, limit=limit):
            if as_json_lines:
                print(json.dumps(dead_letter_entry(message), ensure_ascii=False), flush=True)
            else:
                print(dead_letter_text(message), flush=True)

    run(show())
