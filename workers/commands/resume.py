"""`wirewatch resume`: let what cannot be read go to the dead letters, where the brake is on."""

import json
from typing import Annotated

import typer

from workers.commands.options import Brokers, Config, Json, Prefix, load
from workers.commands.running import run


def resume_command(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC[/PARTITION]]…", help="Topics or partitions. [default: all of the inputs]"),
    ] = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
) -> None:
    """Take the brake off: what is in these partitions now goes on, what cannot be read of it to the dead letters.

    It holds for what was written until now; what comes later is judged again.
    """
    from workers.commands.resuming import resume

    chosen = load(config, brokers=brokers, prefix=prefix)

    async def tell() -> None:
        for said in await resume(chosen, places or ()):
            place = f"{said.topic}/{said.partition}"
            line = {"topic": said.topic, "partition": said.partition, "until": said.until}
            print(json.dumps(line) if as_json_lines else f"{place}: goes on up to offset {said.until}", flush=True)

    run(tell(), limit=60)
