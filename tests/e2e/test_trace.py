"""`wirewatch trace` on a real Kafka: where each article is, whatever became of it."""

import asyncio
import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from alerts import bundle
from alerts.engine import fold
from alerts.watchlist import Rule, Watchlist
from tests.demo_process import COMMAND, eventually
from tests.kafka.broker import Cluster, free_ports
from tests.kafka.secured import Secured
from tests.worker_processes import WorkerProcess, Workers
from topics.codec import decode_hit, encode
from workers.article.options import Options
from workers.article.pipeline import Pipeline
from workers.messages import Record
from workers.rights import rights
from workers.sections import Deliver
from workers.sections import Kafka as KafkaSection
from workers.settings import Settings, load
from workers.stream import kafka as kafka_clients
from workers.tracing.found import Met, Trace, Way
from workers.tracing.search import trace

pytestmark = pytest.mark.kafka

WATCHLIST = """\
id: minerals
desk: commodities
rules:
  - {id: rare-earths, severity: urgent, terms: [rare earths], aliases: {rare earths: [terres rares]}}
"""
SETTINGS = """\
model = "none"
watchlists = ["{folder}/watchlist.yaml"]
sources_file = "{folder}/sources.yaml"
[enrich]
exclude_sources = ["Spam Wire"]
[deliver]
commit_interval = 0.2
drain = 1
[[deliver.route]]
name = "copy"
sink = {{kind = "kafka", topic = "{prefix}.copy"}}
[[deliver.route]]
name = "flash-only"
severities = ["flash"]
sink = {{kind = "stdout"}}
[[deliver.route]]
name = "down"
sink = {{kind = "webhook", url = "http://127.0.0.1:{down}/"}}
[[deliver.route]]
name = "picky"
sink = {{kind = "webhook", url = "http://127.0.0.1:{picky}/"}}
"""
LONG = "Exports of rare earths from the north of the country were halted on Monday, the ministry said in a statement. "


class _Refusing(BaseHTTPRequestHandler):
    """A web server that takes no alert, until the end."""

    status = 422

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(self.status)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass(frozen=True)
class System:
    """A system whose articles have come to rest."""

    settings: Settings
    env: dict[str, str]

    def run(self, *arguments: str, data: bytes = b"") -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*COMMAND, *arguments], input=data, capture_output=True, env=self.env, timeout=90, check=False
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def publish(self, *articles: dict[str, Any] | bytes) -> None:
        lines = [article if isinstance(article, bytes) else json.dumps(article).encode() for article in articles]
        done = self.run("publish", "-", data=b"\n".join(lines) + b"\n")
        assert done.returncode == 0, done.stderr

    async def trace(self, asked: str, *, since: datetime | None = None, thorough: bool = False) -> Trace:
        return await trace(self.settings, asked, since=since, thorough=thorough, progress=lambda *_: None)

    async def way(self, asked: str) -> Way:
        (way,) = (await self.trace(asked)).ways
        return way


