"""Whether a name stands in a text as a name: word boundaries, and forms that may mean something else.

The marks of care in the gazetteer (`alerts.gazetteer`):
`?` may be a part of another name ("Michael Jordan", "Trump Organization"): not beside a capitalised word;
`*` is also a common word ("Turkey", "Apple"): besides, not where every word would be capitalised, unless the same
    name stands elsewhere in the text where it cannot be that word;
`^` is also a word in capitals ("US", "WHO"): not in a line that is all in capitals.
"""

import re
from collections.abc import Container

from alerts.gazetteer import CAPITALS, WORD
from workers.article.lexicon import THINGS

_BEFORE = re.compile(r"(\w[\w.'’-]*)[ \u00a0]$")
_AFTER = re.compile(r"[ \u00a0](\w[\w'’-]*)")
_NOUN = re.compile(r"[ \u00a0-](\w+)")
_WORDS = re.compile(r"[^\W\d_]{4,}")
_WINDOW = 40
_OPENING = " \t\"'“‘«([—–-"
_ENDS = ".!?:;\n•|"
_SMALL_WORDS = (
    "a about after against although amid among an and as at because before behind between both but by despite during"
    " even for from had has have he her here his how if in inside into is it its like may most near neither no nor"
    " not of off on once only or our out outside over she should since so some such than that the their then there"
    " these they this those though through to today tomorrow toward towards under unless unlike until was we were"
    " what when where whether which while who why will with within without would yesterday yet you"
)
_TITLES = (
    "mr mr. mrs mrs. ms ms. dr dr. sir president vice premier chancellor minister secretary senator sen. rep. governor"
    " gov. chairman chairwoman chair ambassador king queen prince pope leader ceo candidate former"
)
_DAYS_AND_MONTHS = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august"
    " september october november december"
)
NO_PART_OF_NAMES = frozenset(f"{_SMALL_WORDS} {_TITLES} {_DAYS_AND_MONTHS}".split())
"""In lower case: words that may be capitalised beside a name without being a part of it."""
_ARABIC_PREFIXES = "وفبلك"
"""And, so, in, to, as: each is written together with the word after it."""
_HANGUL = re.compile("[가-힣]*")
_PARTICLES = re.compile(
    "(은|는|이|가|을|를|의|에|에서|에게|와|과|도|로|으로|까지|부터|만|보다|처럼|산|인|측|군|발|계|식|내)?"
    "(은|는|이|가|을|를|의|도|만|과|와)?"
)
"""What may follow a name in Korean, written together with it: a particle or two, or a suffix."""


def whole_word(text: str, start: int, end: int) -> bool:
    """Whether no word goes on at either edge. A change of script ends a word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before and (before in "@_" or (_joined(before, text[start]) and not _is_arabic_prefix(text, start))):
        return False
    if before == "/" and not _is_either(text, start - 1):
        return False
    if not after:
        return True
    # "US$5", "china.example", "US_2"
    if after in "$@_" or (after in "./" and text[end + 1 : end + 2].islower()):
        return False
    # Korean glues particles to names, so only the beginning of a word counts there.
    return _is_hangul(after) or not _joined(text[end - 1], after)


def acceptable(text: str, start: int, end: int, care: str, titles: Container[str] = ()) -> bool:
    """Whether the surroundings allow a form with this mark of care. `titles`, as "M.", are no names beside it."""
    if not care:
        return True
    line = _line(text, start, end)
    if care == CAPITALS:
        return not line.isupper()
    if _is_hangul(text[start]):
        return _is_korean_name(text, start, end)
    return not _beside_a_name(text, start, end, titles)


def needs_support(text: str, start: int, care: str) -> bool:
    """Whether a form counts only when the same name is elsewhere in the text, beyond doubt."""
    if care != WORD or _is_hangul(text[start]):
        return False
    return _starts_sentence(text, start) or is_headline(_line(text, start, start))


def is_a_thing(text: str, end: int) -> bool:
    """Whether the word after a company's name, in lower case, makes something else of it: "Apple pie"."""
    after = _NOUN.match(text, end)
    return after is not None and after[1] in THINGS


def _joined(one: str, other: str) -> bool:
    """Whether two neighbouring characters are of one word."""
    if not (one.isalnum() and other.isalnum()):
        return False
    if _is_hangul(one) and _is_hangul(other):
        return True
    return not (_runs_on(one) or _runs_on(other)) and (one < "\u0250") == (other < "\u0250")


def _runs_on(character: str) -> bool:
    """Whether it is of a script without blanks between words: Thai, Lao, hiragana, Han. Katakana words have edges."""
    return "\u0e00" <= character <= "\u0eff" or "\u3040" <= character <= "\u309f" or "\u3400" <= character <= "\u9fff"


def _is_hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"


def _is_korean_name(text: str, start: int, end: int) -> bool:
    """Whether only particles follow: 인도는 is India, 인도적 (humane) is not, nor is the ending of “희망”이란."""
    follows = _HANGUL.match(text, end)
    return text[max(0, start - 1) : start] not in ("”", "’", '"', "'") and bool(
        _PARTICLES.fullmatch(follows[0] if follows else "")
    )


def _is_either(text: str, slash: int) -> bool:
    """Whether a slash is between names (US/China) and not in an address or a path (news.example/US, /asia/China)."""
    word = re.split(r"\s", text[max(0, slash - _WINDOW) : slash])[-1]
    return word[:1].isupper() or not (word[:1].isascii() and word[-1:].isascii())


def _is_arabic_prefix(text: str, start: int) -> bool:
    """Whether the character before is one that Arabic writes together with the name, and begins the word."""
    return (
        "\u0600" <= text[start] <= "\u06ff"
        and text[start - 1] in _ARABIC_PREFIXES
        and not text[max(0, start - 2) : start - 1].isalnum()
    )


def _beside_a_name(text: str, start: int, end: int, titles: Container[str]) -> bool:
    before = _BEFORE.search(text, max(0, start - _WINDOW), start)
    if before and _is_name(before[1]) and before[1].rstrip(".") not in titles:
        return True
    after = _AFTER.match(text, end)
    return after is not None and _is_name(after[1])


def _is_name(word: str) -> bool:
    return (
        word[0].isupper()
        and word.lower().rstrip("'’s") not in NO_PART_OF_NAMES
        and word.lower() not in NO_PART_OF_NAMES
    )


def _starts_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - _WINDOW) : start].rstrip(_OPENING)
    return not before or before[-1] in _ENDS


def is_headline(line: str) -> bool:
    """Whether Most Words of It Are Capitalised."""
    words = _WORDS.findall(line)
    return len(words) >= 3 and sum(word[0].isupper() for word in words) >= 0.7 * len(words)


def _line(text: str, start: int, end: int) -> str:
    """The line around a span, as much of it as is near."""
    first = text.rfind("\n", max(0, start - 200), start) + 1 or max(0, start - 200)
    last = text.find("\n", end, end + 200)
    return text[first : last if last >= 0 else end + 200]
