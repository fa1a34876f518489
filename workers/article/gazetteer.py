"""Well-known names: `gazetteer.tsv`, ours.

It has countries, nationalities, capitals, organisations, companies and people in office, in the spellings that news
uses. Wikidata ids stand only where they are certain.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ahocorasick_rs

from topics.records import Mention
from workers.article.context import WITH_CARE, acceptable, needs_support, whole_word

LEADING = re.compile(r"the\s+", re.IGNORECASE)
TRAILING = re.compile(r"(?:['’]s?|\s+)$")

_FILE = Path(__file__).with_name("gazetteer.tsv")
_PLACES = frozenset(("GPE", "LOC", "FAC"))


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
        form = bare(text)
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


def bare(text: str) -> str:
    """Without a leading "the", a trailing possessive and needless white space."""
    text = " ".join(text.split())
    return TRAILING.sub("", LEADING.sub("", text, count=1)) if text else text


def _agree(one: str, other: str) -> bool:
    return one == other or {one, other} <= _PLACES
