"""What `wirewatch check` makes of a cluster."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from topics.catalog import TOPICS
from workers.checks import local, topics
from workers.checks.cluster import Cluster
from workers.checks.finding import Finding, worst
from workers.sections import Deliver, Enrich, Input, Route, Sink
from workers.sections import Kafka as KafkaSection
from workers.settings import Settings
from workers.stream.authorized import Allowed

SETTINGS = Settings()
EVERYTHING = frozenset({"Read", "Write", "Describe"})
Configs = dict[str, dict[str, str]]


def cluster(
    settings: Settings = SETTINGS,
    *,
    partitions: Mapping[str, int] | None = None,
    configs: Mapping[str, dict[str, str]] | None = None,
    missing: tuple[str, ...] = (),
    more: Mapping[str, Allowed] | None = None,
) -> Cluster:
    """A healthy cluster, but for what is said. Settings of None cannot be seen."""
    found = {
        settings.topic(role): Allowed(
            "UnknownTopicOrPartitionError" if role in missing else None,
            EVERYTHING,
            (partitions or {}).get(role, topic.partitions or 4),
            3,
        )
        for role, topic in TOPICS.items()
    }
    changed = {
        settings.topic(role): {"max.message.bytes": "1048588", "retention.ms": "-1", **topic.config}
        | (configs or {}).get(role, {})
        for role, topic in TOPICS.items()
        if role not in missing
    }
    return Cluster(brokers=3, topics=found | dict(more or {}), configs=changed)


def found(found: Cluster, settings: Settings = SETTINGS) -> list[Finding]:
    return list(topics.check(settings, found))


def not_fine(findings: list[Finding]) -> list[tuple[str, str, str | None]]:
    return [(finding.level, finding.check, finding.subject) for finding in findings if finding.level != "fine"]


def test_topics_as_we_make_them_are_fine() -> None:
    findings = found(cluster())
    assert not_fine(findings) == []
    assert {finding.check for finding in findings} >= {
        "topics",
        "equal partitions",
        "LogAppendTime",
        "retention",
        "message sizes",
    }


def test_a_topic_that_is_not_there_is_wrong_and_says_how_it_is_made() -> None:
    (finding,) = [f for f in found(cluster(missing=("alerts",))) if f.level == "wrong"]
    assert (finding.check, finding.subject) == ("topic", "news.alerts")
    assert "wirewatch topics create" in (finding.remedy or "")


def test_one_partition_fewer_is_wrong_and_the_remedy_is_a_command() -> None:
    (finding,) = [f for f in found(cluster(partitions={"alerts": 3})) if f.level == "wrong"]
    assert finding.subject == "news.alerts"
    assert finding.remedy == (
        "kafka-topics.sh --bootstrap-server localhost:9092 --alter --topic news.alerts --partitions 4"
    )


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ({"raw": {"message.timestamp.type": "CreateTime"}}, ("warning", "LogAppendTime", "news.raw")),
        ({"hits": {"message.timestamp.type": "CreateTime"}}, ("wrong", "LogAppendTime", "news.hits")),
        ({"hits": {"retention.ms": "3600000"}}, ("wrong", "retention", "news.hits")),
        ({"alerts": {"retention.ms": "3600000"}}, ("wrong", "retention", "news.alerts")),
        ({"raw": {"retention.ms": "3600000"}}, ("warning", "retention", "news.raw")),
        ({"alerts": {"retention.bytes": "1000000"}}, ("warning", "retention", "news.alerts")),
        ({"hits": {"cleanup.policy": "compact"}}, ("wrong", "retention", "news.hits")),
        ({"stories": {"cleanup.policy": "delete"}}, ("wrong", "retention", "news.stories")),
        ({"dead-letters": {"max.message.bytes": "4194304"}}, ("wrong", "message sizes", "news.dead-letters")),
        ({"hits": {"max.message.bytes": "1000000"}}, ("wrong", "message sizes", "news.hits")),
        ({"stories": {"max.message.bytes": "1048588"}}, ("wrong", "message sizes", "news.stories")),
    ],
)
def test_a_setting_that_is_not_as_it_must_be(configs: Configs, expected: tuple[str, str, str]) -> None:
    findings = found(cluster(configs=configs))
    assert not_fine(findings) == [expected]
    assert all(finding.remedy or finding.level == "warning" for finding in findings if finding.level != "fine")


def test_the_longest_outage_is_the_users() -> None:
    month = Settings(longest_outage=30 * 86400.0)
    assert ("wrong", "retention", "news.hits") in not_fine(found(cluster(month), month))


def test_a_small_request_of_the_producers_is_wrong() -> None:
    small = Settings(kafka=KafkaSection(producer={"max_request_size": 1_000_000}))
    assert not_fine(found(cluster(small), small)) == [("wrong", "message sizes", None)]


def test_settings_that_we_may_not_see_are_a_warning_and_no_guess() -> None:
    hidden = cluster()
    hidden = Cluster(brokers=3, topics=hidden.topics)
    assert {(level, check) for level, check, _ in not_fine(found(hidden))} == {("warning", "topic settings")}


def test_another_input_is_checked_like_our_own() -> None:
    theirs = Settings(input=(Input(topics=("feeds",)),), enrich=Enrich())
    more = {"feeds": Allowed("TopicAuthorizationFailedError", frozenset())}
    ((_, check, subject),) = not_fine(found(cluster(theirs, more=more), theirs))
    assert (check, subject) == ("topic", "feeds")


def test_the_worst_is_what_counts() -> None:
    levels = [Finding(check="x", level=level, message="") for level in ("fine", "wrong", "warning")]
    assert (worst(levels), worst(levels[::2]), worst([])) == ("wrong", "warning", "fine")


async def route_levels(*routes: Route) -> list[tuple[str, str | None]]:
    settings = Settings(deliver=Deliver(route=routes))
    return [(finding.level, finding.subject) async for finding in local.routes(settings)]


async def test_routes_are_made_and_connected_to_but_nothing_is_sent() -> None:
    import asyncio

    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = {"kind": "webhook", "url": f"http://127.0.0.1:{port}/hook"}
    async with server:
        assert await route_levels(Route(name="hook", sink=Sink.model_validate(options))) == [("fine", "hook")]
        for _ in range(50):
            await asyncio.sleep(0)
    assert not any(received)
    assert await route_levels(Route(name="hook", sink=Sink.model_validate(options))) == [("wrong", "hook")]


async def test_no_route_is_a_warning_and_a_wrong_one_says_why() -> None:
    assert await route_levels() == [("warning", None)]
    broken = Route(name="x", sink=Sink.model_validate({"kind": "webhook"}))
    assert await route_levels(broken) == [("wrong", "x")]


def test_a_list_of_sources_is_checked_where_there_is_one(tmp_path: Path) -> None:
    assert list(local.sources(Settings())) == []
    path = tmp_path / "sources.yaml"
    path.write_text("sources:\n  - {id: wire, expect_every: 15m}\n  - {id: other}\n")
    (fine,) = local.sources(Settings(sources_file=path))
    assert (fine.level, fine.message) == ("fine", "2 listed, 1 expected")
    path.write_text("sources:\n  - {id: wire, expect: 15m}\n")
    (wrong,) = local.sources(Settings(sources_file=path))
    assert (wrong.level, wrong.subject) == ("wrong", f"{path}:2")
    assert "sources[0].expect: expected “expect_every”" in wrong.message


def test_a_gazetteer_of_ones_own_is_checked_where_there_is_one(tmp_path: Path) -> None:
    assert list(local.gazetteer(Settings())) == []
    path = tmp_path / "gazetteer.yaml"
    path.write_text("names:\n  - {id: 'acme:kestrel', name: Kestrel Lines, label: ORG, aliases: [Kestrel]}\n")
    (fine,) = local.gazetteer(Settings(gazetteer_file=path))
    assert (fine.level, fine.message) == ("fine", "1 names of your own, 2 forms")
    path.write_text("names:\n  - {name: Kestrel Lines}\n")
    (wrong,) = local.gazetteer(Settings(gazetteer_file=path))
    assert (wrong.level, wrong.subject, wrong.remedy) == ("wrong", f"{path}:2", f"wirewatch gazetteer check {path}")


def test_a_pool_that_memory_cannot_hold_is_a_warning() -> None:
    (chosen,) = local.pool(Settings(enrich=Enrich(processes=1)))
    assert "1 process, enrich.processes" in chosen.message or chosen.level == "warning"
    (many,) = local.pool(Settings(enrich=Enrich(processes=100_000)))
    assert many.level == "warning"
    assert "enrich.processes" in many.message


def test_spans_that_are_asked_for_and_cannot_be_made_are_a_warning() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}
    assert list(local.spans({})) == []
    (fine,) = local.spans(endpoint)
    assert fine.level == "fine"
    (problem,) = local.spans(endpoint | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert problem.level == "warning"
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in (problem.remedy or "")


def test_terms_that_ask_for_a_label_are_a_warning_where_no_model_is(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("id: w\nrules: [{id: r, terms: [{term: Apple, label: ORG}]}]\n")

    def said_of(settings: Settings) -> list[Finding]:
        return [*local.watchlists(settings, local.files(settings))]

    said = said_of(Settings(model="none", watchlists=(file,)))
    assert not_fine(said) == [("warning", "watchlists", None)]
    assert "only names of the gazetteer meet them" in said[-1].message
    assert not_fine(said_of(Settings(watchlists=(file,)))) == []
    file.write_text("id: w\nrules: [{id: r, terms: [Apple]}]\n")
    assert not_fine(said_of(Settings(model="none", watchlists=(file,)))) == []
