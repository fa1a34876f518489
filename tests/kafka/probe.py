"""What tests ask a broker for from outside: does it answer, who is in the cluster, make these topics."""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from topics.catalog import TOPICS

Result = TypeVar("Result")


def port_open(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


class Metadata:
    """One broker's view of the cluster."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def brokers(self) -> set[int]:
        """The ids of the brokers that this one counts in; none while it does not answer."""

        async def ask(admin: AIOKafkaAdminClient) -> set[int]:
            return {broker["node_id"] for broker in (await admin.describe_cluster())["brokers"]}

        return _attempt(self._bootstrap, ask) or set()


def wait_coordinator(bootstrap: str, *, timeout: float) -> None:
    """Until consumer groups have a coordinator: a fresh cluster has none for a moment. Raises TimeoutError."""

    async def ask(admin: AIOKafkaAdminClient) -> bool:
        await admin.find_coordinator("a-group")
        return True

    deadline = time.monotonic() + timeout
    while not _attempt(bootstrap, ask):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{bootstrap}: no coordinator for consumer groups within {timeout:.0f} s")
        time.sleep(0.05)


def new_topic(name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> NewTopic:
    return NewTopic(name, partitions, replicas, topic_configs=dict(config))


async def create_catalog(
    bootstrap: str, prefix: str, partitions: int, replicas: int, roles: Mapping[str, int]
) -> dict[str, str]:
    """Make every topic of the catalogue; those that it gives no number of partitions get `roles`' or `partitions`."""
    numbers = {role: topic.partitions or roles.get(role, partitions) for role, topic in TOPICS.items()}
    new = [new_topic(topic.name(prefix), numbers[role], replicas, topic.config) for role, topic in TOPICS.items()]
    await create_topics(bootstrap, new)
    return {role: topic.name(prefix) for role, topic in TOPICS.items()}


async def create_topics(bootstrap: str, topics: Sequence[NewTopic]) -> None:
    """Make topics and wait until every partition has a leader. Raises what the broker refuses with."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(list(topics))
        for name, code, *detail in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"{name}: {detail[0] if detail else ''}")
        names = [topic.name for topic in topics]
        while not all(map(_has_leaders, await admin.describe_topics(names))):  # noqa: ASYNC110 - the broker tells us nothing
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


def _has_leaders(topic: dict[str, Any]) -> bool:
    return not topic["error_code"] and all(not p["error_code"] and p["leader"] >= 0 for p in topic["partitions"])


def _attempt(bootstrap: str, ask: Callable[[AIOKafkaAdminClient], Awaitable[Result]]) -> Result | None:
    """Ask once, on an event loop of its own; None when the broker is not ready to answer."""

    async def once() -> Result | None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
        try:
            await admin.start()
            return await ask(admin)
        except (KafkaError, OSError, TimeoutError):
            return None
        finally:
            await admin.close()

    with _quiet(), ThreadPoolExecutor(max_workers=1) as thread:  # the caller may be on a loop already
        return thread.submit(asyncio.run, once()).result()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without aiokafka's error lines about a broker that is only just starting."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
