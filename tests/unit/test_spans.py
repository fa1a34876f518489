"""Spans: one an article and worker, with the right parents; and none at all, at no cost, where nobody asked."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from alerts.sinks import CARRIED
from topics.errors import InvalidRecord
from workers import telemetry
from workers.dead_letters import dead_letter
from workers.messages import DEAD_LETTERED, ENRICHED, TRACE, Headers, Output, Record, Result
from workers.spans import Spans

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTLP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


class Made:
    """Spans that are kept, by a clock that stands still until it is moved, in seconds."""

    def __init__(self) -> None:
        self.at = 100.0
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = Spans(provider, now=lambda: int(self.at * 1e9))

    @property
    def all(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def times(self, name: str) -> tuple[float, float]:
        span = self.all[name]
        assert span.start_time is not None and span.end_time is not None
        return span.start_time / 1e9, span.end_time / 1e9


@pytest.fixture
def made() -> Made:
    return Made()


def record(*, parent: str | None = PARENT) -> Record:
    headers: Headers = (("traceparent", parent.encode()), ("tracestate", b"v=1")) if parent else ()
    return Record("news.raw", 3, 7, 0, b"k", b"{}", (("other", b"x"), *headers))


def enriched(of: Record) -> Result:
    carried = tuple(header for header in of.headers if header[0] in TRACE)
    hit, article = Output("hits", b"d", b"{}", carried), Output("enriched", b"a", b"{}", carried)
    return Result(ENRICHED, first=(hit,), then=(article,), stages={"decode": 1.0, "match": 2.0})


async def passed(made: Made, record: Record, result: Result, *, error: Exception | None = None) -> Sequence[Output]:
    """A record through the enrich worker's `submit`, five seconds, and `publish`, one: the outputs that were sent."""
    sent: list[Output] = []

    async def submit(batch: Sequence[Record]) -> list[Result]:
        made.at += 5
        return [result]

    async def publish(records: Sequence[Record], results: Sequence[Result]) -> None:
        made.at += 1
        sent.extend(output for one in results for output in (*one.first, *one.then))
        if error:
            raise error

    articles = made.spans.of_articles(group="g")
    await articles.publish(publish)([record], await articles.submit(submit)([record]))
    return sent


async def test_an_article_has_a_span_with_its_stages(made: Made) -> None:
    await passed(made, record(), enriched(record()))
    whole = made.all["enrich"]
    assert made.times("enrich") == (100, 106)
    assert [(name, *made.times(name)) for name in ("queue", "decode", "match", "publish")] == [
        ("queue", 100, 102),
        ("decode", 102, 103),
        ("match", 103, 105),
        ("publish", 105, 106),
    ]
    for name in ("queue", "decode", "match", "publish"):
        parent = made.all[name].parent
        assert parent is not None and parent.span_id == whole.context.span_id
    assert whole.attributes is not None
    assert whole.attributes["messaging.destination.name"] == "news.raw"
    assert (whole.attributes["messaging.kafka.offset"], whole.attributes["wirewatch.hits"]) == (7, 1)


async def test_it_is_the_child_of_what_came_and_the_parent_of_what_goes(made: Made) -> None:
    sent = await passed(made, record(), enriched(record()))
    whole = made.all["enrich"]
    assert whole.parent is not None
    assert f"{whole.parent.trace_id:032x}-{whole.parent.span_id:016x}" == PARENT[3:-3]
    named = f"00-{whole.context.trace_id:032x}-{whole.context.span_id:016x}-01".encode()
    assert [dict(output.headers) for output in sent] == [{"traceparent": named, "tracestate": b"v=1"}] * 2


async def test_without_a_parent_a_trace_begins(made: Made) -> None:
    (hit, _) = await passed(made, record(parent=None), enriched(record(parent=None)))
    assert made.all["enrich"].parent is None
    assert f"{made.all['enrich'].context.trace_id:032x}".encode() in (dict(hit.headers)["traceparent"] or b"")


