"""Numbers as English news writes them: digits, words, scales, fractions. Short scale: a billion is 10⁹."""

import re
from collections.abc import Iterable
from decimal import Decimal

_DIGITS = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d{1,15})(?:\.\d{1,9})?(?![\d,.]*\d)", re.ASCII)
_FRACTION = re.compile(r"(?:(\d{1,4})[ -])?(\d{1,2})/(\d{1,3})(?![\d/])", re.ASCII)
_SIGN = re.compile(r"(?:(minus |negative |[-−–])|\+)(?=\d)", re.IGNORECASE)
_HEDGE = re.compile(
    r"(?:about|around|some|nearly|almost|roughly|approximately|approx\.?|over|under|above|below|only|just|up to"
    r"|well over|close to|(?:no |slightly |a little )?(?:more|less|fewer) than|at (?:least|most)"
    r"|as (?:much|many|low|high|little) as|an? (?:estimated|additional|further|record|total of)|another|an extra"
    r"|an?(?= \d)|the|~|≈|>|<)\s*",
    re.IGNORECASE,
)
SCALE = "hundred|thousand|million|billion|trillion|crore|lakh|mn|mln|mio|bn|bln|tn|trn"
"""A scale's words, for a pattern."""
_SCALE = re.compile(rf"[\s-]*({SCALE})s?\b", re.IGNORECASE)
_LETTER = re.compile(r"\s?([kmb])\b(?!\.)", re.IGNORECASE)
_WORD = re.compile(r"[\s-]*(?:and\s+(?!a half))?([a-z]+)", re.IGNORECASE)
_HALF = re.compile(r"\s+and a half\b", re.IGNORECASE)
_PART = re.compile(r"(?:(a|one|three)[\s-]+)?(half|quarters?)(?:\s+(?:of\s+)?an?)?\b", re.IGNORECASE)

_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: number for number, word in enumerate(_SMALL.split(), 1)}
_NUMBERS |= {word: 10 * number for number, word in enumerate(_TENS.split(), 2)}
_SCALES = {"hundred": 100, "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9}
_SCALES |= {"trillion": 10**12, "mn": 10**6, "mln": 10**6, "mio": 10**6, "bn": 10**9, "bln": 10**9, "tn": 10**12}
_SCALES |= {"trn": 10**12, "k": 10**3, "m": 10**6, "b": 10**9}


def one_of(words: Iterable[str]) -> str:
    """A pattern for any of these, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def unhedged(text: str) -> str:
    """Without what stands before a figure: "about", "more than", "up to"."""
    for _ in range(3):
        hedge = _HEDGE.match(text)
        if hedge is None:
            break
        text = text[hedge.end() :]
    return text


def leading(text: str, *, letters: bool = False) -> tuple[Decimal, str] | None:
    """(the number that a text begins with, what comes after it), or None where there is none or it is doubtful.

    `letters`: k, m and b right after the figure are scales.
    """
    sign = _SIGN.match(text)
    if sign:
        text = text[sign.end() :]
    found = _fraction(text) or _digits(text) or _part(text) or _words(text)
    if found is None:
        return None
    number, rest = _scaled(*found, letters=letters)
    return (-number if sign and sign[1] else number), rest


def plain(number: Decimal) -> str:
    """Digits without an exponent, separators or needless zeros."""
    return format(number.normalize(), "f") if number else "0"


def _digits(text: str) -> tuple[Decimal, str] | None:
    match = _DIGITS.match(text)
    if match is None:
        return None
    number, rest = Decimal(match[0].replace(",", "")), text[match.end() :]
    half = _HALF.match(rest)
    return (number + Decimal("0.5"), rest[half.end() :]) if half else (number, rest)


def _fraction(text: str) -> tuple[Decimal, str] | None:
    """1/2, 2 1/2, 2-1/2. Only what is exact in a few decimals."""
    match = _FRACTION.match(text)
    if match is None or int(match[3]) not in (2, 4, 5, 8, 10, 16, 32, 100):
        return None
    return Decimal(match[1] or 0) + Decimal(match[2]) / Decimal(match[3]), text[match.end() :]


def _part(text: str) -> tuple[Decimal, str] | None:
    """Half a …, a quarter of a …, three quarters of a …"""
    match = _PART.match(text)
    if match is None:
        return None
    share = Decimal("0.5") if match[2].lower() == "half" else Decimal("0.25")
    return (share * 3 if (match[1] or "").lower() == "three" else share), text[match.end() :]


def _words(text: str) -> tuple[Decimal, str] | None:
    """Number words up to the first word that is none: "a million" and "twenty-one", but not "nineteen eighty"."""
    total, current, rest = Decimal(0), Decimal(0), text
    while (match := _WORD.match(rest)) and (value := _value(match[1].lower(), rest[match.end() :])):
        if value == 100:
            current = (current or Decimal(1)) * value
        elif value > 100:
            total, current = total + (current or 1) * value, Decimal(0)
        elif current % (100 if value >= 10 else 10):
            return None
        else:
            current += value
        rest = rest[match.end() :]
        half = _HALF.match(rest)
        if half:
            current, rest = current + Decimal("0.5"), rest[half.end() :]
    return (total + current, rest) if total + current else None


def _value(word: str, following: str) -> int:
    """A number word's value; 0 for any other word. "a" is one before a scale only: "a million"."""
    if word in ("a", "an"):
        return 1 if _SCALE.match(following) else 0
    return _NUMBERS.get(word) or (_SCALES.get(word, 0) if len(word) > 3 else 0)


def _scaled(number: Decimal, rest: str, *, letters: bool) -> tuple[Decimal, str]:
    for _ in range(2):  # "2 lakh crore"
        scale = _SCALE.match(rest) or (_LETTER.match(rest) if letters else None)
        if scale is None:
            break
        number, rest = number * _SCALES[scale[1].lower()], rest[scale.end() :]
    return number, rest
