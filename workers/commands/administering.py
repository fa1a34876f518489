"""Commands of Kafka's own tools, for an administrator to look at and paste: nothing here talks to a cluster."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from topics.catalog import TOPICS
from topics.errors import ConfigError
from workers.rights import NEEDS, TOPIC, Right, rights
from workers.settings import Settings


def topic_commands(
    settings: Settings, *, partitions: int, replication_factor: int, command_config: str | None = None
) -> Iterator[str]:
    """A `kafka-topics.sh --create` a topic of the catalog. `replication_factor` of 0: the cluster's default."""
    for topic in TOPICS.values():
        words = [*_tool("kafka-topics.sh", settings, command_config), "--create", "--if-not-exists"]
        words += ["--topic", settings.topic(topic.role), "--partitions", str(topic.partitions or partitions)]
        words += ["--replication-factor", str(replication_factor)] if replication_factor else []
        for name, value in topic.config.items():
            words += ["--config", f"{name}={value}"]
        yield shlex.join(words)


def no_topic(settings: Settings, name: str) -> str:
    """That a topic is not there; as far as one can know: a client is told the same of one that it may not see."""
    return (
        f"no topic {name} on {settings.brokers}, or none that we may see "
        "(to make ours: wirewatch topics create; to see it: wirewatch topics list --acls)"
    )


def principals(given: Sequence[str], who: Sequence[str]) -> Mapping[str, str]:
    """Who runs what: worker or command -> principal. Without any, each is one of its own: `User:wirewatch-WORKER`.

    `given` are `WORKER=TYPE:NAME`, or `TYPE:NAME` for all others. Raises ConfigError.
    """
    found = {name: f"User:wirewatch-{name}" for name in who}
    for entry in sorted(given, key=lambda entry: "=" in entry.partition(":")[0]):
        name, _, principal = entry.partition("=") if "=" in entry.partition(":")[0] else ("", "", entry)
        if ":" not in principal.strip(":"):
            raise ConfigError(f"--principal {entry}: expected TYPE:NAME, such as User:wirewatch, or WORKER=TYPE:NAME")
        if name and name not in NEEDS:
            raise ConfigError(f"--principal {entry}: expected one of {', '.join(NEEDS)}, found {name}")
        found |= {worker: principal for worker in (([name] if name in found else []) if name else found)}
    return found


def acl_commands(settings: Settings, who: str, principal: str, *, command_config: str | None = None) -> Iterator[str]:
    """A `kafka-acls.sh --add` for each right that a worker or command needs."""
    for right in rights(settings, who):
        words = [*_tool("kafka-acls.sh", settings, command_config), "--add", "--allow-principal", principal]
        for operation in right.operations:
            words += ["--operation", operation]
        words += ["--topic" if right.kind == TOPIC else "--group", right.name]
        words += ["--resource-pattern-type", "prefixed"] if right.prefixed else []
        yield shlex.join(words)


def acl_entry(who: str, principal: str, right: Right) -> dict[str, object]:
    """A right, for a program."""
    return {
        "who": who,
        "principal": principal,
        "resource_type": right.kind,
        "name": right.name,
        "pattern_type": "prefixed" if right.prefixed else "literal",
        "operations": list(right.operations),
    }


def _tool(name: str, settings: Settings, command_config: str | None) -> list[str]:
    more = ["--command-config", command_config] if command_config else []
    return [name, "--bootstrap-server", settings.brokers, *more]
