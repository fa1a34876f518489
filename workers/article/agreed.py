"""One name is one kind of thing within an article, and a name in several words is found everywhere in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from topics.records import Mention
from workers.article.acronyms import is_acronym, without_legal_form
from workers.article.context import NO_PART_OF_NAMES
from workers.article.document import NAMES, Document, by_field, mention_of, relabelled, span, title_first
from workers.article.forms import Form, Forms
from workers.article.lexicon import BUSINESS, OFFICES, SMALL
from workers.article.overlay import completes, laid_over
from workers.article.words import Words

_LONGEST = 12  # words of a name that is looked for elsewhere: what has more is a sentence


def agreed(document: Document, mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """The mentions, each name with the label that most of its mentions have, and names in several words everywhere.

    What the gazetteer found keeps its label. A company's full name, "Arch Coal Inc.", tells of the short one.
    """
    labels = _labels(document, mentions)
    agreeing = [_agreeing(document, mention, labels) for mention in mentions]
    sought = {form: label for form, label in labels.items() if 1 < len(form) <= _LONGEST}
    return found_everywhere(document, agreeing, sought)


def found_everywhere(
    document: Document, mentions: Iterable[Mention], labels: Mapping[Form, str]
) -> tuple[Mention, ...]:
    """The mentions, with each of these names wherever it stands and is no part of a longer one."""
    tree = Forms(labels)
    fields = by_field(mentions)
    for field, words in document.fields.items():
        given = [mention_of(words, at, labels[words.form(at)]) for at in tree.find(words, _stands)]
        fields[field] = list(laid_over(fields.get(field, ()), given, completes))
    return title_first(fields)


def _labels(document: Document, mentions: Iterable[Mention]) -> dict[Form, str]:
    """What most mentions of each name say that it is. A name of which as many say something else is left out."""
    votes: dict[Form, Counter[str]] = {}
    sure: dict[Form, str] = {}
    for mention in mentions:
        form = document.form(mention)
        if form and span(mention) in document.known:
            sure[form] = mention.label
        elif form:
            votes.setdefault(form, Counter())[mention.label] += 1
    first = {form: count.most_common(1)[0] for form, count in votes.items()}
    most = {form: label for form, (label, n) in first.items() if 2 * n > votes[form].total()}
    labels = most | dict.fromkeys(_companies(most), "ORG") | sure
    return {form: label for form, label in labels.items() if label in NAMES}


def _companies(labels: Mapping[Form, str]) -> Iterator[Form]:
    """The names of companies, and the same without "Inc." or "Bank", whatever else most mentions of these are."""
    for form, label in labels.items():
        short = without_legal_form(form)
        if short != form:
            yield from (form, short)
        if label == "ORG" and len(short) > 1 and short[-1] in BUSINESS:
            yield short[:-1]


def _agreeing(document: Document, mention: Mention, labels: Mapping[Form, str]) -> Mention:
    if mention.label not in NAMES or span(mention) in document.known:
        return mention
    return relabelled(mention, labels.get(document.form(mention), mention.label))


def _stands(words: Words, at: range) -> bool:
    """Whether a name stands there on its own: each word with its capital, none beside it that may be of the name."""
    if len(at) == 1 and (_is_shouted(words, at[0]) or not is_acronym(words.words[at[0]].text)):
        return False
    if not all(words.words[i].capital or words.words[i].folded in SMALL for i in at):
        return False
    return not (_goes_on(words, at.start - 1, at.start, OFFICES) or _goes_on(words, at.stop, at.stop, frozenset()))


def _is_shouted(words: Words, i: int) -> bool:
    """Whether a word's capitals are those of its line: a headline's, but not an acronym's in it."""
    word = words.words[i]
    beside = [other for other in (words.word(i - 1), words.word(i + 1)) if other is not None]
    return word.loud and not (is_acronym(word.text) and not all(other.text.isupper() for other in beside))


def _goes_on(words: Words, beside: int, gap: int, unless: frozenset[str]) -> bool:
    """Whether the word beside a name may be a part of it."""
    word, between = words.word(beside), words.gap(gap)
    if word is None or (between in ("'", "’") and beside > gap - 1):
        return False
    if between in ("'", "’", ".", "@", "/", "_"):
        return True
    joined = between in (" ", "-", " & ") and word.capital and not word.loud
    return joined and word.folded not in NO_PART_OF_NAMES and word.folded not in unless
