"""Whether a schema still says what an earlier one said: fields are only added."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def broken(old: Schema, new: Schema, *, read: bool = False) -> list[str]:
    """What a reader or a writer of the old schema misses in the new one; empty where there is nothing.

    Every property is there still, of the same type, and none became required. What was always there stays so, too,
    unless the record is one that others write and we `read`. Enum values may be added.
    """
    return list(_broken(_Node(old, old), _Node(new, new), "$", read))


class _Node:
    """A part of a schema, with references followed. `root` holds what they lead to."""

    def __init__(self, schema: Schema, root: Schema) -> None:
        while "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
        self.schema, self._root = schema, root

    def get(self, name: str) -> "_Node | None":
        inner = self.schema.get(name)
        return _Node(inner, self._root) if isinstance(inner, dict) else None

    def properties(self) -> dict[str, "_Node"]:
        return {name: _Node(inner, self._root) for name, inner in self.schema.get("properties", {}).items()}

    def variants(self) -> dict[str, "_Node"]:
        """The types that a value may have, by name."""
        each = [_Node(one, self._root) for one in self.schema.get("anyOf", ())] or [self]
        return {node.type: node for node in each}

    @property
    def type(self) -> str:
        if "enum" in self.schema:
            return "enum"
        return str(self.schema.get("type", "any"))


def _broken(old: _Node, new: _Node, at: str, read: bool) -> Iterator[str]:
    before, now = old.variants(), new.variants()
    if before.keys() != now.keys():
        yield f"{at}: was {_names(before)}, is {_names(now)}"
        return
    for kind, was in before.items():
        yield from _PARTS.get(kind, _no_parts)(was, now[kind], at, read)


def _object(old: _Node, new: _Node, at: str, read: bool) -> Iterator[str]:
    is_now = new.properties()
    for name, was in old.properties().items():
        if name not in is_now:
            yield f"{at}.{name}: is gone"
        else:
            yield from _broken(was, is_now[name], f"{at}.{name}", read)
    needed_before, needed = set(old.schema.get("required", ())), set(new.schema.get("required", ()))
    yield from (f"{at}.{name}: became required" for name in sorted(needed - needed_before))
    if not read:
        yield from (f"{at}.{name}: was always there" for name in sorted((needed_before - needed) & is_now.keys()))
    yield from _inner(old, new, at, read, "additionalProperties")


def _array(old: _Node, new: _Node, at: str, read: bool) -> Iterator[str]:
    if len(old.schema.get("prefixItems", ())) != len(new.schema.get("prefixItems", ())):
        yield f"{at}: has other elements"
    yield from _inner(old, new, f"{at}[]", read, "items")


def _inner(old: _Node, new: _Node, at: str, read: bool, name: str) -> Iterator[str]:
    was, is_now = old.get(name), new.get(name)
    if was is not None and is_now is not None:
        yield from _broken(was, is_now, at, read)
    elif was is not None:
        yield f"{at}: {name} is gone"


def _enum(old: _Node, new: _Node, at: str, read: bool) -> Iterator[str]:
    gone = [value for value in old.schema["enum"] if value not in new.schema["enum"]]
    if gone:
        yield f"{at}: {', '.join(map(str, gone))} is gone"


def _no_parts(old: _Node, new: _Node, at: str, read: bool) -> Iterator[str]:
    yield from ()


def _names(variants: dict[str, _Node]) -> str:
    return " or ".join(sorted(variants))


_PARTS = {"object": _object, "array": _array, "enum": _enum}
