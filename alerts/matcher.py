"""Many watchlists compiled to one Matcher: what an article meets, with the proof.

All terms of all watchlists are in one Aho-Corasick automaton that runs once over the folded title and once over the
folded text, so that the time depends on the article and on what is found in it, not on how many terms there are.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from ahocorasick_rs import AhoCorasick

from alerts.compiled import IN_BODY, IN_LEAD, IN_TITLE, Compiled, Pattern, Use, compiled
from alerts.folding import KINDS, RUN, Folded, fold, parts, word_end
from alerts.mentioned import NOTHING, Mentioned
from alerts.watchlist import Watchlist
from topics.records import Evidence, Mention, Policy, RuleMet, severity_rank

MAX_EVIDENCE = 8
"""Of one rule in one article."""
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


class _Place(NamedTuple):
    """Where a term was found: in field 0 (title) or 1 (text), in the original's code points.

    `label` is that of the mention there, where the term asks for one.
    """

    field: int
    start: int
    end: int
    use: Use
    label: str | None


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
        found: dict[int, list[_Place]] = {}
        excluded: set[int] = set()
        for field, content in enumerate((title, text)):
            if content and self._automaton is not None:
                self._search(field, content, mentioned, found, excluded)
        if self._entities:
            self._search_entities(text, mentioned, found, excluded)
        names = frozenset(name.strip().casefold() for name in ((source,) if isinstance(source, str) else source or ()))
        met = {
            rule: places
            for rule, places in found.items()
            if rule not in excluded and _admits(self._rules[rule], names, language)
        }
        return self._by_desk(met, (title, text)) if met else ()

    def _search(
        self, field: int, content: str, mentioned: Mentioned, found: dict[int, list[_Place]], excluded: set[int]
    ) -> None:
        folded = fold(content)
        lead = lead_end(content) if field and self._lead else 0
        tally: dict[int, int] = {}
        for number, start, end in self._candidates(folded.text):
            pattern = self._patterns[number]
            if not _begins(folded.text, start, pattern):
                continue
            ends = _ends(folded.text, end, pattern)
            uses, label = pattern.uses, None
            if pattern.labelled:
                label = mentioned.label(field, content, folded.start(start), folded.end(end))
                uses += pattern.labelled.get(label or "", ())
            for use in uses:
                if not (ends or use.prefix) or tally.get(use.number, 0) >= MAX_EVIDENCE:
                    continue
                place = self._place(field, folded, start, end, use, lead, label)
                if place is None:
                    continue
                tally[use.number] = tally.get(use.number, 0) + 1
                if use.excludes:
                    excluded.add(use.rule)
                else:
                    found.setdefault(use.rule, []).append(place)

    def _search_entities(
        self, text: str, mentioned: Mentioned, found: dict[int, list[_Place]], excluded: set[int]
    ) -> None:
        lead = lead_end(text) if self._lead else 0
        for field, mention in mentioned.of(self._entities, most=MAX_EVIDENCE):
            for use in self._entities[mention.entity_id or ""]:
                wanted = not use.labels or mention.label in use.labels
                if not wanted or not self._looks(use, field, mention.end, lead):
                    continue
                if use.excludes:
                    excluded.add(use.rule)
                else:
                    label = mention.label if use.labels else None
                    found.setdefault(use.rule, []).append(_Place(field, mention.start, mention.end, use, label))

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

    def _place(
        self, field: int, folded: Folded, start: int, end: int, use: Use, lead: int, label: str | None
    ) -> _Place | None:
        """The place in the original, or None where the rule does not look or the case is another."""
        if use.prefix:
            end = word_end(folded.text, end, _PREFIX_REACH)
        if not folded.whole(start, end):
            return None
        begin, stop = folded.start(start), folded.end(end)
        if not self._looks(use, field, stop, lead):
            return None
        if use.cased is not None and not _same_case(folded.source[begin:stop], use):
            return None
        return _Place(field, begin, stop, use, label if use.labels else None)

    def _looks(self, use: Use, field: int, stop: int, lead: int) -> bool:
        """Whether the rule looks at what ends at `stop`."""
        fields = self._rules[use.rule].fields
        if not field:
            return bool(fields & IN_TITLE)
        return bool(fields & IN_BODY or (fields & IN_LEAD and stop <= lead))

    def _by_desk(self, met: dict[int, list[_Place]], contents: tuple[str, str]) -> tuple[DeskMatch, ...]:
        desks: dict[str, list[RuleMet]] = defaultdict(list)
        for number in sorted(met, key=lambda number: (self._rules[number].watchlist.id, number)):
            compiled = self._rules[number]
            desks[compiled.watchlist.desk].append(_rule_met(compiled, met[number], contents))
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


def _same_case(written: str, use: Use) -> bool:
    assert use.cased is not None
    if written == use.cased:
        return True
    kept = fold(written, cased=True).text
    return kept.startswith(use.cased) if use.prefix else kept == use.cased


def _admits(compiled: Compiled, names: frozenset[str], language: str | None) -> bool:
    if compiled.sources and not compiled.sources & names:
        return False
    if compiled.languages and language:
        tag = language.lower().replace("_", "-")
        return tag in compiled.languages or tag.split("-")[0] in compiled.languages
    return True


def _rule_met(compiled: Compiled, places: list[_Place], contents: tuple[str, str]) -> RuleMet:
    rule, watchlist = compiled.rule, compiled.watchlist
    return RuleMet(
        watchlist=watchlist.id,
        version=watchlist.version,
        rule=rule.id,
        severity=rule.severity,
        name=rule.name,
        tags=rule.tags,
        meta=rule.meta,
        evidence=tuple(_evidence(place, contents[place.field]) for place in _telling(places)),
    )


def _telling(places: list[_Place]) -> list[_Place]:
    """In order, the longest where they overlap; past `MAX_EVIDENCE`, each term's first before any term's second."""
    places.sort(key=lambda place: (place.field, place.start, -place.end, place.use.order))
    apart: list[_Place] = []
    for place in places:
        if not apart or apart[-1].field != place.field or place.start >= apart[-1].end:
            apart.append(place)
    if len(apart) <= MAX_EVIDENCE:
        return apart
    seen: dict[int, int] = {}
    ranked = []
    for position, place in enumerate(apart):
        seen[place.use.order] = seen.get(place.use.order, -1) + 1
        ranked.append((seen[place.use.order] > 0, position))
    return [apart[position] for position in sorted(position for _, position in sorted(ranked)[:MAX_EVIDENCE])]


def _evidence(place: _Place, content: str) -> Evidence:
    return Evidence(
        field="text" if place.field else "title",
        start=place.start,
        end=place.end,
        text=content[place.start : place.end],
        clause=place.use.clause,
        alias_of=place.use.alias_of,
        label=place.label,
        entity=place.use.entity,
    )
