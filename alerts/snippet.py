"""The piece of an article that shows a person why it was found."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from topics.records import Evidence, RuleMet, Snippet, severity_rank

ELLIPSIS = "…"
_REACH = 4
"""How many widths around the match are looked at: white space that goes away may fill some of them."""
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]{2,}|[^\S ]|[\x00-\x1f\x7f]")
_ABBREVIATED = (
    r"(?<!\b(?:Mr|Ms|Dr|St|Lt|vs))"
    r"(?<!\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Oct|Nov|Dec|Mrs|Gen|Sen|Rep|Gov|Col|Sgt|Rev|Maj|Adm))"
    r"(?<!\b(?:Sept|Prof|Capt))"
)
"""The point after these ends no sentence; nor that after a single capital."""
_SENTENCE = re.compile(rf"(?<![A-Z]){_ABBREVIATED}[.!?]+[\"”’')\]»]* (?![a-z])|[。！？]+[」』”]*")

Span = tuple[int, int]


def snippet(title: str, text: str, rules: Sequence[RuleMet], *, width: int = 240) -> Snippet:
    """At most `width` code points of the text (or of the title, if the most severe rules were met there alone).

    White space is collapsed; `…` stands where a sentence was cut. Evidence of any of the rules is marked where all of
    it is shown, or a part of it where it is longer than the snippet; marks are in order and do not overlap. Without
    evidence it is the beginning of the text.
    """
    top = max((severity_rank(rule.severity) for rule in rules), default=0)
    wanted = [e for rule in rules if severity_rank(rule.severity) == top for e in rule.evidence]
    field = "title" if wanted and all(e.field == "title" for e in wanted) else "text"
    content = title if field == "title" else text or title
    wanted = [e for e in wanted if e.field == field]
    anchor = _anchor(wanted, width) if wanted else (0, 0)
    spans = sorted({(e.start, e.end) for rule in rules for e in rule.evidence if e.field == field})
    low = max(0, anchor[0] - _REACH * width)
    plain, places = _collapsed(content[low : anchor[1] + _REACH * width])
    moved = [
        (places[start - low], places[end - low]) for start, end in spans if low <= start and end - low < len(places)
    ]
    focus = (places[anchor[0] - low], places[min(anchor[1] - low, len(places) - 1)])
    return _cut(plain, _window(plain, focus, width - 2 * len(ELLIPSIS)), moved)


def _anchor(wanted: list[Evidence], width: int) -> Span:
    """The stretch, two thirds of the width at most, that shows the most different terms; the earliest of equals."""
    best, most = (0, 0), 0
    for first in wanted:
        near = [e for e in wanted if first.start <= e.start and e.end <= first.start + width * 2 // 3] or [first]
        shown = len({e.clause for e in near})
        if shown > most:
            best, most = (first.start, max(e.end for e in near)), shown
    return best


def _collapsed(content: str) -> tuple[str, list[int]]:
    """The content with each run of white space as one space, and the new place of each old offset, its end too."""
    pieces: list[str] = []
    places: list[int] = []
    length = done = 0
    for match in _BLANK.finditer(content):
        start, end = match.span()
        places.extend(range(length, length + start - done))
        length += start - done
        places.extend([length] * (end - start))
        pieces += (content[done:start], " ")
        length += 1
        done = end
    places.extend(range(length, length + len(content) - done + 1))
    pieces.append(content[done:])
    return "".join(pieces), places


def _window(plain: str, focus: Span, width: int) -> Span:
    """The part of `plain` to show: it begins and ends with a sentence where that leaves enough, else with a word."""
    start, end = focus[0], min(focus[1], focus[0] + width)
    room = width - (end - start)
    near = _SENTENCE.finditer(plain, max(0, start - width), end + width)
    cuts = [0, *(match.end() for match in near), len(plain)]
    begin = max((cut for cut in cuts if start - room <= cut <= start), default=-1)
    if begin < 0:
        begin = _word_start(plain, max(0, start - room // 2), start)
    if len(plain) - begin < width:
        begin = min((cut for cut in cuts if len(plain) - width <= cut <= begin), default=begin)
    last = begin + width
    if last >= len(plain):
        return begin, len(plain)
    stop = max((cut for cut in cuts if end <= cut <= last and cut - begin > width // 2), default=-1)
    return begin, stop if stop >= 0 else _word_stop(plain, max(end, begin), last)


def _word_start(plain: str, earliest: int, latest: int) -> int:
    if earliest == 0:
        return 0
    space = plain.find(" ", earliest - 1, latest)
    begin = space + 1 if space >= 0 else earliest
    while begin < latest and unicodedata.category(plain[begin])[0] == "M":
        begin += 1
    return begin


def _word_stop(plain: str, earliest: int, latest: int) -> int:
    space = plain.rfind(" ", earliest, latest + 1)
    stop = space if space >= 0 else latest
    while stop > earliest and unicodedata.category(plain[stop])[0] == "M":
        stop -= 1
    return stop


def _cut(plain: str, window: Span, spans: Iterable[Span]) -> Snippet:
    begin, stop = window
    while begin < stop and plain[begin] == " ":
        begin += 1
    while stop > begin and plain[stop - 1] == " ":
        stop -= 1
    before = ELLIPSIS if begin and not _ends_sentence(plain[:begin]) else ""
    after = ELLIPSIS if plain[stop:].strip() and not _ends_sentence(plain[begin:stop]) else ""
    shift = len(before) - begin
    touched = [(start, end) for start, end in spans if start < stop and end > begin]
    inside = [(start, end) for start, end in touched if begin <= start and end <= stop] or touched
    marks = _merged((max(start, begin) + shift, min(end, stop) + shift) for start, end in inside)
    return Snippet(text=f"{before}{plain[begin:stop]}{after}", marks=marks)


def _ends_sentence(piece: str) -> bool:
    last = [match.end() for match in _SENTENCE.finditer(piece.rstrip()[-20:] + " ")]
    return bool(last) and last[-1] >= len(piece.rstrip()[-20:])


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return tuple(merged)
