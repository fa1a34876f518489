"""A watchlist's term -> the folded strings that an article may write it as."""

import re
import unicodedata
from typing import NamedTuple

from alerts.folding import KINDS, fold

ACRONYM = 5
"""Terms in capitals with up to so many letters and digits match case unless they are told otherwise: US is not us."""
_SINGULAR = re.compile(
    "news|series|species|politics|economics|hamas|texas|kansas|dallas|vegas|atlas|christmas|mars|laos|wales|honduras|"
    "bahamas|barbados|athens|brussels|naples|netherlands|mercedes|hermes|reuters|siemens|dennis|lens|always|perhaps|"
    "plus|does|goes|this"
)
"""Words that end in s and are no plural: without it Hamas would be the plural of Hama."""
_LAST_WORD = re.compile(r"[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*$|(?<=[A-Za-z] )[0-9]+$")


class Form(NamedTuple):
    """`folded` is to be found in folded text; `cased`, if any, is what the same place must be with its case kept."""

    folded: str
    cased: str | None
    prefix: bool


def forms(term: str, *, case: bool | None = None) -> tuple[Form, ...]:
    """Every form of a term, its own first; none if it holds no letter, digit or symbol to look for.

    `case` true demands the author's case, false ignores it, None does as fits the term (`ACRONYM`). A trailing `*`
    asks for words that begin so. Otherwise English plurals of the last word match their singular and the other way.
    """
    prefix = term.rstrip().endswith("*")
    kept = fold(term.rstrip().removesuffix("*"), cased=True).text.strip()
    if not searchable(kept):
        return ()
    matches_case = is_acronym(kept) if case is None else case
    words = [kept] if prefix else [kept, *_inflected(kept)]
    found: dict[Form, None] = {}
    for word in words:
        found[Form(fold(word).text, word if matches_case else None, prefix)] = None
    return tuple(found)


def searchable(kept: str) -> bool:
    """Whether a folded term has a letter, a digit or a symbol such as € in it, and not punctuation alone."""
    return any(KINDS[c] or (not c.isascii() and unicodedata.category(c)[0] == "S") for c in kept)


def is_acronym(kept: str) -> bool:
    """Whether a term is in capitals and short: US, WHO, OPEC, U.S., AT&T, 5G."""
    return kept.isupper() and sum(c.isalnum() for c in kept) <= ACRONYM


def _inflected(kept: str) -> list[str]:
    match = _LAST_WORD.search(kept)
    if match is None or len(kept) < 2:
        return []
    stem, word = kept[: match.start()], match[0]
    if word.isupper() and len(word) <= ACRONYM:
        return [f"{kept}s"] if word[-1] != "S" and len(word) > 1 else []  # USS is no plural of US
    if word[-1].isdigit():
        return [f"{kept}s"]
    lower = word.lower()
    changes = _singular(lower) + _plural(lower)
    return [stem + _recased(word, cut, added) for cut, added in changes]


def _recased(word: str, cut: int, added: str) -> str:
    return word[: len(word) - cut] + (added.upper() if word.isupper() else added)


def _singular(word: str) -> list[tuple[int, str]]:
    """(letters to cut, letters to add) for what may be its singular. A form that is no word costs nothing."""
    if len(word) < 4 or _SINGULAR.fullmatch(word) or word.endswith(("ss", "us")) or word[-1] != "s":
        return []
    changes = [(1, "")]
    if word.endswith("ies") and len(word) > 4:
        changes.append((3, "y"))
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        changes.append((2, ""))
    return changes


def _plural(word: str) -> list[tuple[int, str]]:
    if (
        len(word) < 2
        or _SINGULAR.fullmatch(word)
        or (word[-1] == "s" and not word.endswith(("ss", "us", "is", "as", "os")))
    ):
        return []
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return [(0, "es")]
    if word[-1] == "y" and word[-2] not in "aeiou":
        return [(1, "ies"), (0, "s")]
    return [(0, "s"), (0, "es")] if word[-1] == "o" else [(0, "s")]
