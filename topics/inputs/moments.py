"""Dates as an input writes them: its own patterns first, then what everybody writes (`topics.dates`)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from topics.dates import parse_instant

EPOCHS = {
    "epoch-s": Fraction(1),
    "epoch-ms": Fraction(1, 10**3),
    "epoch-us": Fraction(1, 10**6),
    "epoch-ns": Fraction(1, 10**9),
    "epoch-days": Fraction(86400),
}
"""What one counts, in seconds since 1970."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPECIMEN = datetime(2027, 10, 25, 13, 46, 57, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?\d{1,25}(\.\d{1,9})?")
_LARGEST = 1e21

Read = Callable[[Any], datetime | None]


class Moments:
    """Reads dates. `formats` are patterns of strptime's or names of `EPOCHS`, tried in order; `zone` is an IANA name.

    Raises ValueError, with a message for people, for what is no date, as `topics.dates.parse_instant` does.
    """

    def __init__(self, formats: tuple[str, ...] = (), zone: str | None = None) -> None:
        self._zone: tzinfo = _zone(zone)
        self._formats = [_format(one) for one in formats]

    def __call__(self, value: Any) -> datetime:
        for read in self._formats:
            if (found := read(value)) is not None:
                try:
                    return parse_instant(found, zone=self._zone)
                except ValueError:
                    continue
        return parse_instant(value, zone=self._zone)


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, found {name[:60]!r}") from None


def _format(name: str) -> Read:
    if name in EPOCHS:
        return lambda value: _counted(value, EPOCHS[name])
    try:
        # A pattern that leaves out a part of the date would read every article as the first of something.
        whole = datetime.strptime(_SPECIMEN.strftime(name), name).date() == _SPECIMEN.date()  # noqa: DTZ007
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(
            f"expected a pattern with year, month and day such as %d.%m.%Y %H:%M, or one of {', '.join(EPOCHS)}; "
            f"found {name[:60]!r}"
        )
    return lambda value: _written(value, name)


def _counted(value: Any, unit: Fraction) -> datetime | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(Fraction(value) * unit * 10**6))
    except OverflowError:
        return None


def _written(value: Any, pattern: str) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.strptime(value.strip()[:100], pattern)  # noqa: DTZ007 - the zone is the caller's
    except ValueError:
        return None
