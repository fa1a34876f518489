"""The fold: what a record of `news.hits` makes of a partition's stories, and whom it alerts.

`step` decides and changes nothing, `State.apply` carries the decision out. Both hang on the records alone, no clock,
no order of a set, so that any worker, any replay and the state read back from `news.stories` come to the same alerts.

One article alerts a desk once, whatever number of its rules it meets. A further article of the same story is folded
into the story's counts while the cooldown since its last alert lasts, and alerts (`corroborated`) when that is over:
somebody else still reports it. A further rule or a higher severity alerts at once (`escalated`). After a withdrawal
the next article of the story alerts. A hit whose id is known changes nothing; so an article that goes back to an
earlier revision does not, either.

A desk's clock is the latest `seen_at` of its hits and of the partition's ticks. A story is forgotten when nothing was
heard of it for `LIFE`, or for the cooldown if that is longer.

What comes too late to ring is told in a digest, or to nobody: `alerts.digests`. That, and nothing else, hangs on when a
record was appended to the log.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import repeat

from msgspec.structs import replace

from alerts import digests
from alerts.policies import Situation, judge
from alerts.state import Desk, Forgotten, State, Step, Told
from alerts.telling import LIFE, remembered, retraction, told
from topics.records import Alert, Closed, Hit, HitRecord, Tick, Withdrawn
from topics.stories import Digest, Story, Telling

MAX_FORGOTTEN = 64
"""Stories that one record may expire: its changes must fit one batch. What is left waits for the next."""
_END = datetime.max.replace(tzinfo=UTC)


def step(state: State, record: HitRecord, at: datetime | None = None, *, hold: bool = False) -> Step:
    """What the record leads to in this state. The state stays as it is: see `State.apply`.

    `at` is when the record was appended to the log, by the broker's clock; None: when its article came. `hold`: more of
    the same outage is known to follow, so no digest goes out yet.
    """
    at = record.seen_at if at is None else at
    if hold or state.due is None or at < state.due:
        return _stepped(state, record, at, state.digests)
    out = digests.sent(state.digests.values(), at)
    closed = tuple(Told(one.desk) for one in out)
    missing = {desk: one for desk, one in state.digests.items() if one not in out}
    done = _stepped(state, record, at, missing)
    return dataclasses.replace(done, alerts=(*map(digests.alert, out), *done.alerts), missed=(*closed, *done.missed))


def _stepped(state: State, record: HitRecord, at: datetime, missing: Mapping[str, Digest]) -> Step:
    """What the record itself leads to; `missing` are the digests that stay open."""
    if isinstance(record, Hit):
        return _hit(state, record, at, missing.get(record.desk))
    if isinstance(record, Withdrawn):
        return _withdrawn(state, record, missing)
    if isinstance(record, Closed):
        clock = state.clock(record.desk)
        closing = {**state.closing, record.desk: clock} if clock and record.desk in state.desks else state.closing
        return _swept(state, closing=closing)
    return _tick(state, record, at)


def fold(
    records: Iterable[HitRecord | None], state: State | None = None, *, times: Iterable[datetime | None] | None = None
) -> Iterator[Alert]:
    """The alerts that one partition's records lead to, in order; None is a record that nobody could read.

    With a `state`, it goes on from that and leaves its own end there. `times` says when each was appended to the log;
    without it, nothing ever came late.
    """
    state = State() if state is None else state
    for record, at in zip(records, repeat(None) if times is None else times, strict=False):
        if record is not None:
            done = step(state, record, at)
            state.apply(done)
            yield from done.alerts


def _hit(state: State, hit: Hit, at: datetime, known: Digest | None) -> Step:
    desk = state.desks.get(hit.desk) or Desk()
    story = desk.find(hit)
    telling = next((t for t in story.tellings if t.id == hit.article_id), None) if story else None
    if story is not None and telling is not None and hit.seen_at < story.expires and _is_known(telling, hit):
        return _swept(state, suppressed="repeat")
    clock = state.clock(hit.desk)
    now = hit.seen_at if clock is None else max(clock, hit.seen_at)
    gone = desk.due(now, MAX_FORGOTTEN)
    if story is not None and story.id in gone:
        story = telling = None
    late = digests.too_late(hit, at, live_since=state.live_since, missing=known is not None)
    situation = Situation(hit, now, story, telling, late)
    verdict = judge(situation)
    changed, alerts = told(situation, verdict, at)
    missed = (_missed(situation, known, at, changed.id),) if late == "missed" else ()
    live = hit.seen_at if late is None and not digests.is_late(hit, at) else None
    forgotten = tuple(Forgotten(hit.desk, story_id) for story_id in gone)
    closing = {name: at for name, at in state.closing.items() if name != hit.desk}
    done = _swept(state, (*forgotten, changed), alerts, closing=closing, suppressed=verdict.reason, live=live)
    return dataclasses.replace(done, missed=missed) if missed else done


def _missed(s: Situation, known: Digest | None, at: datetime, story_id: str) -> Digest:
    counted = known is not None and s.telling is not None and digests.is_in(known, s.telling)
    return digests.more(known, s.hit, at, story=s.story, story_id=story_id, new=not counted)


def _is_known(telling: Telling, hit: Hit) -> bool:
    """Whether this very hit was folded. An article that comes again after it was withdrawn is news."""
    again = telling.withdrawn_at is not None and hit.seen_at > telling.withdrawn_at
    return hit.id in telling.hits and not again


def _withdrawn(state: State, record: Withdrawn, missing: Mapping[str, Digest]) -> Step:
    """Every desk that was told of the article is told so. The rules are the story's, without evidence.

    What a digest was to tell, and has not yet, it leaves out.
    """
    changes: list[Story | Forgotten] = []
    alerts: list[Alert] = []
    missed: list[Digest | Told] = []
    for name, desk in sorted(state.desks.items()):
        story = desk.stories.get(desk.articles.get(record.article_id, ""))
        telling = next((t for t in story.tellings if t.id == record.article_id), None) if story else None
        if story is None or telling is None or telling.withdrawn_at is not None or record.seen_at < telling.seen_at:
            continue
        now = max(filter(None, (state.clock(name), record.seen_at)))
        story = replace(story, last_seen=now, expires=max(story.expires, now + LIFE))
        known, article = missing.get(name), telling.alerted or telling.missed
        if known is not None and digests.is_in(known, telling):
            missed.append(digests.without(known, story, telling.id) or Told(name))
            article = telling.alerted
        if article is not None:
            alerts.append(retraction(story, telling, article, record))
            # No cooldown: whoever still reports it is worth an alert.
            story = replace(story, alerts=story.alerts + 1, alerted_at=None)
        marked = replace(telling, withdrawn_at=record.seen_at)
        changes.append(replace(story, tellings=remembered(story.tellings, marked)))
    done = _swept(state, tuple(changes), tuple(alerts))
    return dataclasses.replace(done, missed=tuple(missed)) if missed else done


def _tick(state: State, record: Tick, at: datetime) -> Step:
    ticked = record.seen_at if state.ticked is None else max(state.ticked, record.seen_at)
    gone: list[Forgotten] = []
    for name, desk in sorted(state.desks.items()):
        now = max(filter(None, (state.clock(name), ticked)))
        gone.extend(Forgotten(name, story_id) for story_id in desk.due(now, MAX_FORGOTTEN - len(gone)))
    return _swept(state, tuple(gone), ticked=ticked, live=at)


def _swept(
    state: State,
    changes: tuple[Story | Forgotten, ...] = (),
    alerts: tuple[Alert, ...] = (),
    *,
    closing: Mapping[str, datetime] | None = None,
    ticked: datetime | None = None,
    live: datetime | None = None,
    suppressed: str | None = None,
) -> Step:
    """The step, and with it a few more stories of the desks that are closing. `live`: somebody watched then."""
    closing = dict(state.closing if closing is None else closing)
    room = MAX_FORGOTTEN - sum(isinstance(change, Forgotten) for change in changes)
    touched = {change.id for change in changes}
    for name in sorted(closing):
        desk = state.desks.get(name)
        gone = [story_id for story_id in desk.due(_END, room) if story_id not in touched] if desk else []
        changes += tuple(Forgotten(name, story_id) for story_id in gone)
        room -= len(gone)
        if desk is None or len(gone) == len(desk.stories):
            del closing[name]
    return Step(
        changes=changes,
        alerts=alerts,
        ticked=ticked or state.ticked,
        closing=closing,
        live_since=state.live_since or live,
        suppressed=suppressed,
    )
