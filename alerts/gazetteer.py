"""What a gazetteer holds: names, with the forms that texts use for each."""

from collections.abc import Iterable, Sequence

import msgspec

from alerts.document import Problem
from topics.errors import ConfigError
from topics.identity import digest

PART, WORD, CAPITALS, LANGUAGE = "?", "*", "^", "~"
"""The marks of care, for forms that may mean something else: they may be a part of another name, a common word, a
word in capitals, or a word of other languages. `workers.article.context` says what each asks of its surroundings."""
CARE = PART + WORD + CAPITALS + LANGUAGE
NATIONALITY = "NORP"
"""The label of entries that have the id of another one: a nationality that of its country."""
NOTHING = "NONE"
"""The label of entries that are no names, but words that hold one: 发展中国家 are not China (中国)."""


class Form(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One spelling. `care` is empty or one of `CARE`; `languages` are ISO 639-1 codes, none where it is not of one."""

    text: str
    care: str = ""
    languages: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """A name, compared by identity: one text compares many.

    `id` is a Wikidata id or one of the user's own (`acme:kestrel`). `either` is for a form that means several entries:
    their ids. It has no id itself, and takes that of the one which an article names beyond doubt.
    """

    label: str
    name: str
    id: str | None
    forms: tuple[Form, ...]
    either: tuple[str, ...] = ()


class GazetteerError(ConfigError):
    """A file of names that cannot be used. The text has a line for each problem, and `problems` has them apart."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def merged(shipped: Iterable[Entry], own: Sequence[Entry]) -> tuple[Entry, ...]:
    """Both, where one's own entry takes the place of that with its id and label."""
    mine = {(entry.id, entry.label): entry for entry in own if entry.id is not None}
    kept = [mine.pop((entry.id, entry.label), entry) if entry.id else entry for entry in shipped]
    return (*kept, *mine.values(), *(entry for entry in own if entry.id is None))


def version(own: Sequence[Entry]) -> str:
    """A digest of one's own entries: the same contents have the same version."""
    return digest("gazetteer", msgspec.json.encode(own).decode()) if own else ""
