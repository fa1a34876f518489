"""Dead letters: the original record with headers that say what happened (after Kafka Streams' KIP-1034)."""

from collections.abc import Iterable

from alerts.plain import plain
from topics.catalog import DEAD_LETTER_HEADROOM, MAX_RAW_BYTES
from topics.errors import InvalidRecord
from workers.messages import Headers, Output, Record, Result
from workers.version import this_version

PREFIX = "wirewatch.errors."
REDRIVEN_FROM = "wirewatch.redriven-from"
"""Header of a record that was redriven: the place of the dead letter that it was. So it is known if it fails again."""
MAX_MESSAGE_BYTES = 1024
MAX_VALUE_BYTES = MAX_RAW_BYTES + DEAD_LETTER_HEADROOM // 2
"""What the dead-letter topic takes of a value; a longer one (the input topic allows more than ours) is cut."""
CUT = "cut-from-bytes"
_FIRST = PREFIX + "stage"


def dead_letter(record: Record, error: InvalidRecord, *, stage: str, extra: dict[str, str] | None = None) -> Output:
    """The record as it came, with our headers after its own. `extra` adds headers of the same prefix."""
    ours = {
        "stage": stage,  # the first of them: see `opened`
        "reason": error.reason,
        "message": error.message,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "app-version": this_version(),
    } | (extra or {})
    value = record.value
    if value is not None and len(value) > MAX_VALUE_BYTES:
        ours[CUT] = str(len(value))
        value = value[:MAX_VALUE_BYTES]
    headers: Headers = tuple((PREFIX + name, _bounded(text)) for name, text in ours.items())
    return Output("dead-letters", record.key, value, (*record.headers, *headers))


def opened(headers: Iterable[tuple[str, bytes | None]]) -> tuple[Headers, dict[str, str]]:
    """A dead letter's headers: those that its record came with, and what ours say (without their prefix).

    Ours begin with the last `stage`: what is before it came with the record, whatever it is called. Without one
    nothing is ours, and it is no dead letter.
    """
    given = tuple(headers)
    begin = max((at for at, (name, _) in enumerate(given) if name == _FIRST), default=len(given))
    ours = [header for header in given[begin:] if header[0].startswith(PREFIX)]
    # Who copies a topic may have added some of its own at the end.
    came = (*given[:begin], *(header for header in given[begin:] if not header[0].startswith(PREFIX)))
    said = {name.removeprefix(PREFIX): (value or b"").decode("utf-8", "replace") for name, value in ours}
    return came, said


def was_redriven(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The place of the dead letter that a record was before it was redriven; None where it was none."""
    found = [value for name, value in headers if name == REDRIVEN_FROM and value is not None]
    return found[-1].decode("utf-8", "replace") if found else None


def why(result: Result) -> str:
    """What a dead letter's headers say, in a line for people: the reason, and how the message begins."""
    headers = dict(result.then[0].headers) if result.then else {}
    message = (headers.get(PREFIX + "message") or b"").decode("utf-8", "replace")
    return plain(f"{result.reason}: {message[:200]}")


def _bounded(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return data[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore").encode()
