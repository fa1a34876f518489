"""Kafka's own tools, as an administrator has them: `kafka-topics.sh` and its like, run from the jars of the tests."""

import shlex
from pathlib import Path

from tests.kafka.jars import Kafka

TOOLS = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}


def install(kafka: Kafka, folder: Path) -> Path:
    """Write them into a folder that is made for it, to be put on the PATH. Returns the folder."""
    folder.mkdir()
    for name, main in TOOLS.items():
        tool = folder / name
        tool.write_text(f'#!/bin/sh\nexec {shlex.join(kafka.command(main, heap="128m"))} "$@"\n')
        tool.chmod(0o755)
    return folder
