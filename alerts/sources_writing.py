"""Proposed patterns written into a list of sources, for a person to look at: the rest of the file stays as it is."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from alerts.document import Listing, Scalar, read
from alerts.document import Mapping as Fields
from alerts.plain import plain
from alerts.proposing import Proposal
from alerts.sources import Sources
from alerts.sources_form import is_host

_HEAD = (
    "# Proposed by `wirewatch sources learn`. Look at each pattern, and take out those that meet an article's text.\n"
)
_FIRST_KEY = re.compile(r"( *-( +))[^\s{\[]")
_ITEM = re.compile(r"( *)- ")
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")
_PLAIN_ID = re.compile(r"(?!(?i:true|false|yes|no|on|off|null|y|n)$)[A-Za-z][\w.-]*")
_EXAMPLE = 100


def with_proposals(text: str, listed: Sources, proposals: Iterable[Proposal]) -> str:
    """The text of a list of sources (empty: a new one) with the proposals in it, each with its count and an example.

    What stands on one line ({…} or […]) is not taken apart: such a source's proposals are a comment at the end.
    """
    by_source: defaultdict[str, list[Proposal]] = defaultdict(list)
    for proposal in proposals:
        by_source[proposal.source].append(proposal)
    if not text.strip():
        return _HEAD + "sources:\n" + "".join(_new(source, some, listed, "  ") for source, some in by_source.items())
    lines = text.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    items = _items(text)
    indent = _ITEM.match(lines[items[0].line - 1]) if items else None
    inserted: defaultdict[int, str] = defaultdict(str)
    end = ""
    for source, some in by_source.items():
        item = next((item for item in items if _id(item) == source), None)
        place = _place(lines, item) if item is not None else None
        if place is not None:
            inserted[place[0]] += _patterns(some, *place[1:])
        elif item is None and indent is not None:
            end += _new(source, some, listed, indent[1])
        else:
            end += _by_hand(source, some)
    merged = "".join(inserted[number] + line for number, line in enumerate(lines)) + inserted[len(lines)]
    return merged + end


def _items(text: str) -> list[Fields]:
    document = read(text.encode())
    listing = (
        next((value for key, value in document.items if key.text == "sources"), None)
        if isinstance(document, Fields)
        else None
    )
    return [item for item in listing.items if isinstance(item, Fields)] if isinstance(listing, Listing) else []


def _id(item: Fields) -> str | None:
    return next((value.text for key, value in item.items if key.text == "id" and isinstance(value, Scalar)), None)


def _place(lines: Sequence[str], item: Fields) -> tuple[int, str, bool] | None:
    """Where a source's patterns go: before which line, how far in, and whether `boilerplate:` has to be said."""
    first = _FIRST_KEY.match(lines[item.items[0][0].line - 1])
    if first is None:
        return None
    values = {key.text: (key, value) for key, value in item.items}
    if "boilerplate" not in values:
        after = item.items[1][0].line - 1 if len(item.items) > 1 else item.items[0][0].line
        return after, " " * len(first[0][:-1]), True
    key, value = values["boilerplate"]
    if not isinstance(value, Listing) or not value.items or value.items[0].line == key.line:
        return None
    place = value.items[0].line - 1
    indent = _ITEM.match(lines[place])
    return None if indent is None else (place, indent[1], False)


def _patterns(proposals: Sequence[Proposal], indent: str, said: bool) -> str:
    written = f"{indent}boilerplate:\n" if said else ""
    inner = indent + "  " * said
    for one in proposals:
        written += (
            f"{inner}# In {one.articles} of {one.of} articles: {_example(one)}\n{inner}- {_quoted(one.pattern)}\n"
        )
    return written


def _new(source: str, proposals: Sequence[Proposal], listed: Sources, indent: str) -> str:
    """An entry for a source that is not listed: known by its host, or by its name."""
    id = _NO_ID.sub("-", source).strip("-._")[:100] or "source"
    while listed.find(source=id, url=None) is not None and id != source:
        id += "-2"
    known = f"{indent}  hosts: [{source}]\n" if is_host(source) else ""
    if not known and id != source:
        known = f"{indent}  aliases: [{_quoted(source)}]\n"
    written = id if _PLAIN_ID.fullmatch(id) else _quoted(id)
    return f"{indent}- id: {written}\n{known}{_patterns(proposals, indent + '  ', True)}"


def _by_hand(source: str, proposals: Sequence[Proposal]) -> str:
    lines = [f"# {_safe(source)}: to be put in by hand, as its entry is written on one line."]
    lines += _patterns(proposals, "#     ", False).splitlines()
    return "\n".join(lines) + "\n"


def _example(proposal: Proposal) -> str:
    text = _safe(proposal.examples[0])
    return text if len(text) <= _EXAMPLE else text[: _EXAMPLE - 1] + "…"


def _safe(text: str) -> str:
    return "".join(letter for letter in plain(text) if letter.isprintable())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
