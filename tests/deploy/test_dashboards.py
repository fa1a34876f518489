"""The dashboards: their JSON is what the code generates, and every panel shows something of a real run."""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from tests.conftest import unavailable
from tests.delivering import Receiver
from tests.deploy import observed, panels, tools
from tests.deploy.draw import draw
from tests.kafka.broker import Cluster
from tests.worker_processes import WorkerProcess, Workers, run_command
from workers.metrics import Metrics

ROOT = Path(__file__).parents[2]
GENERATE = ROOT / "deploy" / "grafana" / "generate.py"
RULES = ROOT / "deploy" / "prometheus" / "rules" / "wirewatch.yml"
UNITS = {"short", "none", "s", "bytes", "percentunit"}


def names_in(text: str) -> set[str]:
    """The metrics of ours that an expression names, without a histogram's or counter's suffix."""
    return {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in re.findall(r"\bwirewatch_[a-z_]+", text)}


def known() -> set[str]:
    return {family.name for family in Metrics(CollectorRegistry()).registry.collect()}


def test_panels_and_rules_name_metrics_that_there_are() -> None:
    expressions = [query for panel in panels.panels() for query, _ in panel.queries]
    expressions += [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    named = set().union(*map(names_in, (re.sub(r"\w+:wirewatch_\w+:\w+", "", text) for text in expressions)))
    assert named - known() == set()


def test_every_panel_says_what_it_shows() -> None:
    for panel in panels.panels():
        assert panel.panel["description"], panel.title
        assert panel.unit in UNITS
        assert panel.panel["id"] > 0


def test_a_link_to_the_runbook_is_to_an_alert_that_there_is() -> None:
    text = (ROOT / "deploy" / "RUNBOOK.md").read_text()
    anchors = {line.removeprefix("### ").lower() for line in text.splitlines() if line.startswith("### ")}
    links = [link["url"] for panel in panels.panels() for link in panel.panel.get("links", [])]
    assert links
    assert {url.partition("#")[2] for url in links} <= anchors


@pytest.mark.deploy
def test_the_committed_json_is_what_the_code_generates(tmp_path: Path) -> None:
    try:
        python = tools.python_of("grafana", tools.GRAFANA_SDK)
    except tools.ToolMissing as error:
        unavailable(str(error))
        raise
    subprocess.run([str(python), str(GENERATE), str(tmp_path)], check=True)
    generated = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert generated == panels.dashboards()


WATCHLISTS = {
    "markets": {"desk": "markets", "rules": [{"id": "money", "severity": "urgent", "terms": ["bank*", "dollar"]}]},
    "asia": {"desk": "asia", "rules": [{"id": "china", "terms": ["China"]}, {"id": "japan", "terms": ["Japan"]}]},
    "trade": {"desk": "trade", "rules": [{"id": "tariffs", "severity": "flash", "terms": ["tariff*", "trade"]}]},
}
SOURCES = """
sources:
  - {id: wire, hosts: [wire.example], expect_every: 30s}
  - {id: daily, hosts: [daily.example], expect_every: 1d}
"""
SAMPLES = ROOT / "workers" / "samples" / "articles.jsonl"


def articles(number: int) -> list[bytes]:
    """Our samples over and over, each time another article, from two sources, with bad records among them."""
    lines = SAMPLES.read_text().strip().split("\n")
    samples = [json.loads(line) for line in lines if line.endswith("}")]  # one is broken on purpose
    found = []
    for n in range(number):
        article = dict(samples[n % len(samples)])
        host = ("wire", "daily")[n % 2]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        article |= {"id": f"a{n}", "url": f"https://{host}.example/{n}", "published_at": now}
        article.pop("source", None)
        found.append(json.dumps(article).encode() if n % 25 else b"{broken")
    return found


class Run:
    """Workers on a Kafka with everything that a dashboard shows going on."""

    def __init__(self, kafka: Cluster, prefix: str, folder: Path) -> None:
        self.kafka, self.prefix, self.folder = kafka, prefix, folder
        self.strange = f"{prefix}.strange"
        self.watchlists = folder / "watchlists"
        self.watchlists.mkdir()
        for name, fields in WATCHLISTS.items():
            (self.watchlists / f"{name}.yaml").write_text(yaml.safe_dump({"id": name, **fields}))
        (folder / "sources.yaml").write_text(SOURCES)

    def env(self, sink: str) -> dict[str, str]:
        routes = [
            {"name": "chat", "sink": {"kind": "webhook", "url": sink}},
            {"name": "copy", "sink": {"kind": "kafka", "topic": f"{self.prefix}.copy"}},
        ]
        return {
            "WIREWATCH_DELIVER__ROUTE": json.dumps(routes),
            "WIREWATCH_INPUT": json.dumps([{"topics": [f"{self.prefix}.raw"]}, {"topics": [self.strange]}]),
            "WIREWATCH_SOURCES_FILE": str(self.folder / "sources.yaml"),
        }

    def start(self, workers: Workers) -> list[WorkerProcess]:
        enrich = workers.start("enrich", "-w", str(self.watchlists), "--processes", "1", number=2)
        return [*enrich, *workers.start("alert", number=2), *workers.start("deliver")]

    async def put_a_brake_on(self) -> None:
        """A publisher whose records nobody can read."""
        async with AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap) as producer:
            for _ in range(200):
                await producer.send_and_wait(self.strange, b"{broken")

    def publish(self, number: int, rate: float) -> None:
        file = self.folder / "articles.jsonl"
        file.write_bytes(b"\n".join(articles(number)) + b"\n")
        flags = ("--brokers", self.kafka.bootstrap, "--prefix", self.prefix, "--rate", str(rate))
        run_command("publish", str(file), *flags)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = ROOT / ".cache" / "dashboards"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.deploy
