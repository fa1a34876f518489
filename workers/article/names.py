"""What mentions are of: one list of what the model and the gazetteer found, and the forms of one name in an article."""

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence, Set

from topics.records import Mention
from workers.article.gazetteer import LEADING, TRAILING, Gazetteer, bare

_SUFFIXES = frozenset(("jr", "jr.", "sr", "sr.", "ii", "iii", "iv"))


def combine(model: Sequence[Mention], gazetteer: Sequence[Mention]) -> tuple[Mention, ...]:
    """One list of what the model and the gazetteer found, the title's first, in order, without overlaps.

    The longest span wins: "Bank of China" stays the model's although the gazetteer knows China. Where both found the
    same span the gazetteer knows better what it is. No span has a leading "the" or a trailing possessive.
    """
    trimmed = [(_trimmed(mention), rank) for rank, source in ((0, gazetteer), (1, model)) for mention in source]
    by_length = sorted(
        ((mention, rank) for mention, rank in trimmed if mention.start < mention.end),
        key=lambda item: (item[0].start - item[0].end, item[1], item[0].start),
    )
    kept: dict[str, list[Mention]] = {}
    for mention, _ in by_length:
        others = kept.setdefault(mention.field, [])
        place = bisect(others, mention.start, key=lambda other: other.start)
        clear = place == 0 or others[place - 1].end <= mention.start
        if clear and (place == len(others) or mention.end <= others[place].start):
            others.insert(place, mention)
    return tuple(mention for field in sorted(kept, key=lambda f: (f != "title", f)) for mention in kept[field])


def _trimmed(mention: Mention) -> Mention:
    leading = LEADING.match(mention.text)
    start = mention.start + (leading.end() if leading else 0)
    text = mention.text[start - mention.start :]
    trailing = TRAILING.search(text)
    text = text[: trailing.start()] if trailing else text
    if text == mention.text:
        return mention
    name = bare(mention.name) if mention.name == " ".join(mention.text.split()) else mention.name
    return Mention(
        field=mention.field,
        start=start,
        end=start + len(text),
        text=text,
        label=mention.label,
        name=name,
        entity_id=mention.entity_id,
    )


def canonicalise(mentions: Sequence[Mention], gazetteer: Gazetteer | None = None) -> tuple[Mention, ...]:
    """The same mentions with canonical names.

    In this order: the gazetteer's name; for a bare surname the fullest name in the article that ends (or, for names
    that begin with the family's, begins) with it, if it is the only one; else the mention's own text.
    """
    people = _people(mentions)
    surnames = _surnames(people)
    return tuple(_canonical(mention, people, surnames, gazetteer) for mention in mentions)


def _canonical(
    mention: Mention, people: Set[str], surnames: Mapping[str, str | None], gazetteer: Gazetteer | None
) -> Mention:
    own = " ".join(mention.text.split())
    name, entity_id = mention.name, mention.entity_id
    if gazetteer is not None and name == own and entity_id is None:
        name, entity_id = gazetteer.lookup(own, mention.label) or (own, None)
    if mention.label == "PERSON" and " " not in own and name not in people:
        # "Trump" in an article on nobody but Melania Trump is not who the gazetteer would think.
        full = surnames.get(own.casefold())
        name, entity_id = (full, None) if full is not None else (name, entity_id)
    return _renamed(mention, name or own, entity_id)


def _renamed(mention: Mention, name: str, entity_id: str | None) -> Mention:
    if (mention.name, mention.entity_id) == (name, entity_id):
        return mention
    return Mention(
        field=mention.field,
        start=mention.start,
        end=mention.end,
        text=mention.text,
        label=mention.label,
        name=name,
        entity_id=entity_id,
    )


def _people(mentions: Sequence[Mention]) -> frozenset[str]:
    """The full names of people in an article, by their canonical names, the most complete form of each."""
    words = {m.name: set(m.name.casefold().split()) for m in mentions if m.label == "PERSON" and " " in m.text.strip()}
    holding: dict[str, list[str]] = {}
    for name, parts in words.items():
        for part in parts:
            holding.setdefault(part, []).append(name)
    return frozenset(
        name
        for name, parts in words.items()
        if parts and not any(parts < words[other] for other in min((holding[part] for part in parts), key=len))
    )


def _surnames(people: Iterable[str]) -> dict[str, str | None]:
    """The full name for each bare one: of those that end with it, else begin with it. None: there are several."""
    last: dict[str, str | None] = {}
    first: dict[str, str | None] = {}
    for name in people:
        words = [word for word in name.casefold().split() if word not in _SUFFIXES]
        if len(words) > 1:
            last[words[-1]] = None if words[-1] in last else name
            first[words[0]] = None if words[0] in first else name
    return first | last
