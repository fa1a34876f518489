"""The pool that understands articles, from the settings."""

from functools import partial

import structlog

from topics.events import source_of
from workers.article.build import build
from workers.article.options import Options
from workers.metrics import Metrics
from workers.settings import Settings
from workers.stream.pool import Pool
from workers.stream.sizing import pool_size

log = structlog.get_logger()


def options(settings: Settings) -> Options:
    """What of the settings the pipeline needs."""
    enrich = settings.enrich
    return Options(
        model=settings.model,
        models=settings.models,
        paragraph_cache=enrich.paragraph_cache,
        entities=enrich.entities,
        languages=enrich.languages,
        sources=enrich.sources,
        exclude_sources=enrich.exclude_sources,
        on_null=enrich.on_null,
        max_alert_age=enrich.max_alert_age,
        max_output_bytes=enrich.max_output_bytes,
        inputs=tuple(one.form for one in settings.inputs),
        event_source=source_of(settings.prefix),
    )


def make_pool(settings: Settings, metrics: Metrics | None = None) -> Pool:
    """The pool of the settings. Its processes start at once and load the model."""
    chosen = options(settings)
    size = pool_size(models=len(chosen.recognisers))
    processes = settings.enrich.processes or size.processes
    decided_by = "enrich.processes" if settings.enrich.processes else size.decided_by
    log.info("pool", processes=processes, decided_by=decided_by, memory_bytes=size.memory_bytes, **size.bounds)
    if problem := size.problem(processes):
        log.warning("pool.memory", problem=problem)
    pool = Pool(
        partial(build, chosen),
        processes=processes,
        time_budget=settings.enrich.time_budget,
        memory_limit=settings.enrich.memory_limit,
        recycle_after=settings.enrich.recycle_after,
        on_restart=lambda reason: metrics.pool_restarts.labels(reason).inc() if metrics else None,
    )
    if metrics:
        metrics.pool_processes.set(processes)
        metrics.pool_memory.set_function(pool.memory)
        metrics.memory_limit.set(size.memory_bytes or 0)
    return pool
