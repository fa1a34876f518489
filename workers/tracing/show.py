"""A trace for people: what happened to the article, in order of time."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from alerts.evidence import as_what
from alerts.plain import plain
from topics.records import Evidence, RuleMet
from workers.tracing.found import Delivery, Met, Place, Ring, Trace, Way

REASONS = {
    "backfill": "it was too old to ring anybody when it came",
    "late": "it was too old to ring anybody by the time that it was folded",
    "repeat": "the desk knew it already: the same article again, or a revision that meets the same rules",
    "cooldown": "the story's last alert is younger than the cooldown",
}
"""Why a hit did not ring."""
FILTERED = {
    "source": "the settings leave its source out",
    "language": "the settings leave its language out",
    "canceled": "it is canceled: whoever was alerted on it is told so",
    "withheld": "its status is withheld",
    "null": "a record without a value",
}
_INDENT = " " * 15
_UNTIMED = datetime.max.replace(tzinfo=UTC)
_REASON = 200
Line = tuple[datetime | None, str]


def shown(trace: Trace) -> Iterator[str]:
    """The lines of a trace, safe to print."""
    for number, way in enumerate(trace.ways):
        if number:
            yield ""
        yield from _way(way)
    if not trace.ways:
        yield f"{plain(trace.asked)}: it never came, or it is gone from the topics. Looked through:"
        yield from _searched(trace)


def _way(way: Way) -> Iterator[str]:
    title = plain(way.title or "(no title)") if way.id else "A record that cannot be read"
    yield title
    about = [f"id {way.id}" if way.id else None, f"revision {way.revision}" if way.revision else None]
    about += [way.source, way.url]
    if any(about):
        yield "  " + plain("  ".join(part for part in about if part))
    day = None
    for at, text in _events(way):
        if at is not None and at.date() != day:
            day = at.date()
            yield f"  {day}"
        first, *more = text.split("\n")
        yield f"  {_clock(at):<12} {first}"
        yield from (f"{_INDENT}{line}" for line in more)


def _events(way: Way) -> list[Line]:
    """In order of time. It arrived before anything else, though a dead letter does not say when."""
    arrived: list[Line] = [(way.arrived.at, f"arrived in {_where(way.arrived)}")] if way.arrived is not None else []
    return arrived + sorted(_afterwards(way), key=lambda line: line[0] or _UNTIMED)


def _afterwards(way: Way) -> Iterator[Line]:
    if way.enriched is not None:
        yield way.enriched.at, _enriched(way)
    if way.letter is not None:
        yield way.letter.at, f"dead letter: {plain(way.reason or '?')}: {plain(way.message or '')}{_at(way.letter)}"
        if way.redriven is not None:
            yield way.redriven.at, "redriven"
    elif way.outcome != "enriched":
        yield None, _left(way)
    for hit in way.hits:
        yield from _hit(hit)
    for ring in way.withdrawals:
        yield ring.place.at, _ring(f"{plain(ring.desk)}: told that it was withdrawn:", ring)


def _enriched(way: Way) -> str:
    parts = [f"enriched: {way.language or 'language unknown'}"]
    parts.append(f"{len(way.entities)} names" if way.entities else "no names")
    if way.removed:
        parts.append(f"{way.removed} paragraphs of boilerplate taken out")
    if way.truncated:
        parts.append("trimmed to fit")
    if not way.hits:
        parts.append("met no rule")
    lines = [", ".join(parts) + (_at(way.enriched) if way.enriched else "")]
    if way.entities:
        lines.append("names: " + plain(", ".join(way.entities)))
    lines += [f"warning: {plain(warning.field)}: {plain(warning.reason)}" for warning in way.warnings]
    return "\n".join(lines)


def _left(way: Way) -> str:
    if way.outcome == "waiting":
        reached = "enrich has committed nothing there yet" if way.before is None else _before(way.before, "record")
        then = f"; it will be left out ({FILTERED.get(way.reason, way.reason)})" if way.reason else ""
        return f"waiting for enrich: {reached}{then}"
    if way.outcome == "filtered":
        return f"left out: {FILTERED.get(way.reason or '', way.reason)} (by the settings as they are here)"
    return "read by enrich, and what became of it is not in the topics: deleted since, or ignored by the settings"


def _hit(hit: Met) -> Iterator[Line]:
    rules = "\n".join(_rule(rule) for rule in hit.rules)
    yield (
        hit.place.at,
        f"met {_number(len(hit.rules), 'rule')} of {plain(hit.desk)}, {hit.severity}{_at(hit.place)}\n{rules}",
    )
    if hit.outcome in ("alerted", "digest") and hit.alerts:
        told = "alerted:" if hit.outcome == "alerted" else "told in a digest:"
        for ring in hit.alerts:
            yield ring.place.at, _ring(f"{plain(ring.desk)}: {told}", ring)
        return
    yield hit.place.at, _quiet(hit)


def _quiet(hit: Met) -> str:
    desk = plain(hit.desk)
    if hit.outcome == "waiting":
        where = "nothing was folded there yet" if hit.before is None else _before(hit.before, "hit")
        return f"{desk}: waiting for the alert worker: {where}"
    if hit.outcome == "digest":
        return f"{desk}: missed, for it was too old by the time that it was folded: a digest will tell of it"
    if hit.outcome == "unknown":
        return f"{desk}: no alert, and its story is not kept any more"
    lines = [f"{desk}: no alert: {REASONS.get(hit.reason or '', hit.reason)}"]
    if hit.story is not None:
        story = hit.story
        counts = _number(story.articles, "article")
        counts += f" of {_number(story.sources, 'source')}" if story.sources else ""
        lines.append(f"counted in the story “{plain(story.title or story.id)}”, which has {counts} by now")
    lines += [_ring(f"its last alert before, of {_moment(ring.place.at)}:", ring) for ring in hit.alerts]
    return "\n".join(lines)


def _ring(head: str, ring: Ring) -> str:
    lines = [f"{head} {ring.kind}, {ring.severity}, id {plain(ring.id)}{_at(ring.place)}"]
    lines += [f"  {_delivery(delivery)}" for delivery in ring.deliveries] or ["  no route delivers alerts"]
    return "\n".join(lines)


def _delivery(delivery: Delivery) -> str:
    said = {
        "delivered": "delivered",
        "not_wanted": "not for this route (its desks and severities)",
        "passed": "done with (delivered, or not for this route: its settings are not known here)",
        "refused": "refused by the sink, so a dead letter",
        "unknown": "unknown",
    }.get(delivery.state)
    if said is None:
        said = "waiting" if delivery.before is None else f"waiting: {_before(delivery.before, 'alert')}"
    return f"{plain(delivery.route)}: {said}{_because(delivery.reason)}"


def _because(reason: str | None) -> str:
    return f": {plain(' '.join(reason.split()))[:_REASON]}" if reason else ""


def _rule(rule: RuleMet) -> str:
    proof = Counter(map(_evidence, rule.evidence))
    said = "; ".join(f"{text} ({times} times)" if times > 1 else text for text, times in proof.items())
    return f"{plain(rule.watchlist)}/{plain(rule.rule)} ({rule.severity}): {said}"


def _evidence(evidence: Evidence) -> str:
    told = evidence.entity or evidence.clause.casefold() == evidence.text.casefold()
    clause = "" if told else f" for “{plain(evidence.clause)}”"
    alias = f", which stands for “{plain(evidence.alias_of)}”" if evidence.alias_of else ""
    return f"“{plain(evidence.text)}” in the {evidence.field}{clause}{as_what(evidence)}{alias}"


def _searched(trace: Trace) -> Iterator[str]:
    for one in trace.searched:
        if not one.there:
            yield f"  {plain(one.topic)}: not there, or we may not see it"
        elif not one.records:
            yield f"  {plain(one.topic)}: no records"
        else:
            span = f"from {_moment(one.since)} to {_moment(one.until)}"
            yield f"  {plain(one.topic)}: {_number(one.records, 'record')} {span}"


def _before(number: int, what: str) -> str:
    return f"{_number(number, what)} before it" if number else "it is the next"


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _where(place: Place) -> str:
    return f"{plain(place.topic)}, partition {place.partition}, offset {place.offset}"


def _at(place: Place) -> str:
    return f"  [{plain(str(place))}]"


def _clock(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:12] if at else ""


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else "?"
