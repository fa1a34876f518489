"""People named in full once, found everywhere by their family's name, whatever the model took it for or missed."""

from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial

from topics.records import Mention
from workers.article.context import NO_PART_OF_NAMES
from workers.article.document import NAMELIKE, NAMES, Document, by_field, mention_of, relabelled, span, title_first
from workers.article.forms import Form, Forms
from workers.article.lexicon import (
    AFTER_NAMES,
    BEFORE_MONTHS,
    BEFORE_PLACES,
    COMMON,
    HONORIFICS,
    KINDS,
    MONTHS,
    OF_BUSINESS,
    OFFICES,
    ONES_OWN,
    SAYS,
)
from workers.article.overlay import laid_over
from workers.article.people import People, is_said, titles_before
from workers.article.words import Words

_HYPHENS = ("-", "‑")
_INSIDE_A_WORD = ("'", "’", ".")
_ADDRESS = ("_", "@", "/")
_CALLED = OFFICES | HONORIFICS
_OF_PEOPLE = _CALLED - OF_BUSINESS


def carried(document: Document, mentions: Sequence[Mention], people: People) -> tuple[Mention, ...]:
    """The mentions, with everybody in `people` wherever the article names them, by full name or family's."""
    forms = Forms([*people.by_name, *people.by_family])
    stands = partial(_stands, forms, document)
    wins = _wins(document, _places(document, mentions), _titled(document, mentions, people))
    fields = by_field(mentions)
    for field, words in document.fields.items():
        found = list(forms.find(words, stands))
        whole = _without_lists(words, fields.get(field, ()), found)
        fields[field] = list(laid_over(whole, [mention_of(words, at, "PERSON") for at in found], wins))
    return tuple(_first_name(document, mention, people) for mention in title_first(fields))


def _without_lists(words: Words, mentions: Iterable[Mention], found: Iterable[range]) -> list[Mention]:
    """The mentions but for those that are several people, joined by "and" or a hyphen: "Trump-Xi"."""
    person = {i: at.start for at in found for i in at}

    def is_list(at: range) -> bool:
        people = {person.get(i, -1) for i in at if words.words[i].folded != "and"}
        return len(people) > 1 and -1 not in people

    return [mention for mention in mentions if not is_list(words.inside(mention.start, mention.end))]


def _first_name(document: Document, mention: Mention, people: People) -> Mention:
    """A mention by one word that is a part of one person's name, and of no word or known name, as that person."""
    form = document.form(mention)
    if len(form) != 1 or mention.label not in NAMES or span(mention) in document.known:
        return mention
    person = people.whom(form, frozenset())
    words, at = document.words(mention)
    if person is None or form[0] in COMMON or form[0] in document.lower or _is_after_in(words, at):
        return mention
    return relabelled(mention, "PERSON") if person.certain or is_said(words, at.stop) else mention


def _wins(document: Document, places: Set[Form], titled: Set[Form]) -> Callable[[Mention, Mention], bool]:
    def wins(given: Mention, other: Mention) -> bool:
        if other.label not in NAMELIKE or other.start < given.start or given.end < other.end:
            return False
        if span(given) != span(other):
            return True
        form = document.form(other)
        if span(other) not in document.known:
            return other.label != "GPE" or form not in places or _speaks(document, given)
        return form not in places if other.label == "GPE" else other.label == "ORG" and form in titled

    return wins


def _speaks(document: Document, mention: Mention) -> bool:
    words, at = document.words(mention)
    return is_said(words, at.stop)


def _places(document: Document, mentions: Iterable[Mention]) -> frozenset[Form]:
    """The names that stand after "in" and the like somewhere: there a known place is one, whoever else has its name."""
    places = (mention for mention in mentions if mention.label == "GPE")
    return frozenset(document.form(mention) for mention in places if _is_after_in(*document.words(mention)))


def _titled(document: Document, mentions: Iterable[Mention], people: People) -> frozenset[Form]:
    """The families' names of which a title tells that they are a person's, whatever else is called so: "Mr Abbott"."""
    titled = {form for form, persons in people.by_family.items() if any(p.titles & _OF_PEOPLE for p in persons)}
    placed = ((document.form(mention), *document.words(mention)) for mention in mentions)
    return frozenset(
        titled | {form for form, words, at in placed if at and titles_before(words, at.start) & _OF_PEOPLE}
    )


def _is_after_in(words: Words, at: range) -> bool:
    before = words.word(at.start - 1) if at else None
    return before is not None and before.folded in BEFORE_PLACES and words.gap(at.start) == " "


def _stands(forms: Forms, document: Document, words: Words, at: range) -> bool:
    """Whether a form stands in the text as a person's name."""
    return (
        _begins(forms, document, words, at)
        and _ends(forms, words, at)
        and (len(at) > 1 or _is_no_word(document, words, at.start))
    )


def _begins(forms: Forms, document: Document, words: Words, at: range) -> bool:
    before, gap = words.word(at.start - 1), words.gap(at.start)
    if before is None:
        return True
    called = words.title(at.start - 1) in _CALLED
    if (
        gap in _INSIDE_A_WORD
        or gap.endswith(_ADDRESS)
        or (gap == ". " and len(before.text) == 1 and not called)
        or (gap == " & " and before.capital)
    ):
        return False
    if gap in _HYPHENS:
        return not before.capital or forms.begins(before.folded)
    if gap != " ":
        return True
    if before.folded in ("the", "a", "an"):
        return _is_attribute(words, at)
    if not before.capital or before.folded in NO_PART_OF_NAMES or called:
        return True
    return before.loud and (before.folded in document.lower or before.folded in SAYS)


def _is_attribute(words: Words, at: range) -> bool:
    """Whether a name says whose something is: "the Trump administration"."""
    after = words.word(at.stop)
    if after is None or words.gap(at.stop) != " ":
        return words.gap(at.stop) in _HYPHENS
    return after.folded in ONES_OWN or not (after.capital or after.folded in KINDS or after.folded in NO_PART_OF_NAMES)


def _ends(forms: Forms, words: Words, at: range) -> bool:
    after, gap = words.word(at.stop), words.gap(at.stop)
    if after is None:
        return True
    if gap == "." or gap.startswith(_ADDRESS) or (gap == " & " and after.capital):
        return False
    if not after.capital:
        return True
    if gap in _HYPHENS:
        return forms.begins(after.folded)
    if gap in (" ", ", ") and after.folded in AFTER_NAMES:
        return False
    if gap != " " or after.folded in ONES_OWN or after.folded in NO_PART_OF_NAMES:
        return True
    return after.loud and after.folded not in KINDS


def _is_no_word(document: Document, words: Words, i: int) -> bool:
    """Whether a family's name is beyond doubt not the common word that is written like it."""
    word = words.words[i]
    if titles_before(words, i):
        return True
    if word.folded in MONTHS and _is_month(words, i):
        return False
    if word.folded not in COMMON and word.folded not in document.lower:
        return True
    if word.loud or not words.opens(i):
        return not word.loud
    return word.folded not in NO_PART_OF_NAMES and is_said(words, i + 1)


def _is_month(words: Words, i: int) -> bool:
    before, after = words.word(i - 1), words.word(i + 1)
    return (before is not None and before.folded in BEFORE_MONTHS) or (after is not None and after.text[0].isdigit())
