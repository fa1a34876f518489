"""The cluster as the checks see it: asked once, then only looked at."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from workers import rights
from workers.settings import Settings
from workers.stream import authorized, inputs, kafka
from workers.stream.authorized import Allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """`topics` and `groups` by name. `configs` has the settings of those topics whose settings we may see.

    `patterns`: whether it was asked for topics that inputs match.
    """

    brokers: int
    topics: Mapping[str, Allowed]
    groups: Mapping[str, Allowed] = field(default_factory=dict)
    configs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    patterns: bool = False

    def number(self, topic: str, setting: str) -> int | None:
        """A topic's setting that is a number; None where it cannot be seen."""
        value = self.configs.get(topic, {}).get(setting, "")
        return int(value) if value.lstrip("-").isdigit() else None


def names(settings: Settings, workers: Iterable[str]) -> list[str]:
    """The topics that these workers need and that have a name."""
    return list(dict.fromkeys(topic for worker in workers for topic in rights.topics(settings, worker)))


async def look(
    settings: Settings, topics: Iterable[str], groups: Iterable[str] = (), *, patterns: bool = False
) -> Cluster:
    """Ask the cluster; with `patterns`, for the topics that inputs match, too.

    Raises KafkaError and TimeoutError where it does not answer.
    """
    async with asyncio.timeout(settings.kafka.request_timeout), kafka.admin(settings) as admin:
        described = await admin.describe_cluster()
        # What patterns match only the cluster knows.
        matched = inputs.present(settings, await admin.list_topics()) if patterns else []
        names = list(dict.fromkeys([*topics, *matched]))
        found = await authorized.topics(admin, names)
        there = [name for name in names if found[name].error is None]
        return Cluster(
            brokers=len(described["brokers"]),
            topics={name: found[name] for name in names},
            groups=await authorized.groups(admin, groups),
            configs=await _configs(admin, there),
            patterns=patterns,
        )


async def _configs(admin: Any, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    """The settings of topics; those that we may not see are left out."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    if not resources:
        return {}
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for code, _, _, name, entries in answer.resources:
            if not for_code(code).errno:
                found[name] = {entry[0]: entry[1] or "" for entry in entries}
    return found
