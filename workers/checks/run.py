"""All checks, as one would ask: can it be reached, may we, is it as it must be, does it read well?"""

from collections.abc import AsyncIterator, Iterable, Sequence

from aiokafka.errors import KafkaError

from workers import rights
from workers.checks import local, permissions, pushed, records, registry, topics
from workers.checks.cluster import Cluster, look, names
from workers.checks.finding import Finding, fine, wrong
from workers.settings import Settings

WORKERS = ("enrich", "alert", "deliver")
REDRIVE = "redrive"
"""The command that writes to nearly as many topics: looked at when it is asked for."""


async def check(settings: Settings, *, workers: Sequence[str] = WORKERS) -> AsyncIterator[Finding]:
    """Everything that these workers need, a Finding each. Raises nothing."""
    files = local.files(settings) if "enrich" in workers else {}
    try:
        cluster = await look(
            settings,
            names(settings, workers),
            groups(settings, workers),
            patterns=bool({"enrich", REDRIVE} & set(workers)),
        )
    except (KafkaError, TimeoutError, OSError) as error:
        yield wrong("connection", str(error) or type(error).__name__, subject=settings.brokers)
    else:
        for finding in _cluster(settings, cluster, workers):
            yield finding
        if "enrich" in workers:
            async for finding in pushed.check(settings, files):
                yield finding
            async for finding in records.check(settings, cluster):
                yield finding
    for finding in _local(settings, workers, files):
        yield finding
    async for finding in _others(settings, workers):
        yield finding


async def _others(settings: Settings, workers: Sequence[str]) -> AsyncIterator[Finding]:
    """What is neither Kafka's nor ours."""
    if "enrich" in workers:
        async for finding in registry.check(settings):
            yield finding
    if {"deliver", REDRIVE} & set(workers):
        async for finding in local.routes(settings):
            yield finding


def groups(settings: Settings, workers: Iterable[str]) -> list[str]:
    """The consumer groups of these workers."""
    return [group for worker in workers for group in rights.groups(settings, worker)]


def _local(settings: Settings, workers: Sequence[str], files: local.Files) -> Iterable[Finding]:
    # By these names Kafka's own tools know who reads what.
    yield from (fine("group", group, subject=worker) for worker in workers for group in groups(settings, [worker]))
    yield from local.spans()
    if "enrich" in workers:
        yield from local.model(settings)
        yield from local.watchlists(settings, files)
        yield from local.sources(settings)
        yield from local.gazetteer(settings)
        yield from local.pool(settings)


def _cluster(settings: Settings, cluster: Cluster, workers: Sequence[str]) -> Iterable[Finding]:
    yield fine("connection", f"{cluster.brokers} broker{'s' if cluster.brokers != 1 else ''}", subject=settings.brokers)
    yield _security(settings)
    yield from permissions.check(settings, cluster, workers)
    yield from topics.check(settings, cluster)


def _security(settings: Settings) -> Finding:
    security = settings.kafka.security
    who = f" as {security.username}" if security.username else ""
    return fine("security", f"{security.protocol_used}{f' {m}' if (m := security.mechanism_used) else ''}{who}")
