"""What the forms of our YAML files share: reading a mapping's fields, and noting what is not as it must be."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from alerts.document import Listing, Mapping, Node, Problem, Scalar, describe

MAX_TEXT = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Form:
    """Reads one file's nodes into plain values and notes in `problems` all that is not as it must be."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

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
                self.wrong(key, short(field), _suggestion(key.text, tuple(readers)), "an unknown field")
            else:
                values[key.text] = readers[key.text](value, field)
            seen.add(key.text)
        for name in required:
            if name not in seen:
                self.wrong(node, f"{path}{name}", "a value", "nothing")
        return values

    def text(self, node: Node, path: str) -> str:
        """Text that is not empty. What YAML takes for something else must be quoted."""
        if not isinstance(node, Scalar) or node.tag == "null":
            self.wrong(node, path, "text")
            return ""
        if node.tag != "str":
            self.wrong(node, path, f'text (quote it: "{node.text}")')
        elif not node.text.strip():
            self.wrong(node, path, "text that is not empty")
        elif len(node.text) > MAX_TEXT:
            self.wrong(node, path, f"at most {MAX_TEXT} characters", f"{len(node.text)}")
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

    def wrong(self, node: Node, field: str, expected: str, found: str | None = None) -> None:
        what = describe(node) if found is None else found
        field = field if field.isprintable() else ascii(field)[1:-1]
        self.problems.append(Problem(file=self.file, line=node.line, field=field, expected=expected, found=what))


Reader = Callable[[Node, str], Any]


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name[:40].lower(), known, n=1)
    return f"“{close[0]}”" if close else f"one of {', '.join(known)}"


def short(name: str) -> str:
    """A name from a file, no longer than fits a line."""
    return name if len(name) <= 60 else name[:57] + "…"
