"""What a desk has missed while nobody watched, and when it is told: in one digest, not article by article.

Two clocks are compared here, and both are the brokers': when an article came (`seen_at`), and when its hit was appended
to the log of hits (`at`). What lies between them is how long the stream took. A hit is `missed` when it took so long
that its article became too old to ring, though somebody had been watching when it came. While a desk has missed
something, further hits that come late join it, old or not: they are of the same outage. An article that was old when
it came, or that came before anybody watched, is `backfill` and told to nobody.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from alerts.policies import MAX_RULES
from topics.identity import alert_id, digest
from topics.records import Alert, AlertArticle, Counts, Hit, Missed, RuleMet, Snippet, severity_rank
from topics.stories import Digest, Story, Telling

LONGEST = timedelta(minutes=30)
"""After which a desk is told what it has missed so far, though more still comes."""
MAX_STORIES = 20
"""Stories that a digest names. The others are counted."""
MAX_SENT = 16
"""Digests that one record may make due: they must fit one batch. What is left waits for the next record."""
MAX_NAMES = 8
_LEAST, _MOST = timedelta(seconds=2), timedelta(seconds=60)


def patience(hit: Hit) -> timedelta:
    """A 360th of the age at which the article no longer rings: a minute of six hours, and no more.

    The stream may take so long without a hit being late; and so long nothing late must come before a digest is due.
    """
    published = min(hit.published_at or hit.seen_at, hit.seen_at)
    return max(_LEAST, min(_MOST, (hit.stale_at - published) / 360)) if hit.stale_at else _MOST


def too_late(hit: Hit, at: datetime, *, live_since: datetime | None, missing: bool) -> str | None:
    """`backfill` or `missed` where a hit appended `at` is not to ring; None where it may.

    `live_since` is since when somebody watches, `missing` whether the desk has missed something already.
    """
    if hit.backfill or hit.stale_at is None:
        return "backfill" if hit.backfill else None
    old, late = at > hit.stale_at, is_late(hit, at)
    watched = live_since is not None and hit.seen_at >= live_since
    # Under embargo it could not have been told yet, and cannot now: it waits by itself.
    open_to_tell = hit.embargo_until is None or hit.embargo_until <= at
    if late and watched and open_to_tell and (old or missing):
        return "missed"
    return "backfill" if old else None


def is_late(hit: Hit, at: datetime) -> bool:
    """Whether the stream took longer for the hit than it may."""
    return hit.stale_at is not None and at - hit.seen_at > patience(hit)


def due(waiting: Iterable[Digest]) -> datetime | None:
    """When the next of a partition's digests is to go out, on the log's clock; None: there is none.

    As long as missed hits of any desk come, the outage's end is not in sight.
    """
    last, oldest, calm = None, None, _MOST.total_seconds()
    for one in waiting:
        last = one.last if last is None else max(last, one.last)
        oldest = one.since if oldest is None else min(oldest, one.since)
        calm = min(calm, one.patience)
    if last is None or oldest is None:
        return None
    return min(last + timedelta(seconds=calm), oldest + LONGEST)


def sent(waiting: Collection[Digest], at: datetime) -> tuple[Digest, ...]:
    """The digests that go out when the log's clock says `at`: at most MAX_SENT, the oldest first."""
    last = max(one.last for one in waiting)
    ripe = [one for one in waiting if min(last + timedelta(seconds=one.patience), one.since + LONGEST) <= at]
    return tuple(sorted(ripe, key=lambda one: (one.since, one.desk))[:MAX_SENT])


def more(known: Digest | None, hit: Hit, at: datetime, *, story: Story | None, story_id: str, new: bool) -> Digest:
    """The digest with a missed hit in it. `story` is its story before the hit; `new`: its article is to be counted."""
    line = _line(hit, story_id)
    if known is None:
        return Digest(
            id=digest("digest", hit.desk, hit.id, at.isoformat()),
            desk=hit.desk,
            since=at,
            last=at,
            patience=patience(hit).total_seconds(),
            first_seen=hit.seen_at,
            last_seen=hit.seen_at,
            articles=1,
            stories=1,
            severity=hit.severity,
            rules=joined((), hit.rules),
            missed=(line,),
        )
    counted = story is not None and any(is_in(known, telling) for telling in story.tellings)
    return replace(
        known,
        last=max(known.last, at),
        first_seen=min(known.first_seen, hit.seen_at),
        last_seen=max(known.last_seen, hit.seen_at),
        articles=known.articles + new,
        stories=known.stories + (not counted),
        severity=max(known.severity, hit.severity, key=severity_rank),
        rules=joined(known.rules, hit.rules),
        missed=ranked(merged(known.missed, line, articles=new)),
    )


def is_in(known: Digest, telling: Telling) -> bool:
    """Whether a digest that is not out yet has this article in it."""
    return telling.missed_at is not None and telling.missed_at >= known.since and telling.withdrawn_at is None


