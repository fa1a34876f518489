"""Text as the matcher compares it, with an exact way back to the text as it was written.

Folded away: case, diacritics, compatibility forms (NFKC), Traditional against Simplified Chinese (character by
character), kinds of quotation marks, soft hyphens and zero-width characters. Hyphens, non-breaking spaces and runs of
white space, line breaks among them, become one space. An em dash stays: it parts clauses, it joins no words.

Folding is linear in the text's length, whatever the text: nothing here normalises an unbounded run at once, since
`unicodedata.normalize` is quadratic on a flood of combining marks.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

_SPACES = "-\t\n\r\v\f\x00\x1c\x1d\x1e\x1f\x85\u2028\u2029\u2010\u2011\u2012\u2013\u2212\u2043\ufe63\uff0d\ufffc"
_QUOTES = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u00b4`\uff07",
    '"': "\u201c\u201d\u201e\u201f\u2033\uff02«»",
}
_LETTERS = {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t"}
_MARKS = (
    *((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F), (0xFE00, 0xFE0F)),
    *((0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5), (0x05C7, 0x05C7)),  # Hebrew points
    *((0x064B, 0x065F), (0x0670, 0x0670), (0x0640, 0x0640)),  # Arabic vowel signs and the letter-stretching tatweel
)
"""Marks that may be left out without making another word. Those of Indic and Thai vowels may not."""
_CLUSTERS = "[\u3041-\u30ff\uff66-\uff9d][\u3099\u309a\uff9e\uff9f]|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"
"""What composes into another letter: kana with a sound mark, Korean syllables that came as their parts."""
_COMPOSES = re.compile(_CLUSTERS)
_ASCII = bytes(range(128))
_FEW = 150


class Folded:
    """Folded text and where each of its code points came from.

    The map is kept as breakpoints: between two of them, one code point of the folded text is one of the original.
    Where only runs of spaces were joined it is made when it is first asked for: most articles match nothing.
    """

    __slots__ = ("_at", "_cuts", "_from", "_spaced", "source", "text")

    def __init__(self, source: str, text: str, *, spaced: str | None = None) -> None:
        self.source = source
        self.text = text
        self._at: list[int] = []
        self._from: list[int] = []
        self._spaced = spaced
        self._cuts = False

    @classmethod
    def mapped(cls, source: str, text: str, at: list[int], origin: list[int]) -> "Folded":
        """With a map of its own: the folded code point `at[i]` is the original's `origin[i]`."""
        folded = cls(source, text)
        folded._at, folded._from, folded._cuts = at, origin, True
        return folded

    def start(self, position: int) -> int:
        """Where in the original the folded code point at `position` begins."""
        if self._spaced is not None:
            self._map_spaces(self._spaced)
        i = bisect_right(self._at, position) - 1
        return position if i < 0 else self._from[i] + position - self._at[i]

    def end(self, position: int) -> int:
        """Where in the original the folded code point before `position` ends, its combining marks included."""
        last = self.start(position - 1)
        end = max(self.start(position), last + 1)
        while end > last + 1 and unicodedata.category(self.source[end - 1]) == "Cf":
            end -= 1
        return end

    def whole(self, start: int, end: int) -> bool:
        """Whether neither side cuts through one code point of the original (the "ﬁ" ligature, say)."""
        if not self._cuts:
            return True
        cuts_start = start > 0 and self.start(start - 1) == self.start(start)
        return not cuts_start and (end >= len(self.text) or self.start(end - 1) != self.start(end))

    def _map_spaces(self, spaced: str) -> None:
        gone = 0
        for match in _RUN.finditer(spaced):
            gone += match.end() - match.start() - 1
            self._at.append(match.end() - gone)
            self._from.append(match.end())
        self._spaced = None


class _Table(dict[int, str]):
    """A table for `str.translate` that works out each character's folding when it is first met."""

    def __init__(self, *, cased: bool) -> None:
        super().__init__()
        self.cased = cased
        self.ascii = bytes(ord(_fold_char(chr(code), cased=cased)) for code in range(128)).ljust(256, b"?")
        self.changed = [chr(code) for code in range(128) if self.ascii[code] != code]

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_char(chr(code), cased=self.cased)
        return folded


