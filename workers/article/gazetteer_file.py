"""The gazetteer that ships: `gazetteer.tsv`, ours, a line a name, the columns separated by tabs.

label, canonical name, Wikidata id, other forms, and a column of forms for each further language (`zh:台湾|臺灣`). Forms
are separated by `|` and may end in a mark of care (`alerts.gazetteer`); one that ends in `-` is none by itself, also
where it is the name. Two or more ids (`Q230|Q1428`): the name is of one of these entries, and the article must show
which. A nationality has the id of its country, so that what is said of both comes together.

An id stands only where it is certain: each was checked, with its label and description, against public lists that
were made from Wikidata; what was in none of them has no id.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from alerts.gazetteer import CARE, Entry, Form

_FILE = Path(__file__).with_name("gazetteer.tsv")
_APART = "-"


@cache
def shipped() -> tuple[Entry, ...]:
    """The entries that ship, read once in a process."""
    return load(_FILE)


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
    forms: dict[str, Form] = {}
    for form in (Form(name), *_forms(others, ""), *(f for column in languages for f in _of_language(number, column))):
        before = forms.get(form.text)
        spoken = (*before.languages, *form.languages) if before else form.languages
        forms[form.text] = Form(form.text, form.care or (before.care if before else ""), spoken)
    either = tuple(ids.split("|")) if "|" in ids else ()
    by_itself = tuple(form for form in forms.values() if form.care != _APART)
    return Entry(label, name, None if either else ids or None, by_itself, either)


def _of_language(number: int, column: str) -> Iterator[Form]:
    language, colon, forms = column.partition(":")
    if not (colon and language and forms):
        raise ValueError(f"gazetteer: line {number}: expected a language and its forms, such as zh:台湾|臺灣")
    return _forms(forms, language)


def _forms(column: str, language: str) -> Iterator[Form]:
    for form in filter(None, column.split("|")):
        text = form.rstrip(CARE + _APART)
        yield Form(text, form[len(text) :], (language,) if language else ())
