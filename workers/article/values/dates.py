"""Dates as ISO 8601: a day, a month, a year, or an interval of them with both ends.

What is said relative to the publication ("yesterday", "last month", "26 October") counts from its day in UTC, and has
a value only where that is certain. Durations ("two days"), seasons, quarters and "early 2025" have none.
"""

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import NamedTuple

from workers.article.values.numerals import leading
from workers.article.values.weekdays import DAYS, weekday_value

_NEAR = timedelta(days=90)
"""A day without a year is the one so close to the publication; the next is nine months off."""
_FIRST_YEAR, _LAST_YEAR = 1000, 2199
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
"""A month's name or its abbreviation, for a pattern."""
_MONTH = rf"(?P<month>{MONTH})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:1[0-9]|2[01])\d\d)"
_WEEKDAY = rf"(?:(?P<weekday>{'|'.join(DAYS)}),? )?"

_ISO = re.compile(r"(?P<year>\d{4})([-/])(?P<month>\d\d)\2(?P<day>\d\d)", re.ASCII)
_DOTTED = re.compile(r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})", re.ASCII)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_PARTS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"{_WEEKDAY}{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?",
        rf"{_WEEKDAY}{_MONTH} {_DAY}(?:,? {_YEAR})?",
        rf"{_MONTH},? (?:of )?{_YEAR}",
        rf"(?:year )?{_YEAR}",
    )
)
_DAYS = rf"{_DAY}(?:-| to | and | through ){_DAY.replace('day', 'last')}"
_DAY_RANGES = tuple(
    re.compile(rf"(?:from |between )?{pattern}(?:,? {_YEAR})?", re.ASCII)
    for pattern in (rf"{_DAYS} (?:of )?{_MONTH}", rf"{_MONTH} {_DAYS}")
)
_ENDS = re.compile(r"(?:(from|between) )?(.{3,24}?) ?(-| to | through | until | till | and )(.{3,24})")
_DECADE = re.compile(r"(\d{3}0)['’]?s", re.ASCII)
_AGO = re.compile(r"(.{1,20}) days? ago")
_PREFIX = re.compile(r"(?:the|on|in) |(?:late|early|earlier) (?:on )?(?=\w+day\b)")
_PART_OF_DAY = re.compile(r"(?<=day) (?:morning|afternoon|evening|night)$")
_CLOCK = re.compile(r"\s*(?:utc|gmt|[ecmp][ds]t|hours|hrs)\b", re.IGNORECASE)
_DAYS_OFF = {"today": 0, "yesterday": -1, "tomorrow": 1}
_STEPS = {"last": -1, "this": 0, "next": 1}


class _Part(NamedTuple):
    """A day, a month or a year as it is written, perhaps without its year."""

    year: int | None
    month: int | None = None
    day: int | None = None
    weekday: str | None = None


def numeric_date(text: str) -> str | None:
    """ "2025-10-26", "26.10.2025", and "10/26/2025" where no other reading is possible: dates of every language."""
    match = _ISO.fullmatch(text) or _DOTTED.fullmatch(text)
    if match:
        return _iso(_Part(int(match["year"]), int(match["month"]), int(match["day"])))
    match = _SLASHED.fullmatch(text)
    if match is None:
        return None
    one, other, year = map(int, match.groups())
    readings = {_iso(_Part(year, one, other)), _iso(_Part(year, other, one))} - {None}
    return readings.pop() if len(readings) == 1 else None


def date_value(text: str, published: datetime | None, *, before: str = "", after: str = "") -> str | None:
    """ISO 8601 of an English date: "2025-10-26", "2025-10", "2025", "2025-10-01/2025-10-03". None: it is uncertain.

    `before` and `after` are the text around it: whether "Sunday" is past stands there.
    """
    text = " ".join(text.lower().replace("–", "-").replace("—", "-").split()).removesuffix("'s").removesuffix("’s")
    prefix = _PREFIX.match(text)
    bare = text[prefix.end() :] if prefix else text
    if published is not None and not _FIRST_YEAR <= published.year <= _LAST_YEAR:
        published = None
    part = _part(bare)
    if part is not None:
        return None if _CLOCK.match(after) else _written(part, published)
    found = numeric_date(bare) or _interval(bare, published)
    if found or published is None:
        return found
    return _relative(bare, published, before=before, after=after)


def _part(text: str) -> _Part | None:
    for pattern in _PARTS:
        match = pattern.fullmatch(text)
        if match:
            return _read(match)
    return None


def _read(match: re.Match[str]) -> _Part:
    found = match.groupdict()
    return _Part(
        year=int(found["year"]) if found.get("year") else None,
        month=_month(found["month"]) if found.get("month") else None,
        day=int(found["day"]) if found.get("day") else None,
        weekday=found.get("weekday"),
    )


