"""Many watchlists compiled to one Matcher: what an article meets, with the proof.

All terms of all watchlists are in one Aho-Corasick automaton that runs once over the folded title and once over the
folded text, so that the time depends on the article and on what is found in it, not on how many terms there are.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec
from ahocorasick_rs import AhoCorasick

from alerts.compiled import IN_BODY, IN_LEAD, IN_TITLE, Asked, Compiled, Pattern, Use, compiled
from alerts.folding import KINDS, RUN, Folded, fold, parts, word_end
from alerts.mentioned import NOTHING, Mentioned
from alerts.proof import MAX_EVIDENCE, Found, Place, Proof
from alerts.watchlist import Watchlist
from topics.records import Evidence, Mention, Policy, RuleMet, severity_rank

LEAD = 600
"""The lead is the first paragraph, at most so many code points."""
_PREFIX_REACH = 64
"""How far beyond a prefix the word is marked."""
_CHUNK = 1 << 16
"""Folded code points searched at once: what a hostile text makes the automaton return stays small."""


class DeskMatch(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that one article met for one desk. `severity` is the highest of them."""

    desk: str
    policy: Policy
    severity: str
    rules: tuple[RuleMet, ...]


class Matcher:
    """What any article meets of these watchlists. Immutable and deterministic; made anew when they change."""

    def __init__(self, watchlists: Sequence[Watchlist]) -> None:
        plan = compiled(watchlists)
        self._policies = _policies(watchlists)
        self._rules = plan.rules
        self._lead = any(rule.fields & IN_LEAD for rule in self._rules)
        self._entities = plan.entities
        self._patterns = tuple(plan.patterns.values())
        self._asks = bool(plan.entities) or any(pattern.labelled for pattern in self._patterns)
        self._longest = max(map(len, plan.patterns), default=0)
        self._automaton = AhoCorasick(list(plan.patterns), store_patterns=False) if plan.patterns else None

    def match(
        self,
        *,
        title: str,
        text: str,
        source: str | tuple[str, ...] | None = None,
        language: str | None = None,
        mentions: Sequence[Mention] = (),
    ) -> tuple[DeskMatch, ...]:
        """The desks whose rules the article meets, sorted. `language` is a BCP 47 tag, or None if it is not known.

        `source` may be several names of the one source: a rule for any of them is a rule for it. `mentions` are what
        terms with a label or an entity are met by: none of them overlap, and without any no such term is met.

        A rule for some sources is not met by an article without one; a rule for some languages is met by an article
        whose language is not known.
        """
        mentioned = Mentioned(mentions) if mentions and self._asks else NOTHING
        found: dict[int, Found] = {}
        for field, content in enumerate((title, text)):
            if content and self._automaton is not None:
                self._search(field, content, mentioned, found)
        if self._entities:
            self._search_entities(text, mentioned, found)
        names = frozenset(name.strip().casefold() for name in ((source,) if isinstance(source, str) else source or ()))
        met = {rule: uses for rule, uses in _met(found).items() if _admits(self._rules[rule], names, language)}
        return self._by_desk(met, Proof((title, text))) if met else ()

    def _search(self, field: int, content: str, mentioned: Mentioned, found: dict[int, Found]) -> None:
        folded = fold(content)
        lead = lead_end(content) if field and self._lead else 0
        tally: dict[int, int] = {}
        for number, start, end in self._candidates(folded.text):
            pattern = self._patterns[number]
            if not _begins(folded.text, start, pattern):
                continue
            ends = _ends(folded.text, end, pattern)
            askeds, label = pattern.plain, None
            if pattern.labelled:
                label = mentioned.label(field, content, folded.start(start), folded.end(end))
                askeds += pattern.labelled.get(label or "", ())
            for asked in askeds:
                if not (ends or asked.prefix) or tally.get(asked.number, 0) >= MAX_EVIDENCE:
                    continue
                place = _place(field, folded, start, end, asked, lead, label)
                if place is not None:
                    tally[asked.number] = tally.get(asked.number, 0) + 1
                    found.setdefault(asked.number, Found(asked, [])).places.append(place)

    def _search_entities(self, text: str, mentioned: Mentioned, found: dict[int, Found]) -> None:
        lead = lead_end(text) if self._lead else 0
        for field, mention in mentioned.of(self._entities, most=MAX_EVIDENCE):
            for asked in self._entities[mention.entity_id or ""]:
                wanted = not asked.labels or mention.label in asked.labels
                if wanted and _looks(asked, field, mention.end, lead):
                    place = Place(field, mention.start, mention.end, mention.label if asked.labels else None)
                    found.setdefault(asked.number, Found(asked, [])).places.append(place)

    def _candidates(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(pattern, start, end) of every form found, whole word or not."""
        assert self._automaton is not None
        if len(text) <= _CHUNK:
            yield from self._automaton.find_matches_as_indexes(text, overlapping=True)
            return
        for base in range(0, len(text), _CHUNK):
            piece = text[base : base + _CHUNK + self._longest - 1]
            for number, start, end in self._automaton.find_matches_as_indexes(piece, overlapping=True):
                if start < _CHUNK:  # else the next piece finds it
                    yield number, base + start, base + end

    def _by_desk(self, met: dict[int, list[tuple[Use, Found]]], proof: Proof) -> tuple[DeskMatch, ...]:
        desks: dict[str, list[RuleMet]] = defaultdict(list)
        for number in sorted(met, key=lambda number: (self._rules[number].watchlist.id, number)):
            compiled = self._rules[number]
            desks[compiled.watchlist.desk].append(_rule_met(compiled, proof.of(met[number])))
        return tuple(
            DeskMatch(
                desk=desk,
                policy=self._policies[desk],
                severity=max((rule.severity for rule in rules), key=severity_rank),
                rules=tuple(rules),
            )
            for desk, rules in sorted(desks.items())
        )


def lead_end(text: str) -> int:
    """Where the first paragraph ends: at an empty line, at the end of a line too long to have been wrapped by hand,
    or after `LEAD` code points."""
    start = len(text) - len(text.lstrip())
    head = text[start : start + LEAD]
    end = len(head)
    for line_end in (i for i, c in enumerate(head) if c == "\n"):
        rest = head[line_end + 1 :].split("\n", 1)[0]
        line_start = head.rfind("\n", 0, line_end) + 1
        if not rest.strip() or line_end - line_start > 100:
            end = line_end
            break
    return start + end


def _met(found: dict[int, Found]) -> dict[int, list[tuple[Use, Found]]]:
    """The rules that nothing excludes: of each the uses that were found."""
    excluded = {use.rule for one in found.values() if one.asked.excludes for use in one.asked.uses}
    met: dict[int, list[tuple[Use, Found]]] = {}
    for one in found.values():
        for use in () if one.asked.excludes else one.asked.uses:
            if use.rule not in excluded:
                met.setdefault(use.rule, []).append((use, one))
    return met


def _policies(watchlists: Sequence[Watchlist]) -> dict[str, Policy]:
    """Of several watchlists for one desk, the policy with the shortest cooldown."""
    policies: dict[str, Policy] = {}
    for watchlist in watchlists:
        known = policies.get(watchlist.desk)
        if known is None or watchlist.policy.cooldown < known.cooldown:
            policies[watchlist.desk] = watchlist.policy
    return policies


def _begins(text: str, start: int, pattern: Pattern) -> bool:
    """Whether a word begins at `start`."""
    if not start:
        return True
    before = text[start - 1]
    kind = KINDS[before]
    if kind and not (parts(kind, pattern.first) if pattern.first else kind == RUN):
        return False  # nor is @handle in a@handle
    return not (pattern.first_digit and before in ".," and text[max(0, start - 2)].isdigit())  # 737 is not in 1,737


def _ends(text: str, end: int, pattern: Pattern) -> bool:
    """Whether a word ends at `end`. A possessive's 's, and the like, leave it whole; "won't" has no whole "won"."""
    if end == len(text):
        return True
    after = text[end]
    kind = KINDS[after]
    if kind:
        return parts(pattern.last, kind) if pattern.last else kind == RUN  # U.S. is not in U.S.A
    if after == "'":
        return text[end + 1 : end + 2] != "t" or text[end + 2 : end + 3].isalnum()
    return not (pattern.last_digit and after in ".," and text[end + 1 : end + 2].isdigit())  # nor 5 in 5.2


def _place(
    field: int, folded: Folded, start: int, end: int, asked: Asked, lead: int, label: str | None
) -> Place | None:
    """The place in the original, or None where the rules do not look or the case is another."""
    if asked.prefix:
        end = word_end(folded.text, end, _PREFIX_REACH)
    if not folded.whole(start, end):
        return None
    begin, stop = folded.start(start), folded.end(end)
    if not _looks(asked, field, stop, lead):
        return None
    if asked.cased is not None and not _same_case(folded.source[begin:stop], asked):
        return None
    return Place(field, begin, stop, label if asked.labels else None)


def _looks(asked: Asked, field: int, stop: int, lead: int) -> bool:
    """Whether the rules look at what ends at `stop`."""
    if not field:
        return bool(asked.fields & IN_TITLE)
    return bool(asked.fields & IN_BODY or (asked.fields & IN_LEAD and stop <= lead))


def _same_case(written: str, asked: Asked) -> bool:
    assert asked.cased is not None
    if written == asked.cased:
        return True
    kept = fold(written, cased=True).text
    return kept.startswith(asked.cased) if asked.prefix else kept == asked.cased


def _admits(compiled: Compiled, names: frozenset[str], language: str | None) -> bool:
    if compiled.sources and not compiled.sources & names:
        return False
    if compiled.languages and language:
        tag = language.lower().replace("_", "-")
        return tag in compiled.languages or tag.split("-")[0] in compiled.languages
    return True


def _rule_met(compiled: Compiled, evidence: tuple[Evidence, ...]) -> RuleMet:
    rule, watchlist = compiled.rule, compiled.watchlist
    return RuleMet(
        watchlist=watchlist.id,
        version=watchlist.version,
        rule=rule.id,
        severity=rule.severity,
        name=rule.name,
        tags=rule.tags,
        meta=rule.meta,
        evidence=evidence,
    )
