"""An administrator who pastes what `wirewatch topics create --print` and `topics list --acls` print.

The tools themselves (`tests.kafka.tools`) take a second for each of dozens of commands, so these are read here and
done by a client.
"""

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from tests.kafka.broker import Cluster
from tests.kafka.secured import Secured


def _parser(tool: str) -> ArgumentParser:
    parser = ArgumentParser(tool, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--bootstrap-server", required=True)
    return parser


def _topics_tool() -> ArgumentParser:
    parser = _parser("kafka-topics.sh")
    parser.add_argument("--create", action="store_true", required=True)
    parser.add_argument("--if-not-exists", action="store_true")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--config", action="append", default=[])
    return parser


def _acls_tool() -> ArgumentParser:
    parser = _parser("kafka-acls.sh")
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    resource = parser.add_mutually_exclusive_group(required=True)
    resource.add_argument("--topic")
    resource.add_argument("--group")
    parser.add_argument("--resource-pattern-type", choices=("literal", "prefixed"), default="literal")
    return parser


def _commands(printed: str, parser: ArgumentParser) -> Iterator[Namespace]:
    for line in printed.splitlines():
        tool, *words = shlex.split(line, comments=True) or [""]
        if tool:
            assert tool == parser.prog
            yield parser.parse_args(words)


async def make_topics(cluster: Cluster, printed: str) -> None:
    """Run printed `kafka-topics.sh` commands."""
    for command in _commands(printed, _topics_tool()):
        configs = dict(config.split("=", 1) for config in command.config)
        config = {name.replace(".", "_"): value for name, value in configs.items()}
        await cluster.create_topic(command.topic, command.partitions, **config)


def give_rights(secured: Secured, printed: str) -> None:
    """Run printed `kafka-acls.sh` commands."""
    for command in _commands(printed, _acls_tool()):
        kind, _, user = command.allow_principal.partition(":")
        assert kind == "User"
        resource = {"topic": command.topic} if command.topic else {"group": command.group}
        prefixed = command.resource_pattern_type == "prefixed"
        operations = [_OPERATIONS[operation] for operation in command.operation]
        secured.allow(user, *operations, prefixed=prefixed, **resource)


_OPERATIONS = {"Read": "READ", "Write": "WRITE", "Describe": "DESCRIBE", "DescribeConfigs": "DESCRIBE_CONFIGS"}
