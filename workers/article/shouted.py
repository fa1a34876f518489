"""Names in capitals, which neither the gazetteer nor most models know: headlines and datelines."""

import re
from collections.abc import Iterator, Sequence

from topics.records import Mention
from workers.article.document import NAMES, Document, by_field, mention_of, title_first
from workers.article.forms import Form, Forms
from workers.article.lexicon import COMMON
from workers.article.overlay import completes, laid_over
from workers.article.words import Words

_SHORTEST = 4  # letters: "US" in a line of capitals is as often "us"
_AFTER_PLACE = re.compile(r" ?\(| ?[—–]| --? |, ")


def with_shouted(document: Document, mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions, and what the article names elsewhere where it stands in capitals: "CHINA SAYS"."""
    labels = {form: mention.label for mention in mentions if (form := _form(document, mention))}
    tree = Forms(labels)
    fields = by_field(mentions)
    for field, words in document.fields.items():
        given = [mention_of(words, at, labels[words.form(at)]) for at in tree.find(words, _is_shouted)]
        fields[field] = list(laid_over(fields.get(field, ()), given, completes))
    return title_first(fields)


def _form(document: Document, mention: Mention) -> Form:
    """The name's words, if they can mean nothing else in capitals."""
    form = document.form(mention)
    if mention.label not in NAMES | {"NORP"} or mention.text.isupper() or sum(map(len, form)) < _SHORTEST:
        return ()
    words = document.lower if mention.label in ("GPE", "NORP") else document.lower | COMMON
    return () if len(form) == 1 and form[0] in words else form


def _is_shouted(words: Words, at: range) -> bool:
    """Whether all words are in capitals, and one beside them."""
    beside = (words.word(i) for i in (at.start - 1, at.stop))
    return all(words.words[i].text.isupper() for i in at) and any(
        word is not None and word.text.isupper() and len(word.text) > 1 for word in beside
    )


def known_in_capitals(document: Document) -> Iterator[Mention]:
    """The gazetteer's names in capitals: those in several words, and places of datelines ("HANOI (Agency) -")."""
    for words in document.fields.values():
        end = 0
        for i, word in enumerate(words.words):
            if i < end or not word.text.isupper():
                continue
            found = next(filter(None, (_known(document, words, range(i, i + n)) for n in (3, 2, 1))), None)
            if found is not None:
                yield found
                end = i + len(document.form(found))


def _known(document: Document, words: Words, at: range) -> Mention | None:
    if at.stop > len(words.words) or not all(words.words[i].text.isupper() for i in at):
        return None
    if not all(words.joined(i) for i in at[1:]) or (len(at) == 1 and not _is_dateline(words, at)):
        return None
    candidates = (mention_of(words, at, label) for label in (("PERSON", "GPE", "ORG") if len(at) > 1 else ("GPE",)))
    return next((mention for mention in candidates if document.listed(mention) is not None), None)


def _is_dateline(words: Words, at: range) -> bool:
    if len(words.words[at.start].text) < _SHORTEST:
        return False
    return "\n" in words.gap(at.start) and _AFTER_PLACE.match(words.gap(at.stop)) is not None
