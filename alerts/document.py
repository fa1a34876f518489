"""A YAML file as nodes that know their lines, and what is wrong with it.

A small, safe part of YAML: mappings, lists and scalars, nested a little; no tags. What aliases repeat is counted, so
that no file grows when it is read; nesting is bounded while reading, so that none is too deep for the parser.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 12
MAX_REPEATED = 10_000
"""Nodes that all the aliases of one file may repeat."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or (`warning`) that is likely not meant so. `line` counts from 1."""

    file: str
    line: int
    field: str
    expected: str
    found: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}: {kind}{self.field}: expected {self.expected}, found {self.found}"


class Unreadable(Exception):
    """The file holds no document that we read: line, what was expected, what was found."""

    def __init__(self, line: int, expected: str, found: str) -> None:
        super().__init__(line, expected, found)
        self.line = line
        self.expected = expected
        self.found = found

    def problem(self, file: str) -> Problem:
        """The same, of this file."""
        return Problem(
            file=file, line=self.line, field="file", expected=self.expected, found=re.sub(r"\s+", " ", self.found)
        )


class Scalar(NamedTuple):
    """`tag`: `str`, `int`, `float`, `bool`, `null`, `timestamp` …, as YAML takes what is not quoted."""

    text: str
    tag: str
    line: int


class Listing(NamedTuple):
    items: "list[Node]"
    line: int


class Mapping(NamedTuple):
    items: "list[tuple[Scalar, Node]]"
    line: int


Node = Scalar | Listing | Mapping


def load(path: Path) -> Node:
    """The one document in a file. Raises Unreadable, and nothing else."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(1, "a file that can be read", error.strerror or str(error)) from None
    return read(data)


def read(data: bytes) -> Node:
    """The one document in `data`. Raises Unreadable, and nothing else, for any bytes."""
    if len(data) > MAX_BYTES:
        raise Unreadable(1, f"at most {MAX_BYTES} bytes", "more")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "UTF-8", f"the byte 0x{data[error.start]:02x}") from None
    try:
        return _document(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 1, "valid YAML", str(error.problem or error.context)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise Unreadable(line, "text that YAML may hold", str(error.reason)) from None
    except yaml.YAMLError as error:
        raise Unreadable(1, "valid YAML", str(error)) from None


def node_of(value: Any, *, line: int, depth: int = 0) -> Node:
    """What JSON has, as nodes that are all on one line. Raises Unreadable where it is nested too deeply."""
    if depth > MAX_DEPTH:
        raise Unreadable(line, f"at most {MAX_DEPTH} levels", "more")
    if isinstance(value, dict):
        items = [(Scalar(key, "str", line), node_of(inner, line=line, depth=depth + 1)) for key, inner in value.items()]
        return Mapping(items, line)
    if isinstance(value, list):
        return Listing([node_of(item, line=line, depth=depth + 1) for item in value], line)
    if isinstance(value, str):
        return Scalar(value, "str", line)
    if value is None:
        return Scalar("null", "null", line)
    if isinstance(value, bool):
        return Scalar("true" if value else "false", "bool", line)
    return Scalar(repr(value), "int" if isinstance(value, int) else "float", line)


def plain(node: Node) -> Any:
    """The node as JSON has it. What JSON cannot say (dates, huge numbers, infinities) stays the text that it is."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.items}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    text = node.text.lower()
    if node.tag == "null":
        return None
    if node.tag == "bool":
        return text in ("true", "yes", "on")
    if node.tag in ("int", "float") and len(text) < 18 and "inf" not in text and "nan" not in text:
        try:
            return int(text) if node.tag == "int" else float(text)
        except ValueError:  # 0x1F, 1:30 and the like
            return node.text
    return node.text


def dump(value: dict[str, Any]) -> str:
    """A mapping of plain values as a YAML document that `read` takes, and for people to edit."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def describe(node: Node) -> str:
    """What a node is, for people, no longer than a line."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Listing):
        return "a list" if node.items else "an empty list"
    if node.tag == "null":
        return "nothing"
    shown = ascii(node.text)[1:-1] if not node.text.isprintable() else node.text
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return f"“{shown}”" if node.tag == "str" else f"{shown}, which YAML takes for {_TAKEN_FOR.get(node.tag, 'no text')}"


class _Builder:
    """Puts a document together on a stack of its own rather than by recursion, one event at a time."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.stack: list[Listing | Mapping] = []
        self.keys: list[Scalar | None] = []
        self.anchors: dict[str, Node] = {}
        self.open: list[str | None] = []
        self.repeated = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise Unreadable(_line(event), "one document", "a second one")
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self.close()
        elif isinstance(event, yaml.AliasEvent):
            self.put(self.alias(event))
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event)
            self.put(node)
            if isinstance(node, Scalar):
                self.anchor(event.anchor, node)
                return
            if len(self.stack) >= MAX_DEPTH:
                raise Unreadable(node.line, f"at most {MAX_DEPTH} levels", "more")
            self.stack.append(node)
            self.keys.append(None)
            self.open.append(event.anchor)

    def put(self, node: Node) -> None:
        if self.stack:
            self.keys[-1] = _put(self.stack[-1], self.keys[-1], node)
        elif self.root is None:
            self.root = node

    def close(self) -> None:
        """A node can be repeated once it is closed: none holds itself."""
        self.keys.pop()
        self.anchor(self.open.pop(), self.stack.pop())

    def anchor(self, name: str | None, node: Node) -> None:
        if name:
            self.anchors[name] = node

    def alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            raise Unreadable(_line(event), "an anchor before its alias (quote what begins with *)", f"*{event.anchor}")
        waiting = [(node, len(self.stack))]
        while waiting:
            node_within, depth = waiting.pop()
            self.repeated += 1
            if depth > MAX_DEPTH or self.repeated > MAX_REPEATED:
                raise Unreadable(_line(event), f"aliases that repeat at most {MAX_REPEATED} values", "more")
            waiting += [(child, depth + 1) for child in _children(node_within)]
        return node


def _document(events: Iterator[Any]) -> Node:
    builder = _Builder()
    for event in events:
        builder.take(event)
    if builder.root is None:
        raise Unreadable(1, "a mapping", "an empty file")
    return builder.root


def _node(event: Any) -> Node:
    if getattr(event, "tag", None):
        raise Unreadable(_line(event), "no tag (quote what begins with !)", f"the YAML tag {event.tag}")
    if isinstance(event, yaml.SequenceStartEvent):
        return Listing([], _line(event))
    if isinstance(event, yaml.MappingStartEvent):
        return Mapping([], _line(event))
    tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
    return Scalar(event.value, tag.rpartition(":")[2], _line(event))


def _children(node: Node) -> "list[Node]":
    if isinstance(node, Mapping):
        return [value for _, value in node.items]
    return node.items if isinstance(node, Listing) else []


def _put(parent: Listing | Mapping, key: Scalar | None, node: Node) -> Scalar | None:
    """Adds to the parent; returns the key that still waits for its value."""
    if isinstance(parent, Listing):
        parent.items.append(node)
        return None
    if key is not None:
        parent.items.append((key, node))
        return None
    if not isinstance(node, Scalar):
        raise Unreadable(node.line, "a field's name", describe(node))
    return node


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_RESOLVER = yaml.resolver.Resolver()
_TAKEN_FOR = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "null": "nothing",
    "timestamp": "a date",
}
