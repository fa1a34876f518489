"""The fields of a watchlist file: which there are, and what each may hold."""

import re
from typing import Any

from alerts.document import Listing, Mapping, Node, Scalar, plain
from alerts.folding import fold
from alerts.form import Form, Reader, short
from alerts.terms import searchable
from topics.records import LABELS, SEVERITIES

MAX_COOLDOWN = 30 * 86400.0
FIELDS = ("title", "lead", "body")
_ENTITY = re.compile(r"Q[1-9][0-9]{0,11}|[a-z][a-z0-9-]{0,30}:[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


class WatchlistForm(Form):
    """Reads a watchlist's nodes."""

    def watchlist(self, node: Node) -> dict[str, Any] | None:
        """The watchlist's fields, as `Watchlist` takes them; None where there is no mapping at all."""
        if not isinstance(node, Mapping):
            self.wrong(node, "file", "a mapping with id and rules")
            return None
        readers: dict[str, Reader] = {"id": self.id, "desk": self.id, "policy": self.policy, "rules": self.rules}
        values = self.fields(node, "", readers, required=("id", "rules"))
        values.setdefault("desk", values.get("id"))
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
            **{
                "label": self.labels,
                "sources": self.texts,
                "languages": self.languages,
                "tags": self.texts,
                "meta": self.meta,
            },
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

    def terms(self, node: Node, path: str) -> list[str | dict[str, Any]]:
        if isinstance(node, Listing) and not node.items and path.endswith("terms"):
            self.wrong(node, path, "at least one term")
        return self.each(node, path, self.term)

    def term(self, node: Node, path: str) -> str | dict[str, Any]:
        """A word, or what a mention must be."""
        if not isinstance(node, Mapping):
            return self.word(node, path)
        readers: dict[str, Reader] = {"term": self.word, "entity": self.entity, "label": self.labels}
        values = self.fields(node, f"{path}.", readers)
        given = {key.text: key for key, _ in node.items}
        if "term" in given and "entity" in given:
            self.wrong(given["entity"], f"{path}.entity", "a term or an entity", "both")
        elif "term" not in given and "entity" not in given:
            self.wrong(node, f"{path}.term", "a term or an entity", "neither")
        return str(values["term"]) if values.keys() == {"term"} else values

    def word(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) > before:
            return value
        if "*" in value.removesuffix("*"):
            self.wrong(node, path, "a * at the end alone")
        elif not searchable(fold(value.removesuffix("*"), cased=True).text):
            self.wrong(node, path, "a term with a letter or a digit")
        return value

    def words(self, node: Node, path: str) -> list[str]:
        return self.each(node, path, self.word)

    def entity(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) == before and not _ENTITY.fullmatch(value):
            self.wrong(node, path, "an id, such as Q865 of Wikidata's or acme:kestrel of your own")
        return value

    def labels(self, node: Node, path: str) -> list[str]:
        if isinstance(node, Scalar):
            return [self.choice(node, path, LABELS)]
        values = self.each(node, path, lambda item, where: self.choice(item, where, LABELS))
        if isinstance(node, Listing) and not values:
            self.wrong(node, path, "at least one label, such as ORG")
        return list(dict.fromkeys(values))

    def aliases(self, node: Node, path: str) -> dict[str, list[str]]:
        if not isinstance(node, Mapping) or not node.items:
            self.wrong(node, path, "a mapping from a term to its aliases, such as {TSMC: [Taiwan Semiconductor]}")
            return {}
        for key, _ in node.items:
            self.word(key, f"{path}.{short(key.text)}")
        return self.fields(node, f"{path}.", {key.text: self.words for key, _ in node.items})

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
