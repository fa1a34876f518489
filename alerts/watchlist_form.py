"""The fields of a watchlist file: which there are, and what each may hold."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from alerts.document import Listing, Mapping, Node, Problem, Scalar, describe, plain
from alerts.folding import fold
from alerts.terms import searchable
from topics.records import SEVERITIES

MAX_TERM = 200
MAX_COOLDOWN = 30 * 86400.0
FIELDS = ("title", "lead", "body")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


class WatchlistForm:
    """Reads one file's nodes into plain values and notes in `problems` all that is not as it must be."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def watchlist(self, node: Node) -> dict[str, Any] | None:
        """The watchlist's fields, as `Watchlist` takes them; None where there is no mapping at all."""
        if not isinstance(node, Mapping):
            self.wrong(node, "file", "a mapping with id and rules")
            return None
        readers: dict[str, Reader] = {"id": self.id, "desk": self.id, "policy": self.policy, "rules": self.rules}
        values = self.fields(node, "", readers, required=("id", "rules"))
        values.setdefault("desk", values.get("id"))
        return values

    def fields(
        self, node: Mapping, path: str, readers: "dict[str, Reader]", *, required: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The fields of a mapping, each by its reader. What is not named there, or named twice, is a problem."""
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for key, value in node.items:
            field = f"{path}{key.text}"
            if key.text in seen:
                self.wrong(key, field, "a field once", "it a second time")
            elif key.text not in readers:
                self.wrong(key, _short(field), _suggestion(key.text, tuple(readers)), "an unknown field")
            else:
                values[key.text] = readers[key.text](value, field)
            seen.add(key.text)
        for name in required:
            if name not in seen:
                self.wrong(node, f"{path}{name}", "a value", "nothing")
        return values

    def rules(self, node: Node, path: str) -> list[dict[str, Any]]:
        if not isinstance(node, Listing) or not node.items:
            self.wrong(node, path, "a list of rules")
            return []
        rules = []
        ids: dict[str, int] = {}
        for number, item in enumerate(node.items):
            where = f"{path}[{number}]"
            if not isinstance(item, Mapping):
                self.wrong(item, where, "a mapping with id and terms")
                continue
            rule = self.rule(item, f"{where}.")
            rules.append(rule)
            name = rule.get("id")
            if name and ids.setdefault(name, item.line) != item.line:
                self.wrong(item, f"{where}.id", "an id of its own", f"“{name}”, as on line {ids[name]}")
        return rules

    def rule(self, node: Mapping, path: str) -> dict[str, Any]:
        readers: dict[str, Reader] = {
            **{"id": self.id, "name": self.text, "severity": self.severity},
            **{"terms": self.terms, "aliases": self.aliases, "not": self.terms, "in": self.places, "case": self.flag},
            **{"sources": self.texts, "languages": self.languages, "tags": self.texts, "meta": self.meta},
        }
        values = self.fields(node, path, readers, required=("id",))
        given = {key.text for key, _ in node.items}
        if not given & {"terms", "aliases"}:
            self.wrong(node, f"{path}terms", "at least one term", "nothing")
        return values

    def policy(self, node: Node, path: str) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            self.wrong(node, path, "a mapping such as {cooldown: 21600}")
            return {}
        return self.fields(node, f"{path}.", {"cooldown": self.seconds})

    def seconds(self, node: Node, path: str) -> float:
        value = plain(node)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_COOLDOWN:
            self.wrong(node, path, f"seconds from 0 to {MAX_COOLDOWN:.0f} (6 hours are 21600)")
            return 0.0
        return float(value)

    def text(self, node: Node, path: str) -> str:
        """Text that is not empty. What YAML takes for something else must be quoted."""
        if not isinstance(node, Scalar) or node.tag == "null":
            self.wrong(node, path, "text")
            return ""
        if node.tag != "str":
            self.wrong(node, path, f'text (quote it: "{node.text}")')
        elif not node.text.strip():
            self.wrong(node, path, "text that is not empty")
        elif len(node.text) > MAX_TERM:
            self.wrong(node, path, f"at most {MAX_TERM} characters", f"{len(node.text)}")
        return node.text.strip()

    def id(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) == before and not _ID.fullmatch(value):
            self.wrong(node, path, "letters, digits, “.”, “_” and “-”, at most 100, a letter or digit first")
        return value

    def texts(self, node: Node, path: str) -> list[str]:
        return self.each(node, path, self.text)

    def each(self, node: Node, path: str, reader: "Reader") -> list[Any]:
        if not isinstance(node, Listing):
            self.wrong(node, path, "a list, such as [one, two]")
            return []
        return [reader(item, f"{path}[{number}]") for number, item in enumerate(node.items)]

    def terms(self, node: Node, path: str) -> list[str]:
        if isinstance(node, Listing) and not node.items and path.endswith("terms"):
            self.wrong(node, path, "at least one term")
        return self.each(node, path, self.term)

    def term(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) > before:
            return value
        if "*" in value.removesuffix("*"):
            self.wrong(node, path, "a * at the end alone")
        elif not searchable(fold(value.removesuffix("*"), cased=True).text):
            self.wrong(node, path, "a term with a letter or a digit")
        return value

    def aliases(self, node: Node, path: str) -> dict[str, list[str]]:
        if not isinstance(node, Mapping) or not node.items:
            self.wrong(node, path, "a mapping from a term to its aliases, such as {TSMC: [Taiwan Semiconductor]}")
            return {}
        for key, _ in node.items:
            self.term(key, f"{path}.{_short(key.text)}")
        return self.fields(node, f"{path}.", {key.text: self.terms for key, _ in node.items})

    def places(self, node: Node, path: str) -> list[str]:
        if isinstance(node, Scalar):
            return [self.choice(node, path, FIELDS)]
        values = self.each(node, path, lambda item, where: self.choice(item, where, FIELDS))
        if isinstance(node, Listing) and not values:
            self.wrong(node, path, "title, lead or body")
        return values

    def severity(self, node: Node, path: str) -> str:
        return self.choice(node, path, SEVERITIES)

    def choice(self, node: Node, path: str, allowed: tuple[str, ...]) -> str:
        value = node.text if isinstance(node, Scalar) else ""
        if value not in allowed:
            self.wrong(node, path, " or ".join((", ".join(allowed[:-1]), allowed[-1])))
        return value

    def flag(self, node: Node, path: str) -> bool:
        if not isinstance(node, Scalar) or node.text.lower() not in ("true", "false") or node.tag != "bool":
            self.wrong(node, path, "true or false")
        return isinstance(node, Scalar) and node.text.lower() == "true"

    def languages(self, node: Node, path: str) -> list[str]:
        return self.each(node, path, self.language)

    def language(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) == before and not _LANGUAGE.fullmatch(value):
            self.wrong(node, path, "a language's code, such as en or zh-Hans")
        return value.replace("_", "-").lower()

    def meta(self, node: Node, path: str) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            self.wrong(node, path, "a mapping")
            return {}
        return self.fields(node, f"{path}.", {key.text: lambda value, _: plain(value) for key, _ in node.items})

    def wrong(self, node: Node, field: str, expected: str, found: str | None = None) -> None:
        what = describe(node) if found is None else found
        field = field if field.isprintable() else ascii(field)[1:-1]
        self.problems.append(Problem(file=self.file, line=node.line, field=field, expected=expected, found=what))


Reader = Callable[[Node, str], Any]


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name[:40].lower(), known, n=1)
    return f"“{close[0]}”" if close else f"one of {', '.join(known)}"


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "…"
