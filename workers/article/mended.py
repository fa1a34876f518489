"""What models often get wrong about a single name, put right before anything is concluded from it."""

from collections.abc import Iterable, Iterator

from topics.records import Mention
from workers.article.document import NAMES, Document, mention_of, relabelled
from workers.article.lexicon import (
    CORPORATE,
    HONORIFICS,
    KINDS,
    OFFICES,
    ORGANISATIONS,
    PLACES,
    ROLES,
    SAYS,
    SURE_OFFICES,
)
from workers.article.words import Words

_NO_NAME = ("://", "<", ">")
_LONGEST_TITLE = 3  # words: "US Treasury Secretary"
_DASHES = (" - ", " – ", " — ")
_SHOUTED = 4  # letters from which on a word in capitals after a name is the place of a dateline


def mended(document: Document, mentions: Iterable[Mention]) -> Iterator[Mention]:
    """A model's mentions: titles and datelines are no part of a name, "Mr Cecil" is a person, "Arch Coal Inc." none.

    Web addresses, the company of "Apple pie", and people, organisations and buildings without a capital are left out.
    """
    for mention in mentions:
        if mention.label not in NAMES:
            yield mention
        elif _is_name(document, mention):
            yield _mended(document, mention)


def _is_name(document: Document, mention: Mention) -> bool:
    words, at = document.words(mention)
    if any(mark in mention.text for mark in _NO_NAME) or document.is_a_thing(mention):
        return False
    if mention.label == "PERSON" and any(c.isdigit() for c in mention.text):
        return False
    if mention.text.isupper() and len(at) > 1 and any(words.words[i].folded in SAYS for i in at):
        return False  # a headline: "TRUMP TELLS XI"
    if mention.label == "GPE" or not mention.text.isascii():
        return True
    return not at or any(words.words[i].capital for i in at)


def _mended(document: Document, mention: Mention) -> Mention:
    words, whole = document.words(mention)
    if not whole:
        return mention
    place = _dateline(words, whole)
    if place:
        return mention_of(words, place, "GPE")
    at, label = _without_titles(words, whole, mention.label)
    label = _kind(words, at, label)
    if label == "PERSON":
        at = _without_dateline(words, at)
    return relabelled(mention, label) if at == whole else mention_of(words, at, label)


def _without_titles(words: Words, at: range, label: str) -> tuple[range, str]:
    """The name alone, of "Mr Cecil" and "Jordanian King Abdullah"; after "Mr" it is a person."""
    for i in reversed(at[:_LONGEST_TITLE]):
        title = words.title(i)
        if (
            i == at[-1]
            or words.gap(i + 1) not in (" ", ". ")
            or not all(_is_role(words.words[j].folded) for j in at[: i - at.start])
        ):
            continue
        if title in HONORIFICS or (label == "PERSON" and title in OFFICES):
            return range(i + 1, at.stop), "PERSON"
    return at, label


def _is_role(word: str) -> bool:
    """Whether a word may be before an office's: "Prime", "Jordanian"."""
    return word in ROLES or word in OFFICES or word.endswith(("an", "ese", "ish"))


def _kind(words: Words, at: range, label: str) -> str:
    """What a name's last word, or the word before the name, says that it is."""
    last = words.words[at.stop - 1].folded
    if label in ("PERSON", "GPE") and len(at) > 1:
        if last in CORPORATE or (label == "PERSON" and last in ORGANISATIONS):
            return "ORG"
        if label == "PERSON" and last in PLACES:
            return "LOC"
    before = words.word(at.start - 1)
    if before is None or not before.capital or last in KINDS:
        return label
    if words.title(at.start - 1) in HONORIFICS | SURE_OFFICES and words.gap(at.start) in (" ", ". "):
        return "PERSON"
    if before.text == "By" and label == "ORG" and len(at) in (2, 3) and words.gap(at.start) == " ":
        return "PERSON"  # a byline
    return label


def _dateline(words: Words, at: range) -> range:
    """The place of a dateline and what the model took with it: "OTTAWA - Canadian"; empty for anything else."""
    if not words.gap(at.start).endswith("\n"):
        return range(0)
    end = next((i for i in at[1:] if words.gap(i) in _DASHES), at.start)
    shouted = all(words.words[i].text.isupper() and not words.words[i].loud for i in range(at.start, end))
    return range(at.start, end) if shouted else range(0)


def _without_dateline(words: Words, at: range) -> range:
    """ "Emily Stephenson WASHINGTON": a byline, and where the dateline begins."""
    *name, last = (words.words[i] for i in at)
    shouted = last.text.isupper() and len(last.text) >= _SHOUTED and not last.loud
    if len(name) > 1 and shouted and all(len(word.text) == 1 or not word.text.isupper() for word in name):
        return at[:-1]
    return at
