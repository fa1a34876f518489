"""Dates as sources write them: RFC 3339, RFC 822, epoch seconds or milliseconds."""

import math
import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,9})?")
# As seconds, 1e11 is the year 5138; as milliseconds, 1973. A larger number counts in the next smaller unit.
_MILLISECONDS_FROM = 1e11
_MICROSECONDS_FROM = 1e14


def parse_instant(value: Any, *, zone: tzinfo = UTC) -> datetime:
    """An aware UTC datetime. A time without a zone is taken as one of `zone`.

    Raises ValueError, with a message for people, for what is no date or lies outside 1900-2200.
    """
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = _from_epoch(value)
    elif isinstance(value, str):
        found = _from_text(value.strip()[:100])
    else:
        raise ValueError("expected a date (RFC 3339, RFC 822 or epoch)")
    try:
        found = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError("date out of range") from None
    if not _EARLIEST <= found < _LATEST:
        raise ValueError("date out of range")
    return found


def _from_epoch(value: float) -> datetime:
    # A float cannot hold every integer of the JSON: compare before converting.
    if not -_MICROSECONDS_FROM * 1e4 < value < _MICROSECONDS_FROM * 1e4 or math.isnan(value):
        raise ValueError("date out of range")
    size = abs(value)
    seconds = value / (1e6 if size >= _MICROSECONDS_FROM else 1e3 if size >= _MILLISECONDS_FROM else 1)
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("date out of range") from None


def _from_text(text: str) -> datetime:
    if _NUMBER.fullmatch(text) and len(text) > 8:  # eight digits are a date: 20261102
        return _from_epoch(float(text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise ValueError(f"expected a date (RFC 3339, RFC 822 or epoch), found {text[:40]!r}") from None
