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
_LONGEST = 3  # words of a dateline's place
_AFTER_PLACE = re.compile(r" ?\(| ?[—–]| --? |, ")


def with_shouted(document: Document, mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions, and in capitals what the article names elsewhere ("CHINA SAYS"), and known places of datelines
    ("HANOI (Agency) -").
    """
    labels = {form: mention.label for mention in mentions if (form := _form(document, mention))}
    tree = Forms(labels)
    fields = by_field(mentions)
    for field, words in document.fields.items():
        given = [mention_of(words, at, labels[words.form(at)]) for at in tree.find(words, _is_shouted)]
        given += _datelines(document, words)
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


def _datelines(document: Document, words: Words) -> Iterator[Mention]:
    if document.gazetteer is None:
        return
    for i, word in enumerate(words.words):
        if "\n" not in words.gap(i) or len(word.text) < _SHORTEST or not word.text.isupper():
            continue
        for n in range(1, _LONGEST + 1):
            at = range(i, i + n)
            if at.stop > len(words.words) or not words.words[at.stop - 1].text.isupper():
                break
            if _AFTER_PLACE.match(words.gap(at.stop)):
                place = mention_of(words, at, "GPE")
                if document.listed(place) is not None:
                    yield place
                break
