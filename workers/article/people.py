"""The people whom an article names in full, and which of them a shorter form means."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from topics.records import Mention
from workers.article.document import Document
from workers.article.forms import Form
from workers.article.given_names import GIVEN, MEN_GIVEN, WOMEN_GIVEN
from workers.article.lexicon import (
    AFTER_NAMES,
    DROPPED,
    FAMILY_FIRST,
    HONORIFICS,
    KINDS,
    MEN,
    OFFICES,
    PARTICLES,
    SAYS,
    WOMEN,
)
from workers.article.words import Words

_LONGEST = 6  # words of a person's name: what has more is a list
_NAMESAKES = 8  # of one form; with more nothing tells them apart
_SYLLABLE = (
    r"(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:[iu]?a(?:ng|n|i|o)?|[iu]?e(?:ng|n|i|r)?|i(?:ng|n|ong|u)?|o(?:ng|u)?|u[ino]?)"
)
_GIVEN = re.compile(rf"(?:{_SYLLABLE}){{1,2}}")


@dataclass(slots=True)
class Person:
    """Somebody named in full. `glued` are the indices of words with a hyphen or an apostrophe before them; `titles`,
    what stands before the name somewhere."""

    words: Form
    suffix: str
    name: str
    entity_id: str | None
    glued: frozenset[int]
    titles: set[str] = field(default_factory=set)

    @property
    def certain(self) -> bool:
        """Whether more than the model says that it is a person: the gazetteer, a title, a common given name."""
        return bool(self.entity_id or self.titles) or self.words[0] in GIVEN


@dataclass(frozen=True, slots=True)
class People:
    """Everybody whom an article names in full, by each form that may mean them."""

    by_name: Mapping[Form, Person]
    by_family: Mapping[Form, Sequence[Person]]
    by_part: Mapping[Form, Sequence[Person]]

    @classmethod
    def of(cls, document: Document, mentions: Iterable[Mention]) -> "People":
        by_name = _merged(_in_full(document, mentions))
        everybody = list({id(person): person for person in by_name.values()}.values())
        return cls(by_name=by_name, by_family=_index(everybody, _families), by_part=_index(everybody, _parts))

    def whom(self, form: Form, titles: frozenset[str]) -> Person | None:
        """The only person whom a form can mean, with these titles before it; None where it is nobody or several."""
        if form in self.by_name:
            return self.by_name[form]
        candidates = self.by_family.get(form) or self.by_part.get(form, ())
        if len(candidates) > 1:
            candidates = [c for c in candidates if c.titles & titles] or [c for c in candidates if _may_be(c, titles)]
        return candidates[0] if len(candidates) == 1 else None

    def several(self, form: Form) -> bool:
        """Whether more than one person may be meant by a form."""
        return len(self.by_family.get(form) or self.by_part.get(form, ())) > 1


def titles_before(words: Words, index: int) -> frozenset[str]:
    """What the word before the one at `index` calls somebody: "Mr", "Secretary"."""
    if words.gap(index) not in (" ", ". "):
        return frozenset()
    return frozenset((words.title(index - 1),)) & (OFFICES | HONORIFICS)


def is_said(words: Words, index: int) -> bool:
    """Whether the word at `index`, right after a name, is what somebody does who speaks: "said"."""
    word = words.word(index)
    return word is not None and words.gap(index) == " " and word.folded in SAYS


def _office_apart(words: Words, index: int) -> frozenset[str]:
    """The office before the name at `index`, with a comma between: "its president, Higaki Yukito"."""
    before = words.word(index - 1)
    return frozenset((before.folded,)) & OFFICES if before and words.gap(index) == ", " else frozenset()


def _in_full(document: Document, mentions: Iterable[Mention]) -> Iterator[Person]:
    for mention in mentions:
        words, at = document.words(mention)
        if mention.label != "PERSON" or not 2 <= len(at) <= _LONGEST or not _is_one_person(words, at):
            continue
        form = document.form(mention)
        suffix = form[-1] if len(form) > 2 and form[-1] in AFTER_NAMES else ""
        name, entity_id = document.lookup(mention)
        yield Person(
            words=form[: len(form) - bool(suffix)],
            suffix=suffix,
            name=name,
            entity_id=entity_id,
            glued=frozenset(n for n, i in enumerate(at) if n and words.glued(i)),
            titles=set(titles_before(words, at.start) | _office_apart(words, at.start)),
        )


def _is_one_person(words: Words, at: range) -> bool:
    """Whether nothing but a name's words and what joins them is there."""
    within = [words.words[i] for i in at]
    return (
        within[-1].folded not in KINDS
        and within[0].text.isalpha()
        and all(words.words[i].text.isalpha() for i in at[1:])
        and all(words.joined(i) or words.nickname(i) or words.nickname(i - 1) for i in at[1:])
        and all(words.words[i].capital or words.words[i].folded in PARTICLES or words.glued(i) for i in at)
    )


