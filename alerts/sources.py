"""What is known of sources: their names and hosts, who owns them, when to hear from them, what is furniture in them.

An article belongs to a listed source by its `source` (an id, a name or an alias), else by the host of its URL.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
import re2

from alerts.document import Problem, Unreadable
from alerts.document import load as document_in
from alerts.paragraphs import Cleaned, cleaned
from alerts.sources_form import SourcesForm, ascii_host, pattern_options
from topics.errors import ConfigError
from topics.identity import digest

DAY = 24 * 60


class Active(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a source publishes: on these `days` (0 is Monday) from minute `start` to minute `end` of the day, in its
    own time zone. Hours that end before they start go on past midnight, as a part of the day that they began on."""

    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    start: int = 0
    end: int = DAY
    timezone: str = "UTC"

    def at(self, moment: datetime) -> bool:
        """Whether it publishes then. `moment` is aware."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A listed source. `expect_every` is in seconds; `boilerplate` are patterns in the syntax of re2."""

    id: str
    name: str | None = None
    hosts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    owner: str | None = None
    expect_every: float | None = None
    active: Active | None = None
    boilerplate: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called, the id first."""
        return tuple(dict.fromkeys(name for name in (self.id, self.name, *self.aliases) if name))

    def publishes(self, moment: datetime) -> bool:
        """Whether something may be expected of it then."""
        return self.active is None or self.active.at(moment)


class Sources:
    """The listed sources. An article is looked up in constant time."""

    def __init__(self, listed: Iterable[Source] = ()) -> None:
        self.listed = tuple(listed)
        self.version = digest("sources", *(msgspec.json.encode(source).decode() for source in self.listed))
        self._by_name = {_folded(name): source for source in self.listed for name in source.names}
        self._by_host = {host: source for source in self.listed for host in source.hosts}

    def find(self, *, source: str | None, url: str | None) -> Source | None:
        """The source that an article belongs to; None for a stranger.

        A name decides before a host does, and the longest listed host before a shorter one. A host as an article's
        source is a name.
        """
        name = _folded(source) if source else ""
        found = self._by_name.get(name) or self._by_host.get(name.removeprefix("www."))
        return found or (self._at(host_of(url)) if url and self._by_host else None)

    def _at(self, host: str) -> Source | None:
        while host:
            if host in self._by_host:
                return self._by_host[host]
            host = host.partition(".")[2]
        return None


class SourcesError(ConfigError):
    """A list of sources that cannot be used. The text has a line for each problem, and `problems` has them apart."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def load(path: Path) -> Sources:
    """The sources in a file. Raises SourcesError with everything that is wrong with it."""
    listed, problems = _read(path)
    if problems:
        raise SourcesError(problems)
    return Sources(listed)


def check(path: Path) -> tuple[Problem, ...]:
    """Everything that is wrong with a file, by line. It does not raise."""
    return tuple(_read(path)[1])


def without_boilerplate(text: str, source: Source) -> Cleaned:
    """The text without the paragraphs in which one of the source's patterns is found, and never more than those."""
    if not source.boilerplate or not text:
        return Cleaned(text=text)
    patterns = _compiled(source.boilerplate)

    def divide(paragraph: str) -> tuple[str, tuple[str, ...]]:
        furniture = any(pattern.search(paragraph) for pattern in patterns)
        return ("", (paragraph,)) if furniture else (paragraph, ())

    return cleaned(text, divide)


def host_of(url: str) -> str:
    """The host of a URL, in lower case, without `www.`; empty where there is none."""
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""
    host = host.lower().rstrip(".").removeprefix("www.")
    return host if host.isascii() else ascii_host(host)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


@lru_cache(maxsize=4096)
def _compiled(patterns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(re2.compile(pattern, pattern_options()) for pattern in patterns)


def _read(path: Path) -> tuple[tuple[Source, ...], list[Problem]]:
    """The sources, and what is wrong: then there are none."""

    try:
        document = document_in(path)
    except Unreadable as error:
        return (), [error.problem(str(path))]
    form = SourcesForm(str(path))
    fields = form.sources(document)
    if form.problems:
        return (), sorted(form.problems, key=lambda problem: problem.line)
    return tuple(_sources(fields)), []


def _sources(fields: Iterable[dict[str, Any]]) -> Iterator[Source]:
    for one in fields:
        yield msgspec.convert(one, Source)


TEMPLATE = """\
# What is known of the sources of articles. Check it with `wirewatch sources check FILE`, and name it in the settings:
# sources_file = "sources.yaml". The workers follow the file as it is saved.
sources:
  - id: example-wire           # what articles, hits and alerts have as their source, and metrics as their label
    name: Example Wire         # what people see
    # An article is this source's when its `source` is the id, the name or an alias (in any case), or else when its
    # URL is on one of these hosts or below it: news.wire.example too.
    hosts: [wire.example]
    aliases: [EXW, Example Wire Service]
    # Sources of one owner count as one where alerts say how many sources report a story.
    owner: example-group
    # What metrics and their alarms go by: at least one article in this time (90s, 15m, 6h, 1d), while it is active.
    expect_every: 15m
    active: {days: mon-fri, hours: "06:00-22:00", timezone: Europe/London}
    # Paragraphs in which one of these is found are taken out before anything else looks at the text. The syntax is
    # re2's (https://github.com/google/re2/wiki/Syntax): no look-around, no back-references; (?i) for any case.
    # Quote them in single quotes.
    boilerplate:
      - '(?i)^our standards: '
      - '^\\(Reporting by .*\\)$'

  - id: example-daily
    hosts: [daily.example, daily-news.example]
    active: {days: "sun,mon-thu", hours: "20:00-02:00"}     # past midnight; in UTC where no zone is named
    expect_every: 6h
"""
"""A commented file to start from."""
