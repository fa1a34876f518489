"""Whether spans are made, and where they go: OpenTelemetry's own environment variables say it.

Nothing of OpenTelemetry is imported unless an exporter is named.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from workers.spans import Spans

OTLP = "otlp"
PROTOCOL = "http/protobuf"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

log = structlog.get_logger()


def asked(environ: Mapping[str, str]) -> bool:
    """Whether spans are to be exported: an OTLP endpoint or exporter is named, and nothing says no."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [one.strip().lower() for one in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if one.strip()]
    return OTLP in exporters or (not exporters and any(environ.get(name) for name in _ENDPOINTS))


def problem(environ: Mapping[str, str]) -> str | None:
    """Why the spans that are asked for cannot be had, and what to do; None where they can, or are not asked for."""
    if not asked(environ):
        return None
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), PROTOCOL)
    if protocol != PROTOCOL:
        return f"OTLP by {protocol} is not spoken here: set OTEL_EXPORTER_OTLP_PROTOCOL={PROTOCOL} (port 4318)"
    if not _installed():
        return "OpenTelemetry's SDK is not installed: pip install 'wirewatch[otel]'"
    return None


def spans(worker: str, environ: Mapping[str, str] = os.environ) -> "Spans | None":
    """What makes a worker's spans; None where none are asked for.

    Whoever set the variables may not have meant us alone: what is wrong with them is a warning, and costs no article.
    """
    if (why := problem(environ)) is not None:
        log.warning("no spans", why=why)
        return None
    if not asked(environ):
        return None
    from workers.spans import exporting

    return exporting(worker, environ)


@asynccontextmanager
async def exporting(worker: str) -> "AsyncIterator[Spans | None]":
    """A worker's spans for as long as it runs; what is left then is exported."""
    found = spans(worker)
    try:
        yield found
    finally:
        if found is not None:
            await found.close()


def _installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
