"""The user's own gazetteer while a worker runs."""

from collections.abc import Callable
from pathlib import Path

import structlog

from alerts.gazetteer import Entry, version
from workers.article.own_gazetteer import load
from workers.followed_file import FollowedFile
from workers.metrics import Metrics

log = structlog.get_logger()


def gazetteer_watch(
    path: Path | None, *, metrics: Metrics, on_change: Callable[[], None] = lambda: None
) -> FollowedFile[tuple[Entry, ...]]:
    """Its entries. Where the file is wrong at the start, a GazetteerError is raised."""
    return FollowedFile(
        path,
        refused="gazetteer.refused",
        empty=(),
        read=load,
        version=version,
        reloads=metrics.gazetteer_reloads,
        broken=metrics.refused_files.labels("gazetteer"),
        taken=lambda found: log.info("gazetteer", own=len(found), version=version(found)),
        on_change=on_change,
    )