def _merged(found: Iterable[Person]) -> dict[Form, Person]:
    """By each full form, with its suffix. Forms of one name are one person, by its fullest."""
    by_form: dict[Form, Person] = {}
    by_entity: dict[str, Person] = {}
    for person in found:
        form = (*person.words, person.suffix) if person.suffix else person.words
        one = by_form.setdefault(form, by_entity.get(person.entity_id or "", person))
        if one.entity_id:
            by_entity.setdefault(one.entity_id, one)
        one.titles |= person.titles
    holding: dict[str, list[Form]] = {}
    for form in by_form:
        for word in set(form):
            holding.setdefault(word, []).append(form)
    return {form: _fullest(form, by_form, holding) for form in by_form}


def _fullest(form: Form, by_form: Mapping[Form, Person], holding: Mapping[str, Sequence[Form]]) -> Person:
    """The person of the one longer form that has all words of this one; this form's own where there are several."""
    own = by_form[form]
    rarest = min((holding[word] for word in set(form)), key=len)
    longer = {id(by_form[other]): by_form[other] for other in rarest if _extends(other, form)}
    if own.suffix or own.entity_id or len(longer) != 1:
        return own
    (full,) = longer.values()
    if full.suffix:
        return own
    full.titles |= own.titles
    return full


def _extends(longer: Form, form: Form) -> bool:
    return len(longer) > len(form) and set(form) < set(longer)


def _index(everybody: Iterable[Person], forms: Callable[[Person], Iterator[Form]]) -> dict[Form, list[Person]]:
    index: dict[Form, list[Person]] = {}
    for person in everybody:
        for form in set(forms(person)):
            namesakes = index.setdefault(form, [])
            if len(namesakes) < _NAMESAKES:
                namesakes.append(person)
    return index


def _families(person: Person) -> Iterator[Form]:
    """The forms of a family's name: "von der Leyen", "al-Assad" and "Assad", "Xi"."""
    words = person.words
    if _family_first(person):
        yield words[:1]
        return
    last = len(words) - 1
    while last > 1 and last in person.glued:
        last -= 1
    first = next((i for i, word in enumerate(words) if 0 < i < last and word in PARTICLES), last)
    yield words[first:]
    if person.suffix:
        yield (*words[first:], person.suffix)
    while words[first] in DROPPED and first < len(words) - 1:
        first += 1
        yield words[first:]


def _family_first(person: Person) -> bool:
    first, *given = person.words
    if first not in FAMILY_FIRST or len(given) > 2:
        return False
    return 2 in person.glued or all(_GIVEN.fullmatch(word) for word in given)


def _parts(person: Person) -> Iterator[Form]:
    """What a name begins or ends with, and each of its words."""
    words = person.words
    for i in range(1, len(words)):
        yield words[:i]
        yield words[i:]
        yield words[i : i + 1]


def _may_be(person: Person, titles: frozenset[str]) -> bool:
    """Whether "Mr" or "Mrs" can be before a name. Without one of these, everybody may be meant."""
    woman = bool(person.titles & WOMEN) or person.words[0] in WOMEN_GIVEN
    man = bool(person.titles & MEN) or person.words[0] in MEN_GIVEN
    return not (titles & WOMEN and man and not woman) and not (titles & MEN and woman and not man)
