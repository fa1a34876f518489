"""The organisations that an article names, and which of them an acronym or a shorter form means."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from topics.records import Mention
from workers.article.acronyms import explained, initials, is_acronym, without_legal_form
from workers.article.agreed import found_everywhere
from workers.article.document import NAMES, Document, mention_of, relabelled
from workers.article.forms import Form
from workers.article.lexicon import ORGANISATIONS
from workers.article.words import Words

Name = tuple[str, str | None]
"""Canonical name and id."""

_SHORTEST = 3  # letters of an acronym that nobody explains


@dataclass(frozen=True, slots=True)
class Organisations:
    """The names of an article's organisations, by every form that can mean one of them and no other."""

    by_form: Mapping[Form, Name]

    @classmethod
    def of(cls, document: Document, mentions: Iterable[Mention], acronyms: Mapping[Form, Mention]) -> "Organisations":
        """`acronyms` are those that the article explains, with the names in full."""
        texts = _texts(document, mentions)
        names = _names(document, texts)
        joined = dict(_shorter(document, texts, names)) | dict(_abbreviated(texts, names))
        meant = {short: names[longer] for short, longer in joined.items()}
        told = {short: names.get(document.form(full)) or document.lookup(full) for short, full in acronyms.items()}
        return cls(names | meant | told)


def with_acronyms(document: Document, mentions: Sequence[Mention]) -> tuple[tuple[Mention, ...], dict[Form, Mention]]:
    """The mentions with the acronyms that the article explains wherever they stand, and each one's name in full."""
    labels: dict[Form, str] = {}
    acronyms: dict[Form, Mention] = {}
    found = _labels(document, mentions)
    for words in document.fields.values():
        for acronym, full in explained(words):
            label = _label(words, acronym, full, found)
            if label:
                short, longer = words.form(acronym), words.form(full)
                labels |= {short: label, longer: label}
                acronyms[short] = mention_of(words, full, label)
    if not acronyms:
        return tuple(mentions), acronyms
    agreeing = [_relabelled(document, mention, labels) for mention in mentions]
    return found_everywhere(document, agreeing, labels), acronyms


def _labels(document: Document, mentions: Iterable[Mention]) -> dict[tuple[str, int], str]:
    """What each word is a part of, by its field and offset."""
    labels: dict[tuple[str, int], str] = {}
    for mention in mentions:
        words, at = document.words(mention)
        labels |= {(words.field, words.words[i].start): mention.label for i in at}
    return labels


def _label(words: Words, acronym: range, full: range, labels: Mapping[tuple[str, int], str]) -> str:
    """What an explained name is: an organisation if a word says so, else what its last word, or the acronym, is a part
    of; "" for what is no name.
    """
    if not ORGANISATIONS.isdisjoint(words.form(full)):
        return "ORG"
    found = (labels.get((words.field, words.words[i].start), "") for i in (full.stop - 1, acronym.start))
    return next((label for label in found if label in NAMES - {"PERSON"}), "")


def _relabelled(document: Document, mention: Mention, labels: Mapping[Form, str]) -> Mention:
    return relabelled(mention, labels.get(document.form(mention), mention.label))


def _texts(document: Document, mentions: Iterable[Mention]) -> dict[Form, Mention]:
    """Each form of an organisation's name, and a mention. Of what only a title has the ends are not certain."""
    texts: dict[Form, Mention] = {}
    for mention in mentions:
        shouted = " " in mention.text and mention.text.isupper()
        if mention.label == "ORG" and mention.field != "title" and not shouted and (form := document.form(mention)):
            texts.setdefault(form, mention)
    return texts


def _names(document: Document, texts: Mapping[Form, Mention]) -> dict[Form, Name]:
    """Each form's name: the gazetteer's if it knows one that differs by no more than "Inc.", else the longest."""
    groups: dict[Form, list[Form]] = {}
    for form in sorted(texts, key=len):
        groups.setdefault(without_legal_form(form), []).append(form)
    names: dict[Form, Name] = {}
    for short, forms in groups.items():
        known = [name for form in forms if (name := document.listed(texts[form])) is not None]
        name = known[0] if known else document.lookup(texts[forms[-1]])
        names |= dict.fromkeys((short, *forms), name)
    return names


def _shorter(
    document: Document, texts: Mapping[Form, Mention], names: Mapping[Form, Name]
) -> Iterator[tuple[Form, Form]]:
    """(form, longer form) where a name is the beginning, or in several words the end, of one longer name and of no
    other: "Kestrel" of Kestrel Lines, "Loan Board" of the Federal Loan Board.
    """
    longer: dict[Form, dict[Name, Form]] = {}
    for form, name in names.items():
        for n in range(1, len(form)):
            longer.setdefault(form[:n], {})[name] = form
        for n in range(1, len(form) - 1):
            longer.setdefault(form[n:], {})[name] = form
    for form in texts:
        if len(longer.get(form, ())) == 1 and document.listed(texts[form]) is None:
            yield form, next(iter(longer[form].values()))


def _abbreviated(texts: Mapping[Form, Mention], names: Mapping[Form, Name]) -> Iterator[tuple[Form, Form]]:
    """(acronym, name in full) where the initials are those of one name and of no other."""
    full: dict[str, dict[Name, Form]] = {}
    for form, name in names.items():
        for letters in initials(form) if len(form) > 1 else ():
            full.setdefault(letters, {})[name] = form
    for form, mention in texts.items():
        meant = (
            full.get(form[0], {}) if len(form) == 1 and len(form[0]) >= _SHORTEST and is_acronym(mention.text) else {}
        )
        if len(meant) == 1:
            yield form, next(iter(meant.values()))
