"""Alerts that waited too long for their sink, told together: one digest a desk."""

from collections.abc import Sequence
from datetime import datetime

from alerts.digests import counted, joined, joined_line, names, period, ranked, told
from topics.identity import digest
from topics.records import Alert, Counts, Missed, RuleMet, severity_rank


def together(alerts: Sequence[Alert]) -> Alert:
    """One digest for alerts of one desk, in the order in which they were to be sent. Its id hashes all of theirs.

    Each story is there as its last alert left it: withdrawn, if that is what it said. A digest among the alerts adds
    what it tells of.
    """
    desk = alerts[0].desk
    lines = _lines(alerts)
    first, last = min(_begin(alert) for alert in alerts), max(alert.last_seen for alert in alerts)
    told_of, stories = counted(len(alerts), "alert"), counted(len(lines), "story", "stories")
    said = f"{told_of} on {stories} could not be delivered when they were due, {period(first, last)}."
    shown = ranked(tuple(lines.values()))
    if len(shown) < len(lines):
        said += f" The {len(shown)} most severe:"
    rules: tuple[RuleMet, ...] = ()
    for alert in alerts:
        rules = joined(rules, alert.rules)
    return told(
        shown,
        desk=desk,
        name=digest("undelivered", desk, *(alert.id for alert in alerts)),
        said=said,
        rules=rules,
        severity=max((alert.severity for alert in alerts), key=severity_rank),
        counts=Counts(articles=_articles(alerts, lines)),
        times=(first, last),
    )


def _lines(alerts: Sequence[Alert]) -> dict[str, Missed]:
    """By story, in the order of their first alerts."""
    lines: dict[str, Missed] = {}
    for alert in alerts:
        for line in alert.missed or (_line(alert),):
            old = lines.get(line.story_id)
            more = max(old.articles, line.articles) if old else 0
            lines[line.story_id] = joined_line(old, line, articles=more) if old else line
    return lines


def _line(alert: Alert) -> Missed:
    article = alert.article
    return Missed(
        story_id=alert.story_id,
        article_id=article.id,
        revision=article.revision,
        title=article.title,
        url=article.url,
        source=article.source,
        severity=alert.severity,
        rules=names(alert.rules),
        articles=max(1, alert.counts.articles),
        first_seen=alert.last_seen,
        last_seen=alert.last_seen,
        kind=alert.kind,
    )


def _begin(alert: Alert) -> datetime:
    return alert.first_seen if alert.missed else alert.last_seen


def _articles(alerts: Sequence[Alert], lines: dict[str, Missed]) -> int:
    """Those of the stories, and those that a digest counts without naming them."""
    unnamed = sum(
        alert.counts.articles - sum(line.articles for line in alert.missed) for alert in alerts if alert.missed
    )
    return sum(line.articles for line in lines.values()) + max(0, unnamed)
