"""One article, from bytes to encoded results and their outcome. Runs inside the pool's processes.

Everything that costs processor time happens here: decode, clean, language (`reading`), entities (`recognising`),
match, encode. What becomes of an article is decided here, before anything is sent.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from alerts import bundle
from alerts.matcher import Matcher
from alerts.prospects import Prospects
from alerts.sources import Sources
from topics.errors import InvalidRecord
from topics.identity import article_id_of, revision_of
from topics.records import Origin, RawArticle
from workers.article.language import UNKNOWN
from workers.article.options import ON_HIT, Options
from workers.article.outputs import Understood, enriched_results
from workers.article.reading import Reading
from workers.article.recognising import Recognition
from workers.article.work import NO_ARTICLE, Work
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, ENRICHED, TRACE, Record, Result


class Pipeline:
    """The enrich step with everything loaded. Call it with records; the results come in the same order."""

    def __init__(self, options: Options, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._options = options
        self._clock = clock
        self._reading = Reading(options, clock=clock)
        self._recognition = Recognition(options, clock=clock)
        self._matcher = Matcher(())
        self._prospects: Prospects | None = None
        self._watchlists: dict[str, str] = {}

    def use_watchlists(self, data: bytes) -> None:
        """Match with these watchlists, know these sources and names, from now on (`alerts.bundle.encode`)."""
        held = bundle.decode(data)
        self._matcher = Matcher(held.watchlists)
        self._watchlists = {watchlist.id: watchlist.version for watchlist in held.watchlists}
        self._reading.sources = Sources(held.sources)
        self._recognition.know(held.names)
        if self._options.entities == ON_HIT:
            self._prospects = Prospects(held.watchlists, spellings=self._recognition.spellings)

    def __call__(self, records: Sequence[Record]) -> list[Result]:
        works = [self._reading.read(record) for record in records]
        left = [work for work in works if work.result is None]
        self._recognition.recognise(left, by_model=self._worth_the_model(left))
        return [_attributed(work, work.result or self._finish(work)) for work in works]

    def article(self, record: Record) -> RawArticle | None:
        """The article that a record holds, and nothing done with it; None where it holds none. Raises InvalidRecord."""
        work = Work(record)
        self._reading.decode(work)
        return None if work.article is NO_ARTICLE else work.article

    def _worth_the_model(self, works: Sequence[Work]) -> Sequence[Work]:
        """All of them, or those that may meet a rule, where the model is for these alone."""
        prospects = self._prospects
        if prospects is None:
            return works
        return [
            work
            for work in works
            if prospects.may_meet(title=work.title, text=work.text, source=work.names, language=_language(work))
        ]

    def _finish(self, work: Work) -> Result:
        started = self._clock()
        article = work.article
        work.matches = self._matcher.match(
            title=work.title, text=work.text, source=work.names, language=_language(work), mentions=work.mentions
        )
        work.stages["match"] = self._clock() - started
        started = self._clock()
        try:
            first, then = enriched_results(self._understood(work), max_bytes=self._options.max_output_bytes)
        except InvalidRecord as error:
            letter = dead_letter(work.record, error, stage="enrich")
            return Result(DEAD_LETTERED, error.reason, then=(letter,), stages=work.stages)
        work.stages["encode"] = self._clock() - started
        return Result(
            ENRICHED,
            first=first,
            then=then,
            stages=work.stages,
            age=(work.seen_at - article.published_at).total_seconds() if article.published_at else None,
            entities=dict(Counter(mention.label for mention in work.mentions)),
            desks=tuple((match.desk, match.severity) for match in work.matches),
            rules=tuple((rule.watchlist, rule.rule) for match in work.matches for rule in match.rules),
            missing=work.missing,
            paragraphs=work.paragraphs,
        )

    def _understood(self, work: Work) -> Understood:
        record = work.record
        stale_at = _stale_at(work.article, work.seen_at, self._options.max_alert_age)
        return Understood(
            article=work.article,
            owner=work.listed.owner if work.listed else None,
            article_id=article_id_of(work.article),
            revision=revision_of(work.article),
            title=work.title,
            text=work.text,
            removed=work.removed,
            language=work.language,
            mentions=work.mentions,
            matches=work.matches,
            warnings=tuple(work.warnings),
            seen_at=work.seen_at,
            backfill=stale_at is not None and work.seen_at > stale_at,
            stale_at=stale_at,
            origin=Origin(topic=record.topic, partition=record.partition, offset=record.offset, timestamp=work.seen_at),
            model=work.model,
            watchlists=self._watchlists,
            headers=tuple(header for header in record.headers if header[0] in TRACE),
            event_source=self._options.event_source,
        )


def _language(work: Work) -> str | None:
    return None if work.language == UNKNOWN else work.language


def _attributed(work: Work, result: Result) -> Result:
    result = result._replace(furniture=work.furniture)
    if work.listed is None:
        return result
    return result._replace(source=work.listed.id, boilerplate=work.boilerplate)


def _stale_at(article: RawArticle, seen_at: datetime, max_age: float) -> datetime | None:
    """When the article becomes too old to ring anybody; None: never.

    Its age counts from its publication, or from the end of an embargo. A date in the future is a clock that is wrong,
    and counts as that of the record.
    """
    published = min(article.published_at or seen_at, seen_at)
    try:
        return max(published, article.embargo_until or published) + timedelta(seconds=max_age)
    except OverflowError:
        return None
