"""Capitals that stand for their government: "Beijing's stance", "talks between Washington and Moscow".

Such a mention stays a GPE, its text the city's; its name is the country's. Only where the text can mean nothing else:
everywhere else the city is the city.
"""

from topics.records import Mention
from workers.article.capitals import CAPITALS
from workers.article.document import Document
from workers.article.words import Words

_NEAR = 5  # words before "between" among which must be what is between two governments


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACTS = _set(
    "said says accused accuses denied denies condemned condemns retaliated retaliates sanctioned summoned recalled"
    " expelled vowed vows warned warns urged urges denounced denounces insisted insists protested rejected rejects"
    " recognised recognized recognises recognizes considers regards imposed lifted invaded annexed threatened threatens"
    " pledged signalled signaled demanded demands opposed opposes backed backs refused refuses claims claimed views"
    " retaliate impose recognise recognize condemn welcomed welcomes maintains fears seeks sought argues severed"
    " withdrew blames blamed dismissed dismisses suspended ratified annexes ceded concedes conceded"
)
_TOGETHER = _set(
    "agreed agree signed sign resumed resume exchanged exchange restored restore severed normalised normalized"
)
"""What two capitals that are named together do as governments."""
_AUXILIARIES = _set("has have had is was will would may might could should also never again now already repeatedly")
_CONJUNCTIONS = _set("that but as while after because if when since although though whether before until which whereas")
_OWNS = _set(
    "stance position claim claims sanctions tariffs retaliation ambassador ambassadors embassy envoy envoys diplomats"
    " invasion aggression allies ally sovereignty territorial foreign military nuclear diplomatic demand demands"
    " concession concessions rejection accusation accusations insistence refusal ambitions intentions troops forces"
    " annexation occupation propaganda leaders leadership export response minister ministers ministry parliament army"
    " navy armed intelligence spy negotiators negotiator delegation cabinet prime central"
)
_MAKES = _set("backed led imposed appointed installed aligned allied friendly controlled brokered sponsored")
_DEALS = _set(
    "talks tensions tension relations relationship ties war conflict dispute disputes rivalry deal agreement truce"
    " summit negotiations standoff feud rift hostilities dialogue diplomacy contacts alliance row trust confrontation"
    " rapprochement détente detente cooperation"
)
_OBJECTS = {
    "with": _DEALS,
    "on": _set("sanctions pressure tariffs embargo"),
    "against": _set("sanctions tariffs war offensive embargo retaliation retaliate"),
    "to": _set("concession concessions ultimatum warning warnings assurances message signal loyal allied hostile"),
    "of": _set("ally allies critic critics foe foes"),
    "by": _set(
        "imposed sanctioned accused rejected condemned denounced backed recognised recognized annexed invaded claimed"
        " retaliation aggression"
    ),
    "from": _set("concession concessions assurances retaliation pressure threats"),
}
"""Before a word, before a capital: what is only had with a government."""
_PRIZES = _set("win victory setback blow defeat triumph coup gain")
_OF_STATES = _set("diplomatic strategic geopolitical")
_SUFFERS = _set(
    "accused accuses accusing urged urges urging pressed pressing pressured warned warns warning condemned sanctioned"
    " angered infuriated antagonised antagonized blamed blames blaming appease appeasing provoke provoked provoking"
    " recognise recognises recognised recognize recognizes recognized"
)
_DOES = _set(
    "declare recognise recognize lift impose withdraw ease abandon drop accept agree negotiate retaliate intervene"
    " condemn sign ratify halt end resume oppose concede comply"
)


def government(document: Document, mention: Mention) -> str | None:
    """The country whose government a mention of its capital means, by name; None where it may mean the city."""
    words, at = document.words(mention)
    country = CAPITALS.get(words.form(at)) if mention.label == "GPE" else None
    if country is None or _is_in_an_address(words, at):
        return None
    if words.gap(at.stop) in ("'", "’"):
        return country if _owns(words, at) else None
    return country if any(sign(words, at) for sign in (_acts, _attributes, _is_object, _is_between)) else None


def _is_in_an_address(words: Words, at: range) -> bool:
    """Whether a name goes on, "Paris Club", or a state's follows: "London, Ontario"."""
    after = words.word(at.stop)
    return after is not None and after.capital and words.gap(at.stop) in (" ", ", ", "-")


def _attributes(words: Words, at: range) -> bool:
    """Whether something is what only a government makes it: "Moscow-backed"."""
    return words.gap(at.stop) == "-" and _folded(words, at.stop) in _MAKES


def _folded(words: Words, i: int) -> str:
    """The word at `i`; "" where there is none."""
    word = words.word(i)
    return "" if word is None else word.folded


def _acts(words: Words, at: range) -> bool:
    """Whether it is what says or does something: "Washington said", "as Moscow has denied"."""
    start = at.start
    if words.gap(start) == " " and _folded(words, start - 1) == "and" and start > 1:
        start = _start_of_capital(words, start - 2)
    if words.gap(start) == " " and _folded(words, start - 1) not in _CONJUNCTIONS:
        return False
    i = at.stop
    while words.gap(i) == " " and _folded(words, i) in _AUXILIARIES:
        i += 1
    return words.gap(i) == " " and _folded(words, i) in (_ACTS if start == at.start else _ACTS | _TOGETHER)


def _owns(words: Words, at: range) -> bool:
    """Whether something is its own that only governments have: "Beijing's territorial claims"."""
    return any(words.gap(i) == " " and _folded(words, i) in _OWNS for i in (at.stop + 1, at.stop + 2))


def _is_object(words: Words, at: range) -> bool:
    """Whether something is done to it, or had with it: "accused Moscow", "ties with Beijing", "for Tokyo to lift"."""
    if words.gap(at.start) != " ":
        return False
    before, further = _folded(words, at.start - 1), _folded(words, at.start - 2)
    if before in _SUFFERS or further in _OBJECTS.get(before, ()):
        return True
    if before != "for":
        return False
    if further in _PRIZES and _folded(words, at.start - 3) in _OF_STATES:
        return True
    adverb = _folded(words, at.stop + 1).endswith("ly")
    return _folded(words, at.stop) == "to" and _folded(words, at.stop + 1 + adverb) in _DOES


def _is_between(words: Words, at: range) -> bool:
    """Whether it is one of two governments that have dealings: "talks between Washington and Beijing"."""
    first = at.start - 1
    if _folded(words, first) == "and":
        first = _start_of_capital(words, at.start - 2) - 1
    elif _folded(words, at.stop) != "and":
        return False
    return _folded(words, first) == "between" and not _DEALS.isdisjoint(
        _folded(words, i) for i in range(max(0, first - _NEAR), first)
    )


def _start_of_capital(words: Words, last: int) -> int:
    """Where the name of a capital, or of a country in one word, begins that ends with a word."""
    return last - 1 if words.form(range(max(0, last - 1), last + 1)) in CAPITALS else last
