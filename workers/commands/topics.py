"""`wirewatch topics`: make the topics of the catalog, and show what there is."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.options import Brokers, Config, Group, Json, Prefix, load
from workers.commands.running import run

if TYPE_CHECKING:
    from workers.commands.admin import Found
    from workers.settings import Settings

CommandConfig = Annotated[
    str | None,
    typer.Option("--command-config", metavar="FILE", help="Named in what is printed: how the tools log in."),
]

app = typer.Typer(no_args_is_help=True, help="Make topics, list them, print their schemas.")


@app.command("create")
def create_command(
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Of each topic but the watchlists'.")
    ] = 4,
    replication_factor: Annotated[
        int, typer.Option(min=0, max=100, metavar="N", help="0: three, or as many as there are brokers.")
    ] = 0,
    printed: Annotated[
        bool, typer.Option("--print", help="Only print kafka-topics.sh commands; nothing is asked or made.")
    ] = False,
    command_config: CommandConfig = None,
) -> None:
    """Make the topics that are not there yet. Those that are stay as they are."""
    from workers.commands.admin import create
    from workers.commands.administering import topic_commands

    chosen = load(config, brokers=brokers, prefix=prefix)
    if printed:
        for line in topic_commands(
            chosen, partitions=partitions, replication_factor=replication_factor, command_config=command_config
        ):
            print(line)
        return
    work = create(chosen, partitions=partitions, replication_factor=replication_factor)
    made = run(work, limit=chosen.kafka.request_timeout)
    for name, new in sorted(made.items()):
        print(f"{name}: {'made' if new else 'was there'}")


@app.command("list", epilog="Example: wirewatch topics list --acls --principal alert=User:wire-alert")
def list_command(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    acls: Annotated[
        bool, typer.Option("--acls", help="Print the rights that each worker needs, as kafka-acls.sh commands.")
    ] = False,
    principal: Annotated[
        list[str] | None,
        typer.Option("--principal", metavar="[WORKER=]TYPE:NAME", help="Who gets them; repeatable."),
    ] = None,
    workers: Annotated[
        list[str] | None,
        typer.Option("--worker", metavar="NAME", help="Of this worker or command; repeatable. [default: all]"),
    ] = None,
    command_config: CommandConfig = None,
    as_json: Json = False,
) -> None:
    """The topics, their keys and settings, and whether the cluster has them.

    With --acls nothing is asked of the cluster: the rights follow from the settings.
    """
    from workers.commands.admin import found

    chosen = load(config, brokers=brokers, prefix=prefix, group=group)
    if acls:
        _print_rights(chosen, principal or (), workers or (), command_config=command_config, as_json=as_json)
        return
    for row in run(found(chosen), limit=chosen.kafka.request_timeout):
        print(_json(row) if as_json else _text(row))


def _print_rights(
    chosen: "Settings", given: Sequence[str], wanted: Sequence[str], *, command_config: str | None, as_json: bool
) -> None:
    from workers.commands.administering import acl_commands, acl_entry, principals
    from workers.rights import NEEDS, rights

    for name in wanted:
        if name not in NEEDS:
            raise typer.BadParameter(f"{name}: expected one of {', '.join(NEEDS)}", param_hint="--worker")
    for who, principal in principals(given, tuple(wanted or NEEDS)).items():
        if as_json:
            print("\n".join(json.dumps(acl_entry(who, principal, right)) for right in rights(chosen, who)))
        else:
            print("\n".join([f"# {who}", *acl_commands(chosen, who, principal, command_config=command_config)]))


def _json(row: "Found") -> str:
    return json.dumps(
        {"name": row.name, "key": row.topic.key, "partitions": row.partitions, "config": row.topic.config}
    )


def _text(row: "Found") -> str:
    there = f"{row.partitions} partitions" if row.partitions else "not there"
    lines = [f"{row.name:<24} {there:<14} key: {row.topic.key}"]
    return "\n".join(lines + [f"{'':<24} {name}={value}" for name, value in row.topic.config.items()])


@app.command("schema")
def schema_command(
    record: Annotated[
        str | None, typer.Argument(metavar="RECORD", help="RawArticle, EnrichedArticle, Hit, Alert …")
    ] = None,
    whole: Annotated[bool, typer.Option("--asyncapi", help="The AsyncAPI document of all topics.")] = False,
) -> None:
    """The JSON Schema of a record; without a name, which there are."""
    from topics.schema import RECORDS, asyncapi, schema

    if whole:
        print(json.dumps(asyncapi(), indent=2))
    elif record is None:
        print("\n".join(sorted(RECORDS)))
    elif record not in RECORDS:
        raise typer.BadParameter(f"no record {record!r}; there are {', '.join(sorted(RECORDS))}")
    else:
        print(json.dumps(schema(record), indent=2))
