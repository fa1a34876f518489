"""The day that a weekday's name means, where what is said there has happened: "told reporters on Sunday".

Without a parser only what stands close by is believed: a verb in the past right before the day, or near it with
nothing between that could begin another clause. All else ("opens on Sunday", "by Sunday") has no day.
"""

import re
from datetime import date, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_WINDOW = 160
_SENTENCE_END = re.compile(r"[.!?]['\"”’)]*\s+(?=\S)|\n")
_WORDS = re.compile(r"[\w’'-]+|[,;:“”\"()]")
_APOSTROPHES = ("'", "’")
_MAY_PRECEDE = frozenset(("on", "late", "early", "earlier"))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_IRREGULAR = _set(
    "said told met was were had did made took gave went came left held won lost fell rose sold bought led sent spoke "
    "spent began broke brought built caught chose cut drove fled flew found fought got grew hit kept knew laid paid "
    "ran rang sat saw sank shot shut sought stood stole struck swept swore thought threw woke wrote"
)
_NOT_PAST = _set(
    "hundred need indeed speed feed seed breed declared named scheduled expected planned slated supposed proposed "
    "aimed united"
)
_WITH_A_CLAUSE = _set(
    "said told announced reported added wrote warned agreed promised pledged vowed hoped believed confirmed "
    "stated noted stressed showed suggested decided insisted argued claimed thought knew found saw"
)
"""What follows these may be a sentence of its own: "said the shop opens on Sunday"."""
_ARTICLES = _set("the a an this that these those his her its their no all some every")
_PASSIVE = _set("be being is are get to will would")
_UNREAL = _set("if unless whether wish")
_SUBJECTS = _set("the he she it they we i and")
_BREAKS = _set(
    "that which who when where while if as but and or because although though to will would may might could "
    "should shall can must unless whether is are has have he she it they we i you for by until before after since from "
    'next every , ; : “ ” " ( )'
)


def weekday_value(name: str, published: date, *, before: str, after: str) -> date | None:
    """The last such day up to the publication's, or None where that is not certain.

    `before` and `after` are the text around the name. The day after the publication's has none: somewhere it is
    that day already.
    """
    back = (published.weekday() - DAYS.index(name)) % 7
    # "cancelled Sunday's match": what the day belongs to is not what happened.
    if back == 6 or after[:1] in _APOSTROPHES or not (_happened_before(before) or _happened_after(before, after)):
        return None
    return published - timedelta(days=back)


def _happened_before(before: str) -> bool:
    """A verb in the past, close before the day: "died on", "told reporters in Paris late on"."""
    words = _tokens(_SENTENCE_END.split(before[-_WINDOW:])[-1])
    while words and words[-1] in _MAY_PRECEDE:
        words.pop()
    for distance, word in enumerate(reversed(words[-8:])):
        if word in _BREAKS:
            return False
        if _is_past(word):
            between = words[len(words) - distance :]
            earlier = words[: len(words) - distance - 1]
            if _PASSIVE.intersection(earlier[-2:]) or _UNREAL.intersection(earlier):
                return False
            return not (word in _WITH_A_CLAUSE and _may_be_a_clause(word, between))
    return False


def _may_be_a_clause(word: str, between: list[str]) -> bool:
    """Whether what stands between the verb and the day may be a sentence: "told reporters in Paris" is none."""
    return bool(_ARTICLES.intersection(between) if word == "told" else between)


def _happened_after(before: str, after: str) -> bool:
    """The day begins the sentence and the first verb after it is in the past: "On Sunday, the board met"."""
    if any(word not in _MAY_PRECEDE for word in _tokens(_SENTENCE_END.split(before[-_WINDOW:])[-1])):
        return False
    words = _tokens(_SENTENCE_END.split(after[:_WINDOW])[0])
    words = words[1:] if words[:1] == [","] else words
    for word in words[:8]:
        if _is_past(word):
            return True
        if word in _BREAKS - _SUBJECTS:
            return False
    return False


def _is_past(word: str) -> bool:
    return word in _IRREGULAR or (word.endswith("ed") and len(word) > 4 and word not in _NOT_PAST)


def _tokens(text: str) -> list[str]:
    """Words and marks; a name with a capital is kept apart from a verb: "United" is no past."""
    small = _BREAKS | _MAY_PRECEDE
    return [word.lower() if word.lower() in small else word for word in _WORDS.findall(text)]