@pytest.mark.kafka
@pytest.mark.timeout(900)
async def test_every_query_of_every_panel_shows_something_of_a_real_run(
    kafka: Cluster, prefix: str, tmp_path: Path, pictures: Path
) -> None:
    await kafka.create_topics(prefix, partitions=4)
    await kafka.create_topic(f"{prefix}.copy")
    run = Run(kafka, prefix, tmp_path)
    await kafka.create_topic(run.strange)
    answers: Callable[[str], tuple[int, dict[str, str]]] = lambda id: (503, {}) if hash(id) % 10 == 0 else (200, {})  # noqa: E731
    async with Receiver(answers) as receiver:
        with Workers(kafka.bootstrap, prefix, tmp_path, run.env(receiver.url)) as workers:
            started = run.start(workers)
            with observed.prometheus(tmp_path, started, RULES) as prometheus:
                for worker in started:
                    await asyncio.to_thread(worker.wait_ready)
                begun = time.time()
                await run.put_a_brake_on()
                await asyncio.to_thread(run.publish, 2500, 25)
                results = prometheus.all_panels(begun - 10, time.time())
                # One version came up in this run.
                deploys = [
                    prometheus.ask("query_range", query=annotation, start=begun - 10, end=time.time(), step=2)["result"]
                    for annotation in panels.annotations()
                ]
                assert prometheus.up() == len(started)
    _draw(results, pictures)
    silent = [f"{one['dashboard']}: {one['title']}: {query}" for one in results["panels"] for query in _silent(one)]
    assert silent == []
    assert deploys and all(deploys)


def _silent(result: dict[str, Any]) -> list[str]:
    """The queries of a panel that returned nothing."""
    answered = {one["query"] for one in result["series"]}
    return [query for query, _ in result["queries"] if query not in answered]


def _draw(results: dict[str, Any], folder: Path) -> None:
    try:
        drawn = draw(results, folder)
    except tools.ToolMissing as error:
        unavailable(str(error))
    assert len(drawn) == len(panels.dashboards())
