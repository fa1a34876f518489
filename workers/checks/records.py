"""The input as it is: some of its latest records, read by the worker's own code."""

from collections.abc import AsyncIterator, Iterator

from aiokafka.errors import KafkaError

from topics.errors import ConfigError
from workers.checks.cluster import Cluster
from workers.checks.finding import Finding, fine, warning, wrong
from workers.commands.running import CommandFailed
from workers.commands.sampling import Sample, sample
from workers.settings import Settings

SAMPLE = 100


async def check(settings: Settings, cluster: Cluster) -> AsyncIterator[Finding]:
    """A look at each input topic. Raises nothing."""
    # Neither the model nor a crowd of processes is needed to see whether records can be read.
    light = settings.model_copy(
        update={"model": "none", "models": {}, "enrich": settings.enrich.model_copy(update={"processes": 1})}
    )
    for topic, found in cluster.topics.items():
        if settings.input_of(topic) is None or found.error or "Read" not in (found.operations or {"Read"}):
            continue
        try:
            seen = await sample(light, topic, SAMPLE)
        except (ConfigError, CommandFailed, KafkaError, TimeoutError, OSError) as error:
            yield warning("records", f"not looked at: {str(error) or type(error).__name__}", subject=topic)
            continue
        for finding in judged(settings, seen):
            yield finding


def judged(settings: Settings, seen: Sample) -> Iterator[Finding]:
    """What a sample says: records that cannot be read, and fields that no article has."""
    topic, look = seen.topic, f"wirewatch annotate --from {seen.topic} --sample {SAMPLE}"
    if not seen.records:
        yield warning("records", "none there yet: whether they can be read is not known", subject=topic)
        return
    unreadable = sum(bad.records for bad in seen.bad)
    if unreadable:
        worst = seen.bad[0]
        said = f"{unreadable} of the last {seen.records} would be dead letters, such as {worst.at}: "
        level = wrong if unreadable >= settings.enrich.brake.share * seen.records else warning
        remedy = f"[[input]] format and map; {look}"
        yield level("records", f"{said}{worst.reason}: {worst.message}", subject=topic, remedy=remedy)
    if seen.missing and seen.articles:
        fields = ", ".join(seen.missing)
        yield warning(
            "records", f"of {seen.articles} articles none has {fields}", subject=topic, remedy=f"[[input]] map; {look}"
        )
    if not unreadable and not seen.missing:
        yield fine("records", f"the last {seen.records} read well as {seen.format}", subject=topic)
