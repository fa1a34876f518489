"""What comes again in the articles of each source, proposed as patterns for its entry in the list of sources.

Nothing is learned in the stream: articles are read once, by the worker's own step, and a person accepts what is
proposed. So an article is the same on every worker, and in every replay.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from pathlib import Path

import msgspec

from alerts.plain import plain
from alerts.proposing import Proposal, propose
from alerts.recurring import Recurring
from alerts.sources import Sources, host_of
from alerts.sources_writing import with_proposals
from topics.codec import decode_enriched
from topics.errors import ConfigError
from topics.records import EnrichedArticle
from workers.commands.annotating import enriched
from workers.commands.reading import newest
from workers.messages import DEAD_LETTERED, ENRICHED, Record
from workers.settings import Settings
from workers.stream.batches import record_of

_SHOWN = 120


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in `articles` articles of `sources` sources.

    `refused` patterns would have taken other paragraphs, too; `unknown` articles name no source and no URL; `bad`
    records could not be read; `dropped` paragraphs were forgotten for want of room.
    """

    proposals: tuple[Proposal, ...]
    articles: int
    sources: int
    refused: int
    unknown: int
    bad: int
    dropped: int


async def learned(settings: Settings, records: Iterable[Record] | AsyncIterable[Record], *, least: int) -> Learned:
    """Propose patterns for what comes in at least `least` different articles of a source.

    Raises what `enriched` does.
    """
    recurring = Recurring()
    unknown = bad = articles = 0
    async for _, result in enriched(settings, records):
        bad += result.outcome == DEAD_LETTERED
        if result.outcome != ENRICHED:
            continue
        article = decode_enriched(result.then[0].value)
        source = source_of(article)
        if source:
            articles += 1
            recurring.add(source, article.text or "")
        else:
            unknown += 1
    found = [propose(recurring, source, least=least) for source in recurring.sources()]
    return Learned(
        proposals=tuple(proposal for one in found for proposal in one.proposed),
        articles=articles,
        sources=len(recurring.sources()),
        refused=sum(one.refused for one in found),
        unknown=unknown,
        bad=bad,
        dropped=recurring.dropped,
    )


async def records_of_topic(settings: Settings, topic: str, number: int) -> AsyncIterator[Record]:
    """About the last `number` records of a topic, read without a consumer group."""
    async for message in newest(settings, topic, number):
        yield record_of(message)


def source_of(article: EnrichedArticle) -> str:
    """What patterns are for: the article's source, of a listed one its id; else the host of its URL."""
    return article.source or host_of(article.url or "")


def write(found: Learned, listed: Sources, *, sources_file: Path | None, to: Path, force: bool) -> None:
    """Write the list of sources with the proposals in it to a file that is not the one in force. Raises ConfigError."""
    if sources_file is not None and to.resolve() == sources_file.resolve():
        raise ConfigError(f"{to}: is the list in force: write to another file, look at it, and put it in its place")
    if to.exists() and not force:
        raise ConfigError(f"{to}: is there already (--force overwrites it)")
    try:
        text = sources_file.read_text(encoding="utf-8-sig") if sources_file is not None else ""
        to.write_text(with_proposals(text, listed, found.proposals), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{to}: {error.strerror or error}") from None


def as_text(found: Learned) -> str:
    """For a person. Safe to print."""
    lines = [f"{found.articles} articles of {found.sources} sources read; {len(found.proposals)} patterns proposed"]
    source = None
    for one in found.proposals:
        if one.source != source:
            source = one.source
            lines += ["", f"{source} ({one.of} different articles)"]
        lines += [f"  in {one.articles:>6}  {one.pattern}", *(f"             {_cut(text)}" for text in one.examples)]
    counts = {
        "patterns left out: they meet other paragraphs, too": found.refused,
        "articles name no source and no URL": found.unknown,
        "records could not be read": found.bad,
        "paragraphs were forgotten for want of room: read fewer records at once": found.dropped,
    }
    lines += [""] * any(counts.values()) + [f"{number} {what}" for what, number in counts.items() if number]
    return "\n".join(plain(line) for line in lines)


def as_json(found: Learned) -> str:
    """For a program."""
    return msgspec.json.encode(found).decode()


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
