"""A story after one more of its articles, and the alerts on it."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from alerts import digests
from alerts.policies import Situation, Verdict, rules_digest
from alerts.stories import normal_title
from topics.identity import alert_id, digest
from topics.records import Alert, AlertArticle, Counts, Hit, Snippet, Withdrawn, severity_rank
from topics.stories import Story, Telling

LIFE = timedelta(hours=72)
"""How long a story is remembered after its last article."""
MAX_TELLINGS = 24
"""Articles that a story remembers; those that alerted are kept longest."""
MAX_SOURCES = 32
MAX_SIGNATURES = 3
MAX_TITLES = 4


def told(s: Situation, verdict: Verdict, at: datetime) -> tuple[Story, tuple[Alert, ...]]:
    """The story after the hit, and its alert if there is one."""
    story = _counted(s, verdict)
    alert = None
    if verdict.kind:
        alert = _alert(story, s.hit, verdict.kind)
        story = replace(
            story,
            alerts=story.alerts + 1,
            first_alert=story.first_alert or alert.id,
            alerted_at=s.now,
            severity=_higher(story.severity, s.hit.severity),
            rules=digests.joined(story.rules, s.hit.rules),
        )
    story = replace(story, tellings=remembered(story.tellings, _telling(s, alert, at)))
    return story, (alert,) if alert else ()


def _counted(s: Situation, verdict: Verdict) -> Story:
    """The story with the hit's article in its counts, and with what further articles are recognised by."""
    hit, new = s.hit, s.telling is None
    story = s.story or Story(
        id=digest("story", hit.desk, hit.id, hit.seen_at.isoformat()),
        desk=hit.desk,
        first_seen=s.now,
        last_seen=s.now,
        expires=s.now,
        title=hit.title,
    )
    source = hit.owner or hit.source or ""
    further = bool(source) and source not in story.source_names
    # Copies do not lend the story their text, or it would wander from like to like; its own articles' revisions do.
    signature = hit.signature or "" if s.story is None or not new else ""
    return replace(
        story,
        last_seen=s.now,
        expires=max(story.expires, s.now + max(LIFE, timedelta(seconds=hit.policy.cooldown))),
        articles=story.articles + new,
        sources=story.sources + further,
        suppressed=story.suppressed + (new and verdict.kind is None),
        source_names=_kept(story.source_names, source, MAX_SOURCES),
        signatures=_kept(story.signatures, signature, MAX_SIGNATURES),
        titles=_kept(story.titles, normal_title(hit.title), MAX_TITLES),
    )


def _kept(known: tuple[str, ...], more: str, limit: int) -> tuple[str, ...]:
    """`more` added, unless it is empty or known; the first and the latest stay."""
    if not more or more in known:
        return known
    return (*known, more) if len(known) < limit else (known[0], *known[2:], more)


def _telling(s: Situation, alert: Alert | None, at: datetime) -> Telling:
    hit, before = s.hit, s.telling
    missed = s.late == "missed"
    kept = before if before and not alert else None
    return Telling(
        id=hit.article_id,
        # Two revisions back: a crash upstream repeats a few of its last hits, in order.
        hits=(*(before.hits[-3:] if before else ()), hit.id),
        seen_at=max(hit.seen_at, before.seen_at) if before else hit.seen_at,
        severity=hit.severity,
        rules=rules_digest(hit.rules),
        alerted=alert.article if alert else (before.alerted if before else None),
        embargo_until=hit.embargo_until,
        withdrawn_at=kept.withdrawn_at if kept and not missed else None,
        missed=_article(hit) if missed else (kept.missed if kept else None),
        missed_at=at if missed else (kept.missed_at if kept else None),
    )


def remembered(tellings: tuple[Telling, ...], telling: Telling) -> tuple[Telling, ...]:
    """The articles that a story remembers, with this one as it is now."""
    others = [other for other in tellings if other.id != telling.id]
    if len(others) >= MAX_TELLINGS:
        others.remove(next((other for other in others if other.alerted is None), others[0]))
    return (*others, telling)


def _higher(a: str | None, b: str) -> str:
    return b if a is None or severity_rank(b) > severity_rank(a) else a


def _alert(story: Story, hit: Hit, kind: str) -> Alert:
    return Alert(
        id=alert_id(story.desk, story.id, kind, story.alerts),
        kind=kind,
        desk=story.desk,
        story_id=story.id,
        seq=story.alerts,
        updates=story.first_alert,
        severity=hit.severity,
        rules=hit.rules,
        article=_article(hit),
        snippet=hit.snippet,
        counts=Counts(articles=story.articles, sources=story.sources, suppressed=story.suppressed),
        first_seen=story.first_seen,
        last_seen=story.last_seen,
        embargo_until=hit.embargo_until,
    )


def _article(hit: Hit) -> AlertArticle:
    return AlertArticle(
        id=hit.article_id,
        revision=hit.revision,
        url=hit.url,
        title=hit.title,
        source=hit.source,
        language=hit.language,
        published_at=hit.published_at,
    )


def retraction(story: Story, telling: Telling, article: AlertArticle, record: Withdrawn) -> Alert:
    """The alert that an article which the desk was told of is withdrawn."""
    title = record.title or article.title
    return Alert(
        id=alert_id(story.desk, story.id, "withdrawn", story.alerts),
        kind="withdrawn",
        desk=story.desk,
        story_id=story.id,
        seq=story.alerts,
        updates=story.first_alert,
        severity=telling.severity,
        rules=story.rules,
        article=replace(article, url=record.url or article.url, title=title, source=record.source or article.source),
        snippet=Snippet(text=title or ""),
        counts=Counts(articles=story.articles, sources=story.sources, suppressed=story.suppressed),
        first_seen=story.first_seen,
        last_seen=story.last_seen,
        embargo_until=telling.embargo_until,
    )