def fold(text: str, *, cased: bool = False) -> Folded:
    """The text folded; `cased` keeps upper and lower case apart. A lone surrogate becomes U+FFFD."""
    table = _CASED if cased else _UNCASED
    if text.isascii():
        return _collapsed(text, _translated_ascii(text, table))
    kinds = set(text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass"))
    irregular = {c for c in kinds if len(table[ord(c)]) != 1}
    even = _translated(text, table, kinds - irregular)
    if irregular or _COMPOSES.search(text):
        return _mapped(text, even, table, _irregular(table, kinds, irregular))
    return _collapsed(text, even)


def _translated_ascii(text: str, table: _Table) -> str:
    return text.encode().translate(table.ascii).decode("ascii")


def _translated(text: str, table: _Table, kinds: Iterable[str]) -> str:
    """What folds to one code point each, folded, and the rest as it was: the length stays.

    A pass for each kind of character that changes is ten times faster than a look-up for each character.
    """
    changed = [c for c in kinds if table[ord(c)] != c]
    if len(changed) > _FEW:
        return text.translate({ord(c): table[ord(c)] for c in (*changed, *table.changed)})
    for c in changed:
        text = text.replace(c, table[ord(c)])
    if text.isascii():
        return _translated_ascii(text, table)
    for c in table.changed:
        text = text.replace(c, table[ord(c)])
    return text


def _collapsed(source: str, text: str) -> Folded:
    """`text` has a code point for each of the source: what remains is to join its runs of spaces."""
    joined = text
    while "  " in joined:
        joined = joined.replace("  ", " ")  # halves the longest run each time
    return Folded(source, joined, spaced=text if joined is not text else None)


def _mapped(source: str, even: str, table: _Table, irregular: re.Pattern[str]) -> Folded:
    """For text with characters that fold to none, to several, or together. `even` has all the others folded."""
    at: list[int] = []
    origin: list[int] = []
    pieces: list[str] = []
    length = done = 0
    for match in irregular.finditer(source):
        start, end = match.span()
        piece = _fold_piece(match[0], table)
        pieces += (even[done:start], piece)
        length += start - done
        at.extend(range(length, length + len(piece) + 1))
        origin.extend([start] * len(piece))
        origin.append(end)
        length += len(piece)
        done = end
    pieces.append(even[done:])
    return Folded.mapped(source, "".join(pieces), at, origin)


def _irregular(table: _Table, kinds: set[str], irregular: set[str]) -> re.Pattern[str]:
    gone = "".join(sorted(re.escape(c) for c in irregular if not table[ord(c)]))
    several = "".join(sorted(re.escape(c) for c in irregular if table[ord(c)]))
    space = r" \-\t\n\r\v\f\x00\x1c-\x1f" + "".join(sorted(re.escape(c) for c in kinds if table[ord(c)] == " "))
    parts = [_CLUSTERS, f"[{space}][{space}{gone}]+"]
    parts += [f"[{gone}]+"] if gone else []
    parts += [f"[{several}]"] if several else []
    return re.compile("|".join(parts))


def _fold_piece(piece: str, table: _Table) -> str:
    first = table[ord(piece[0])]
    if len(piece) == 1 or first in ("", " "):
        return first
    composed = unicodedata.normalize("NFKC", piece)  # at most three code points
    return "".join(table[ord(c)] for c in composed)


def _fold_char(char: str, *, cased: bool) -> str:
    if char in _ONE_TO_ONE:
        return _ONE_TO_ONE[char]
    if char.isascii():
        return char if cased else char.lower()
    if char.isspace() or char in _SPACES:
        return " "
    category = unicodedata.category(char)
    if category in ("Cf", "Cs"):
        return "" if category == "Cf" else "\ufffd"
    if category == "No" and unicodedata.decomposition(char).startswith("<super>"):
        return char  # Taiwan¹ is Taiwan with a footnote, and no word of its own
    folded = unicodedata.normalize("NFKD", char)
    folded = "".join(c for c in folded if not _is_mark(c))
    if not cased:
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded.casefold()) if not _is_mark(c))
    if _COMPOSES.search(folded):
        folded = unicodedata.normalize("NFC", folded)
    return "".join(_letter(c) for c in folded)


