"""Spans of OpenTelemetry: one an article and worker, children of what the record says (W3C Trace Context).

What comes of a record carries the context of its span here; without spans it carries what came, untouched. This
module is imported only where an exporter is named (`telemetry`).
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, get_current_span, set_span_in_context, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from alerts.sinks import CARRIED
from workers.messages import DEAD_LETTERED, TRACE, Headers, Output, Record, Result
from workers.version import this_version

CLOSE_TIMEOUT = 3.0
"""How long the last spans may take to be exported when a worker ends, in seconds."""
_CARRIES_TRACE = ("enriched", "hits")
"""Roles of what comes of an article. A dead letter is the record as it came."""
UNTOUCHED = ("skipped", "settled_before")
"""Outcomes of alerts that are not for a route, or not any more."""
_SECOND = 1_000_000_000

Submit = Callable[[Sequence[Record]], Awaitable[list[Result]]]
Publish = Callable[[Sequence[Record], Sequence[Result]], Awaitable[None]]

_w3c = TraceContextTextMapPropagator()


class Timing(NamedTuple):
    """When an article came to the pool and when its own work began there, in nanoseconds of the wall clock.

    Within a batch the stages are laid one after the other: how long they took is measured, where they lie is not.
    """

    received: int
    begun: int


class Spans:
    """Makes a worker's spans. `now` is in nanoseconds since the epoch."""

    def __init__(self, provider: TracerProvider, *, now: Callable[[], int] = time.time_ns) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("wirewatch", this_version())
        self.now = now

    def begin(self, name: str, record: Record, *, group: str, at: int | None = None) -> Span:
        """The span of a record that is worked on, child of the one that it came with."""
        carrier = {name: (value or b"").decode("ascii", "ignore") for name, value in record.headers if name in TRACE}
        return self._tracer.start_span(
            name,
            _w3c.extract(carrier),
            SpanKind.CONSUMER,
            {
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
                "messaging.consumer.group.name": group,
            },
            start_time=self.now() if at is None else at,
        )

    def of_articles(self, *, group: str) -> "ArticleSpans":
        """For the loop of the enrich worker."""
        return ArticleSpans(self, group=group)

    def delivering(self, submit: Submit, *, route: str, group: str) -> Submit:
        """`submit` of a route of the deliver worker with a span for each alert: what its sink sends carries it on."""

        async def traced(batch: Sequence[Record]) -> list[Result]:
            (record,) = batch
            span = self.begin("deliver", record, group=group)
            span.set_attribute("wirewatch.route", route)
            CARRIED.set(naming((), span))
            with use_span(span, end_on_exit=False):
                (result,) = await submit(batch)
            if result.outcome not in UNTOUCHED:  # a span that never ends is exported nowhere
                describe(span, result)
                span.end(self.now())
            return [result]

        return traced

    def folding(self, record: Record, *, group: str) -> tuple[Record, Span]:
        """A hit that names the span of its fold instead of where it came from, and that span."""
        span = self.begin("fold", record, group=group)
        return record._replace(headers=naming(record.headers, span)), span

    def attempted(self, result: str) -> None:
        """Note an attempt in the span of the alert that is being delivered."""
        get_current_span().add_event(result, timestamp=self.now())

    def part(self, parent: Span, name: str, begun: int, ended: int) -> None:
        """A piece of a span's work that is over."""
        self._tracer.start_span(name, set_span_in_context(parent), start_time=begun).end(ended)

    async def close(self) -> None:
        """Export what is left, within `CLOSE_TIMEOUT`."""
        await asyncio.to_thread(self._shut_down)

    def _shut_down(self) -> None:
        # The SDK's own limits are longer than a worker has; the thread is a daemon and keeps nothing alive.
        last = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(CLOSE_TIMEOUT)


class ArticleSpans:
    """The spans of the enrich worker, around its loop's `submit` and `publish`."""

    def __init__(self, spans: Spans, *, group: str) -> None:
        self._spans = spans
        self._group = group

    def submit(self, submit: Submit) -> Submit:
        """`submit`, with the time that each article took noted in its result."""

        async def timed(batch: Sequence[Record]) -> list[Result]:
            received = self._spans.now()
            results = await submit(batch)
            lengths = [int(sum(result.stages.values()) * _SECOND) for result in results]
            begun = max(received, self._spans.now() - sum(lengths))
            found = []
            for result, length in zip(results, lengths, strict=True):
                found.append(result._replace(timing=Timing(received, begun)))
                begun += length
            return found

        return timed

    def publish(self, publish: Publish) -> Publish:
        """`publish`, with a span for each article, which its outputs name as their parent."""

        async def traced(records: Sequence[Record], results: Sequence[Result]) -> None:
            begun = self._spans.now()
            spans = [self._begin(*pair) for pair in zip(records, results, strict=True)]
            try:
                await publish(records, [_naming(*pair) for pair in zip(results, spans, strict=True)])
            except BaseException as error:
                for span in spans:
                    span.set_status(StatusCode.ERROR, type(error).__name__)
                    span.end()
                raise
            for result, span in zip(results, spans, strict=True):
                self._end(span, result, begun)

        return traced

    def _begin(self, record: Record, result: Result) -> Span:
        at = result.timing.received if result.timing else None
        return self._spans.begin("enrich", record, group=self._group, at=at)

    def _end(self, span: Span, result: Result, begun: int) -> None:
        ended = self._spans.now()
        if span.is_recording():
            describe(span, result)
            span.set_attribute("wirewatch.hits", sum(output.role == "hits" for output in result.first))
            for name, start, end in _stages(result):
                self._spans.part(span, name, start, end)
            self._spans.part(span, "publish", begun, ended)
        span.end(ended)


def describe(span: Span, result: Result) -> None:
    """Say what became of a record."""
    span.set_attribute("wirewatch.outcome", result.outcome)
    if result.reason:
        span.set_attribute("wirewatch.reason", result.reason)
    if result.outcome == DEAD_LETTERED:
        span.set_status(StatusCode.ERROR, result.reason)


def _stages(result: Result) -> Iterable[tuple[str, int, int]]:
    """(stage, begun, ended), the waiting for the pool first."""
    if result.timing is None:
        return
    received, at = result.timing
    yield "queue", received, at
    for stage, seconds in result.stages.items():
        begun, at = at, at + int(seconds * _SECOND)
        yield stage, begun, at


def naming(headers: Headers, span: Span) -> Headers:
    """The headers, with a span in the place of the one that they name as the parent."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, set_span_in_context(span))
    kept = tuple(header for header in headers if header[0] not in TRACE)
    return kept + tuple((name, value.encode("ascii", "ignore")) for name, value in carrier.items())


def _naming(result: Result, span: Span) -> Result:
    return result._replace(first=_named(result.first, span), then=_named(result.then, span))


def _named(outputs: tuple[Output, ...], span: Span) -> tuple[Output, ...]:
    return tuple(
        output._replace(headers=naming(output.headers, span)) if output.role in _CARRIES_TRACE else output
        for output in outputs
    )


def exporting(worker: str, environ: Mapping[str, str]) -> Spans:
    """Spans that go where the environment says, in batches, from a thread of their own.

    A worker that nobody named is `wirewatch-WORKER`.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    attributes = {"service.version": this_version()}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        attributes["service.name"] = f"wirewatch-{worker}"
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)
