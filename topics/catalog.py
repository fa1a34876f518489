"""Every topic: its name, key, partitions, retention, cleanup and sizes. Names take the settings' prefix."""

from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000
MAX_RAW_BYTES = 4 * 1024 * 1024
"""The largest raw record that we ask the broker to take."""
DEAD_LETTER_HEADROOM = 64 * 1024
"""What a dead letter's own headers may add to the original record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as it should be made. `partitions` of None: the number that the caller chooses."""

    role: str
    key: str
    partitions: int | None = None
    config: dict[str, str] = field(default_factory=dict)

    def name(self, prefix: str) -> str:
        return f"{prefix}.{self.role}"


def _config(retention_days: int | None = None, **extra: str) -> dict[str, str]:
    # LogAppendTime: a publisher's fast clock would freeze every cooldown until time caught up with it.
    config = {"message.timestamp.type": "LogAppendTime"}
    if retention_days is not None:
        config["retention.ms"] = str(retention_days * DAY_MS)
    return config | {key.replace("_", "."): value for key, value in extra.items()}


TOPICS = {
    topic.role: topic
    for topic in (
        Topic(role="raw", key="any", config=_config(7, max_message_bytes=str(MAX_RAW_BYTES))),
        Topic(role="enriched", key="article id", config=_config(7, max_message_bytes=str(MAX_RAW_BYTES))),
        Topic(role="hits", key="desk", config=_config(14)),
        Topic(role="alerts", key="desk", config=_config(30)),
        Topic(
            role="stories",
            key="desk/story",
            # The lag keeps the records of a frozen worker beside ours until it is found out: alert.py needs both.
            # A state batch must go whole.
            config=_config(
                cleanup_policy="compact", min_compaction_lag_ms="120000", max_message_bytes=str(8 * 1024**2)
            ),
        ),
        Topic(
            role="watchlists",
            key="watchlist/ID, rule/ID/RULE/PUSH",
            partitions=1,
            config=_config(cleanup_policy="compact"),
        ),
        Topic(
            role="dead-letters",
            key="as it came",
            config=_config(30, max_message_bytes=str(MAX_RAW_BYTES + DEAD_LETTER_HEADROOM)),
        ),
    )
}
"""By role. `hits`, `alerts` and `stories` must have the same number of partitions."""
