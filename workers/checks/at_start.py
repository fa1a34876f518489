"""The cheap checks once more when a worker starts: what an administrator changed since is in its log."""

import asyncio

import structlog
from aiokafka.errors import KafkaError

from workers.checks import topics
from workers.checks.cluster import look, names
from workers.settings import Settings

AGAIN = 15.0
"""Seconds until brokers that did not answer are asked again."""

log = structlog.get_logger()


async def tell(settings: Settings, worker: str) -> None:
    """Wait until the brokers answer, look at the topics once, and log what is not fine. It stops nobody."""
    while True:
        try:
            cluster = await look(settings, names(settings, [worker]), patterns=worker == "enrich")
            break
        except (KafkaError, TimeoutError, OSError):  # the worker itself says so
            await asyncio.sleep(AGAIN)
    for finding in topics.check(settings, cluster):
        said = log.error if finding.level == "wrong" else log.warning
        if finding.level != "fine":
            said("check", check=finding.check, subject=finding.subject, message=finding.message, remedy=finding.remedy)
