"""Metrics: names by convention, bounded labels, series that begin at 0 and end with their partition."""

import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from topics.errors import REASONS
from topics.inputs.form import FIELDS
from workers import series
from workers.counting import MAX_RULES, Counting
from workers.messages import Record, Result
from workers.metrics import Metrics
from workers.stream.brake import Rules
from workers.stream.brakes import Brakes

UNITS = (  # of gauges
    "_seconds|_bytes|_records|_articles|_partitions|_groups|_processes|_offset|_rules|_alerts|_watchlists"
    "|_info|_unaccounted|_active|_ready|_files"
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), version="1.2")


def families(metrics: Metrics) -> dict[str, str]:
    return {family.name: family.type for family in metrics.registry.collect()}


def test_names_have_a_unit_and_help(metrics: Metrics) -> None:
    found = [family for family in metrics.registry.collect() if family.name.startswith("wirewatch_")]
    assert len(found) > 25
    for family in found:
        assert family.documentation
        if family.type != "counter":
            assert re.search(f"({UNITS})$", family.name), family.name


def test_the_names_that_dashboards_and_probes_use_are_there(metrics: Metrics) -> None:
    assert {
        "wirewatch_consumed_records": "counter",
        "wirewatch_processed_articles": "counter",
        "wirewatch_dead_letters": "counter",
        "wirewatch_deliveries": "counter",
        "wirewatch_stage_seconds": "histogram",
        "wirewatch_latency_seconds": "histogram",
        "wirewatch_lag_records": "gauge",
        "wirewatch_unaccounted": "gauge",
        "wirewatch_build_info": "gauge",
    }.items() <= families(metrics).items()


def test_the_process_and_the_platform_are_measured_too(metrics: Metrics) -> None:
    assert {"process_resident_memory_bytes", "python_info"} <= families(metrics).keys()


def test_every_reason_for_a_dead_letter_begins_at_0(metrics: Metrics) -> None:
    for reason in REASONS:
        assert metrics.registry.get_sample_value("wirewatch_dead_letters_total", {"reason": reason}) == 0


def test_every_field_that_may_be_missing_begins_at_0(metrics: Metrics) -> None:
    for field in FIELDS:
        assert metrics.registry.get_sample_value("wirewatch_input_missing_total", {"field": field}) == 0


def test_a_sink_begins_at_0(metrics: Metrics) -> None:
    labels = {"sink": "chat", "result": "delivered"}
    assert metrics.registry.get_sample_value("wirewatch_deliveries_total", labels) is None
    series.expect_sink(metrics, "chat")
    assert metrics.registry.get_sample_value("wirewatch_deliveries_total", labels) == 0


def test_what_is_counted_of_a_topic_begins_at_0(metrics: Metrics) -> None:
    series.expect_topics(metrics, read=["raw"], written=["hits"])
    for name, topic in (("consumed", "raw"), ("skipped", "raw"), ("produced", "hits")):
        assert metrics.registry.get_sample_value(f"wirewatch_{name}_records_total", {"topic": topic}) == 0


def test_a_partition_that_is_gone_is_no_longer_reported(metrics: Metrics) -> None:
    gauges = (metrics.lag, metrics.position, metrics.committed, metrics.unaccounted)
    for gauge in gauges:
        for partition in ("0", "1"):
            gauge.labels("raw", partition).set(7)
    series.forget(metrics, "raw", 0)
    series.forget(metrics, "raw", 5)  # never seen: nothing to do
    text = generate_latest(metrics.registry).decode()
    assert 'partition="0"' not in text
    assert text.count('partition="1"') == len(gauges)


def test_of_rules_the_first_that_are_met_have_series_of_their_own(metrics: Metrics) -> None:
    async def unused(*_: Any) -> Any: ...

    brakes = Brakes(Rules(), submit=unused, newest=unused)
    counting = Counting(metrics, sources=lambda records, results: None, brakes=brakes)
    record = Record("news.raw", 0, 0, 0, None, b"", ())
    for number in [*range(MAX_RULES + 500), 0]:
        counting.settled([record], [Result("enriched", rules=(("w", f"r{number}"),))], sent=0.1)

    def count(watchlist: str, rule: str) -> float | None:
        labels = {"watchlist": watchlist, "rule": rule}
        return metrics.registry.get_sample_value("wirewatch_rule_hits_total", labels)

    assert (count("w", "r0"), count("w", f"r{MAX_RULES - 1}"), count("other", "other")) == (2, 1, 500)
    assert count("w", f"r{MAX_RULES}") is None


def test_a_route_s_partition_that_is_gone_is_no_longer_reported(metrics: Metrics) -> None:
    gauges = (
        *(metrics.delivery_lag, metrics.delivery_lag_seconds),
        *(metrics.delivery_position, metrics.delivery_committed),
    )
    for gauge in gauges:
        gauge.labels("chat", "3").set(7)
    series.forget_delivery(metrics, "chat", 3)
    assert 'partition="3"' not in generate_latest(metrics.registry).decode()


def test_only_listed_sources_are_reported(metrics: Metrics) -> None:
    def sources(name: str) -> set[str]:
        return {s.labels["source"] for f in metrics.registry.collect() for s in f.samples if s.name == name}

    series.expect_sources(metrics, {"wire": 900.0, "daily": None})
    assert sources("wirewatch_source_expect_every_seconds") == {"wire"}
    assert sources("wirewatch_boilerplate_paragraphs_total") == {"wire", "daily"}
    series.expect_sources(metrics, {"daily": 60.0}, gone=["wire", "daily"])
    assert sources("wirewatch_source_expect_every_seconds") == {"daily"}
    assert sources("wirewatch_boilerplate_paragraphs_total") == {"daily"}


def test_the_version_is_shown(metrics: Metrics) -> None:
    assert metrics.registry.get_sample_value("wirewatch_build_info", {"version": "1.2"}) == 1


def test_it_shows_whether_the_worker_is_ready_now(metrics: Metrics) -> None:
    reasons: list[str] = []
    metrics.ready_while(lambda: reasons[0] if reasons else None)
    assert metrics.registry.get_sample_value("wirewatch_ready") == 1
    reasons.append("the brokers do not answer")
    assert metrics.registry.get_sample_value("wirewatch_ready") == 0


def test_two_workers_in_one_process_have_each_their_own() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.hits.inc()
    assert second.registry.get_sample_value("wirewatch_hits_total") == 0
