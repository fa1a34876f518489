"""Our records as CloudEvents 1.0: the headers of Kafka's binary mode. The value stays as it is.

Everything follows from the record: what is sent twice has the same headers. A repeat has the same `ce_id`, and a
correction another one, so whoever leaves out what it has seen needs no other key.
"""

import re
from datetime import datetime
from urllib.parse import quote

import msgspec

from topics.identity import digest
from topics.records import Alert, EnrichedArticle, Hit, Withdrawn

SPECVERSION = "1.0"
HEADERS = ("content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time")
TRACE = ("traceparent", "tracestate")
"""Headers that are carried from a record to all that comes of it (W3C Trace Context)."""
TYPES = {
    "EnrichedArticle": "wirewatch.enriched.v1",
    "Hit": "wirewatch.hit.v1",
    "Withdrawn": "wirewatch.withdrawn.v1",
    "Alert": "wirewatch.alert.v1",
}
"""By record. The number goes up if ever a field changes its meaning."""

Headers = tuple[tuple[str, bytes | None], ...]
Described = EnrichedArticle | Hit | Withdrawn | Alert
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def source_of(prefix: str) -> str:
    """`ce_source` of all that is written under a prefix of topics."""
    return f"/wirewatch/{prefix}"


def headers(record: Described, *, source: str) -> Headers:
    """The record's headers as an event of `source`, the content type among them."""
    event_id, subject, time = _told(record)
    found = {
        "content-type": "application/json",
        "ce_specversion": SPECVERSION,
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": TYPES[type(record).__name__],
        "ce_subject": subject,
    }
    if time is not None:
        found["ce_time"] = msgspec.json.encode(time).decode().strip('"')
    return tuple((name, _plain(value).encode("utf-8", "replace")) for name, value in found.items())


def _told(record: Described) -> tuple[str, str, datetime | None]:
    """(id, subject, time). The time is the log's, or follows from it: never that of a clock on the wall."""
    match record:
        case EnrichedArticle():
            return f"{record.id}/{record.revision}", record.id, record.origin.timestamp if record.origin else None
        case Hit():
            return record.id, record.desk, record.seen_at
        case Withdrawn():
            return digest("withdrawn", record.article_id, str(record.seen_at)), record.article_id, record.seen_at
        case Alert():
            return record.id, record.desk, record.last_seen


def _plain(value: str) -> str:
    """Attributes hold no control characters; an article's own id may."""
    return _CONTROL.sub(lambda found: quote(found.group()), value)
