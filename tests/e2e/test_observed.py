"""What others see of the stream on a real Kafka: a subscriber of a few lines, traces, and a log without articles."""

import asyncio
import gzip
import json
import re
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.demo_process import eventually
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import WorkerProcess, Workers

pytestmark = pytest.mark.kafka

README = Path(__file__).parents[2] / "README.md"
TITLE, BODY, BAD = "Quokkatitel", "Okapitext", "Numbatunsinn"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SETTINGS = """\
model = "none"
watchlists = ["{folder}/watchlist.yaml"]
[deliver]
commit_interval = 0.2
[[deliver.route]]
name = "copy"
sink = {{kind = "kafka", topic = "{prefix}.copy"}}
[[deliver.route]]
name = "hook"
sink = {{kind = "webhook", url = "http://127.0.0.1:{port}/hook"}}
[[deliver.route]]
name = "echo"
sink = {{kind = "webhook", url = "http://127.0.0.1:{port}/echo"}}
"""
WATCHLIST = """\
id: minerals
desk: commodities
rules:
  - {id: rare-earths, severity: urgent, terms: [rare earths]}
"""
ARTICLE = {"id": "a1", "title": TITLE, "body": f"{BODY}: rare earths.", "updated_at": f"{BAD}, two days ago"}
ARTICLE |= {"published_at": datetime.now(UTC).isoformat()}
BAD_ARTICLES = (
    f"no JSON at all: {BAD}".encode(),
    f'{{"title": "{BAD}'.encode() + b"\xff",
    json.dumps({"title": [BAD], "body": {BAD: BAD}}).encode(),
    json.dumps({"body": f"<p>{BAD}</p>" * 3, "status": BAD, "language": BAD, "content_type": BAD}).encode(),
)


# The names of series, each followed by what its values come to at least.
_READ = (
    *("wirewatch_consumed_records_total 1", "wirewatch_produced_records_total 1", "wirewatch_commits_total 1"),
    *("wirewatch_rebalances_total 1", "wirewatch_assigned_partitions 2", "wirewatch_paused_partitions"),
    *("wirewatch_in_flight_records", "wirewatch_in_flight_limit_records 1", "wirewatch_loop_delay_seconds_count 1"),
    *("wirewatch_latency_seconds_count 1", "wirewatch_build_info 1", "wirewatch_ready 1"),
    *("wirewatch_dead_letters_total 1", "wirewatch_clock_offset_seconds"),
)
_PLACES = (
    *("wirewatch_lag_records", "wirewatch_lag_seconds", "wirewatch_position_offset 1"),
    *("wirewatch_committed_offset 1", "wirewatch_end_offset 1"),
)
SHOWN = {
    "enrich": (
        *(*_READ, *_PLACES, "wirewatch_processed_articles_total 5", "wirewatch_stage_seconds_count 8"),
        *("wirewatch_article_age_seconds_count 1", "wirewatch_pool_processes 1", "wirewatch_pool_busy_processes"),
        *("wirewatch_pool_restarts_total", "wirewatch_entities_total", "wirewatch_hits_total 1"),
        *("wirewatch_desk_hits_total 1", "wirewatch_rule_hits_total 1", "wirewatch_watchlist_info 1"),
        *("wirewatch_watchlist_reloads_total 1", "wirewatch_in_flight_limit_bytes 1", "wirewatch_in_flight_bytes"),
        "wirewatch_unaccounted",
    ),
    "alert": (
        *(*_READ, *_PLACES, "wirewatch_alerts_total 1", "wirewatch_desk_alerts_total 1"),
        *("wirewatch_suppressed_hits_total", "wirewatch_restored_records_total", "wirewatch_restored_seconds_count 1"),
        *("wirewatch_alert_age_seconds_count 1", "wirewatch_restarts_total"),
    ),
    "deliver": (
        *(*_READ, "wirewatch_deliveries_total 2", "wirewatch_delivery_lag_records", "wirewatch_delivery_lag_seconds"),
        *("wirewatch_delivery_position_offset 1", "wirewatch_delivery_committed_offset", "wirewatch_in_flight_bytes"),
        "wirewatch_unaccounted",
    ),
}


