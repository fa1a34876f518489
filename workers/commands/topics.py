"""`wirewatch topics`: make the topics of the catalog, and show what there is."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from topics.catalog import TOPICS, Topic
from topics.errors import ConfigError
from topics.schema import RECORDS, asyncapi, schema
from workers.commands.options import Brokers, Config, Json, Prefix, load
from workers.settings import Settings
from workers.stream import kafka


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A topic of ours on the cluster. `partitions` of 0: it is not there."""

    topic: Topic
    name: str
    partitions: int


async def create(
    settings: Settings, *, partitions: int, replication_factor: int = 0, more: Mapping[str, int] | None = None
) -> Mapping[str, bool]:
    """Make every topic of the catalog that is not there. Returns name -> whether it was made now.

    `more` are further roles with their numbers of partitions.
    Raises ConfigError when the cluster refuses one, and KafkaError when it cannot be reached.
    """
    roles: list[Topic] = [
        *TOPICS.values(),
        *(Topic(role=role, key="desk", partitions=n) for role, n in (more or {}).items()),
    ]
    async with kafka.admin(settings) as admin:
        # aiokafka cannot leave the number of replicas to the cluster.
        replicas = replication_factor or min(3, len((await admin.describe_cluster())["brokers"]))
        wanted = [_new(topic, settings, partitions, replicas) for topic in roles]
        response = await admin.create_topics(wanted, validate_only=False)
    made = {}
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            message = next((text for text in rest if text), error.__name__)
            raise ConfigError(f"topic {name}: the cluster refuses it: {message}")
        made[name] = code == 0
    return made


def _new(topic: Topic, settings: Settings, partitions: int, replicas: int) -> NewTopic:
    return NewTopic(
        name=topic.name(settings.prefix),
        num_partitions=topic.partitions or partitions,
        replication_factor=replicas,
        topic_configs=topic.config,
    )


async def found(settings: Settings) -> list[Found]:
    """Every topic of the catalog, with what the cluster has of it. Raises KafkaError."""
    async with kafka.admin(settings) as admin:
        described: list[dict[str, Any]] = await admin.describe_topics()
    there = {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
    return [
        Found(topic=topic, name=topic.name(settings.prefix), partitions=there.get(topic.name(settings.prefix), 0))
        for topic in TOPICS.values()
    ]


app = typer.Typer(no_args_is_help=True, help="The topics: make them, list them, print their records' schemas.")


@app.command("create")
def create_command(
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    partitions: Annotated[int, typer.Option(min=1, max=10_000, help="Of each topic but the watchlists'.")] = 4,
    replication_factor: Annotated[
        int, typer.Option(min=0, max=100, help="0: three, or as many as there are brokers.")
    ] = 0,
) -> None:
    """Make the topics that are not there yet. Those that are stay as they are."""
    chosen = load(config, brokers=brokers, prefix=prefix)
    made = asyncio.run(create(chosen, partitions=partitions, replication_factor=replication_factor))
    for name, new in sorted(made.items()):
        print(f"{name}: {'made' if new else 'was there'}")


@app.command("list")
def list_command(brokers: Brokers = None, prefix: Prefix = None, config: Config = None, as_json: Json = False) -> None:
    """The topics, their keys and settings, and whether the cluster has them."""
    chosen = load(config, brokers=brokers, prefix=prefix)
    topics = asyncio.run(found(chosen))
    if as_json:
        for row in topics:
            print(
                json.dumps(
                    {"name": row.name, "key": row.topic.key, "partitions": row.partitions, "config": row.topic.config}
                )
            )
        return
    for row in topics:
        there = f"{row.partitions} partitions" if row.partitions else "not there"
        print(f"{row.name:<24} {there:<14} key: {row.topic.key}")
        for name, value in row.topic.config.items():
            print(f"{'':<24} {name}={value}")


@app.command("schema")
def schema_command(
    record: Annotated[str | None, typer.Argument(help="RawArticle, EnrichedArticle, Hit, Alert …")] = None,
    whole: Annotated[bool, typer.Option("--asyncapi", help="The AsyncAPI document of all topics.")] = False,
) -> None:
    """The JSON Schema of a record; without a name, which there are."""
    if whole:
        print(json.dumps(asyncapi(), indent=2))
    elif record is None:
        print("\n".join(sorted(RECORDS)))
    elif record not in RECORDS:
        raise ConfigError(f"no record {record!r}; there are {', '.join(sorted(RECORDS))}")
    else:
        print(json.dumps(schema(record), indent=2))
