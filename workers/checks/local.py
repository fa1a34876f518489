"""What can be checked without a cluster: the model, the watchlists, the routes."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from alerts import sinks
from alerts.document import Problem
from alerts.gazetteer import GazetteerError
from alerts.sinks import Sink
from alerts.sources import SourcesError
from alerts.sources import load as load_sources
from alerts.watchlist import Watchlist, WatchlistError, asks_for_mentions, load_placed
from topics.errors import ConfigError
from topics.records import Alert, AlertArticle, Counts, Evidence, RuleMet, Snippet
from workers import telemetry
from workers.article.options import ENGLISH, NONE, Options
from workers.article.own_gazetteer import load as load_names
from workers.checks.finding import Finding, fine, warning, wrong
from workers.sections import Route
from workers.settings import Settings
from workers.stream.sizing import pool_size

CONNECT_TIMEOUT = 5.0
"""For a webhook's host, in seconds."""
Files = Mapping[Path, Watchlist] | WatchlistError
"""Watchlists by their files, or what is wrong with them."""
_AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)

SPECIMEN = Alert(
    id="check",
    kind="hit",
    desk="check",
    story_id="check",
    seq=0,
    severity="info",
    rules=(
        RuleMet(
            watchlist="check",
            version="0",
            rule="check",
            severity="info",
            evidence=(Evidence(field="title", start=0, end=7, text="A check", clause="a check"),),
        ),
    ),
    article=AlertArticle(id="check", revision="0", url="https://news.example/check", title="A check of the route"),
    snippet=Snippet(text="A check of the route", marks=((0, 7),)),
    counts=Counts(articles=1, sources=1),
    first_seen=_AT,
    last_seen=_AT,
)
"""What a dry run would send."""


def model(settings: Settings) -> Iterator[Finding]:
    """Whether each language's model loads. It takes a second or two each."""
    from workers.article.entities import Recogniser

    recognisers = Options(model=settings.model, models=settings.models).recognisers
    if not recognisers:
        yield fine("model", NONE)
    for language, (setting, name) in recognisers.items():
        try:
            loaded = Recogniser(name, language=language, setting=setting).name
        except ConfigError as error:
            yield wrong(
                "model", str(error), remedy=f"{setting} = an installed spaCy pipeline, a folder of one, or none"
            )
        else:
            yield fine("model", loaded, subject=None if language == ENGLISH else language)


def spans(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Whether spans that the environment asks for can be made; nothing where none are."""
    if (why := telemetry.problem(environ)) is not None:
        what, _, remedy = why.partition(": ")
        yield warning("spans", f"none are made: {what}", remedy=remedy)
    elif telemetry.asked(environ):
        yield fine("spans", "exported as the OTEL_… variables say")


def files(settings: Settings) -> Files:
    """The watchlists in files: many rules take seconds to read."""
    try:
        return load_placed(settings.watchlists)
    except WatchlistError as error:
        return error


def watchlists(settings: Settings, files: Files) -> Iterator[Finding]:
    """The files of watchlists."""
    if isinstance(files, WatchlistError):
        for problem in files.problems:
            yield _problem("watchlists", problem)
        return
    loaded = tuple(files.values())
    rules = sum(len(watchlist.rules) for watchlist in loaded)
    desks = sorted({watchlist.desk for watchlist in loaded})
    if loaded:
        yield fine("watchlists", f"{len(loaded)} in files, {rules} rules, for the desks {', '.join(desks)}")
    else:
        yield warning("watchlists", "none in files")
    if asks_for_mentions(loaded) and not Options(model=settings.model, models=settings.models).recognisers:
        said = "terms ask for labels or entities without a model: only names of the gazetteer meet them"
        yield warning("watchlists", said, remedy="model = an installed spaCy pipeline, or a folder of one")


def pool(settings: Settings) -> Iterator[Finding]:
    """How many processes enrich would work with here, and whether memory holds them."""
    size = pool_size(models=len(Options(model=settings.model, models=settings.models).recognisers))
    chosen = settings.enrich.processes or size.processes
    why = "enrich.processes" if settings.enrich.processes else f"by {size.decided_by.replace('_', ' ')}"
    problem = size.problem(chosen)
    if problem is None:
        yield fine("pool", f"{chosen} process{'es' if chosen > 1 else ''}, {why}")
    else:
        yield warning("pool", problem, remedy="more memory, or enrich.processes")


def sources(settings: Settings) -> Iterator[Finding]:
    """The list of sources, where there is one."""
    if settings.sources_file is None:
        return
    try:
        listed = load_sources(settings.sources_file).listed
    except SourcesError as error:
        for problem in error.problems:
            yield _problem("sources", problem)
        return
    yield fine("sources", f"{len(listed)} listed, {sum(bool(source.expect_every) for source in listed)} expected")


def gazetteer(settings: Settings) -> Iterator[Finding]:
    """The user's own gazetteer, where there is one."""
    if settings.gazetteer_file is None:
        return
    try:
        entries = load_names(settings.gazetteer_file)
    except GazetteerError as error:
        for problem in error.problems:
            yield _problem("gazetteer", problem)
        return
    yield fine("gazetteer", f"{len(entries)} names of your own, {sum(len(entry.forms) for entry in entries)} forms")


def _problem(check: str, problem: Problem) -> Finding:
    return wrong(
        check,
        f"{problem.field}: expected {problem.expected}, found {problem.found}",
        subject=f"{problem.file}:{problem.line}",
        remedy=f"wirewatch {check} check {problem.file}",
    )


async def routes(settings: Settings) -> AsyncIterator[Finding]:
    """Each route is made as `deliver` makes it, an alert is put into its form, and its host must take a connection.

    Nothing is sent.
    """
    names = [route.name for route in settings.deliver.route]
    if not names:
        yield warning("routes", "none: alerts stay on their topic", remedy="[[deliver.route]] with a name and a sink")
    for twice in sorted({name for name in names if names.count(name) > 1}):
        yield wrong("routes", "there twice: each name is a consumer group", subject=twice)
    for route in settings.deliver.route:
        yield await _route(settings, route)


async def _route(settings: Settings, route: Route) -> Finding:
    try:
        sink = sinks.make(route.name, route.sink.kind, route.sink.model_extra or {}, publish=_nothing)
    except ConfigError as error:
        return wrong("routes", str(error), subject=route.name)
    try:
        told = await _dry(sink)
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return wrong(
            "routes",
            f"its host does not take a connection: {why}",
            subject=route.name,
            remedy="sink.url, or the network",
        )
    finally:
        with suppress(Exception):
            await sink.close()
    return fine("routes", told, subject=route.name)


async def _dry(sink: Sink) -> str:
    """What would be done with the specimen. Raises OSError or TimeoutError for a host that does not answer."""
    if isinstance(sink, sinks.Webhook):
        sink.body(SPECIMEN, b"{}")
        await _connects(sink.address)
        return f"a webhook on {sink.address[0]}, which takes connections; nothing was sent"
    if isinstance(sink, sinks.Kafka):
        return f"the topic {sink.topic}"
    return "standard output"


async def _connects(address: tuple[str, int]) -> None:
    async with asyncio.timeout(CONNECT_TIMEOUT):
        _, writer = await asyncio.open_connection(*address)
        writer.close()


async def _nothing(topic: str, key: bytes | None, value: bytes, alert: Alert) -> None:
    """A dry run publishes nothing."""
