"""A record as an article to be understood: decoded, filtered, cleaned, its language known."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from alerts.sources import Sources, without_boilerplate
from topics import codec, events
from topics.errors import InvalidRecord
from topics.identity import article_id_of
from topics.inputs.read import Readers
from topics.records import RawArticle, Warn, Withdrawn
from workers.article.boilerplate import Boilerplate
from workers.article.language import detect
from workers.article.options import Options
from workers.article.text import clean, clean_title
from workers.article.work import EPOCH, Work
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, FILTERED, TRACE, Output, Record, Result

_LATEST = 7_258_118_400_000  # the year 2200, in milliseconds: no broker is that wrong by accident


class Reading:
    """All that may end an article early. `sources` are those that are known by name."""

    def __init__(self, options: Options, *, clock: Callable[[], float]) -> None:
        self.sources = Sources()
        self._options = options
        self._clock = clock
        self._readers = Readers(options.inputs)
        self._boilerplate = Boilerplate.load()
        self._only = _folded(options.sources)
        self._never = _folded(options.exclude_sources)

    def read(self, record: Record) -> Work:
        """The record's article, or its `result` where there is none to go on with."""
        work = Work(record)
        try:
            work.result = self.decode(work) or self._clean(work)
        except InvalidRecord as error:
            work.result = Result(
                DEAD_LETTERED, error.reason, then=(dead_letter(record, error, stage="enrich"),), stages=work.stages
            )
        return work

    def decode(self, work: Work) -> Result | None:
        """What the record holds, and whose it is. Raises InvalidRecord."""
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

    def _attribute(self, work: Work) -> None:
        """Whose article it is: that of a listed source has its id, and may be filtered for by any of its names."""
        article = work.article
        work.names = (article.source,) if article.source else ()
        work.listed = self.sources.find(source=article.source, url=article.url)
        if work.listed is not None:
            work.names += work.listed.names
            work.article = replace(article, source=work.listed.id)

    def _no_article(self, why: str) -> Result:
        if why == "null" and self._options.on_null != "ignore":
            raise InvalidRecord("empty_value", "the record's payload is null")
        return Result(FILTERED, why)

    def _filtered(self, work: Work) -> Result | None:
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

    def _clean(self, work: Work) -> Result | None:
        started = self._clock()
        article = work.article
        title = clean_title(article.title or "")
        body = clean(article.body or "", content_type=article.content_type)
        work.title, work.text = title.text, body.text
        work.warnings += [*title.warnings, *body.warnings]
        self._furniture(work)
        work.stages["clean"] = self._clock() - started
        if not (work.title or work.text):
            raise InvalidRecord("no_text", "no text is left once markup and control characters are gone")
        started = self._clock()
        work.language = detect(f"{work.title}\n{work.text[:2000]}", declared=article.language)
        work.stages["language"] = self._clock() - started
        if self._options.languages and work.language not in self._options.languages:
            return Result(FILTERED, "language", stages=work.stages)
        return None

    def _furniture(self, work: Work) -> None:
        """Take out what the source's patterns name, then what is furniture anywhere, before anything looks at the text.

        The source's first, so that its metric counts what its patterns do.
        """
        kept = False
        if work.listed is not None:
            cleaned = without_boilerplate(work.text, work.listed)
            work.text, work.removed, work.boilerplate = cleaned.text, cleaned.removed, cleaned.count
            kept = cleaned.kept
        stripped = self._boilerplate.stripped(work.text)
        work.text, work.furniture = stripped.cleaned.text, stripped.kinds
        work.removed += stripped.cleaned.removed
        if kept or stripped.cleaned.kept:
            work.warnings.append(Warn(field="body", reason="nothing but boilerplate: left as it came"))


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in names)


def _seen_at(record: Record, article: RawArticle, warnings: list[Warn]) -> datetime:
    """The broker's time: the only clock of all decisions. A record without a usable one has the article's."""
    if 0 < record.timestamp < _LATEST:
        return EPOCH + timedelta(milliseconds=record.timestamp)
    warnings.append(Warn(field="(timestamp)", reason="the record has no usable timestamp"))
    return article.published_at or EPOCH


def _withdrawn(work: Work, source: str) -> Output:
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