def _month(name: str) -> int:
    return _MONTHS.index(name[:3]) + 1


def _written(part: _Part, published: datetime | None) -> str | None:
    """ISO 8601, the year taken from the publication where it lacks. A weekday has to be that day's."""
    if part.year is None:
        part = _nearest(part, published)
    iso = _iso(part)
    if iso and part.weekday and DAYS[date.fromisoformat(iso).weekday()] != part.weekday:
        return None
    return iso


def _nearest(part: _Part, published: datetime | None) -> _Part:
    if published is None:
        return part
    for year in (published.year - 1, published.year, published.year + 1):
        iso = _iso(part._replace(year=year))
        if iso and abs(date.fromisoformat(iso) - published.date()) <= _NEAR:
            return part._replace(year=year)
    return part


def _iso(part: _Part) -> str | None:
    """None without a year, or where the calendar has no such day."""
    if part.year is None or not _FIRST_YEAR <= part.year <= _LAST_YEAR:
        return None
    if part.month is None:
        return str(part.year)
    if not 1 <= part.month <= 12:
        return None
    if part.day is None:
        return f"{part.year}-{part.month:02}"
    if not 1 <= part.day <= monthrange(part.year, part.month)[1]:
        return None
    return f"{part.year}-{part.month:02}-{part.day:02}"


def _interval(text: str, published: datetime | None) -> str | None:
    decade = _DECADE.fullmatch(text)
    if decade and _iso(_Part(int(decade[1]))):
        return f"{decade[1]}/{int(decade[1]) + 9}"
    for pattern in _DAY_RANGES:
        match = pattern.fullmatch(text)
        if match and int(match["day"]) < int(match["last"]):
            first = _read(match)
            return _joined(_written(first, published), _written(first._replace(day=int(match["last"])), published))
    ends = _ENDS.fullmatch(text)
    if ends is None or (ends[3] == " and ") != (ends[1] == "between"):
        return None
    return _between(_part(ends[2]) or _bare_month(ends[2]), _part(ends[4]), published)


def _bare_month(text: str) -> _Part | None:
    match = re.fullmatch(_MONTH, text)
    return _Part(None, _month(match["month"])) if match else None


def _between(first: _Part | None, last: _Part | None, published: datetime | None) -> str | None:
    """From one to the other, both days, both months or both years. The first may take its year from the last."""
    if (
        first is None
        or last is None
        or (first.month is None, first.day is None) != (last.month is None, last.day is None)
    ):
        return None
    if first.year is None and last.year is not None:
        same = (first.month or 0, first.day or 0) < (last.month or 0, last.day or 0)
        first = first._replace(year=last.year if same else last.year - 1)
    return _joined(_written(first, published), _written(last, published))


def _joined(first: str | None, last: str | None) -> str | None:
    return f"{first}/{last}" if first and last and first < last else None


def _relative(text: str, published: datetime, *, before: str, after: str) -> str | None:
    text = _PART_OF_DAY.sub("", text)
    if text in DAYS:
        found = weekday_value(text, published.date(), before=before, after=after)
        return found.isoformat() if found else None
    if text in _DAYS_OFF:
        return _day_off(published, _DAYS_OFF[text])
    ago = _AGO.fullmatch(text)
    if ago:
        number, rest = leading(ago[1]) or (0, "")
        return _day_off(published, -int(number)) if not rest and 1 <= number <= 31 and number == int(number) else None
    word, _, unit = text.partition(" ")
    if word in _STEPS and unit in ("month", "year"):
        return _step(published, _STEPS[word], unit)
    return _this_month(text, published)


def _day_off(published: datetime, days: int) -> str | None:
    """A day counted from the publication's. Late in the evening of UTC or early in its night it is another one
    elsewhere; midnight is a date without a time."""
    if (published.hour, published.minute, published.second) != (0, 0, 0) and not 5 <= published.hour < 22:
        return None
    return (published.date() + timedelta(days=days)).isoformat()


def _step(published: datetime, steps: int, unit: str) -> str | None:
    if unit == "year":
        readings = {str(day.year + steps) for day in _around(published)}
    else:
        months = (day.year * 12 + day.month - 1 + steps for day in _around(published))
        readings = {f"{month // 12}-{month % 12 + 1:02}" for month in months}
    return readings.pop() if len(readings) == 1 else None


def _this_month(text: str, published: datetime) -> str | None:
    """A month's name alone: that of the publication or the one before it. Any other may be of two years."""
    part = _bare_month(text)
    if part is None:
        return None
    readings = {_step(published, steps, "month") for steps in (-1, 0)} - {None}
    return next((iso for iso in readings if iso and int(iso[5:]) == part.month), None)


def _around(published: datetime) -> tuple[date, date]:
    """The days that it is somewhere when it is published."""
    return (published - timedelta(hours=10)).date(), (published + timedelta(hours=10)).date()