@dataclass
class Web:
    """A collector of spans (OTLP over HTTP), and a web hook that takes alerts on /hook and refuses them on /echo."""

    spans: list[Any] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    hooked: list[dict[str, str]] = field(default_factory=list)
    refused: int = 0

    def take(self, path: str, headers: dict[str, str], data: bytes) -> int:
        if path == "/v1/traces":
            plain = gzip.decompress(data) if headers.get("content-encoding") == "gzip" else data
            for resource in ExportTraceServiceRequest.FromString(plain).resource_spans:
                self.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            return 200
        if path == "/hook":
            self.hooked.append(headers)
            return 200
        self.refused += 1
        return 422

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture(scope="module")
def web() -> Iterator[tuple[Web, int]]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            status = web.take(self.path, {name.lower(): value for name, value in self.headers.items()}, data)
            self.send_response(status)
            # A server that repeats what it was sent, from the title on.
            answer = data[max(0, data.find(TITLE.encode())) :] if status == 422 else b""
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield web, server.server_port
    server.shutdown()
    server.server_close()


@dataclass
class Stream:
    """All three workers, through which an article and what is none have gone."""

    bootstrap: str
    prefix: str
    web: Web
    workers: list[WorkerProcess]
    metrics: dict[str, str]
    openmetrics: dict[str, str]
    """What each said on /metrics after that."""


