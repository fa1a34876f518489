"""Watchlists: what a desk wants to hear of. Loaded from YAML, checked, versioned by their contents."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.document import Node, Problem, Unreadable, dump
from alerts.document import load as document_in
from alerts.watchlist_form import WatchlistForm
from alerts.watchlist_lint import warnings
from topics.errors import ConfigError
from topics.identity import digest
from topics.records import Policy


class Term(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What only a mention meets: `term` within one that has a label of `label`, or one of the entity with the id
    `entity`, with a label of `label` if there are any. Either `term` or `entity` is given."""

    term: str | None = None
    entity: str | None = None
    label: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"exclude": "not", "fields": "in"}):
    """What is looked for. A key of `aliases` is a term too; its values are other ways to write it.

    `exclude` (`not` in the file): terms that, where the rule looks, keep it from being met. `fields` (`in`): title,
    lead, body. `case` None decides term by term (`alerts.terms.ACRONYM`). `label` is that of the terms and aliases that
    have none of their own; what is excluded is not asked for it.
    """

    id: str
    name: str | None = None
    severity: str = "info"
    terms: tuple[str | Term, ...] = ()
    aliases: dict[str, tuple[str, ...]] = {}
    exclude: tuple[str | Term, ...] = ()
    fields: tuple[str, ...] = ("title", "body")
    case: bool | None = None
    label: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = {}


