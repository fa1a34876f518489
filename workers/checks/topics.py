"""Topics as they must be: there, alike where they have to be, kept long enough, and wide enough for what is sent.

Everything here only looks at a `Cluster`.
"""

from collections.abc import Callable, Iterator

from topics.catalog import DEAD_LETTER_HEADROOM, TOPICS
from workers.checks.cluster import Cluster
from workers.checks.finding import Finding, fine, warning, wrong
from workers.dead_letters import MAX_VALUE_BYTES
from workers.settings import Settings

FOLDED = ("hits", "alerts", "stories")
"""The alert worker reads and writes these partition by partition."""
OVERHEAD = 40_000
"""What a record may have beside its value: key, headers and the batch around them, in bytes."""
STATE_BATCH = 8 * 1024**2
_ALTER = "kafka-configs.sh --bootstrap-server {brokers} --alter --topic {topic} --add-config {config}"


def check(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """Everything about the topics."""
    yield from there(settings, cluster)
    yield from partitions(settings, cluster)
    hidden = [topic for topic, found in cluster.topics.items() if found.error is None and topic not in cluster.configs]
    if hidden:
        yield warning(
            "topic settings",
            f"time, retention and sizes are not checked: we may not see the settings of {', '.join(hidden)}",
            remedy="the right to DescribeConfigs, or a look by an administrator",
        )
    yield from timestamps(settings, cluster)
    yield from kept(settings, cluster)
    yield from sizes(settings, cluster)


def there(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """Whether the topics are there."""
    missing = []
    for topic, found in cluster.topics.items():
        if found.error is None:
            continue
        missing.append(topic)
        ours = topic in {settings.topic(role) for role in TOPICS}
        make = "wirewatch topics create, or, for an administrator: wirewatch topics create --print"
        if found.hidden:
            yield wrong("topic", "we may not see it", subject=topic, remedy="wirewatch topics list --acls")
        elif found.missing:
            remedy = make if ours else "name the topics that are there ([[input]] topics), or have it made"
            yield wrong("topic", "not there (or we may not see it)", subject=topic, remedy=remedy)
        else:
            yield wrong("topic", f"cannot be used: {found.error}", subject=topic)
    for one in settings.inputs if cluster.patterns else ():
        if isinstance(one.topics, str) and not any(one.claims(topic) for topic in cluster.topics):
            yield warning("topics", f"the pattern {one.topics} matches none yet", remedy="[[input]] topics")
    if not missing:
        counts = ", ".join(f"{topic} {found.partitions}" for topic, found in cluster.topics.items())
        yield fine("topics", f"all there, with partitions: {counts}")
    yield from _replicas(cluster)


def _replicas(cluster: Cluster) -> Iterator[Finding]:
    single = [topic for topic, found in cluster.topics.items() if found.error is None and found.replicas == 1]
    if single and cluster.brokers > 1:
        yield warning(
            "replicas",
            f"one replica: with one broker gone these are, too: {', '.join(single)}",
            remedy="a replication factor of 3, with min.insync.replicas=2",
        )


def partitions(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """Hits, alerts and stories need the same number of partitions."""
    counts = {}
    for role in FOLDED:
        found = cluster.topics.get(settings.topic(role))
        if found is None or found.error is not None:
            return
        counts[settings.topic(role)] = found.partitions
    most = max(counts.values())
    few = [topic for topic, count in counts.items() if count < most]
    if not few:
        yield fine("equal partitions", f"{', '.join(counts)}: {most} each")
    for topic in few:
        yield wrong(
            "equal partitions",
            f"{counts[topic]} partitions, where {max(counts, key=lambda name: counts[name])} has {most}",
            subject=topic,
            remedy=f"kafka-topics.sh --bootstrap-server {settings.brokers} --alter --topic {topic} --partitions {most}",
        )


def timestamps(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """Decisions hang on the brokers' time, which a publisher's clock must not set."""
    inputs = _inputs(settings, cluster)
    seen = [topic for topic in (*inputs, settings.topic("hits")) if topic in cluster.configs]
    off = [topic for topic in seen if cluster.configs[topic].get("message.timestamp.type") != "LogAppendTime"]
    for topic in off:
        remedy = _alter(settings, topic, "message.timestamp.type=LogAppendTime")
        if topic in inputs:
            why = (
                "CreateTime: its publishers' clocks are trusted, and a fast one freezes cooldowns until time catches up"
            )
            yield warning("LogAppendTime", why, subject=topic, remedy=remedy)
        else:
            why = "CreateTime: our own workers' clocks decide what is old"
            yield wrong("LogAppendTime", why, subject=topic, remedy=remedy)
    if seen and not off:
        yield fine("LogAppendTime", ", ".join(seen))


def kept(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """What waits through the longest outage must still be there after it; what is state must stay."""
    hits, alerts = settings.topic("hits"), settings.topic("alerts")
    found = [
        *(
            f
            for topic in (hits, alerts)
            for f in _policy(settings, cluster, topic, "delete", "records replace each other")
        ),
        *(f for topic in (hits, alerts) for f in _retention(settings, cluster, topic, wrong)),
        *(f for topic in _inputs(settings, cluster) for f in _retention(settings, cluster, topic, warning)),
        *(
            f
            for role in ("stories", "watchlists")
            for f in _policy(
                settings, cluster, settings.topic(role), "compact", "what is in force is forgotten with time"
            )
        ),
    ]
    yield from found
    if not found and hits in cluster.configs:
        yield fine("retention", f"what waits outlasts an outage of {settings.longest_outage / 3600:g} h")


def _policy(settings: Settings, cluster: Cluster, topic: str, policy: str, why: str) -> Iterator[Finding]:
    found = cluster.configs.get(topic, {}).get("cleanup.policy", policy)
    if found != policy:
        remedy = _alter(settings, topic, f"cleanup.policy={policy}")
        yield wrong("retention", f"cleanup.policy={found}: {why}", subject=topic, remedy=remedy)


def _retention(settings: Settings, cluster: Cluster, topic: str, level: Callable[..., Finding]) -> Iterator[Finding]:
    outage = settings.longest_outage
    milliseconds = cluster.number(topic, "retention.ms")
    if milliseconds is not None and 0 <= milliseconds < outage * 1000:
        short = (
            f"{milliseconds / 3_600_000:g} h are kept, and the longest outage is {outage / 3600:g} h (longest_outage)"
        )
        remedy = _alter(settings, topic, f"retention.ms={int(outage * 1000)}")
        yield level("retention", f"{short}: what waits longer is lost", subject=topic, remedy=remedy)
    size = cluster.number(topic, "retention.bytes")
    if size is not None and size > 0:
        yield warning("retention", f"bounded by size, too: {size} bytes a partition", subject=topic)


def _inputs(settings: Settings, cluster: Cluster) -> list[str]:
    ours = {settings.topic(role) for role in TOPICS if role != "raw"}
    return sorted(topic for topic in cluster.topics if settings.input_of(topic) is not None and topic not in ours)


def sizes(settings: Settings, cluster: Cluster) -> Iterator[Finding]:
    """What fits into one topic must fit into the next."""
    needed = _needed(settings, cluster)
    tight = False
    for topic, (least, why) in needed.items():
        most = cluster.number(topic, "max.message.bytes")
        if most is not None and most < least:
            tight = True
            yield wrong(
                "message sizes",
                f"takes {most} bytes, {least} are needed: {why}",
                subject=topic,
                remedy=_alter(settings, topic, f"max.message.bytes={least}"),
            )
    request = settings.kafka.producer.get("max_request_size")
    largest = max(least for least, _ in needed.values())
    if isinstance(request, int) and request < largest:
        tight = True
        yield wrong(
            "message sizes",
            f"kafka.producer.max_request_size is {request}, {largest} are needed",
            remedy="leave it out, or raise it",
        )
    if not tight and any(topic in cluster.configs for topic in needed):
        yield fine("message sizes", "raw, dead letters, outputs and producer fit each other")


def _needed(settings: Settings, cluster: Cluster) -> dict[str, tuple[int, str]]:
    """Topic -> (the least that its max.message.bytes may be, why)."""
    ours = {settings.topic(role) for role in TOPICS if role != "raw"}
    raw = max(
        (cluster.number(topic, "max.message.bytes") or 0 for topic in cluster.topics if topic not in ours), default=0
    )
    outputs = settings.enrich.max_output_bytes + OVERHEAD
    letter = min(raw, MAX_VALUE_BYTES) + DEAD_LETTER_HEADROOM
    found = {settings.topic("dead-letters"): (letter, "the largest raw record, and why it could not be read")}
    for role in ("enriched", "hits", "alerts"):
        found[settings.topic(role)] = (outputs, "enrich.max_output_bytes, its key and headers")
    found[settings.topic("stories")] = (STATE_BATCH, "the state of one batch of hits goes whole or not at all")
    return found


def _alter(settings: Settings, topic: str, config: str) -> str:
    return _ALTER.format(brokers=settings.brokers, topic=topic, config=config)