async def _publish(bootstrap: str, prefix: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for bad in BAD_ARTICLES:
            await producer.send_and_wait(f"{prefix}.raw", bad)
        await producer.send_and_wait(f"{prefix}.hits", f'{{"type": "hit", "title": "{BAD}"}}'.encode(), partition=0)
        headers = [("traceparent", PARENT.encode()), ("tracestate", b"vendor=1")]
        await producer.send_and_wait(f"{prefix}.raw", json.dumps(ARTICLE).encode(), headers=headers)


@pytest.fixture(scope="module")
def stream(kafka: Cluster, tmp_path_factory: pytest.TempPathFactory, web: tuple[Web, int]) -> Iterator[Stream]:
    folder, prefix = tmp_path_factory.mktemp("observed"), f"t{uuid.uuid4().hex[:12]}"
    seen, port = web
    (folder / "watchlist.yaml").write_text(WATCHLIST)
    (folder / "wirewatch.toml").write_text(SETTINGS.format(folder=folder, prefix=prefix, port=port))
    env = {"WIREWATCH_CONFIG": str(folder / "wirewatch.toml"), "OTEL_BSP_SCHEDULE_DELAY": "200"}
    env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    asyncio.run(kafka.create_topics(prefix, partitions=2))
    asyncio.run(kafka.create_topic(f"{prefix}.copy"))
    with Workers(kafka.bootstrap, prefix, folder, env) as workers:
        started = [workers.start(kind, "--log-level", "info")[0] for kind in ("enrich", "alert", "deliver")]
        for worker in started:
            worker.wait_ready()
        asyncio.run(_publish(kafka.bootstrap, prefix))
        assert eventually(lambda: bool(seen.hooked and seen.refused), 60), started[2].tail()
        assert eventually(lambda: started[2].total("wirewatch_dead_letters_total") >= 1, 60), started[2].tail()
        assert eventually(lambda: started[2].total("wirewatch_produced_records_total", topic=f"{prefix}.copy") == 1, 60)
        assert eventually(lambda: started[1].total("wirewatch_dead_letters_total") == 1, 60), started[1].tail()
        # Brokers are asked every few seconds for where partitions end.
        for worker, place in zip(started, ("position", "position", "delivery_position"), strict=True):
            assert eventually(lambda: worker.total(f"wirewatch_{place}_offset") >= 1, 60), worker.tail()  # noqa: B023
            assert eventually(lambda: worker.total("wirewatch_commits_total", result="ok") >= 1, 60)  # noqa: B023
        pages = [
            {worker.arguments[0]: worker.asked("metrics", accept=accept)[1] for worker in started}
            for accept in ("text/plain", "application/openmetrics-text")
        ]
        for worker in started:  # they export what is left
            assert worker.stop() == 0, worker.tail()
        yield Stream(kafka.bootstrap, prefix, seen, started, *pages)


def test_the_readme_s_subscriber_prints_the_alerts(stream: Stream, tmp_path: Path) -> None:
    found = re.search(r"^### Subscribe\n+```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    program = found[1]
    assert len(program.splitlines()) <= 15
    for ours, here in {
        '"news.alerts"': f'"{stream.prefix}.alerts"',
        '"localhost:9092"': f'"{stream.bootstrap}"',
        '"my-program"': f'"{stream.prefix}.mine"',
    }.items():
        assert program.count(ours) == 1
        program = program.replace(ours, here)
    (tmp_path / "subscriber.py").write_text(program)
    process = subprocess.Popen([sys.executable, str(tmp_path / "subscriber.py")], stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"commodities hit urgent {TITLE}\n"
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize("worker", ["enrich", "alert", "deliver"])
def test_promtool_finds_nothing_to_say_of_a_worker_s_metrics(stream: Stream, worker: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is needed (Debian: prometheus)")
    page = stream.metrics[worker]
    assert "\nwirewatch_latency_seconds_bucket" in page
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("worker", "name"), [(worker, name) for worker, names in SHOWN.items() for name in names])
def test_a_worker_shows_what_it_does(stream: Stream, worker: str, name: str) -> None:
    name, _, at_least = name.partition(" ")
    series = [line for line in stream.metrics[worker].splitlines() if line.startswith((name + " ", name + "{"))]
    assert series, name
    assert sum(float(line.rpartition(" ")[2]) for line in series) >= float(at_least or 0)


@pytest.mark.parametrize(
    ("worker", "name"),
    [
        ("enrich", "wirewatch_latency_seconds"),
        ("alert", "wirewatch_latency_seconds"),
        ("deliver", "wirewatch_latency_seconds"),
        ("enrich", "wirewatch_article_age_seconds"),
        ("alert", "wirewatch_alert_age_seconds"),
    ],
)
def test_a_time_that_was_measured_leads_to_its_trace(stream: Stream, worker: str, name: str) -> None:
    series = [line for line in stream.openmetrics[worker].splitlines() if line.startswith(f"{name}_bucket")]
    assert any(f'# {{trace_id="{PARENT[3:35]}"}}' in line for line in series), "\n".join(series)


def test_an_article_is_one_trace_from_its_arrival_to_its_delivery(stream: Stream) -> None:
    web = stream.web
    (enrich,) = [span for span in web.named("enrich") if span.parent_span_id]
    (fold,) = [span for span in web.named("fold") if span.parent_span_id]
    deliveries = {_attributes(span)["wirewatch.route"]: span for span in web.named("deliver")}
    assert f"{enrich.trace_id.hex()}-{enrich.parent_span_id.hex()}" == PARENT[3:-3]
    assert fold.parent_span_id == enrich.span_id
    assert deliveries.keys() == {"copy", "hook", "echo"}
    for span in deliveries.values():
        assert span.parent_span_id == fold.span_id
    stages = {span.name for span in web.spans if span.parent_span_id == enrich.span_id and span is not fold}
    assert stages >= {"queue", "decode", "clean", "language", "entities", "match", "encode", "publish"}
    assert {span.trace_id for span in (fold, *deliveries.values())} == {enrich.trace_id}
    assert web.services == {"wirewatch-enrich", "wirewatch-alert", "wirewatch-deliver"}
    assert _attributes(enrich)["wirewatch.outcome"] == "enriched"
    assert _attributes(deliveries["echo"])["wirewatch.reason"] == "refused"


def test_spans_say_nothing_of_an_article_s_text(stream: Stream) -> None:
    assert not any(word in str(stream.web.spans) for word in (TITLE, BODY, BAD))


async def test_what_goes_out_names_the_span_that_it_comes_of(stream: Stream) -> None:
    web = stream.web
    spans = {"enriched": "enrich", "hits": "enrich", "alerts": "fold"}
    for role, name in spans.items():
        headers = await _headers(stream, role)
        (span,) = [span for span in web.named(name) if span.parent_span_id]
        assert headers["traceparent"] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
        assert headers["tracestate"] == "vendor=1"
        assert headers["ce_type"] == f"wirewatch.{role.removesuffix('s')}.v1"
    routes = {_attributes(span)["wirewatch.route"]: span.span_id.hex() for span in web.named("deliver")}
    copied, alert = await _headers(stream, "copy"), await _headers(stream, "alerts")
    assert copied["traceparent"].split("-")[2] == routes["copy"]
    assert web.hooked[0]["traceparent"].split("-")[2] == routes["hook"]
    assert {name: copied[name] for name in copied if name.startswith("ce_")} == {
        name: alert[name] for name in alert if name.startswith("ce_")
    }


def test_at_info_no_log_holds_the_text_of_an_article(stream: Stream) -> None:
    for worker in stream.workers:
        said = worker.log.read_text(errors="replace")
        lines = said.splitlines()
        assert lines and all(json.loads(line)["event"] for line in lines), said
        assert not any(word in said for word in (TITLE, BODY, BAD)), said
    assert "refused" in stream.workers[2].log.read_text()


async def _headers(stream: Stream, role: str) -> dict[str, str]:
    """The headers of the record that came of the article whose trace is known."""
    records = await whole_topic(stream.bootstrap, f"{stream.prefix}.{role}")
    found = [{name: value.decode() for name, value in record.headers} for record in records]
    (one,) = [headers for headers in found if PARENT[3:35] in headers.get("traceparent", "")]
    return one


def _attributes(span: Any) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in span.attributes}
