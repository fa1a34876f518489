"""What mentions are of: one list of what the model and the gazetteer found, and the forms of one name in an article."""

from bisect import bisect
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from topics.records import Mention
from workers.article.agreed import agreed
from workers.article.carried import carried
from workers.article.document import Document, named, title_first
from workers.article.full_names import with_full_names
from workers.article.gazetteer import LEADING, TRAILING, Gazetteer, bare
from workers.article.governments import with_governments
from workers.article.lexicon import OFFICES
from workers.article.mended import mended
from workers.article.organisations import Name, Organisations, with_acronyms
from workers.article.people import People, Person, titles_before
from workers.article.shouted import known_in_capitals, with_shouted


def understood(
    texts: Mapping[str, str],
    model: Sequence[Mention],
    known: Sequence[Mention],
    gazetteer: Gazetteer | None = None,
    *,
    language: str = "",
) -> tuple[Mention, ...]:
    """The mentions of an article, of what the model and the gazetteer found in its `texts` (by field).

    `language` (ISO 639-1) is the texts'; where it is not known, "M." is an initial and no title.

    The fields are one document: who is named in full in one is found by surname in the other. The title's mentions
    come first, then in order; none overlaps another, and each has its canonical name. Time is linear in the text.
    """
    document = Document.of(texts, combine((), known), gazetteer, language=language)
    known = (*known, *known_in_capitals(document))
    found = with_full_names(document, combine(tuple(mended(document, model)), known))
    mentions = agreed(document, found)
    people = People.of(document, mentions)
    mentions, acronyms = with_acronyms(document, carried(document, mentions, people))
    mentions = with_shouted(document, mentions)
    mentions = canonicalise(document, mentions, people, Organisations.of(document, mentions, acronyms))
    return with_governments(document, mentions, people)


def combine(model: Sequence[Mention], gazetteer: Sequence[Mention]) -> tuple[Mention, ...]:
    """One list of what the model and the gazetteer found, the title's first, in order, without overlaps.

    The longest span wins: "Bank of China" stays the model's although the gazetteer knows China. Where both found the
    same span the gazetteer knows better what it is. No span has a leading "the" or a trailing possessive.
    """
    trimmed = [(_trimmed(mention), rank) for rank, source in ((0, gazetteer), (1, model)) for mention in source]
    by_length = sorted(
        ((mention, rank) for mention, rank in trimmed if mention.text.strip()),
        key=lambda item: (item[0].start - item[0].end, item[1], item[0].start),
    )
    kept: dict[str, list[Mention]] = {}
    for mention, _ in by_length:
        others = kept.setdefault(mention.field, [])
        place = bisect(others, mention.start, key=lambda other: other.start)
        clear = place == 0 or others[place - 1].end <= mention.start
        if clear and (place == len(others) or mention.end <= others[place].start):
            others.insert(place, mention)
    return title_first(kept)


def _trimmed(mention: Mention) -> Mention:
    leading = LEADING.match(mention.text)
    start = mention.start + (leading.end() if leading else 0)
    text = mention.text[start - mention.start :]
    trailing = TRAILING.search(text)
    text = text[: trailing.start()] if trailing else text
    if text == mention.text:
        return mention
    name = bare(mention.name) if mention.name == " ".join(mention.text.split()) else mention.name
    return replace(mention, start=start, end=start + len(text), text=text, name=name)


def canonicalise(
    document: Document, mentions: Sequence[Mention], people: People, organisations: Organisations
) -> tuple[Mention, ...]:
    """The same mentions with canonical names: the gazetteer's, else the fullest in the article.

    A short form that may mean two people of the article keeps its own text as its name, and has no id.
    """
    return tuple(named(mention, *_name(document, mention, people, organisations)) for mention in mentions)


def _name(document: Document, mention: Mention, people: People, organisations: Organisations) -> Name:
    if mention.label == "PERSON":
        return _person(document, mention, people)
    if mention.label == "ORG" and (name := organisations.by_form.get(document.form(mention))):
        return name
    return document.lookup(mention)


def _person(document: Document, mention: Mention, people: People) -> Name:
    name, entity_id = document.lookup(mention)
    words, at = document.words(mention)
    titles = titles_before(words, at.start) if at else frozenset()
    person = people.whom(words.form(at), titles)
    if person is not None and not _another(person, name, titles):
        return person.name, person.entity_id
    if person is None and people.several(words.form(at)):
        return " ".join(mention.text.split()), None
    return name, entity_id


def _another(person: Person, name: str, titles: frozenset[str]) -> bool:
    """Whether the gazetteer's "President Trump" is somebody else than the article's Melania Trump."""
    offices = titles & OFFICES
    return bool(offices) and name != person.name and " " in name and not offices & person.titles
