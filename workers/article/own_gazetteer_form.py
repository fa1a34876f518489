"""The fields of a user's own gazetteer: which there are, and what each may hold."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from alerts.document import Listing, Mapping, Node, Scalar
from alerts.form import Form as Fields
from alerts.form import Reader
from alerts.gazetteer import CAPITALS, LANGUAGE, NATIONALITY, PART, WORD, Entry, Form
from workers.article.language import normalise

MAX_NAMES = 20_000
MAX_FORMS = 100_000
"""Of all names together."""
LABELS = ("EVENT", "FAC", "GPE", "LAW", "LOC", NATIONALITY, "ORG", "PERSON", "PRODUCT", "WORK_OF_ART")
CARE = {"part": PART, "word": WORD, "capitals": CAPITALS, "language": LANGUAGE}
_WIKIDATA = re.compile(r"Q[1-9][0-9]{0,11}")
_OWN = re.compile(r"[a-z][a-z0-9-]{0,30}:[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_AN_ID = "a Wikidata id, such as Q713418, or one of your own, such as acme:kestrel"


class NamesForm(Fields):
    """Reads the nodes of one file. `shipped` are the entries that it may extend, and may not contradict."""

    def __init__(self, file: str, shipped: Iterable[Entry]) -> None:
        super().__init__(file)
        entries = tuple(shipped)
        self._shipped = {entry.id: entry for entry in entries if entry.id and entry.label != NATIONALITY}
        self._owners = {form.text: entry for entry in entries for form in entry.forms}
        self._ids: dict[str, tuple[str, int]] = {}
        self._taken: dict[str, tuple[str, int]] = {}

    def names(self, node: Node) -> list[Entry]:
        """The entries: new ones, and those that ship as they are with what is added to them."""
        if not isinstance(node, Mapping):
            self.wrong(node, "file", "a mapping with names")
            return []
        found: list[Entry | None] = self.fields(node, "", {"names": self.listed}, required=("names",)).get("names", [])
        return [entry for entry in found if entry is not None]

    def listed(self, node: Node, path: str) -> list[Entry | None]:
        if not isinstance(node, Listing) or len(node.items) > MAX_NAMES:
            self.wrong(node, path, f"a list of at most {MAX_NAMES} names")
            return []
        return [self.entry(item, f"{path}[{number}]") for number, item in enumerate(node.items)]

    def entry(self, node: Node, path: str) -> Entry | None:
        if not isinstance(node, Mapping):
            self.wrong(node, path, "a mapping with name and label, or with extends")
            return None
        before = len(self.problems)
        lines = {key.text: value for key, value in node.items}
        extending = "extends" in lines
        readers: dict[str, Reader] = {"name": self.form, "aliases": self.aliases, "care": self.care}
        readers |= {"extends": self.extends} if extending else {"id": self.entry_id, "label": self.label}
        values = self.fields(node, f"{path}.", readers, required=() if extending else ("name", "label"))
        if len(self.problems) > before:
            return None
        base = self._shipped[values["extends"]] if extending else None
        entry = _extended(base, values) if base else _new(values)
        self._claim(node, path, entry, base)
        return entry

    def extends(self, node: Node, path: str) -> str:
        """The id of an entry that ships, once in the file."""
        value = self._id(node, path)
        if value and value not in self._shipped:
            self.wrong(node, path, "the id of a name that ships (id is for new ones)", f"“{value}”, which none has")
        return value

    def entry_id(self, node: Node, path: str) -> str:
        """The id of a new entry."""
        value = self._id(node, path)
        if value in self._shipped:
            name = self._shipped[value].name
            self.wrong(node, path, f"an id of its own (or extends: {value})", f"“{value}”, which {name} has")
        return value

    def _id(self, node: Node, path: str) -> str:
        before = len(self.problems)
        value = self.text(node, path)
        if len(self.problems) > before:
            return value
        if not (_WIKIDATA.fullmatch(value) or _OWN.fullmatch(value)):
            self.wrong(node, path, _AN_ID)
        elif (owner := self._ids.setdefault(value, (path, node.line)))[0] != path:
            self.wrong(node, path, "an id once", f"“{value}”, which is on line {owner[1]}, too")
        return value

    def label(self, node: Node, path: str) -> str:
        value = self.text(node, path)
        if value and value not in LABELS:
            self.wrong(node, path, f"one of {', '.join(LABELS)}")
        return value

    def care(self, node: Node, path: str) -> str:
        value = self.text(node, path)
        if value and value not in CARE:
            self.wrong(node, path, f"one of {', '.join(CARE)}")
        return CARE.get(value, "")

    def form(self, node: Node, path: str) -> str:
        """A spelling, on one line."""
        before = len(self.problems)
        value = " ".join(self.text(node, path).split())
        if len(self.problems) > before:
            return value
        if len(value) < 2 or not value.isprintable() or not (value[0].isalnum() or value[-1].isalnum()):
            self.wrong(node, path, "a name of two characters or more, that begins or ends with a letter or digit")
        return value

    def aliases(self, node: Node, path: str) -> list[Form]:
        """A list, or a mapping of languages to lists."""
        if isinstance(node, Mapping):
            spoken = [(key, self.language(key, f"{path}.{key.text}"), value) for key, value in node.items]
            return [
                Form(text, "", (language,))
                for key, language, value in spoken
                for text in self.each(value, f"{path}.{key.text}", self.form)
            ]
        if not isinstance(node, Listing):
            self.wrong(node, path, "a list, or a mapping of languages to lists, such as {en: [Kestrel], zh: [红隼]}")
            return []
        return [Form(text) for text in self.each(node, path, self.form)]

    def language(self, key: Scalar, path: str) -> str:
        found = normalise(key.text)
        if found is None:
            self.wrong(key, path, "the code of a language (ISO 639-1), such as en, zh or ru")
        return found or ""

    def _claim(self, node: Mapping, path: str, entry: Entry, base: Entry | None) -> None:
        """No form may lead to two entries."""
        places: dict[str, tuple[str, int]] | None = None
        full = len(self._taken) > MAX_FORMS
        for form in entry.forms:
            (other, line), ships = self._taken.setdefault(form.text, (path, node.line)), self._owners.get(form.text)
            if other == path and ships in (None, base):
                continue
            places = places or dict(_places(node))
            field, at = places.get(form.text, ("name", node.line))
            owner = f"{ships.name} ({ships.id or ships.label})" if ships else f"the name on line {line}"
            found = f"“{form.text}”, which {owner} has"
            self.wrong(Scalar(form.text, "str", at), f"{path}.{field}", "a form of its own", found)
        if len(self._taken) > MAX_FORMS and not full:
            self.wrong(node, path, f"at most {MAX_FORMS} names and aliases in all", "more")


def _new(values: dict[str, Any]) -> Entry:
    return Entry(values["label"], values["name"], values.get("id"), _forms(values, ()))


def _extended(base: Entry, values: dict[str, Any]) -> Entry:
    return Entry(base.label, values.get("name", base.name), base.id, _forms(values, base.forms))


def _forms(values: dict[str, Any], shipped: tuple[Form, ...]) -> tuple[Form, ...]:
    """Those that ship, and the user's, with the care that they need."""
    added = [Form(values["name"])] if "name" in values else []
    forms = {form.text: form for form in shipped}
    for form in (*added, *values.get("aliases", ())):
        languages = tuple(dict.fromkeys((*forms.get(form.text, form).languages, *form.languages)))
        forms[form.text] = Form(form.text, _cared(form, values.get("care", "")), languages)
    return tuple(forms.values())


def _cared(form: Form, care: str) -> str:
    """Several words say what they mean, and so do scripts without capitals: neither is taken for a word."""
    taken_for_words = " " not in form.text and (care == LANGUAGE or form.text.lower() != form.text.upper())
    return care if taken_for_words else ""


def _places(node: Mapping) -> Iterator[tuple[str, tuple[str, int]]]:
    """(form, (the field that it is in, its line)) of each."""
    for key, value in node.items:
        lists = [inner for _, inner in value.items] if isinstance(value, Mapping) else [value]
        for one in (scalar for part in lists for scalar in (part.items if isinstance(part, Listing) else [part])):
            if isinstance(one, Scalar):
                yield " ".join(one.text.split()), (key.text, one.line)