def without(known: Digest, story: Story, article_id: str) -> Digest | None:
    """The digest when one of its articles is withdrawn; None where that was the only one."""
    if known.articles <= 1:
        return None
    rest = [one for one in story.tellings if one.id != article_id and is_in(known, one)]
    lines = [line for line in known.missed if line.story_id != story.id]
    old = next((line for line in known.missed if line.story_id == story.id), None)
    if old is not None and rest:
        lines.append(replace(_another(old, rest[-1]) if old.article_id == article_id else old, articles=len(rest)))
    return replace(
        known,
        articles=known.articles - 1,
        stories=known.stories - (not rest),
        severity=max((line.severity for line in lines), key=severity_rank, default=known.severity),
        missed=ranked(lines),
    )


def _another(line: Missed, telling: Telling) -> Missed:
    article = telling.missed
    assert article is not None
    return replace(
        line,
        article_id=article.id,
        revision=article.revision,
        title=article.title,
        url=article.url,
        source=article.source,
        severity=telling.severity,
    )


def _line(hit: Hit, story_id: str) -> Missed:
    return Missed(
        story_id=story_id,
        article_id=hit.article_id,
        revision=hit.revision,
        title=hit.title,
        url=hit.url,
        source=hit.source,
        severity=hit.severity,
        rules=names(hit.rules),
        first_seen=hit.seen_at,
        last_seen=hit.seen_at,
    )


def names(rules: Iterable[RuleMet]) -> tuple[str, ...]:
    """The rules' names, a few of them."""
    return tuple(dict.fromkeys(rule.name or rule.rule for rule in rules))[:MAX_NAMES]


def merged(lines: Sequence[Missed], line: Missed, *, articles: int = 1) -> list[Missed]:
    """The lines with so many more articles: in their story's line where there is one."""
    old = next((one for one in lines if one.story_id == line.story_id), None)
    others = [one for one in lines if one is not old]
    return [*others, joined_line(old, line, articles=old.articles + articles) if old else line]


def joined_line(old: Missed, line: Missed, *, articles: int) -> Missed:
    """A story's line with another of its articles."""
    shown = line if severity_rank(line.severity) >= severity_rank(old.severity) else old
    return replace(
        shown,
        kind=line.kind,
        articles=articles,
        rules=tuple(dict.fromkeys((*old.rules, *line.rules)))[:MAX_NAMES],
        first_seen=min(old.first_seen, line.first_seen),
        last_seen=max(old.last_seen, line.last_seen),
    )


def ranked(lines: Sequence[Missed]) -> tuple[Missed, ...]:
    """The most severe, the latest among equals; at most MAX_STORIES."""
    latest = sorted(lines, key=lambda line: (line.last_seen, line.story_id), reverse=True)
    return tuple(sorted(latest, key=lambda line: severity_rank(line.severity), reverse=True)[:MAX_STORIES])


def joined(known: tuple[RuleMet, ...], met: Iterable[RuleMet]) -> tuple[RuleMet, ...]:
    """The rules, each once, without what belongs to one article."""
    seen = {(rule.watchlist, rule.rule) for rule in known}
    added = (replace(r, evidence=(), tags=(), meta={}) for r in met if (r.watchlist, r.rule) not in seen)
    return (*known, *added)[:MAX_RULES]


def alert(known: Digest) -> Alert:
    """The alert that a digest goes out as."""
    articles, stories = counted(known.articles, "article"), counted(known.stories, "story", "stories")
    said = f"{articles} in {stories} came while nobody watched, {period(known.first_seen, known.last_seen)}."
    if known.stories > len(known.missed):
        said += f" The {len(known.missed)} most severe:"
    return told(
        known.missed,
        desk=known.desk,
        name=known.id,
        said=said,
        rules=known.rules,
        severity=known.severity,
        counts=Counts(articles=known.articles, suppressed=known.articles),
        times=(known.first_seen, known.last_seen),
    )


def told(
    lines: Sequence[Missed],
    *,
    desk: str,
    name: str,
    said: str,
    rules: tuple[RuleMet, ...],
    severity: str,
    counts: Counts,
    times: tuple[datetime, datetime],
) -> Alert:
    """A digest of these stories, as an alert; `name` is its own, and `said` the sentence that it begins with."""
    first = lines[0] if lines else None
    return Alert(
        id=alert_id(desk, name, "digest", 0),
        kind="digest",
        desk=desk,
        story_id=name,
        seq=0,
        severity=severity,
        rules=rules,
        article=_article(first) if first else AlertArticle(id="", revision=""),
        snippet=Snippet(text=said),
        counts=counts,
        first_seen=times[0],
        last_seen=times[1],
        missed=tuple(lines),
    )


def _article(line: Missed) -> AlertArticle:
    return AlertArticle(id=line.article_id, revision=line.revision, url=line.url, title=line.title, source=line.source)


def period(first: datetime, last: datetime) -> str:
    """From when to when, for people."""
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"from {first:%Y-%m-%d %H:%M} to {end} UTC"


def counted(number: int, one: str, several: str | None = None) -> str:
    """The number with its noun."""
    return f"{number} {one if number == 1 else several or one + 's'}"
