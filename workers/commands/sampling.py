"""A sample of a topic, read and enriched by the worker's own code: which fields its articles have, what goes wrong."""

from collections import Counter
from typing import Any

import msgspec

from alerts.plain import plain
from topics.codec import encode
from topics.errors import InvalidRecord
from topics.inputs.form import FIELDS, Form
from topics.inputs.read import Read, Reader
from topics.records import RawArticle, Warn
from workers.commands.annotating import enriched
from workers.commands.reading import last
from workers.dead_letters import PREFIX
from workers.messages import DEAD_LETTERED, ENRICHED, Output, Record, Result
from workers.settings import Settings
from workers.stream.batches import record_of

_LONGEST = 300
"""Characters of a text that are shown."""
_BLANK = RawArticle()


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one reason: how many, and one of them."""

    reason: str
    records: int
    at: str
    message: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What `records` records of a topic hold.

    `articles` could be read, `enriched` of them are published; `fields` counts the articles that have each field of
    RawArticle, `expected` are those that are counted where they are missing; `filtered` are records by reason.
    `article` is one of them as it was read, and `at` where it is (topic/partition/offset).
    """

    topic: str
    format: str
    records: int
    articles: int
    enriched: int
    fields: dict[str, int]
    expected: tuple[str, ...]
    filtered: dict[str, int]
    bad: tuple[Bad, ...]
    at: str | None = None
    article: RawArticle | None = None
    warnings: tuple[Warn, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Fields that are expected, and that no article has."""
        return tuple(name for name in self.expected if self.articles and not self.fields[name])


async def sample(settings: Settings, topic: str, number: int) -> Sample:
    """Read about the last `number` records of a topic, without a consumer group, and enrich them.

    Raises ConfigError for a topic that is not there, KafkaError, TimeoutError or CommandFailed where brokers or a
    schema registry do not answer.
    """
    form = next((one.form for one in settings.inputs if one.claims(topic)), Form())
    collector = Collector(topic, form)
    records = [record_of(message) for message in await last(settings, topic, number)]
    if records:
        async for record, result in enriched(settings, records):
            collector.add(record, result)
    return collector.sample()


class Collector:
    """Counts."""

    def __init__(self, topic: str, form: Form) -> None:
        self._topic = topic
        self._form = form
        self._reader = Reader(form)
        self._records = self._articles = self._enriched = 0
        self._fields: Counter[str] = Counter()
        self._filtered: Counter[str] = Counter()
        self._bad: dict[str, Bad] = {}
        self._shown: tuple[str, Read] | None = None

    def add(self, record: Record, result: Result) -> None:
        self._records += 1
        at = f"{record.topic}/{record.partition}/{record.offset}"
        if result.outcome == DEAD_LETTERED:
            self._add_bad(at, result)
            return
        self._enriched += result.outcome == ENRICHED
        if result.outcome != ENRICHED:
            self._filtered[result.reason or "?"] += 1
        try:
            # The pool has survived it. Its results do not carry the article as it came.
            read = self._reader(record.value, record.headers, schema=record.schema)
        except InvalidRecord:
            return
        if read.filtered is None:
            self._articles += 1
            self._fields.update(name for name in FIELDS if self._has(read, name))
            self._shown = (at, read)

    def _has(self, read: Read, name: str) -> bool:
        if name in self._form.expected and read.article.status == "usable":
            return name not in read.missing
        return bool(getattr(read.article, name) != getattr(_BLANK, name))

    def _add_bad(self, at: str, result: Result) -> None:
        reason = result.reason or "?"
        before = self._bad.get(reason)
        if before is None:
            self._bad[reason] = Bad(reason=reason, records=1, at=at, message=_message(result.then[0]))
        else:
            self._bad[reason] = msgspec.structs.replace(before, records=before.records + 1)

    def sample(self) -> Sample:
        shown = self._shown[1] if self._shown else None
        return Sample(
            topic=self._topic,
            format=self._form.format,
            records=self._records,
            articles=self._articles,
            enriched=self._enriched,
            fields={name: self._fields[name] for name in FIELDS},
            expected=self._form.expected,
            filtered=dict(self._filtered.most_common()),
            bad=tuple(sorted(self._bad.values(), key=lambda bad: -bad.records)),
            at=self._shown[0] if self._shown else None,
            article=shown.article if shown else None,
            warnings=shown.warnings if shown else (),
        )


def _message(letter: Output) -> str:
    return (dict(letter.headers).get(f"{PREFIX}message") or b"").decode("utf-8", "replace")


def as_text(found: Sample) -> str:
    """For a person. Safe to print."""
    lines = [
        f"{found.topic} ({found.format}): {found.records} records read, {found.articles} articles, "
        f"{found.enriched} enriched, {sum(found.filtered.values())} filtered, "
        f"{sum(bad.records for bad in found.bad)} dead letters"
    ]
    if found.articles:
        lines += ["", f"{'field':<16}{'articles':>8}{'share':>8}", *(_share(found, name) for name in FIELDS)]
    if found.filtered:
        lines += ["", "filtered", *(f"  {reason:<14}{number:>8}" for reason, number in found.filtered.items())]
    if found.bad:
        lines += ["", "dead letters", *(f"  {b.reason:<14}{b.records:>8}  {b.at}: {b.message}" for b in found.bad)]
    if found.article is not None:
        lines += ["", f"one of them as it was read ({found.at})", *_shown(found.article)]
        lines += [f"  warning: {warning.field}: {warning.reason}" for warning in found.warnings]
    return "\n".join(plain(line) for line in lines)


def _share(found: Sample, name: str) -> str:
    number = found.fields[name]
    mark = "  expected" if name in found.missing else ""
    return f"{name:<16}{number:>8}{100 * number / found.articles:>7.0f}%{mark}"


def _shown(article: RawArticle) -> list[str]:
    fields: dict[str, Any] = msgspec.json.decode(encode(msgspec.structs.replace(article, extra={})))
    lines = [f"  {name}: {_cut(value)}" for name, value in fields.items()]
    names = ", ".join(list(article.extra)[:20])
    return [*lines, f"  beside them: {names[:_LONGEST]}"] if names else lines


def _cut(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text.replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def as_json(found: Sample) -> str:
    """For a program. What is beside RawArticle's fields is left out."""
    article = msgspec.structs.replace(found.article, extra={}) if found.article else None
    return msgspec.json.encode(msgspec.structs.replace(found, article=article)).decode()
