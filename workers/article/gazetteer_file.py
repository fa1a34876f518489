"""The gazetteer that ships: `gazetteer.tsv`, ours, a line a name, the columns separated by tabs.

label, canonical name, Wikidata id, other forms, and a column of forms for each further language (`zh:台湾|臺灣`). Forms
are separated by `|` and may end in a mark of care (`alerts.gazetteer`); one that ends in `-` is none by itself, also
where it is the name. Two or more ids (`Q230|Q1428`): the name is of one of these entries, and the article must show
which. A nationality has the id of its country, so that what is said of both comes together. `NONE` is for words that
hold a name and are none.

An id stands only where it is certain: each was checked, with its label and description, against public lists that
were made from Wikidata; what was in none of them has no id.
"""

from functools import cache
from pathlib import Path

from alerts.gazetteer import CARE, Entry, Form

FILE = Path(__file__).with_name("gazetteer.tsv")
_APART = "-"
_MARKS = frozenset(CARE + _APART)


@cache
def shipped() -> tuple[Entry, ...]:
    """The entries that ship, read once in a process."""
    return load(FILE)


def load(path: Path) -> tuple[Entry, ...]:
    """The entries in such a file. Raises OSError, and ValueError with the line's number."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(
        _entry(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")
    )


def _entry(number: int, line: str) -> Entry:
    columns = line.split("\t")
    if len(columns) < 4 or not (columns[0] and columns[1]):
        raise ValueError(f"gazetteer: line {number}: expected label, name, id and other forms, separated by tabs")
    label, name, ids, others, *languages = columns
    forms = {name: Form(name)}
    _add(forms, others, ())
    for column in languages:
        language, colon, spoken = column.partition(":")
        if not (colon and language and spoken):
            raise ValueError(f"gazetteer: line {number}: expected a language and its forms, such as zh:台湾|臺灣")
        _add(forms, spoken, (language,))
    either = tuple(ids.split("|")) if "|" in ids else ()
    by_itself = tuple(form for form in forms.values() if form.care != _APART)
    return Entry(label, name, None if either else ids or None, by_itself, either)


def _add(forms: dict[str, Form], column: str, languages: tuple[str, ...]) -> None:
    for form in column.split("|") if column else ():
        text, care = (form[:-1], form[-1]) if form[-1:] in _MARKS else (form, "")
        before = forms.get(text)
        known = Form(text, care or before.care, before.languages + languages) if before else Form(text, care, languages)
        forms[text] = known
