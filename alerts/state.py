"""What a partition knows, and what one record changes in it: the data that `alerts.engine` decides on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from alerts.digests import due
from alerts.stories import Index, normal_title, same_story
from topics.records import Alert, Hit
from topics.stories import Digest, Story


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A story that has expired."""

    desk: str
    id: str


@dataclass(frozen=True, slots=True)
class Told:
    """A desk whose digest is out, or has nothing left in it."""

    desk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one record leads to. `suppressed` says why a hit alerted nobody (`policies.Verdict.reason`)."""

    changes: tuple[Story | Forgotten, ...] = ()
    missed: tuple[Digest | Told, ...] = ()
    alerts: tuple[Alert, ...] = ()
    ticked: datetime | None = None
    closing: Mapping[str, datetime] = field(default_factory=dict)
    live_since: datetime | None = None
    suppressed: str | None = None


class Desk:
    """The stories of one desk, and how to find them. Everything here follows from the stories."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.articles: dict[str, str] = {}
        self.clock: datetime | None = None
        self._index = Index()
        self._expiries: list[tuple[datetime, str]] = []

    def put(self, story: Story) -> None:
        """Take a story in, or its new form."""
        old = self.stories.get(story.id)
        if old is None:
            heappush(self._expiries, (story.expires, story.id))
        else:
            self._unname(old)
        self.stories[story.id] = story
        for telling in story.tellings:
            self.articles[telling.id] = story.id
        if old is None or old.signatures != story.signatures or old.titles != story.titles:
            if old is not None:
                self._unindex(old)
            self._index.add((story.first_seen, story.id), signatures=story.signatures, titles=story.titles)
        self.clock = story.last_seen if self.clock is None else max(self.clock, story.last_seen)

    def remove(self, story_id: str) -> None:
        """Forget a story. Its place among the expiries is skipped when its time comes."""
        story = self.stories.pop(story_id, None)
        if story is not None:
            self._unname(story)
            self._unindex(story)

    def _unname(self, story: Story) -> None:
        for telling in story.tellings:
            if self.articles.get(telling.id) == story.id:
                del self.articles[telling.id]

    def _unindex(self, story: Story) -> None:
        self._index.remove((story.first_seen, story.id), signatures=story.signatures, titles=story.titles)

    def due(self, now: datetime, limit: int) -> list[str]:
        """At most `limit` ids of stories that expire until `now`, the first to expire first, then by id."""
        found: dict[str, datetime] = {}
        while self._expiries and self._expiries[0][0] <= now and len(found) < limit:
            at, story_id = heappop(self._expiries)
            story = self.stories.get(story_id)
            if story is not None and story.expires == at:
                found[story_id] = at
            elif story is not None:  # heard of since: expiries only move forward
                heappush(self._expiries, (story.expires, story_id))
        for story_id, at in found.items():
            heappush(self._expiries, (at, story_id))
        return list(found)

    def find(self, hit: Hit) -> Story | None:
        """The story of this article, or else the earliest that tells the same."""
        known = self.articles.get(hit.article_id)
        if known is not None:
            return self.stories[known]
        signature, title = hit.signature or "", normal_title(hit.title)
        for _, story_id in self._index.candidates(signature, title):
            story = self.stories[story_id]
            if same_story(signature, title, signatures=story.signatures, titles=story.titles):
                return story
        return None


class State:
    """What one partition knows: its desks' stories, the latest tick, and the desks that are closing.

    `live_since` is when somebody first watched, `digests` is what each desk has missed, and `due` when the next of
    these is to go out, on the clock of the log.
    """

    def __init__(
        self,
        stories: Iterable[Story] = (),
        *,
        ticked: datetime | None = None,
        closing: Mapping[str, datetime] | None = None,
        live_since: datetime | None = None,
        missed: Iterable[Digest] = (),
    ) -> None:
        self.desks: dict[str, Desk] = {}
        self.ticked = ticked
        self.closing = dict(closing or {})
        self.live_since = live_since
        self.digests: dict[str, Digest] = {}
        self.due: datetime | None = None
        self._keep(missed)
        for story in stories:
            self.desks.setdefault(story.desk, Desk()).put(story)

    def apply(self, step: Step) -> None:
        """Carry out what `step` decided on this very state."""
        for change in step.changes:
            if isinstance(change, Story):
                self.desks.setdefault(change.desk, Desk()).put(change)
            elif change.desk in self.desks:
                self.desks[change.desk].remove(change.id)
                if not self.desks[change.desk].stories:
                    del self.desks[change.desk]
        self.ticked = step.ticked
        self.closing = dict(step.closing)
        self.live_since = step.live_since
        if step.missed:
            self._keep(step.missed)

    def _keep(self, missed: Iterable[Digest | Told]) -> None:
        for change in missed:
            if isinstance(change, Digest):
                self.digests[change.desk] = change
            else:
                self.digests.pop(change.desk, None)
        self.due = due(self.digests.values())

    def clock(self, desk: str) -> datetime | None:
        """The desk's clock, None before its first record."""
        kept = self.desks.get(desk)
        known = (kept.clock if kept else None, self.ticked, self.closing.get(desk))
        return max((at for at in known if at is not None), default=None)

    def stories(self) -> Iterator[Story]:
        """All stories, by desk and id."""
        for _, desk in sorted(self.desks.items()):
            yield from (story for _, story in sorted(desk.stories.items()))
