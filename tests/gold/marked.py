"""Articles in which people marked by hand what each name means: samples of our own, and offsets into shared ones.

What is marked. Every mention of a named person, organisation, place (GPE, LOC, FAC) and nationality, religion or
party (NORP), in the title and in the text, pronouns and plain nouns never. The span is the name alone: no title
("President", "Mr."), no leading "the", no trailing possessive, no ticker. Of names within names the longest counts:
"Bank of Japan" is one organisation and no place; but in "the Trump administration" or "Kuala Lumpur airport" the
person and the city are marked, since the rest is no name. Names of other things (ships, products, events, treaties)
are marked MISC, so that who finds them is neither praised nor blamed.

What it means. A person's name is the fullest in the article; where the gazetteer has a better-known one, that. An
organisation's and a place's is the gazetteer's where it knows it, else the fullest in the article. A nationality has
its own name and its country's id. A capital is its government ("United States") where the text can mean nothing else.
Where more than one name is right they stand with semicolons between them: a city that may be a government, a company
with and without its legal form, a surname alone where two people in the article have it. An id is given where it is
certain.
"""

import re
from dataclasses import dataclass
from pathlib import Path

CLASSES = {"PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC", "NORP": "NORP"}
"""The labels that are scored, and the class each counts as."""
OWN = Path(__file__).with_name("own")

_LABELS = {*CLASSES, "MISC"}
_MARK = re.compile(r"\[\[([^\[\]|]+)\|([^\[\]|]*)\|([A-Z]+)(?:\|(Q\d+))?\]\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A mention as a person reads it. `names` are the right canonical names, in most cases one."""

    field: str
    start: int
    end: int
    text: str
    label: str
    names: tuple[str, ...]
    entity_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """An article and all that it names. `text` is the clean body."""

    id: str
    title: str
    text: str
    named: tuple[Named, ...]


def own() -> list[Annotated]:
    """The samples of our own: a file each, the title (or nothing) on its first line, the text after a blank one."""
    return [read_marked(path.stem, path.read_text(encoding="utf-8")) for path in sorted(OWN.glob("*.txt"))]


def read_marked(article_id: str, marked: str) -> Annotated:
    """An article from its marked-up form, `[[text|canonical name, if it is another|LABEL|id, if certain]]`.

    Raises ValueError with the place of a mark that cannot be read.
    """
    title, _, body = marked.rstrip().partition("\n\n")
    plain_title, in_title = _unmarked(article_id, "title", title)
    text, in_text = _unmarked(article_id, "text", body)
    return Annotated(id=article_id, title=plain_title, text=text, named=(*in_title, *in_text))


def _unmarked(article_id: str, field: str, marked: str) -> tuple[str, list[Named]]:
    """(the plain text, what was marked in it)"""
    pieces: list[str] = []
    found: list[Named] = []
    length = 0
    for position, piece in enumerate(_split(marked)):
        plain = piece[0]
        if position % 2:
            found.append(_named(field, length, piece))
        elif "[[" in plain or "]]" in plain:
            raise ValueError(f"{article_id}: {field}: expected [[text|name|LABEL|id]] in {plain!r}")
        pieces.append(plain)
        length += len(plain)
    wrong = [mention for mention in found if mention.label not in _LABELS]
    if wrong:
        raise ValueError(f"{article_id}: {field}: {wrong[0].text}: {wrong[0].label} is none of {sorted(_LABELS)}")
    return "".join(pieces), found


def _split(marked: str) -> list[tuple[str, ...]]:
    """Plain text and marks by turns: (text,) and (text, name, label, id or "")."""
    pieces: list[tuple[str, ...]] = []
    end = 0
    for mark in _MARK.finditer(marked):
        pieces += [(marked[end : mark.start()],), mark.groups(default="")]
        end = mark.end()
    return [*pieces, (marked[end:],)]


def _named(field: str, start: int, mark: tuple[str, ...]) -> Named:
    text, names, label, entity_id = mark
    return Named(
        field=field,
        start=start,
        end=start + len(text),
        text=text,
        label=label,
        names=tuple((names or text).split(";")),
        entity_id=entity_id or None,
    )