class Watchlist(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rules for one desk. `version` is a digest of all the rest: the same contents have the same version."""

    id: str
    desk: str
    policy: Policy = Policy()
    rules: tuple[Rule, ...]
    version: str = ""

    def __post_init__(self) -> None:
        if not self.version:
            msgspec.structs.force_setattr(self, "version", _version(self))


class WatchlistError(ConfigError):
    """Watchlists that cannot be used. The text has a line for each problem, and `problems` has them apart."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def load(path: Path) -> Watchlist:
    """The watchlist in a file. Raises WatchlistError with everything that is wrong with it; warnings are ignored."""
    watchlist, _, problems = _read(path)
    if watchlist is None:
        raise WatchlistError(problems)
    return watchlist


def load_all(paths: Iterable[Path]) -> tuple[Watchlist, ...]:
    """The watchlists in these files, and in the *.yaml and *.yml files of these directories.

    Raises WatchlistError with the problems of all of them; the same id in two files is one.
    """
    return tuple(load_placed(paths).values())


def load_placed(paths: Iterable[Path]) -> dict[Path, Watchlist]:
    """What `load_all` gives, by the file that each is in. Raises as it does."""
    try:
        found = files(paths)
    except OSError as error:
        where = Path(str(error.filename))
        raise WatchlistError(
            [_problem(where, 1, "file", "a directory that can be read", error.strerror or str(error))]
        ) from None
    loaded: dict[str, tuple[Path, Watchlist]] = {}
    problems: list[Problem] = []
    for path in found:
        watchlist, _, wrong = _read(path)
        if watchlist is None:
            problems += wrong
        elif watchlist.id in loaded:
            other = loaded[watchlist.id][0]
            problems.append(_problem(path, 1, "id", "an id of its own", f"“{watchlist.id}”, which {other} has too"))
        else:
            loaded[watchlist.id] = (path, watchlist)
    if problems:
        raise WatchlistError(problems)
    return dict(loaded.values())


def converted(document: Node, file: str) -> Watchlist:
    """The watchlist in a document, wherever it came from. Raises WatchlistError with all that is wrong with it."""
    form = WatchlistForm(file)
    fields = form.watchlist(document)
    if fields is None or form.problems:
        raise WatchlistError(sorted(form.problems, key=lambda problem: problem.line))
    return msgspec.convert(fields, Watchlist)


def check(path: Path, *, knows: Callable[[str], bool] = lambda entity: True) -> tuple[Problem, ...]:
    """Everything that is wrong with a file, and what is likely not meant so, by line. It does not raise.

    `knows` says whether anything can be recognised as the entity with an id.
    """
    watchlist, document, problems = _read(path)
    return tuple(problems if watchlist is None or document is None else warnings(document, str(path), knows=knows))


def as_json(watchlist: Watchlist) -> str:
    """The watchlist for a program, its version included."""
    return msgspec.json.encode(watchlist).decode()


def text(watchlist: Watchlist) -> str:
    """The watchlist as a file: `load` makes the same of it, the version included."""
    fields = msgspec.to_builtins(watchlist)
    fields["policy"] = {"cooldown": watchlist.policy.cooldown} | fields.get("policy", {})
    rules = fields.pop("rules")
    head = {name: fields[name] for name in ("id", "desk", "policy")}
    return dump(head) + dump({"rules": rules})


def files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files that these paths name, each once; hidden ones in a directory (`..data`, editors' copies) are not.

    Raises OSError for a directory that cannot be read.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml") and p.name[0] != ".")
            found.update(dict.fromkeys(p for p in inside if p.is_file()))
        else:
            found[path] = None
    return tuple(found)


def asks_for_mentions(watchlists: Iterable[Watchlist]) -> bool:
    """Whether any rule has a term with a label or an entity."""
    rules = (rule for watchlist in watchlists for rule in watchlist.rules)
    return any(rule.label or any(isinstance(term, Term) for term in (*rule.terms, *rule.exclude)) for rule in rules)


def revision(watchlists: Iterable[Watchlist]) -> str:
    """A digest of ids and versions, whatever their order."""
    return digest("watchlists", *(f"{w.id}={w.version}" for w in sorted(watchlists, key=lambda w: w.id)))


def encode(watchlists: Sequence[Watchlist]) -> bytes:
    """For another process; `decode` gives the same back."""
    return _ENCODER.encode(tuple(watchlists))


def decode(data: bytes) -> tuple[Watchlist, ...]:
    """What `encode` was given. Raises msgspec.DecodeError for anything else."""
    return _DECODER.decode(data)


def _read(path: Path) -> tuple[Watchlist | None, Node | None, list[Problem]]:
    """The watchlist and the document that it is of; the watchlist is None where there are problems."""
    try:
        document = document_in(path)
    except Unreadable as error:
        return None, None, [error.problem(str(path))]
    try:
        return converted(document, str(path)), document, []
    except WatchlistError as error:
        return None, document, list(error.problems)


def _problem(path: Path, line: int, field: str, expected: str, found: str) -> Problem:
    return Problem(file=str(path), line=line, field=field, expected=expected, found=re.sub(r"\s+", " ", found))


def _version(watchlist: Watchlist) -> str:
    fields = msgspec.structs.asdict(watchlist) | {"version": ""}
    fields |= {"policy": _said(watchlist.policy, _POLICY), "rules": [_said(rule, _RULE) for rule in watchlist.rules]}
    return digest("watchlist", msgspec.json.encode(fields, order="sorted").decode())


def _said(struct: Rule | Policy, defaults: Sequence[tuple[str, str, Any]]) -> dict[str, Any]:
    """What is not the default: it is the same rule whether a default was written out or left out."""
    values = ((written, getattr(struct, name), default) for name, written, default in defaults)
    return {written: value for written, value, default in values if value != default}


def _defaults(struct: type[Rule | Policy]) -> tuple[tuple[str, str, Any], ...]:
    """Each field's name, its name in a file, and its default."""
    return tuple(
        (field.name, field.encode_name, field.default if field.default_factory is msgspec.NODEFAULT else {})
        for field in msgspec.structs.fields(struct)
    )


_POLICY = _defaults(Policy)
_RULE = _defaults(Rule)
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[Watchlist, ...])

TEMPLATE = """\
# A watchlist: what one desk wants to hear of. Check it with `wirewatch watchlists check FILE`.
id: my-watchlist
desk: my-desk                # whom the alerts are for; the id, if it is left out
policy:
  cooldown: 21600            # seconds in which one story alerts the desk only once (6 hours)

rules:
  - id: rare-earths
    name: Rare earths        # what people see
    severity: urgent         # info (the default), urgent or flash
    # Whole words, in any case. Plurals, hyphens, accents and possessives are taken care of: this finds
    # "Rare Earth", "rare-earths" and "rare earths'" too.
    terms: [rare earths, neodymium, "dysprosi*"]     # a trailing * finds every word that begins so

  - id: chips
    terms: [semiconductors, foundries]
    # Other ways to write one thing. Alerts name what the alias stands for.
    aliases:
      TSMC: [Taiwan Semiconductor, 台積電, "$TSM"]
    # An article that has one of these does not meet the rule.
    not: [potato chips]

  - id: apple
    # What is named, and not a word: Apple where it is an organisation, and Taiwan under any of its names (by its
    # Wikidata id). Labels: PERSON, ORG, GPE (countries, cities), LOC, NORP, FAC, EVENT, PRODUCT, LAW and so on.
    terms: [{term: Apple, label: ORG}, {entity: Q865}]

  - id: health-body
    # Up to five capitals match case: WHO is not "who". `case: false` takes that back, `case: true` asks for the
    # author's case in every term.
    terms: [WHO, World Health Organization]
    in: [title, lead]        # title, lead (the first paragraph), body (the whole text); default: title and body
    languages: [en, fr]
    # sources: [reuters, afp]          # only these
    tags: [health]
    meta: {owner: health team}         # anything of yours; it goes along with every alert
"""
"""A commented file to start from."""
