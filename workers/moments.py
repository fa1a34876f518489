"""Where a new consumer group begins: `earliest`, `latest`, a time, or so long ago (`-2h`)."""

import re
from datetime import UTC, datetime, timedelta

EARLIEST = "earliest"
LATEST = "latest"
EXPECTED = "earliest, latest, a time (2026-11-24T08:00:00Z) or so long ago (-30m, -2h, -3d)"
_AGO = re.compile(r"-(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(start: str, *, now: float) -> float | None:
    """Seconds since the epoch; None for `earliest` and `latest`. A time without a zone is UTC.

    Raises ValueError, which says what was expected.
    """
    if start in (EARLIEST, LATEST):
        return None
    if ago := _AGO.fullmatch(start):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds()
    try:
        time = datetime.fromisoformat(start)
    except ValueError:
        raise ValueError(f"expected {EXPECTED}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
