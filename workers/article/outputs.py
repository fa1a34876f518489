"""An understood article as the records that are sent: measured, and trimmed where they would be too large."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from alerts.matcher import DeskMatch
from alerts.snippet import snippet
from alerts.stories import signature
from topics import codec, events
from topics.errors import InvalidRecord
from topics.identity import hit_id
from topics.records import ArticleHit, EnrichedArticle, Hit, Mention, Origin, RawArticle, Record, Warn
from workers.messages import Headers, Output

MAX_ENTITIES = 20
MAX_TERMS = 30
_MIN_WORD = 4

_COMMON = frozenset(
    """
    about after again against also among another because been before being between both could does down during each
    even first from have having here into just last like made make many more most much must next only other over said
    says same should since some still such than that their them then there these they this those through under until
    very week well were what when where which while will with would year years your
    """.split()  # noqa: SIM905  # a list of ninety words is easier to read so
)

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """All that was found out about an article."""

    article: RawArticle
    owner: str | None
    article_id: str
    revision: str
    title: str
    text: str
    removed: tuple[str, ...]
    language: str
    mentions: tuple[Mention, ...]
    matches: tuple[DeskMatch, ...]
    warnings: tuple[Warn, ...]
    seen_at: datetime
    backfill: bool
    stale_at: datetime | None
    origin: Origin
    model: str
    watchlists: dict[str, str]
    headers: Headers
    event_source: str


def enriched_results(found: Understood, *, max_bytes: int) -> tuple[tuple[Output, ...], tuple[Output, ...]]:
    """(the hits, the enriched article), each at most `max_bytes` long.

    Raises InvalidRecord ("output_too_large") for one that stays too large after trimming.
    """
    mark = signature(found.text or found.title)
    enriched = _fit_enriched(_enriched(found, mark), max_bytes)
    hits = [_fit_hit(_hit(found, match, mark), max_bytes) for match in found.matches]
    return (
        tuple(Output("hits", hit.desk.encode(), codec.encode(hit), _headers(found, hit)) for hit in hits),
        (Output("enriched", found.article_id.encode(), codec.encode(enriched), _headers(found, enriched)),),
    )


def _headers(found: Understood, record: Hit | EnrichedArticle) -> Headers:
    return (*events.headers(record, source=found.event_source), *found.headers)


def _enriched(found: Understood, mark: str) -> EnrichedArticle:
    article = found.article
    return EnrichedArticle(
        id=found.article_id,
        revision=found.revision,
        url=article.url,
        source=article.source,
        title=found.title or None,
        language=found.language,
        published_at=article.published_at,
        updated_at=article.updated_at,
        status=article.status,
        section=article.section,
        text=found.text,
        entities=found.mentions,
        hits=tuple(
            ArticleHit(
                desk=match.desk,
                watchlist=rule.watchlist,
                rule=rule.rule,
                severity=rule.severity,
                evidence=rule.evidence,
            )
            for match in found.matches
            for rule in match.rules
        ),
        fingerprint=mark,
        removed=found.removed,
        warnings=found.warnings,
        origin=found.origin,
        model=found.model,
        watchlists=found.watchlists,
    )


def _hit(found: Understood, match: DeskMatch, mark: str) -> Hit:
    article = found.article
    return Hit(
        id=hit_id(match.desk, found.article_id, found.revision),
        desk=match.desk,
        seen_at=found.seen_at,
        article_id=found.article_id,
        revision=found.revision,
        url=article.url,
        source=article.source,
        owner=found.owner,
        language=found.language,
        title=found.title or None,
        published_at=article.published_at,
        backfill=found.backfill,
        stale_at=found.stale_at,
        embargo_until=article.embargo_until,
        severity=match.severity,
        rules=match.rules,
        snippet=snippet(found.title, found.text, match.rules),
        signature=mark,
        entities=_entities(found.mentions),
        terms=_terms(found.text or found.title),
        policy=match.policy,
    )


def _entities(mentions: tuple[Mention, ...]) -> tuple[str, ...]:
    """The ids, else names, that are mentioned most, the first mentioned first among equals."""
    counts = Counter(mention.entity_id or mention.name for mention in mentions)
    return tuple(name for name, _ in counts.most_common(MAX_ENTITIES))


def _terms(text: str) -> tuple[str, ...]:
    """The words that occur most, but for those that are in every text; the first first among equals."""
    words = (word.strip(".,;:!?\"'“”‘’()[]") for word in text[:20_000].casefold().split())
    counts = Counter(word[:60] for word in words if len(word) >= _MIN_WORD and word not in _COMMON)
    return tuple(word for word, _ in counts.most_common(MAX_TERMS))


def _fit_enriched(record: EnrichedArticle, max_bytes: int) -> EnrichedArticle:
    """Trimmed in a fixed order: entities, evidence, text."""
    if len(codec.encode(record)) <= max_bytes:
        return record
    record = replace(record, entities=(), truncated=True)
    if len(codec.encode(record)) > max_bytes:
        record = replace(record, hits=tuple(replace(hit, evidence=hit.evidence[:1]) for hit in record.hits))
    excess = len(codec.encode(record)) - max_bytes
    if excess > 0:
        # The text's share of the record is what its encoding takes; a cut in bytes never cuts less than the excess.
        encoded = record.text.encode()
        kept = encoded[: max(0, len(encoded) - excess)].decode("utf-8", "ignore")
        while kept and len(codec.encode(replace(record, text=kept))) > max_bytes:
            kept = kept[: len(kept) * 9 // 10]
        record = replace(record, text=kept, hits=tuple(_within(hit, len(kept)) for hit in record.hits))
    return _measured(record, max_bytes)


def _within(hit: ArticleHit, length: int) -> ArticleHit:
    """Without evidence that points beyond the text that is left."""
    return replace(hit, evidence=tuple(e for e in hit.evidence if e.field != "text" or e.end <= length))


def _fit_hit(record: Hit, max_bytes: int) -> Hit:
    """Trimmed in a fixed order: entities and terms, evidence, the rules' own data."""
    if len(codec.encode(record)) <= max_bytes:
        return record
    record = replace(record, entities=(), terms=())
    if len(codec.encode(record)) > max_bytes:
        record = replace(record, rules=tuple(replace(rule, evidence=rule.evidence[:1]) for rule in record.rules))
    if len(codec.encode(record)) > max_bytes:
        record = replace(record, rules=tuple(replace(rule, meta={}, tags=()) for rule in record.rules))
    return _measured(record, max_bytes)


def _measured(record: R, max_bytes: int) -> R:
    size = len(codec.encode(record))
    if size > max_bytes:
        raise InvalidRecord("output_too_large", f"{type(record).__name__} of {size} bytes, at most {max_bytes}")
    return record
