"""The cluster's topics: what is there, and making what is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from topics.catalog import TOPICS, Topic
from topics.errors import ConfigError
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
        name=settings.topic(topic.role) if topic.role in TOPICS else topic.name(settings.prefix),
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
        Found(topic=topic, name=settings.topic(topic.role), partitions=there.get(settings.topic(topic.role), 0))
        for topic in TOPICS.values()
    ]
