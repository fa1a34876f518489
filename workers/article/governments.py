"""Capitals that stand for their government: "Beijing's stance", "talks between Washington and Moscow".

Such a mention stays a GPE, its text the city's; its name is the country's. Only where the text can mean nothing else:
everywhere else the city is the city.
"""

from collections.abc import Sequence

from topics.records import Mention
from workers.article.capitals import CAPITALS
from workers.article.document import Document, named, span
from workers.article.people import People
from workers.article.words import Words

_NEAR = 5  # words before "between" or "with" among which must be what governments have with one another
_LONGEST = 3  # words of the other's name


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
_ACTS_OF_MANY = _set(
    "wants want wanted hopes hoped agreed agrees offered offers proposed proposes promised sent sends asked asks told"
    " called calls responded responds reacted supports supported believes announced plans planned expects signed sees"
    " saw needs needed knows tried tries hit pulled stopped started began continues continued offer agree"
)
"""What cities do, too, but less often than the government that an article is about."""
_TOGETHER = _set(
    "agreed agree signed sign resumed resume exchanged exchange restored restore severed normalised normalized"
)
"""What two capitals that are named together do as governments."""
_STANCES = {("at", "odds"), ("no", "plans"), ("no", "intention"), ("no", "intentions")}
"""After "is" and "has": how governments stand to something."""
_AUXILIARIES = _set(
    "has have had is are was were remain remains will would may might could should also never again now already"
    " repeatedly"
)
_CONJUNCTIONS = _set("that but as while after because if when since although though whether before until which whereas")
_OWNS = _set(
    "stance position claim claims sanctions tariffs retaliation ambassador ambassadors embassy envoy envoys diplomats"
    " invasion aggression allies ally sovereignty territorial foreign military nuclear diplomatic demand demands"
    " concession concessions rejection accusation accusations insistence refusal ambitions intentions troops forces"
    " annexation occupation propaganda leaders leadership export response minister ministers ministry parliament army"
    " navy armed intelligence spy answer negotiators negotiator delegation cabinet prime central"
)
_MAKES = _set("backed led imposed appointed installed aligned allied friendly controlled brokered sponsored")
_DEALS = _set(
    "talks tensions tension relations relationship ties war conflict dispute disputes rivalry deal agreement truce"
    " summit negotiations standoff feud rift hostilities dialogue diplomacy contacts alliance row trust confrontation"
    " rapprochement détente detente cooperation"
)
_OBJECTS = {
    "on": _set("sanctions pressure tariffs embargo curbs restrictions"),
    "against": _set("sanctions tariffs war offensive embargo retaliation retaliate"),
    "to": _set(
        "concession concessions ultimatum warning warnings assurances message signal loyal allied hostile apology"
        " appeal overtures weapons"
    ),
    "of": _set("ally allies critic critics foe foes"),
    "by": _set(
        "imposed sanctioned accused rejected condemned denounced backed recognised recognized annexed invaded claimed"
        " retaliation aggression"
    ),
    "from": _set("concession concessions assurances retaliation pressure threats approval backing permission"),
}
"""Before a word, before a capital: what is only had with a government."""
_PRIZES = _set("win victory setback blow defeat triumph coup gain")
_OF_STATES = _set("diplomatic strategic geopolitical")
_SUFFERS = _set(
    "accused accuses accusing urged urges urging pressed pressing pressured warned warns warning condemned sanctioned"
    " angered infuriated antagonised antagonized blamed blames blaming appease appeasing provoke provoked provoking"
    " recognise recognises recognised recognize recognizes recognized"
)
_ASKS = _set("asked asks asking pushed pushes pushing forced forces forcing persuaded convinced encouraged")
_CALLS = _set("called calls calling")
_DOES = _set(
    "declare recognise recognize lift impose withdraw ease abandon drop accept agree negotiate retaliate intervene"
    " condemn sign ratify halt end resume oppose concede comply"
)