@pytest.mark.parametrize("parent", ["", "00-zz-b7ad6b7169203331-01", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16])
async def test_a_parent_that_is_none_begins_a_trace(made: Made, parent: str) -> None:
    await passed(made, record(parent=parent), enriched(record()))
    assert made.all["enrich"].parent is None


async def test_what_is_not_sampled_is_not_exported_and_passes_that_on(made: Made) -> None:
    (hit, _) = await passed(made, record(parent=PARENT[:-1] + "0"), enriched(record()))
    assert made.all == {}
    assert (dict(hit.headers)["traceparent"] or b"").startswith(PARENT[:36].encode())
    assert (dict(hit.headers)["traceparent"] or b"").endswith(b"-00")


async def test_a_dead_letter_keeps_its_headers_and_the_span_says_why(made: Made) -> None:
    letter = dead_letter(record(), InvalidRecord("not_json", "no"), stage="enrich")
    (sent,) = await passed(made, record(), Result(DEAD_LETTERED, "not_json", then=(letter,)))
    assert sent.headers == letter.headers
    span = made.all["enrich"]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "not_json")


async def test_what_cannot_be_sent_ends_its_span_as_an_error(made: Made) -> None:
    with pytest.raises(OSError, match="away"):
        await passed(made, record(), enriched(record()), error=OSError("away"))
    assert made.all["enrich"].status.status_code is StatusCode.ERROR


async def test_a_hit_names_the_span_of_its_fold(made: Made) -> None:
    hit, span = made.spans.folding(record(), group="g")
    span.end()
    whole = made.all["fold"]
    assert whole.parent is not None and f"{whole.parent.span_id:016x}" in PARENT
    assert dict(hit.headers)["other"] == b"x"
    assert f"{whole.context.span_id:016x}".encode() in (dict(hit.headers)["traceparent"] or b"")


async def delivered(made: Made, outcome: str) -> Headers:
    """What a sink passes on when it is handed an alert."""
    carried: list[Headers] = []

    async def submit(batch: Sequence[Record]) -> list[Result]:
        made.spans.attempted("retried")
        carried.append(CARRIED.get())
        return [Result(outcome)]

    await made.spans.delivering(submit, route="desk", group="g")([record()])
    return carried[0]


async def test_an_alert_s_sink_carries_its_span_on(made: Made) -> None:
    carried = await delivered(made, "delivered")
    span = made.all["deliver"]
    assert f"{span.context.span_id:016x}".encode() in (dict(carried)["traceparent"] or b"")
    assert [event.name for event in span.events] == ["retried"]
    assert span.attributes is not None and span.attributes["wirewatch.outcome"] == "delivered"


@pytest.mark.parametrize("outcome", ["skipped", "settled_before"])
async def test_an_alert_that_is_for_somebody_else_has_no_span(made: Made, outcome: str) -> None:
    await delivered(made, outcome)
    assert made.all == {}


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        (OTLP, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (OTLP | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (OTLP | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, False),
    ],
)
def test_spans_are_made_where_an_exporter_is_named(environ: dict[str, str], asked: bool) -> None:
    assert telemetry.asked(environ) is asked
    assert telemetry.problem(environ) is None


def test_what_cannot_be_had_costs_a_warning_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    grpc = OTLP | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert "http/protobuf" in (telemetry.problem(grpc) or "")
    with caplog.at_level(logging.WARNING):
        assert telemetry.spans("enrich", grpc) is None


def test_the_sdk_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "find_spec", lambda name: None)
    assert "wirewatch[otel]" in (telemetry.problem(OTLP) or "")
    assert telemetry.problem({}) is None


def test_without_an_exporter_nothing_of_opentelemetry_is_even_imported() -> None:
    code = (
        "import sys, workers.enrich, workers.alert, workers.deliver, workers.telemetry as t\n"
        "assert t.spans('enrich', {}) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_collector_that_is_away_holds_nobody_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.spans.CLOSE_TIMEOUT", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    async with asyncio.timeout(5), telemetry.exporting("enrich") as spans:
        assert spans is not None
        spans.begin("enrich", record(), group="g").end()
