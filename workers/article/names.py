"""What mentions are of: a gazetteer of well-known names, and the forms of one name within an article.

The gazetteer (`gazetteer.tsv`, ours) has countries, nationalities, capitals, organisations, companies and people in
office, in the spellings that news uses. Wikidata ids stand only where they are certain.
"""

import re
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import ahocorasick_rs

from topics.records import Mention
from workers.article.context import WITH_CARE, acceptable, needs_support, whole_word

_FILE = Path(__file__).with_name("gazetteer.tsv")
_LEADING = re.compile(r"the\s+", re.IGNORECASE)
_TRAILING = re.compile(r"(?:['’]s?|\s+)$")
_PLACES = frozenset(("GPE", "LOC", "FAC"))
_SUFFIXES = frozenset(("jr", "jr.", "sr", "sr.", "ii", "iii", "iv"))


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str
    name: str
    entity_id: str | None


@dataclass(frozen=True, slots=True)
class _Form:
    """A spelling of an entry. `care` is "" or one of `WITH_CARE`."""

    text: str
    care: str
    entry: _Entry


class Gazetteer:
    """Well-known names, found by one automaton: time is linear in the text, whatever number of names there is."""

    def __init__(self, forms: Iterable[_Form]) -> None:
        self._forms = tuple(forms)
        self._by_text = {form.text: form.entry for form in self._forms}
        # A short form in the wrong case is another word: "us", "Who", "Is".
        self._by_folded = {form.text.casefold(): form.entry for form in self._forms if len(form.text) > 3}
        self._automaton = ahocorasick_rs.AhoCorasick([form.text for form in self._forms])

    @classmethod
    def load(cls, path: Path | None = None) -> "Gazetteer":
        """The gazetteer that ships, or the one in `path` (tab-separated: label, name, id, other forms with `|`).

        Raises OSError, and ValueError with the line's number.
        """
        lines = (path or _FILE).read_text(encoding="utf-8").splitlines()
        return cls([form for number, line in enumerate(lines, 1) for form in _forms(number, line)])

    def __len__(self) -> int:
        return len(set(self._by_text.values()))

    def mentions(self, field: str, text: str) -> list[Mention]:
        """The known names in a field's text, in order, none within another.

        Case counts and words are whole; Chinese, Japanese, Korean and Thai names are found inside runs. A form that
        may mean something else counts only where its surroundings do not speak against it: precision comes first.
        """
        found = [(start, end, self._forms[i]) for i, start, end in self._matches(text) if whole_word(text, start, end)]
        taken = [(start, end, form) for start, end, form in found if acceptable(text, start, end, form.care)]
        sure = {form.entry for start, end, form in taken if not needs_support(text, start, form.care)}
        kept = [span for span in _outermost(taken) if span[2].entry in sure]
        return [
            Mention(
                field=field,
                start=start,
                end=end,
                text=text[start:end],
                label=form.entry.label,
                name=form.entry.name,
                entity_id=form.entry.entity_id,
            )
            for start, end, form in kept
        ]

    def lookup(self, text: str, label: str) -> tuple[str, str | None] | None:
        """(canonical name, Wikidata id) of a mention that somebody else found, where the label agrees."""
        form = _bare(text)
        entry = self._by_text.get(form) or self._by_folded.get(form.casefold())
        if entry is None or not _agree(entry.label, label):
            return None
        return entry.name, entry.entity_id

    def _matches(self, text: str) -> Iterable[tuple[int, int, int]]:
        return self._automaton.find_matches_as_indexes(text, overlapping=True)


def _forms(number: int, line: str) -> list[_Form]:
    if not line.strip() or line.startswith("#"):
        return []
    fields = line.split("\t")
    if len(fields) != 4 or not (fields[0] and fields[1]):
        raise ValueError(f"gazetteer: line {number}: expected label, name, id and other forms, separated by tabs")
    label, name, entity_id, others = fields
    entry = _Entry(label, name, entity_id or None)
    forms = {
        form.rstrip(WITH_CARE): form[len(form.rstrip(WITH_CARE)) :] for form in [name, *filter(None, others.split("|"))]
    }
    return [_Form(text, care, entry) for text, care in forms.items()]


def _outermost(spans: Sequence[tuple[int, int, _Form]]) -> list[tuple[int, int, _Form]]:
    """Leftmost first, the longest of those that begin together, none that overlaps one before it."""
    kept: list[tuple[int, int, _Form]] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


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
    leading = _LEADING.match(mention.text)
    start = mention.start + (leading.end() if leading else 0)
    text = mention.text[start - mention.start :]
    trailing = _TRAILING.search(text)
    text = text[: trailing.start()] if trailing else text
    if text == mention.text:
        return mention
    name = _bare(mention.name) if mention.name == " ".join(mention.text.split()) else mention.name
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


def _bare(text: str) -> str:
    """Without a leading "the", a trailing possessive and needless white space."""
    text = " ".join(text.split())
    return _TRAILING.sub("", _LEADING.sub("", text, count=1)) if text else text


def _agree(one: str, other: str) -> bool:
    return one == other or {one, other} <= _PLACES
