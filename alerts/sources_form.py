"""The fields of a list of sources: which there are, and what each may hold."""

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import re2

from alerts.document import Listing, Mapping, Node, Scalar, plain
from alerts.form import Form, Reader

MAX_SOURCES = 5_000
MAX_PATTERNS = 50
MAX_PATTERN = 500
MAX_EXPECTED = 30 * 86400.0
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PATTERN_MEMORY = 1024 * 1024
"""What one compiled pattern may take, in bytes: re2 refuses those that need more."""
_EVERY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|h|d)?")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HOURS = re.compile(r"([0-2]?[0-9]):([0-5][0-9])\s*-\s*([0-2]?[0-9]):([0-5][0-9])")
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")


def pattern_options() -> Any:
    """How patterns are compiled. Matching takes linear time whatever the pattern is; this bounds memory, too."""
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    return options


def is_host(text: str) -> bool:
    """Whether it is a host's name, in lower case, such as wire.example."""
    return _HOST.fullmatch(ascii_host(text)) is not None


class SourcesForm(Form):
    """Reads the nodes of one list of sources."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self._taken: dict[str, tuple[str, int]] = {}

    def sources(self, node: Node) -> list[dict[str, Any]]:
        """The fields of each source, as `Source` takes them."""
        if not isinstance(node, Mapping):
            self.wrong(node, "file", "a mapping with sources")
            return []
        values = self.fields(node, "", {"sources": self.listed}, required=("sources",))
        found: list[dict[str, Any]] = values.get("sources", [])
        return found

    def listed(self, node: Node, path: str) -> list[dict[str, Any]]:
        if not isinstance(node, Listing) or len(node.items) > MAX_SOURCES:
            self.wrong(node, path, f"a list of at most {MAX_SOURCES} sources")
            return []
        return [self.source(item, f"{path}[{number}]") for number, item in enumerate(node.items)]

    def source(self, node: Node, path: str) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            self.wrong(node, path, "a mapping with id, and hosts or aliases")
            return {}
        readers: dict[str, Reader] = {
            **{"id": self.id, "name": self.text, "hosts": self.hosts, "aliases": self.texts, "owner": self.text},
            **{"expect_every": self.every, "active": self.active, "boilerplate": self.patterns},
        }
        values = self.fields(node, f"{path}.", readers, required=("id",))
        self._claim(node, path, values)
        return values

    def _claim(self, node: Mapping, path: str, values: dict[str, Any]) -> None:
        """No name and no host may lead to two sources."""
        lines = {key.text: value for key, value in node.items}
        names = [("id", values.get("id")), ("name", values.get("name"))]
        names += [("aliases", alias) for alias in values.get("aliases", ())]
        claims = [(field, f"name {' '.join(name.split()).casefold()}", name) for field, name in names if name]
        claims += [("hosts", f"host {host}", host) for host in values.get("hosts", ()) if host]
        for field, key, shown in claims:
            owner = self._taken.setdefault(key, (path, node.line))
            if owner[0] != path:
                expected = f"{'a host' if field == 'hosts' else 'a name'} of its own"
                self.wrong(
                    lines[field], f"{path}.{field}", expected, f"“{shown}”, which the source on line {owner[1]} has"
                )

    def hosts(self, node: Node, path: str) -> list[str]:
        return self.each(node, path, self.host)

    def host(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path).lower().rstrip(".").removeprefix("www.")
        if len(self.problems) == before and not is_host(value):
            self.wrong(node, path, "a host, such as wire.example: no scheme, no path, no *")
        return ascii_host(value)

    def every(self, node: Node, path: str) -> float:
        found = _EVERY.fullmatch(node.text.strip().lower()) if isinstance(node, Scalar) else None
        seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
        if not 1 <= seconds <= MAX_EXPECTED:
            self.wrong(node, path, "a time from 1s to 30d, such as 15m, 6h or 900 (seconds)")
        return seconds

    def active(self, node: Node, path: str) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            self.wrong(node, path, 'a mapping such as {days: mon-fri, hours: "06:00-22:00", timezone: Europe/London}')
            return {}
        readers: dict[str, Reader] = {"days": self.days, "hours": self.hours, "timezone": self.timezone}
        values = self.fields(node, f"{path}.", readers)
        start, end = values.pop("hours", (0, 24 * 60))
        return values | {"start": start, "end": end}

    def days(self, node: Node, path: str) -> list[int]:
        parts = node.items if isinstance(node, Listing) else [node]
        texts = [part.text for part in parts if isinstance(part, Scalar)]
        found = [_days(text) for whole in texts for text in whole.lower().split(",")]
        if not found or None in found or len(texts) < len(parts):
            self.wrong(node, path, f"days such as mon-fri or “sat,sun”, of {', '.join(DAYS)}")
        return sorted({day for days in found if days for day in days})

    def hours(self, node: Node, path: str) -> tuple[int, int]:
        found = _HOURS.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
        start, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
        if start == end or start >= 24 * 60 or end > 24 * 60:
            self.wrong(node, path, "hours from 00:00 to 24:00 that differ, such as “06:00-22:00” or “20:00-02:00”")
        return start, end

    def timezone(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) == before and not _is_zone(value):
            self.wrong(node, path, "a time zone's name, such as Europe/London or UTC")
        return value

    def patterns(self, node: Node, path: str) -> list[str]:
        if isinstance(node, Listing) and len(node.items) > MAX_PATTERNS:
            self.wrong(node, path, f"at most {MAX_PATTERNS} patterns", f"{len(node.items)}")
            return []
        return self.each(node, path, self.pattern)

    def pattern(self, node: Node, path: str) -> str:
        value = node.text if isinstance(node, Scalar) else ""
        if not value or len(value) > MAX_PATTERN:
            self.wrong(node, path, f"a regular expression of at most {MAX_PATTERN} characters")
            return ""
        try:
            compiled = re2.compile(value, pattern_options())
        except re2.error as error:
            said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
            self.wrong(node, path, "a regular expression in re2's syntax", said)
            return value
        if compiled.search(""):
            self.wrong(node, path, "a pattern that does not match the empty text", f"“{plain(node)}”")
        return value


def _days(text: str) -> list[int] | None:
    """The days of `mon` or `fri-mon`, which may go past Sunday; None for anything else."""
    first, dash, last = text.strip().partition("-")
    first, last = first.strip(), last.strip() if dash else first.strip()
    if first not in DAYS or last not in DAYS:
        return None
    start = DAYS.index(first)
    return [(start + step) % 7 for step in range((DAYS.index(last) - start) % 7 + 1)]


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def ascii_host(host: str) -> str:
    """As it is in URLs on the wire: names beyond ASCII in their encoded form."""
    try:
        return host.encode("idna").decode() if host else host
    except UnicodeError:
        return host