def with_governments(document: Document, mentions: Sequence[Mention], people: People) -> tuple[Mention, ...]:
    """The mentions, capitals that mean a government under their country's name and id. None of `people` has the name
    of one that does.
    """
    capitals = [mention for mention in mentions if mention.label == "GPE" and document.form(mention) in CAPITALS]
    capitals = [mention for mention in capitals if document.form(mention) not in people.by_family]
    sure = {span(mention) for mention in capitals if _is_government(*document.words(mention))}
    named_once = {document.form(mention) for mention in capitals if span(mention) in sure}
    sure |= {span(m) for m in capitals if document.form(m) in named_once and _is_likely(*document.words(m))}
    return tuple(_as_country(document, m) if span(m) in sure else m for m in mentions)


def _as_country(document: Document, mention: Mention) -> Mention:
    return named(mention, *document.listed_as(CAPITALS[document.form(mention)], "GPE"))


def _is_government(words: Words, at: range) -> bool:
    """Whether a capital can be nothing but its government."""
    if _is_in_an_address(words, at):
        return False
    if words.gap(at.stop) in ("'", "’"):
        return _owns(words, at)
    return any(sign(words, at) for sign in (_acts, _attributes, _is_object, _is_between))


def _is_likely(words: Words, at: range) -> bool:
    """Whether a capital, once it has been the government beyond doubt, is so here."""
    return not _is_in_an_address(words, at) and _acts(words, at, _ACTS | _ACTS_OF_MANY)


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


def _acts(words: Words, at: range, verbs: frozenset[str] = _ACTS) -> bool:
    """Whether it is what says or does something, alone or not: "as Moscow has denied", "Seoul and Hanoi sign"."""
    subject = _with_another(words, at)
    if words.gap(subject.start) == " " and _folded(words, subject.start - 1) not in _CONJUNCTIONS:
        return False
    i = subject.stop
    while words.gap(i) == " " and _folded(words, i) in _AUXILIARIES:
        i += 1
    if words.gap(i) != " ":
        return False
    if (_folded(words, i), _folded(words, i + 1)) in _STANCES:
        return True
    return _folded(words, i) in (verbs if subject == at else verbs | _TOGETHER)


def _with_another(words: Words, at: range) -> range:
    """A capital, and another that "and" joins to it."""
    if words.gap(at.start) == " " and _folded(words, at.start - 1) == "and":
        before = next((i for i in (at.start - 2, at.start - 3) if words.form(range(i, at.start - 1)) in CAPITALS), None)
        return at if before is None else range(before, at.stop)
    if words.gap(at.stop) == " " and _folded(words, at.stop) == "and":
        after = next((i for i in (at.stop + 2, at.stop + 3) if words.form(range(at.stop + 1, i)) in CAPITALS), None)
        return at if after is None else range(at.start, after)
    return at


def _owns(words: Words, at: range) -> bool:
    """Whether something is its own that only governments have: "Beijing's territorial claims"."""
    return any(words.gap(i) == " " and _folded(words, i) in _OWNS for i in (at.stop + 1, at.stop + 2))


def _is_object(words: Words, at: range) -> bool:
    """Whether something is done to it, or had with it: "accused Moscow", "ties with Beijing", "for Tokyo to lift"."""
    if words.gap(at.start) != " ":
        return False
    before, further = _folded(words, at.start - 1), _folded(words, at.start - 2)
    if before in _SUFFERS or further in _OBJECTS.get(before, ()) or (before == "with" and _deals(words, at.start - 1)):
        return True
    asked = before in _ASKS or (before == "on" and further in _CALLS)
    if before == "for":
        asked = _folded(words, at.stop + 1 + _folded(words, at.stop + 1).endswith("ly")) in _DOES
        if further in _PRIZES and _folded(words, at.start - 3) in _OF_STATES:
            return True
    return asked and _folded(words, at.stop) == "to"


def _is_between(words: Words, at: range) -> bool:
    """Whether it is one of two governments that have dealings: "talks between Washington and Beijing"."""
    first = at.start - 1
    if _folded(words, first) == "and":
        first = next((i for i in range(first - 1, first - _LONGEST - 2, -1) if _folded(words, i) == "between"), -1)
    elif _folded(words, at.stop) != "and":
        return False
    return _folded(words, first) == "between" and _deals(words, first)


def _deals(words: Words, i: int) -> bool:
    """Whether what only governments have with one another is in the few words before."""
    near = range(max(0, i - _NEAR), i)
    return any(_folded(words, j) in _DEALS and not any(words.opens(k) for k in range(j + 1, i + 1)) for j in near)