def _letter(char: str) -> str:
    plain = _LETTERS.get(char.lower())
    if plain is not None:
        return plain if char.islower() else plain.capitalize()
    if char in _ONE_TO_ONE:
        return _ONE_TO_ONE[char]
    if char.isspace():
        return " "
    if char < "\u3400":
        return char
    simplified = _simplified().get(char, char)
    return _simplified().get(simplified, simplified)  # one character's simplified form has one of its own


def _is_mark(char: str) -> bool:
    code = ord(char)
    return any(first <= code <= last for first, last in _MARKS)


@cache
def _simplified() -> dict[str, str]:
    """Traditional to Simplified, from OpenCC's table of characters: of several candidates, the first."""
    spec = find_spec("opencc")
    assert spec is not None and spec.submodule_search_locations, "opencc is one of our dependencies"
    table = Path(spec.submodule_search_locations[0]) / "dictionary" / "TSCharacters.txt"
    rows = (line.split() for line in table.read_text("utf-8-sig").splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1 and len(row[0]) == 1 and len(row[1]) == 1}


_RUN = re.compile("  +")
_ONE_TO_ONE = (
    {"…": "…", "™": "™", "℠": "℠"} | {c: " " for c in _SPACES} | {c: q for q, kinds in _QUOTES.items() for c in kinds}
)
_CASED = _Table(cased=True)
_UNCASED = _Table(cased=False)

RUN = 2
_ANY, _RUN_MARK, _FIRST_SCRIPT = 1, 3, 4
_RUN_SCRIPTS = re.compile(
    "CJK|HIRAGANA|KATAKANA|KATAKANA-HIRAGANA|HANGUL|BOPOMOFO|IDEOGRAPHIC|YI|THAI|LAO|KHMER|MYANMAR"
)
"""Written without spaces between words: the first words of their characters' names in Unicode."""


class _Kinds(dict[str, int]):
    """What a (folded) character is to the words around it: 0 for none of a word, else by its script."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: dict[str, int] = {}

    def __missing__(self, char: str) -> int:
        kind = self[char] = self._kind(char)
        return kind

    def _kind(self, char: str) -> int:
        category = unicodedata.category(char)
        if category[0] not in "LNM" or category == "No":
            return _ANY if char == "_" else 0
        script = unicodedata.name(char, "ANY").split()[0]
        runs = _RUN_SCRIPTS.fullmatch(script) is not None
        if category[0] == "M" and (runs or script == "COMBINING"):
            return _RUN_MARK
        if runs:
            return RUN
        if category[0] == "N" or category == "Lm":
            return _ANY
        return self.scripts.setdefault(script, _FIRST_SCRIPT + len(self.scripts))


KINDS = _Kinds()
"""`KINDS[c]`: the kind of one folded code point, for `parts`."""


def parts(before: int, after: int) -> bool:
    """Whether a word may end between code points of these kinds.

    It may beside what is no letter or digit, where the script changes, and anywhere inside scripts that are written
    without spaces (or, as Korean, with endings joined on), but never before a mark that belongs to what it follows.
    """
    if after == _RUN_MARK:
        return False
    if before == 0 or after == 0 or RUN in (before, after) or before == _RUN_MARK:
        return True
    return before != after and before >= _FIRST_SCRIPT and after >= _FIRST_SCRIPT


def word_end(text: str, start: int, limit: int) -> int:
    """Where the word that holds `text[start - 1]` ends, at most `limit` code points after `start`."""
    stop = min(len(text), start + limit)
    for i, (before, after) in enumerate(pairwise(text[start - 1 : stop]), start):
        if parts(KINDS[before], KINDS[after]):
            return i
    return stop
