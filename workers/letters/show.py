"""Dead letters for people, safe to print, and for programs."""

import json
from collections.abc import Iterator
from typing import Any

from alerts.plain import escaped, plain
from workers.commands.reading import as_json, when
from workers.letters.destinations import Stays
from workers.letters.letter import Letter, Mark
from workers.letters.redriving import Done

BEGINS, MESSAGE = 100, 200
"""Bytes of the value and characters of the message that a list shows."""
HEX_BYTES = 4096
"""What is shown of a value that is no text."""
_ROW = 16


def line(letter: Letter, *, redriven: bool) -> str:
    """A letter in a list: its place, when, why, where it came from, and how it begins."""
    said = letter.errors
    state = "redriven: " if redriven else f"again, {letter.before} before: " if letter.before else ""
    why = f"{state}{said.get('message', '')[:MESSAGE]}"
    head = f"{letter.place!s:<8} {when(letter.timestamp)}  {said.get('reason', '?'):<16} {letter.came_from}  {why}"
    begins = (letter.value or b"")[:BEGINS].decode("utf-8", "replace")
    return f"{plain(head)}\n    {plain(begins)}"


def entry(letter: Letter, *, redriven: bool, mark: Mark | None = None) -> dict[str, Any]:
    """A letter for a program: its place, what is known of it, its errors, and the record as `tail --json` has it."""
    found: dict[str, Any] = {"place": str(letter.place), "redriven": redriven}
    if mark is not None:
        found |= {"redriven_at": when(mark.at), "redriven_to": mark.to}
    if letter.before is not None:
        found["redriven_from"] = letter.before
    return found | {"errors": dict(letter.errors), "record": json.loads(as_json(letter.message))}


def whole(letter: Letter, topic: str, mark: Mark | None) -> Iterator[str]:
    """All of a letter, line by line."""
    yield f"dead letter {letter.place} of {topic}, {when(letter.timestamp)}"
    for name, text in _about(letter, mark):
        yield f"  {name:<14} {_indented(text)}"
    yield f"key: {_bytes(letter.key)}"
    yield f"headers that it came with: {len(letter.headers) or 'none'}"
    for name, value in letter.headers:
        yield f"  {_line(name)}: {_bytes(value)}"
    yield from _value(letter)


def _about(letter: Letter, mark: Mark | None) -> Iterator[tuple[str, str]]:
    said = dict(letter.errors)
    for name in ("topic", "partition", "offset"):
        said.pop(name, None)
    yield "stage", said.pop("stage", "? (no header of wirewatch's says it)")
    yield "reason", said.pop("reason", "?")
    yield "message", said.pop("message", "")
    yield "came from", letter.came_from
    yield from said.items()
    if letter.before is not None:
        yield "failed before", f"as {letter.before}, from which it was redriven"
    yield "redriven", "no" if mark is None else f"{when(mark.at)} to {mark.to or '?'}"


def _value(letter: Letter) -> Iterator[str]:
    if letter.value is None:
        yield "value: null"
        return
    yield f"value, {len(letter.value)} bytes:"
    try:
        yield _indented(f"  {letter.value.decode()}")
    except UnicodeDecodeError:
        yield from _hex(letter.value[:HEX_BYTES])
        if len(letter.value) > HEX_BYTES:
            yield f"  and {len(letter.value) - HEX_BYTES} bytes more (--raw writes all of them)"


def _hex(data: bytes) -> Iterator[str]:
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"  {at:08x}  {row.hex(' '):<{3 * _ROW - 1}}  {text}"


def _bytes(data: bytes | None) -> str:
    """On one line; what is no UTF-8 as escapes."""
    return "null" if data is None else _line(data.decode("utf-8", "backslashreplace"))


def _line(text: str) -> str:
    return escaped(text).replace("\n", "\\n").replace("\t", "\\t")


def _indented(text: str) -> str:
    return escaped(text).replace("\n", "\n  ")


def going(letter: Letter, said: str | Stays) -> str:
    """Where a letter goes, or why it stays."""
    return plain(f"{letter.place} stays: {said.why}" if isinstance(said, Stays) else f"{letter.place} to {said}")


def going_entry(letter: Letter, said: str | Stays) -> dict[str, Any]:
    """The same for a program."""
    return {"place": str(letter.place)} | ({"stays": said.why} if isinstance(said, Stays) else {"to": said})


def summary(done: Done, *, dry: bool) -> Iterator[str]:
    """How many went where, and how many stayed, by why."""
    if not done.redriven and not done.stayed:
        yield "nothing to redrive: no dead letter is meant"
    for to, number in sorted(done.redriven.items()):
        yield plain(f"{number} {'would be redriven' if dry else 'redriven'} to {to}")
    for why, number in done.stayed.most_common():
        yield plain(f"{number} skipped: {why}")
    if done.unmarked:
        yield f"{done.unmarked} of them could not be marked as redriven: the next time they would be redriven again"
