"""`wirewatch topics`: make the topics of the catalog, and show what there is."""

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


async def create(settings: Settings, *, partitions: int, replication_factor: int) -> Mapping[str, bool]:
    """Make every topic of the catalog that is not there. Returns name -> whether it was made now.

    Raises ConfigError when the cluster refuses one, and KafkaError when it cannot be reached.
    """
    wanted = {
        topic.name(settings.prefix): NewTopic(
            name=topic.name(settings.prefix),
            num_partitions=topic.partitions or partitions,
            replication_factor=replication_factor,
            topic_configs=topic.config,
        )
        for topic in TOPICS.values()
    }
    async with kafka.admin(settings) as admin:
        response = await admin.create_topics(list(wanted.values()), validate_only=False)
    made = {}
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            message = next((text for text in rest if text), error.__name__)
            raise ConfigError(f"topic {name}: the cluster refuses it: {message}")
        made[name] = code == 0
    return made


async def found(settings: Settings) -> list[Found]:
    """Every topic of the catalog, with what the cluster has of it. Raises KafkaError."""
    async with kafka.admin(settings) as admin:
        described: list[dict[str, Any]] = await admin.describe_topics()
    there = {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
    return [
        Found(topic=topic, name=topic.name(settings.prefix), partitions=there.get(topic.name(settings.prefix), 0))
        for topic in TOPICS.values()
    ]
