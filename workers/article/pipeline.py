"""One article, from bytes to encoded results and their outcome. Runs inside the pool's processes.

Everything that costs processor time happens here: decode, clean, language, entities, match, encode. What becomes of
an article is decided here, before anything is sent.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from alerts import bundle
from alerts.matcher import DeskMatch, Matcher
from alerts.sources import Source, Sources, without_boilerplate
from topics import codec, events
from topics.errors import InvalidRecord
from topics.identity import article_id_of, revision_of
from topics.inputs.read import Readers
from topics.records import Mention, Origin, RawArticle, Warn, Withdrawn
from workers.article import names
from workers.article.entities import MAX_CHARACTERS, Recogniser
from workers.article.gazetteer import Gazetteer
from workers.article.language import detect
from workers.article.options import Options
from workers.article.outputs import Understood, enriched_results
from workers.article.text import clean, clean_title
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, ENRICHED, FILTERED, TRACE, Output, Record, Result

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 7_258_118_400_000  # the year 2200, in milliseconds: no broker is that wrong by accident
_NO_ARTICLE = RawArticle()
_ENGLISH = ("en", "und")


@dataclass(slots=True)
class _Work:
    """An article on its way through the step."""

    record: Record
    stages: dict[str, float] = field(default_factory=dict)
    warnings: list[Warn] = field(default_factory=list)
    article: RawArticle = _NO_ARTICLE
    listed: Source | None = None
    names: tuple[str, ...] = ()
    boilerplate: int = 0
    missing: tuple[str, ...] = ()
    seen_at: datetime = _EPOCH
    title: str = ""
    text: str = ""
    removed: tuple[str, ...] = ()
    language: str = "und"
    mentions: tuple[Mention, ...] = ()
    matches: tuple[DeskMatch, ...] = ()
    result: Result | None = None


class Pipeline:
    """The enrich step with everything loaded. Call it with records; the results come in the same order."""

    def __init__(self, options: Options, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._options = options
        self._clock = clock
        self._recogniser = Recogniser(options.model)
        self._readers = Readers(options.inputs)
        self._gazetteer = Gazetteer.load()
        self._matcher = Matcher(())
        self._watchlists: dict[str, str] = {}
        self._sources = Sources()
        self._only = _folded(options.sources)
        self._never = _folded(options.exclude_sources)

    def use_watchlists(self, data: bytes) -> None:
        """Match with these watchlists, and know these sources, from now on (`alerts.bundle.encode`)."""
        held = bundle.decode(data)
        self._matcher = Matcher(held.watchlists)
        self._watchlists = {watchlist.id: watchlist.version for watchlist in held.watchlists}
        self._sources = Sources(held.sources)

    def __call__(self, records: Sequence[Record]) -> list[Result]:
        works = [self._read(record) for record in records]
        self._recognise([work for work in works if work.result is None])
        return [_attributed(work, work.result or self._finish(work)) for work in works]

    def article(self, record: Record) -> RawArticle | None:
        """The article that a record holds, and nothing done with it; None where it holds none. Raises InvalidRecord."""
        work = _Work(record)
        self._decode(work)
        return None if work.article is _NO_ARTICLE else work.article

    def _read(self, record: Record) -> _Work:
        """Decode, filter, clean: all that may end an article early."""
        work = _Work(record)
        try:
            work.result = self._decode(work) or self._clean(work)
        except InvalidRecord as error:
            work.result = Result(
                DEAD_LETTERED, error.reason, then=(dead_letter(record, error, stage="enrich"),), stages=work.stages
            )
        return work

    def _decode(self, work: _Work) -> Result | None:
        started = self._clock()
        record = work.record
        if record.value is None and self._options.on_null == "ignore":
            return Result(FILTERED, "null")
        read = self._readers.of(record.topic)(record.value, record.headers, schema=record.schema)
        if read.filtered:
            return self._no_article(read.filtered)
        work.article, work.missing = read.article, read.missing
        work.warnings.extend(read.warnings)
        self._attribute(work)
        work.seen_at = _seen_at(record, work.article, work.warnings)
        work.stages["decode"] = self._clock() - started
        return self._filtered(work)

    def _attribute(self, work: _Work) -> None:
        """Whose article it is: that of a listed source has its id, and may be filtered for by any of its names."""
        article = work.article
        work.names = (article.source,) if article.source else ()
        work.listed = self._sources.find(source=article.source, url=article.url)
        if work.listed is not None:
            work.names += work.listed.names
            work.article = replace(article, source=work.listed.id)

    def _no_article(self, why: str) -> Result:
        if why == "null" and self._options.on_null != "ignore":
            raise InvalidRecord("empty_value", "the record's payload is null")
        return Result(FILTERED, why)

    def _filtered(self, work: _Work) -> Result | None:
        article = work.article
        if article.status == "canceled":
            return Result(
                FILTERED, "canceled", first=(_withdrawn(work, self._options.event_source),), stages=work.stages
            )
        if article.status == "withheld":
            return Result(FILTERED, "withheld", stages=work.stages)
        names = _folded(work.names)
        if names & self._never or (self._only and not names & self._only):
            return Result(FILTERED, "source", stages=work.stages)
        return None

    def _clean(self, work: _Work) -> Result | None:
        started = self._clock()
        article = work.article
        title = clean_title(article.title or "")
        body = clean(article.body or "", content_type=article.content_type)
        work.title, work.text, work.removed = title.text, body.text, body.removed
        work.warnings += [*title.warnings, *body.warnings]
        if work.listed is not None:
            self._furniture(work, work.listed)
        work.stages["clean"] = self._clock() - started
        if not (work.title or work.text):
            raise InvalidRecord("no_text", "no text is left once markup and control characters are gone")
        started = self._clock()
        work.language = detect(f"{work.title}\n{work.text[:2000]}", declared=article.language)
        work.stages["language"] = self._clock() - started
        if self._options.languages and work.language not in self._options.languages:
            return Result(FILTERED, "language", stages=work.stages)
        return None

    def _furniture(self, work: _Work, source: Source) -> None:
        """Take out what the source's patterns name, before anything looks at the text."""
        cleaned = without_boilerplate(work.text, source)
        work.text, work.boilerplate = cleaned.text, cleaned.count
        work.removed += cleaned.removed
        if cleaned.kept:
            work.warnings.append(Warn(field="body", reason="nothing but the source's boilerplate: left as it came"))

    def _recognise(self, works: Sequence[_Work]) -> None:
        """Entities of all articles at once: the model is quicker in batches."""
        started = self._clock()
        for work in works:
            if len(work.text) > MAX_CHARACTERS:
                reason = f"entities of the first {MAX_CHARACTERS} characters only"
                work.warnings.append(Warn(field="entities", reason=reason))
        english = [work for work in works if work.language in _ENGLISH]
        texts = [pair for work in english for pair in (("title", work.title), ("text", work.text))]
        found = self._recogniser.mentions(texts)
        for work, title, text in zip(english, found[::2], found[1::2], strict=True):
            work.mentions = (*title, *text)
        for work in works:
            head = work.text[:MAX_CHARACTERS]
            known = [*self._gazetteer.mentions("title", work.title), *self._gazetteer.mentions("text", head)]
            work.mentions = names.canonicalise(names.combine(work.mentions, known), self._gazetteer)
        for work in works:
            work.stages["entities"] = (self._clock() - started) / len(works)

    def _finish(self, work: _Work) -> Result:
        started = self._clock()
        article = work.article
        work.matches = self._matcher.match(title=work.title, text=work.text, source=work.names, language=work.language)
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
        )

    def _understood(self, work: _Work) -> Understood:
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
            model=self._recogniser.name,
            watchlists=self._watchlists,
            headers=tuple(header for header in record.headers if header[0] in TRACE),
            event_source=self._options.event_source,
        )


def _attributed(work: _Work, result: Result) -> Result:
    if work.listed is None:
        return result
    return result._replace(source=work.listed.id, boilerplate=work.boilerplate)


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in names)


def _seen_at(record: Record, article: RawArticle, warnings: list[Warn]) -> datetime:
    """The broker's time: the only clock of all decisions. A record without a usable one has the article's."""
    if 0 < record.timestamp < _LATEST:
        return _EPOCH + timedelta(milliseconds=record.timestamp)
    warnings.append(Warn(field="(timestamp)", reason="the record has no usable timestamp"))
    return article.published_at or _EPOCH


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


def _withdrawn(work: _Work, source: str) -> Output:
    article = work.article
    record = Withdrawn(
        article_id=article_id_of(article),
        seen_at=work.seen_at,
        url=article.url,
        title=clean_title(article.title or "").text or None,
        source=article.source,
    )
    carried = tuple(header for header in work.record.headers if header[0] in TRACE)
    headers = (*events.headers(record, source=source), *carried)
    return Output("hits", None, codec.encode(record), headers, every=True)
