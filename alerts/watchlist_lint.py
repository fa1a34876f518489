"""What in a watchlist is allowed and likely not meant so."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from alerts.document import Listing, Mapping, Node, Problem, Scalar
from alerts.folding import KINDS, RUN
from alerts.terms import Form, forms

_COMMON = frozenset(
    """
    a about above according across act after again against age ago agree agreement air all allow almost alone along
    already also although always am among amount an and another answer any anyone appear apple april are area arm army
    around as ask at august away back bad balance ball band bank bar base be bear beat became because become been
    before began begin behind being believe below best better between big bill bit black block blue board body book
    both bottom box break bring brought brown build business but buy by call came can capital car card care carry case
    cash cause central certain chair chance change charge chase check chief child china choice city claim class clean
    clear close club coach cold come common company condition consider contain continue control cook corner cost could
    country county course court cover crime cross crown cup current cut daily data date day deal dear decide decision
    deep degree delay demand did die different discover do does dollar done door double down draw drive drop dry due
    during each early earth east easy edge education effect eight either election else end energy enough even evening
    event ever every example exchange expect experience eye face fact fair fall family far fast father favor fear
    february feel few field fight figure file fill final find fine fire firm first fish five floor flow follow food
    foot for force ford foreign form former forward found four free friday friend from front fuel full fund future
    gain game gap garden gas gave general get girl give given glass go gold good got government grand great green
    ground group grow growth guard gun had half hand happen hard has have he head health hear heart heat help her here
    high him himself his history hit hold home hope hot hour house how however human hundred i idea if image important
    in include income increase industry information inside interest international into investment is island issue it
    its itself january job join judge july june just keep key kind king knew know known land large last late later
    launch law lead leader learn least leave led left leg less let letter level lie life light like line list listen
    little live local long look lose loss lost lot love low made mail main major make man many march mark market mass
    match material matter may mean means measure media meet member men message met meta middle might mile military
    million mind mine minister minute miss model moment monday money month more morning most mother move much music
    must my name nation national natural nature near need never new news next nice night nine no none nor north not
    note nothing notice november now number object october of off offer office official often oil old on once one only
    open operation opinion or orange order other our out outside over own page paid pain paper park part party pass past
    pay peace people per percent perhaps period person phone picture piece place plan plane plant play point police
    policy political poor popular position possible post pound power present president press pretty price private
    problem process product production program project protect provide public pull purpose push put quarter question
    quick quite race radio rain raise ran range rate rather reach read ready real reason record red region remain
    report research rest result return rich ride right ring rise risk river road rock room rose round rule run said
    sail sale same sand saturday save saw say school sea season seat second secret section see seem sell send senior
    sense sent september series serious serve service set settle seven several shall shape share she shell ship shoe
    shop short should show side sign simple since sing single sister sit six size sky sleep slow small snow so social
    soft some son song soon sound source south space speak special speed spend sport spring square staff stage stand
    star start state station stay step still stock stone stop store story straight strange stream street strong student
    study subject such summer sun sunday support sure surface system table take talk target tax teach team tell ten
    term test than that the their them then there these they thing think third this those thought thousand three
    through thursday time to today together told tomorrow tonight too took top total touch toward town track trade
    train travel tree trip true trust try tuesday turkey turn twitter two type under union unit until up upon us use
    usual value van very video view visa visit voice vote wait walk wall want war warm was watch water way we weapon
    wear weather wednesday week weight well went were west what wheat wheel when where whether which while white who
    whole whose why wide wife wild will win wind window winter with within without woman wood word work worker world
    worth would write wrong yard year yellow yes yesterday yet you young your zoom
    """.split()  # noqa: SIM905  # a list of 800 lines is no easier to read
)
_SHORT = 2


class _Term(NamedTuple):
    """A term of a rule; without `forms` it is an entity, and `text` its id."""

    node: Scalar
    path: str
    text: str
    forms: tuple[Form, ...]
    labels: frozenset[str]
    canonical: bool = False

    def finds(self, labels: frozenset[str]) -> tuple[Form | str, frozenset[str]]:
        """What it looks for first, in mentions with these labels."""
        return (self.forms[0] if self.forms else self.text), labels


def warnings(document: Node, file: str, *, knows: Callable[[str], bool] = lambda entity: True) -> list[Problem]:
    """Warnings about a document that has no errors, in the order of its lines.

    `knows` says whether anything can be recognised as the entity with an id.
    """
    rules = dict(_fields(document)).get("rules")
    found: list[Problem] = []
    for number, rule in enumerate(rules.items if isinstance(rules, Listing) else ()):
        fields = dict(_fields(rule))
        path = f"rules[{number}]"
        case = _case(fields.get("case"))
        terms = list(_terms(fields, path, case, _labels(fields.get("label"))))
        excluded = list(_listed(fields.get("not"), f"{path}.not", case, frozenset()))
        for term in terms:
            found += _about(term, file)
        found += _duplicates(terms, file) + _duplicates(excluded, file)
        found += _unmet(terms, excluded, path, file)
        found += _unknown([*terms, *excluded], knows, file)
    return sorted(found, key=lambda problem: problem.line)


def _fields(node: Node) -> Iterator[tuple[str, Node]]:
    yield from ((key.text, value) for key, value in node.items) if isinstance(node, Mapping) else ()


def _case(node: Node | None) -> bool | None:
    return node.text.lower() == "true" if isinstance(node, Scalar) else None


def _labels(node: Node | None) -> frozenset[str]:
    listed = node.items if isinstance(node, Listing) else (node,)
    return frozenset(item.text for item in listed if isinstance(item, Scalar))


def _terms(fields: dict[str, Node], path: str, case: bool | None, labels: frozenset[str]) -> Iterator[_Term]:
    yield from _listed(fields.get("terms"), f"{path}.terms", case, labels)
    aliases = fields.get("aliases")
    for key, listed in aliases.items if isinstance(aliases, Mapping) else ():
        where = f"{path}.aliases.{key.text}"
        yield _Term(key, where, key.text, forms(key.text, case=case), labels, canonical=True)
        yield from _listed(listed, where, case, labels)


def _listed(node: Node | None, path: str, case: bool | None, labels: frozenset[str]) -> Iterator[_Term]:
    for number, item in enumerate(node.items if isinstance(node, Listing) else ()):
        where, fields = f"{path}[{number}]", dict(_fields(item))
        own = _labels(fields.get("label")) or labels
        for name, term in {"": item, ".term": fields.get("term"), ".entity": fields.get("entity")}.items():
            if isinstance(term, Scalar):
                looked_for = () if name == ".entity" else forms(term.text, case=case)
                yield _Term(term, f"{where}{name}", term.text, looked_for, own)


def _about(term: _Term, file: str) -> list[Problem]:
    """Too common, or too short, to tell anything."""
    if term.labels or not term.forms:
        return []  # a name, whatever else the word means
    own = term.forms[0]
    if own.cased is None and not own.prefix and own.folded in _COMMON:
        hint = "a rarer term, or the author's case by `case: true`"
        return [_warning(term, file, hint, f"“{term.text}”, a common English word in any case")]
    letters = len(own.folded)
    if letters == 1 or (letters <= _SHORT and (own.cased is None or own.prefix)):
        if any(KINDS[c] == RUN for c in own.folded) and letters == _SHORT:
            return []  # 台湾 is two
        return [_warning(term, file, "a longer term", f"“{term.text}”, which is found in many unrelated places")]
    return []


def _duplicates(terms: list[_Term], file: str) -> list[Problem]:
    seen: dict[tuple[Form | str, frozenset[str]], _Term] = {}
    found = []
    for term in terms:
        first = seen.get(term.finds(term.labels)) or seen.get(term.finds(frozenset()))
        if first is not None and not (term.canonical and first.text == term.text):
            said = f"“{term.text}”, which {first.path} (“{first.text}”, line {first.node.line}) finds already"
            found.append(_warning(term, file, "each term once", said))
        for form in term.forms or (term.text,):
            seen.setdefault((form, term.labels), term)
    return found


def _unmet(terms: list[_Term], excluded: list[_Term], path: str, file: str) -> list[Problem]:
    """Terms that cannot be found without one that the rule excludes; and the rule, if that is all of them."""
    index: dict[tuple[str, bool], list[tuple[Form, _Term]]] = {}
    for by in excluded:
        for form in by.forms if not by.labels else ():
            index.setdefault((form.folded, form.prefix), []).append((form, by))
    blocked = [(term, found) for term in terms if (found := _blocker(index, term))]
    if terms and len(blocked) == len(terms):
        whole = terms[0]._replace(path=path)
        return [_warning(whole, file, "a term that `not` leaves possible", "none: the rule can never be met")]
    return [_warning(t, file, "a term that `not` leaves possible", f"“{t.text}”, under “{b.text}”") for t, b in blocked]


def _blocker(index: dict[tuple[str, bool], list[tuple[Form, _Term]]], term: _Term) -> _Term | None:
    """The excluded term that is within every form of this one, if there is one."""
    blockers = [_found_within(index, own) for own in term.forms] if index else []
    return blockers[0] if blockers and all(blockers) else None


def _found_within(index: dict[tuple[str, bool], list[tuple[Form, _Term]]], own: Form) -> _Term | None:
    kept = own.cased or ""
    ends = {i for i, c in enumerate(own.folded) if c == " "} | (set() if own.prefix else {len(own.folded)})
    starts = [0, *(i + 1 for i, c in enumerate(own.folded) if c == " ")]
    for start, end in ((i, j) for i in starts for j in range(i + 1, len(own.folded) + 1)):
        piece = own.folded[start:end]
        for form, by in index.get((piece, True), []) + (index.get((piece, False), []) if end in ends else []):
            if form.cased is None or form.cased == kept[start:end]:
                return by
    return None


def _unknown(terms: list[_Term], knows: Callable[[str], bool], file: str) -> list[Problem]:
    unknown = [term for term in terms if not term.forms and not knows(term.text)]
    return [_warning(t, file, "the id of an entity in the gazetteer", f"“{t.text}”: nothing is met") for t in unknown]


def _warning(term: _Term, file: str, expected: str, found: str) -> Problem:
    return Problem(file=file, line=term.node.line, field=term.path, expected=expected, found=found, warning=True)
