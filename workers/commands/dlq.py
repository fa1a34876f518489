"""`wirewatch dlq`: what went to the dead letters, and why."""

import asyncio
import json
from typing import Annotated, Any

import typer

from alerts.plain import plain
from workers.commands.options import Brokers, Config, Json, Prefix, load
from workers.commands.tail import as_json, errors_of, records, when

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that could not be processed, as they came.")


@app.callback()
def _group() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@app.command("list")
def list_command(
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
    limit: Annotated[int | None, typer.Option("-n", "--limit", min=1, help="At most so many.")] = None,
) -> None:
    """Every dead letter that the topic still has, the oldest first."""
    chosen = load(config, brokers=brokers, prefix=prefix)

    async def show() -> None:
        topic = chosen.topic("dead-letters")
        async for message in records(chosen, topic, beginning=True, follow=False, limit=limit):
            print(json.dumps(_entry(message), ensure_ascii=False) if as_json_lines else _line(message), flush=True)

    asyncio.run(show())


def _entry(message: Any) -> dict[str, Any]:
    return {"errors": errors_of(message), "record": json.loads(as_json(message))}


def _line(message: Any) -> str:
    errors = errors_of(message)
    came = "/".join(errors.get(name, "?") for name in ("topic", "partition", "offset"))
    value = (message.value or b"")[:100].decode("utf-8", "replace")
    head = f"{when(message.timestamp)}  {errors.get('reason', '?'):<16} {came}  {errors.get('message', '')[:200]}"
    return plain(f"{head}\n    {value}", lines=True)
