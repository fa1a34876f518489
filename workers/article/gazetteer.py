"""Well-known names, found in texts: those that ship (`gazetteer_file`), and those of the user's own."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import ahocorasick_rs

from alerts.gazetteer import LANGUAGE, NATIONALITY, NOTHING, Entry, Form, merged
from topics.records import Mention
from workers.article.context import acceptable, is_a_thing, needs_support, whole_word
from workers.article.gazetteer_file import shipped
from workers.article.lexicon import SHORT_TITLES

LEADING = re.compile(r"the\s+", re.IGNORECASE)
TRAILING = re.compile(r"(?:['’]s?|\s+)$")
_PLACES = frozenset(("GPE", "LOC", "FAC"))


class _Span(NamedTuple):
    start: int
    end: int
    form: Form
    entry: Entry


class Gazetteer:
    """Well-known names, found by one automaton: time is linear in the text, whatever number of names there is."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._forms = [(form, entry) for entry in self._entries for form in entry.forms]
        names = [(form, entry) for form, entry in self._forms if entry.label != NOTHING]
        self._by_text = {form.text: entry for form, entry in names}
        # A short form in the wrong case is another word: "us", "Who", "Is".
        self._by_folded = {form.text.casefold(): entry for form, entry in names if len(form.text) > 3}
        self._words = {form.text for form, entry in names if form.care and entry.label == "ORG"}
        self._by_id = {entry.id: entry for entry in self._entries if entry.id and entry.label != NATIONALITY}
        self._automaton = ahocorasick_rs.AhoCorasick([form.text for form, _ in self._forms])

    @classmethod
    def load(cls, own: Sequence[Entry] = ()) -> "Gazetteer":
        """The gazetteer that ships, with the user's own entries (`own_gazetteer`)."""
        return cls(merged(shipped(), own))

    def __len__(self) -> int:
        return len(self._entries)

    def mentions(self, field: str, text: str, language: str = "") -> list[Mention]:
        """The known names in a field's text, in order, none within another. `language` is the text's (ISO 639-1).

        Case counts and words are whole; Chinese, Japanese, Korean and Thai names are found inside runs. A form that
        may mean something else counts only where its surroundings do not speak against it: precision comes first.
        """
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        found = [(i, start, end) for i, start, end in matches if whole_word(text, start, end)]
        spans = [_Span(start, end, *self._forms[i]) for i, start, end in found]
        taken = [span for span in spans if not span.form.care or _counts(text, span, language)]
        sure = {span.entry for span in taken if not needs_support(text, span.start, span.form.care)}
        named = {entry.id for entry in sure if entry.id}
        kept = _outermost([span for span in taken if span.entry in sure])
        named_spans = (span for span in kept if span.entry.label != NOTHING)
        return [_mention(field, text, span, self._meant(span.entry, named)) for span in named_spans]

    def lookup(self, text: str, label: str) -> tuple[str, str | None] | None:
        """(canonical name, id) of a mention that somebody else found, where the label agrees."""
        form = bare(text)
        entry = self._by_text.get(form) or self._by_folded.get(form.casefold())
        if entry is None or not _agree(entry.label, label):
            return None
        return entry.name, entry.id

    def is_also_a_word(self, text: str) -> bool:
        """Whether a form of an organisation's name may mean something else."""
        return text in self._words

    def spellings(self, entity_id: str) -> tuple[str, ...]:
        """Every form of the entries with this id; none where it is not known."""
        return tuple(self._spelt.get(entity_id, ()))

    @cached_property
    def _spelt(self) -> dict[str, list[str]]:
        spelt: dict[str, list[str]] = {}
        for form, entry in self._forms:
            if entry.id:
                spelt.setdefault(entry.id, []).append(form.text)
        return spelt

    def _meant(self, entry: Entry, named: set[str]) -> Entry:
        """Of the entries that a form may mean the one that the text names elsewhere, if it is the only one."""
        found = [id for id in entry.either if id in named] if entry.either else ()
        return self._by_id[found[0]] if len(found) == 1 else entry


def _counts(text: str, span: _Span, language: str) -> bool:
    if span.form.care == LANGUAGE:
        return language in span.form.languages
    if span.entry.label == "ORG" and is_a_thing(text, span.end):
        return False
    titles = SHORT_TITLES.get(language, {}) if span.entry.label == "PERSON" else {}
    return acceptable(text, span.start, span.end, span.form.care, titles)


def _mention(field: str, text: str, span: _Span, entry: Entry) -> Mention:
    return Mention(
        field=field,
        start=span.start,
        end=span.end,
        text=text[span.start : span.end],
        label=entry.label,
        name=entry.name,
        entity_id=entry.id,
    )


def _outermost(spans: Sequence[_Span]) -> list[_Span]:
    """Leftmost first, the longest of those that begin together, none that overlaps one before it."""
    kept: list[_Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def bare(text: str) -> str:
    """Without a leading "the", a trailing possessive and needless white space."""
    text = " ".join(text.split())
    return TRAILING.sub("", LEADING.sub("", text, count=1)) if text else text


def _agree(one: str, other: str) -> bool:
    return one == other or {one, other} <= _PLACES