@pytest.fixture(scope="module")
def system(kafka: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder, prefix = tmp_path_factory.mktemp("trace"), f"t{uuid.uuid4().hex[:12]}"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _write(folder, prefix, picky=server.server_port)
    env = {"WIREWATCH_CONFIG": str(folder / "wirewatch.toml"), "WIREWATCH_BROKERS": kafka.bootstrap}
    env |= {"WIREWATCH_PREFIX": prefix, "WIREWATCH_GROUP": prefix}
    with Workers(kafka.bootstrap, prefix, folder, env) as workers, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        system = System(load(), os.environ | env)
        asyncio.run(kafka.create_topics(prefix, partitions=2))
        asyncio.run(kafka.create_topic(f"{prefix}.copy"))
        _bring_to_rest(system, workers)
        yield system
    server.shutdown()
    server.server_close()


def _bring_to_rest(system: System, workers: Workers) -> None:
    started = [workers.start(kind)[0] for kind in ("enrich", "alert", "deliver")]
    enrich, alert, deliver = started
    for worker in started:
        worker.wait_ready()
    _publish(system)
    assert eventually(lambda: alert.total("wirewatch_hits_total") == HITS, 60), alert.tail()
    assert eventually(lambda: _settled(deliver), 60), deliver.tail()
    alert.stop()
    deliver.stop()
    system.publish({"id": "unfolded", "title": "Rare earths in space", "body": "A comet holds them."})
    assert eventually(lambda: enrich.total("wirewatch_hits_total") == HITS + 1, 60), enrich.tail()
    enrich.stop()
    system.publish({"id": "late", "title": "Too late for enrich", "body": "Nothing."}, {"id": "later", "body": "More."})


def _write(folder: Path, prefix: str, *, picky: int) -> None:
    (folder / "watchlist.yaml").write_text(WATCHLIST)
    (folder / "sources.yaml").write_text("sources:\n  - {id: spam, name: Spam Wire, hosts: [spam.example]}\n")
    text = SETTINGS.format(folder=folder, prefix=prefix, down=free_ports(1)[0], picky=picky)
    (folder / "wirewatch.toml").write_text(text)


HITS = 5
URL = "https://news.example/one-1"


def _publish(system: System) -> None:
    old = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    french = {"id": "twin", "title": "Terres rares", "body": "Les exportations de terres rares sont suspendues."}
    system.publish(
        {"id": "first", "title": "Exports halted", "body": LONG * 3, "source": "AP", "url": URL},
        {"id": "second", "title": "Exports halted", "body": LONG * 3, "source": "AFP"},
        french,
        {"id": "old", "title": "Rare earths", "body": "An old story about a mine.", "published_at": old},
        {"id": "spam-1", "title": "Rare earths!", "body": "Buy now.", "url": "https://www.spam.example/1"},
        {"id": "empty", "body": "<div> </div>"},
        b'{"id": "broken-record", "title": ',
        {"title": "Weather", "body": "Dry.", "url": "https://news.example/weather?utm_source=feed"},
    )
    system.publish(french)


def _settled(deliver: WorkerProcess) -> bool:
    """Two alerts: copied, and refused; nothing is hoped for from the route that is down."""
    name = "wirewatch_deliveries_total"
    return (
        deliver.total(name, sink="copy", result="delivered") == 2
        and deliver.total(name, sink="picky", result="refused") == 2
    )


def _states(met: Met) -> dict[str, str]:
    return {delivery.route: delivery.state for delivery in met.alerts[0].deliveries}


async def test_an_alert_and_each_of_its_deliveries(system: System) -> None:
    way = await system.way("first")
    assert (way.outcome, way.id, way.source, way.url) == ("enriched", "first", "AP", "https://news.example/one-1")
    assert way.arrived is not None
    assert way.arrived.topic == system.settings.topic("raw")
    assert way.arrived.at is not None
    (met,) = way.hits
    assert (met.outcome, met.desk, met.severity) == ("alerted", "commodities", "urgent")
    assert {(rule.rule, rule.evidence[0].text) for rule in met.rules} == {("rare-earths", "rare earths")}
    (ring,) = met.alerts
    assert (ring.kind, ring.article_id, ring.place.topic) == ("hit", "first", system.settings.topic("alerts"))
    assert _states(met) == {"copy": "delivered", "flash-only": "not_wanted", "down": "waiting", "picky": "refused"}
    picky = next(delivery for delivery in ring.deliveries if delivery.route == "picky")
    assert "422" in (picky.reason or "")


async def test_a_folded_article_names_the_alert_that_it_was_folded_into(system: System) -> None:
    (met,) = (await system.way("second")).hits
    assert (met.outcome, met.reason) == ("folded", "cooldown")
    assert [ring.article_id for ring in met.alerts] == ["first"]
    assert _states(met)["copy"] == "delivered"
    assert met.story is not None
    assert (met.story.articles, met.story.sources, met.story.alerts) == (2, 2, 1)


async def test_an_article_that_came_twice_has_two_ways_and_one_alert(system: System) -> None:
    first, second = (await system.trace("twin")).ways
    assert [met.outcome for met in (*first.hits, *second.hits)] == ["alerted", "folded"]
    assert second.hits[0].reason == "repeat"
    assert first.arrived != second.arrived


async def test_old_news_is_said_to_be_old(system: System) -> None:
    (met,) = (await system.way("old")).hits
    assert (met.outcome, met.reason, met.alerts) == ("folded", "backfill", ())


async def test_a_hit_that_nobody_has_folded_yet_waits(system: System) -> None:
    (met,) = (await system.way("unfolded")).hits
    assert (met.outcome, met.before) == ("waiting", 0)


@pytest.mark.parametrize("asked", ["spam-1", "https://spam.example/1", "www.spam.example/1?utm_source=x"])
async def test_what_was_filtered_says_by_what(system: System, asked: str) -> None:
    way = await system.way(asked)
    assert (way.outcome, way.reason, way.id, way.source) == ("filtered", "source", "spam-1", "spam")


async def test_a_dead_letter_says_why(system: System) -> None:
    way = await system.way("empty")
    assert (way.outcome, way.reason, way.id) == ("dead_lettered", "no_text", "empty")
    assert way.letter is not None
    assert way.letter.topic == system.settings.topic("dead-letters")
    assert way.arrived is not None
    assert way.arrived.topic == system.settings.topic("raw")


async def test_a_record_that_nobody_can_read_is_found_by_what_it_holds(system: System) -> None:
    way = await system.way("broken-record")
    assert (way.outcome, way.reason, way.id) == ("unreadable", "not_json", None)


async def test_an_article_without_an_id_is_found_by_its_url_and_by_the_id_that_it_was_given(system: System) -> None:
    by_url = await system.way("https://news.example/weather#top")
    assert (by_url.outcome, by_url.hits) == ("enriched", ())
    assert by_url.id is not None
    assert by_url.id.startswith("u-")
    assert await system.way(by_url.id) == by_url


async def test_what_waits_for_enrich_says_how_much_is_before_it(system: System) -> None:
    ways = [await system.way(asked) for asked in ("late", "later")]
    assert [way.outcome for way in ways] == ["waiting", "waiting"]
    for way in ways:
        assert way.arrived is not None
        assert way.before is not None
        assert 0 <= way.before <= 1


async def test_what_never_came_says_where_it_was_looked_for(system: System) -> None:
    found = await system.trace("never")
    assert found.ways == ()
    searched = {one.topic.rpartition(".")[2]: one for one in found.searched}
    assert searched.keys() == {"enriched", "dead-letters", "raw"}
    raw = searched["raw"]
    assert raw.records == 12
    assert raw.since is not None
    assert raw.until is not None
    assert raw.since <= raw.until


async def test_nothing_is_looked_at_that_is_older_than_asked(system: System) -> None:
    found = await system.trace("first", since=datetime.now(UTC) + timedelta(hours=1))
    assert found.ways == ()
    assert sum(one.records for one in found.searched) == 0


async def test_thorough_finds_arrivals_beside_what_was_enriched(system: System) -> None:
    assert [way.outcome for way in (await system.trace("twin", thorough=True)).ways] == ["enriched", "enriched"]


async def test_no_group_is_left_behind(system: System) -> None:
    await system.trace("first")
    async with kafka_clients.admin(system.settings) as admin:
        groups = {group for group, _ in await admin.list_consumer_groups() if group.startswith(system.settings.prefix)}
    assert groups == {
        f"{system.settings.prefix}-{name}"
        for name in ("enrich", "alert", "deliver-copy", "deliver-flash-only", "deliver-down", "deliver-picky")
    }


async def test_routes_that_the_settings_do_not_know_are_found_by_their_groups(system: System) -> None:
    unknown = system.settings.model_copy(update={"deliver": Deliver()})
    found = await trace(unknown, "first", since=None, progress=lambda *_: None)
    states = _states(found.ways[0].hits[0])
    assert states == {"copy": "passed", "flash-only": "passed", "picky": "refused"} | (
        {"down": "waiting"} if "down" in states else {}
    )


def test_people_and_programs_are_told_and_the_exit_code_says_whether_it_came(system: System) -> None:
    shown = system.run("trace", "second", "--since", "2h")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert lines[0] == "Exports halted"
    said = [line.strip() for line in lines]
    for part in ("arrived in", "met 1 rule of commodities", "commodities: no alert: the story's last alert is younger"):
        assert any(part in line for line in said), shown.stdout
    assert "copy: delivered" in said
    assert max(map(len, lines)) < 300
    told = system.run("trace", "second", "--json")
    assert json.loads(told.stdout)["hits"][0]["reason"] == "cooldown"
    never = system.run("trace", "never")
    assert never.returncode == 1
    assert "never: it never came" in never.stdout
    assert json.loads(system.run("trace", "never", "--json").stdout)["searched"]
    assert system.run("trace", "first", "--since", "soon").returncode == 2


async def test_what_was_redriven_says_so_and_an_alert_that_its_sink_took_then_is_delivered(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one of this system: it changes it."""
    monkeypatch.setattr(_Refusing, "status", 200)
    assert system.run("dlq", "redrive", "--sink", "picky").stderr == "2 redriven to sink picky\n"
    assert system.run("dlq", "redrive", "--reason", "no_text").returncode == 0
    (met,) = (await system.way("first")).hits
    assert _states(met)["picky"] == "delivered"
    way = await system.way("empty")
    assert way.outcome == "dead_lettered"
    assert way.redriven is not None
    assert way.redriven.topic == system.settings.topic("dead-letters")
    shown = system.run("trace", "empty").stdout.splitlines()
    assert any(line.strip().endswith("redriven") for line in shown), shown
    assert len((await system.trace("empty", thorough=True)).ways) == 2, "it has arrived once more"


async def test_the_rights_of_trace_are_enough_for_it(secured_kafka: Secured, prefix: str) -> None:
    """And an unknown route's group, which it may not look at, is said to be one."""
    await secured_kafka.cluster.create_topics(prefix, partitions=2)
    routes = [{"name": name, "sink": {"kind": "stdout"}} for name in ("mine", "forbidden")]
    settings = Settings(
        brokers=secured_kafka.sasl_ssl,
        prefix=prefix,
        group=prefix,
        kafka=KafkaSection.model_validate({"security": _login(secured_kafka)}),
        deliver=Deliver.model_validate({"route": routes}),
    )
    secured_kafka.set_password("tracer", "secret")
    for right in rights(settings, "trace"):
        if not right.name.endswith("forbidden"):
            secured_kafka.allow("tracer", *map(str.upper, right.operations), **{right.kind: right.name})
    await _as_if_alerted(secured_kafka.bootstrap, settings)
    (way,) = (await trace(settings, "a-1", since=None, progress=lambda *_: None)).ways
    (met,) = way.hits
    assert met.outcome == "alerted"
    assert [(delivery.route, delivery.state) for delivery in met.alerts[0].deliveries] == [
        ("mine", "waiting"),
        ("forbidden", "unknown"),
    ]
    assert "Describe" in (met.alerts[0].deliveries[1].reason or "")
    assert not (await trace(settings, "never", since=None, progress=lambda *_: None)).ways


def _login(secured: Secured) -> dict[str, str]:
    return {"mechanism": "SCRAM-SHA-512", "username": "tracer", "password": "secret", "ca": str(secured.ca)}


async def _as_if_alerted(bootstrap: str, settings: Settings) -> None:
    """What the workers would leave behind of an article that met one rule."""
    pipeline = Pipeline(Options())
    rule = Rule(id="taiwan", terms=("Taiwan",))
    pipeline.use_watchlists(bundle.encode((Watchlist(id="w", desk="trade", rules=(rule,)),)))
    record = Record(settings.topic("raw"), 0, 0, 1_795_608_000_000, None, b'{"id": "a-1", "body": "Taiwan"}')
    (result,) = pipeline([record])
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for output in (*result.first, *result.then):
            await producer.send_and_wait(settings.topic(output.role), output.value, key=output.key, partition=0)
        hit = decode_hit(result.first[0].value)
        origin = ("wirewatch.hit", f"{settings.topic('hits')}/0/0".encode())
        for alert in fold([hit]):
            await producer.send_and_wait(settings.topic("alerts"), encode(alert), partition=0, headers=[origin])
