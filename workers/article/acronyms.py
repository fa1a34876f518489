"""Acronyms that an article explains: "Ocean Shelf Foundation (OSF)" or ", OSF,", "OSF (Ocean Shelf Foundation)"."""

from collections.abc import Iterator

from workers.article.forms import Form
from workers.article.lexicon import CORPORATE, SMALL
from workers.article.words import Word, Words

_LETTERS = range(2, 11)
_WHOLE = frozenset(("us", "uk", "un", "eu"))
_LONGEST = 16  # words of the name in full


def explained(words: Words) -> Iterator[tuple[range, range]]:
    """(the acronym's words, those of the name in full) of each explanation, in brackets or between commas."""
    for i, word in enumerate(words.words):
        bracket = words.gap(i).endswith("(")
        if is_acronym(word.text) and words.gap(i + 1).startswith(")" if bracket else ","):
            full = _before(words, i)
            if full:
                yield range(i, i + 1), full
        elif bracket and i and is_acronym(words.words[i - 1].text) and word.capital:
            full = _within(words, i)
            if full:
                yield range(i - 1, i), full


def is_acronym(text: str) -> bool:
    """Whether a word is written as an acronym: "OSF", "BoJ"."""
    capitals = sum(letter.isupper() for letter in text)
    return len(text) in _LETTERS and text.isalpha() and text[0].isupper() and capitals >= max(2, len(text) / 2)


def initials(words: Form) -> set[str]:
    """What may stand for a name in these folded words: its initials, with the small words' and without, and without
    "Inc." and the like.
    """
    kept = (words, without_legal_form(words))
    return {
        "".join(w if w in _WHOLE else w[0] for w in form if small or w not in SMALL)
        for form in kept
        for small in (True, False)
    }


def without_legal_form(form: Form) -> Form:
    """A company's name without "Inc." and the like."""
    while len(form) > 1 and form[-1] in CORPORATE:
        form = form[:-1]
    return form


def _before(words: Words, acronym: int) -> range:
    """The words before an acronym for which it stands; none where it does not stand for them."""
    letters = words.words[acronym].folded
    left, i = len(letters), acronym
    while left and i and acronym - i < _LONGEST and (i == acronym or _goes_on(words, i)):
        i -= 1
        word = words.words[i]
        taken = _taken(word, letters[:left])
        if word.folded not in SMALL and not (word.capital and (taken or word.folded in CORPORATE)):
            return range(0)
        left -= taken
    return range(i, acronym) if not left and words.words[i].capital else range(0)


def _taken(word: Word, letters: str) -> int:
    """How many of the last letters a word stands for: its first one, or all of "US"."""
    if word.text.isupper() and letters.endswith(word.folded):
        return len(word.folded)
    return int(letters.endswith(word.folded[0]))


def _within(words: Words, first: int) -> range:
    """The words in brackets after an acronym, where it stands for them."""
    last = first
    while last + 1 < len(words.words) and last - first < _LONGEST and _goes_on(words, last + 1):
        last += 1
    meant = words.words[first - 1].folded in initials(words.form(range(first, last + 1)))
    return range(first, last + 1) if meant and words.gap(last + 1).startswith(")") else range(0)


def _goes_on(words: Words, i: int) -> bool:
    return words.joined(i) or words.gap(i) in (" & ", ", ")
