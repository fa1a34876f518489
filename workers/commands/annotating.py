"""The whole enrich step with no Kafka, by the worker's own code."""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import IO

from alerts import bundle
from alerts import watchlist as lists
from alerts.sources import load as load_sources
from workers.article.own_gazetteer import load as load_names
from workers.commands.running import CommandFailed, not_started
from workers.dead_letters import PREFIX
from workers.messages import DEAD_LETTERED, FILTERED, Output, Record, Result
from workers.settings import Settings
from workers.stream.registry import Registries


async def annotate(
    settings: Settings, values: Iterable[bytes], *, name: str, out: IO[bytes], hits: IO[bytes] | None = None
) -> int:
    """Write an EnrichedArticle a line for each value, in order; dead letters go to stderr, a JSON object a line.

    `hits` takes the records of `news.hits`, too, where it is given. Returns the number of dead letters.
    """
    bad = 0
    async for record, result in annotated(settings, values, name=name):
        if result.outcome == DEAD_LETTERED:
            bad += 1
            print(json.dumps(_dead(record, result.then[0])), file=sys.stderr)
        elif result.outcome == FILTERED:
            print(json.dumps({"line": record.offset + 1, "filtered": result.reason}), file=sys.stderr)
        else:
            out.write((result.then[0].value or b"") + b"\n")
        if hits is not None:
            hits.writelines((output.value or b"") + b"\n" for output in result.first)
    out.flush()
    return bad


async def annotated(settings: Settings, values: Iterable[bytes], *, name: str) -> AsyncIterator[tuple[Record, Result]]:
    """Each value as a record of the topic `name`, with what became of it, in order and in bounded memory."""
    now = int(time.time() * 1000)
    records = (Record(name, 0, offset, now, None, value) for offset, value in enumerate(values))
    async for pair in enriched(settings, records):
        yield pair


async def enriched(
    settings: Settings, records: Iterable[Record] | AsyncIterable[Record]
) -> AsyncIterator[tuple[Record, Result]]:
    """Each record, with its schema where it has one, and what became of it, in order and in bounded memory.

    Raises CommandFailed where a schema registry does not answer.
    """
    from workers.article_pool import make_pool
    from workers.stream.pool import PoolBroken

    watchlists = lists.load_all(settings.watchlists)
    sources = load_sources(settings.sources_file) if settings.sources_file else None
    names = load_names(settings.gazetteer_file) if settings.gazetteer_file else ()
    revision = bundle.revision(watchlists, sources, names)
    registries = Registries(settings.inputs)
    pool = make_pool(settings)

    async def submit(batch: list[Record]) -> list[tuple[Record, Result]]:
        ready = await _prepared(registries, batch, settings.kafka.request_timeout)
        return list(zip(ready, await pool.submit(ready, revision), strict=True))

    try:
        try:
            await pool.start(bundle.encode(watchlists, sources, names), revision)
        except PoolBroken as error:
            raise not_started(str(error)) from None
        left = _one_by_one(records)
        ahead: deque[asyncio.Task[list[tuple[Record, Result]]]] = deque()
        while True:
            batch = await _taken(left, settings.enrich.batch)
            if batch:
                ahead.append(asyncio.create_task(submit(batch)))
            if not ahead:
                break
            if not batch or len(ahead) > 2 * pool.processes:
                for pair in await ahead.popleft():
                    yield pair
    finally:
        pool.close()
        await registries.close()


async def _one_by_one(records: Iterable[Record] | AsyncIterable[Record]) -> AsyncIterator[Record]:
    if isinstance(records, AsyncIterable):
        async for record in records:
            yield record
    else:
        for record in records:
            yield record


async def _taken(left: AsyncIterator[Record], number: int) -> list[Record]:
    """The next `number` of them, or as many as are left."""
    taken: list[Record] = []
    while len(taken) < number and (record := await anext(left, None)) is not None:
        taken.append(record)
    return taken


async def _prepared(registries: Registries, batch: list[Record], patience: float) -> Sequence[Record]:
    try:
        async with asyncio.timeout(patience):
            return await registries.prepared(batch)
    except TimeoutError:
        raise CommandFailed(registries.waiting or "the schema registry does not answer in time") from None


def _dead(record: Record, letter: Output) -> dict[str, object]:
    ours = {
        key.removeprefix(PREFIX): (value or b"").decode() for key, value in letter.headers if key.startswith(PREFIX)
    }
    value = record.value or b""
    return {
        "line": record.offset + 1,
        "reason": ours["reason"],
        "message": ours["message"],
        "value": value[:200].decode("utf-8", "replace"),
    }
