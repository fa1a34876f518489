"""Dead letters: the original record with headers that say what happened (after Kafka Streams' KIP-1034)."""

from alerts.plain import plain
from topics.catalog import DEAD_LETTER_HEADROOM, MAX_RAW_BYTES
from topics.errors import InvalidRecord
from workers.messages import Headers, Output, Record, Result
from workers.version import this_version

PREFIX = "wirewatch.errors."
MAX_MESSAGE_BYTES = 1024
MAX_VALUE_BYTES = MAX_RAW_BYTES + DEAD_LETTER_HEADROOM // 2
"""What the dead-letter topic takes of a value; a longer one (the input topic allows more than ours) is cut."""


def dead_letter(record: Record, error: InvalidRecord, *, stage: str, extra: dict[str, str] | None = None) -> Output:
    """The record as it came, with our headers after its own. `extra` adds headers of the same prefix."""
    ours = {
        "stage": stage,
        "reason": error.reason,
        "message": error.message,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "app-version": this_version(),
    } | (extra or {})
    value = record.value
    if value is not None and len(value) > MAX_VALUE_BYTES:
        ours["cut-from-bytes"] = str(len(value))
        value = value[:MAX_VALUE_BYTES]
    headers: Headers = tuple((PREFIX + name, _bounded(text)) for name, text in ours.items())
    return Output("dead-letters", record.key, value, (*record.headers, *headers))


def why(result: Result) -> str:
    """What a dead letter's headers say, in a line for people: the reason, and how the message begins."""
    headers = dict(result.then[0].headers) if result.then else {}
    message = (headers.get(PREFIX + "message") or b"").decode("utf-8", "replace")
    return plain(f"{result.reason}: {message[:200]}")


def _bounded(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return data[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore").encode()
