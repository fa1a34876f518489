"""A bad night, on purpose: each alert that should ring comes to whoever is on call, and the runbook mends it.

All of compose.yaml runs, with the rules as they ship and beside them the same rules in a twelfth of their time
(tests/image/scaling.py), for most speak of an hour. Articles come all the while. In the order of the file, a test
breaks one thing and mends it.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGSTOP

import pytest
import yaml

from tests.deploy import panels
from tests.image import feeding
from tests.image.building import PROJECT
from tests.image.night import RULES, Night, prepare
from tests.image.stack import until, up
from tests.kafka.jars import Kafka
from tests.runbook import RUNBOOK, filled, section
from tests.worker_processes import WorkerProcess

pytestmark = [pytest.mark.image, pytest.mark.kafka, pytest.mark.timeout(900)]

OVERRIDE = PROJECT / "tests" / "image" / "compose.night.yaml"
WORKERS = ("enrich", "alert", "deliver")
NOT_PROVOKED = {"WirewatchUnaccounted"}
"""A defect of ours."""


@pytest.fixture(scope="module")
def night(image: str, kafka_installation: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The stack with all workers ready. What was seen is kept in `.cache/night`."""
    folder = tmp_path_factory.mktemp("night")
    prepare(folder)
    ports = ("desk", "oncall")
    with up(image, kafka_installation, overrides=[OVERRIDE], env={"NIGHT": str(folder)}, ports=ports) as stack:
        night = Night(stack, folder)
        try:
            night.ready(*WORKERS)
            yield night
        finally:
            night.save(PROJECT / ".cache" / "night")


def test_all_rules_are_loaded_and_none_has_an_error(night: Night) -> None:
    shipped = yaml.safe_load(RULES.read_text())["groups"]

    def rules() -> list[dict[str, str]]:
        return [rule for group in night.prometheus.ask("rules")["groups"] for rule in group["rules"]]

    until(lambda: all(rule["health"] == "ok" for rule in rules()), "every rule evaluated", 60)
    assert [rule for rule in rules() if rule.get("lastError")] == []
    assert len(rules()) == 2 * sum(len(group["rules"]) for group in shipped)


def test_a_calm_stream_rings_nobody(night: Night) -> None:
    until(lambda: len(night.calls("desk")) > 20, "alerts at the desk")
    time.sleep(30)  # longer than any rule of the night waits for one thing
    assert night.calls() == []
    said = night.inside("deliver", "wirewatch check --config wirewatch.toml")
    assert "\n0 wrong" in said, said
    print(said)


def test_a_broken_watchlist_rings_until_it_is_mended(night: Night) -> None:
    file, since = night.settings / "watchlists" / "night.yaml", time.time()
    file.write_text(feeding.BROKEN)
    night.rings("WirewatchReloadFailed", since=since, timeout=60)
    night.rings("WirewatchReloadFailed", since=since, timeout=90, scaled=False)
    night.shows("Watchlists refused", lambda value: value == 1, since=since)
    said = night.follow("WirewatchReloadFailed", "wirewatch watchlists check FILE", {"FILE": str(file)})
    assert "night.yaml:5" in said and "trems" in said
    file.write_text(feeding.WATCHLIST)
    night.mended("WirewatchReloadFailed")


def test_a_source_that_falls_silent_rings_until_it_speaks(night: Night) -> None:
    since = time.time()
    (night.settings / "sources.yaml").write_text(feeding.WITH_HARBOUR)
    night.publish([feeding.article(1, source="harbour")])
    night.rings("WirewatchSourceSilent", since=since, timeout=150)
    night.shows("Of what is expected", lambda value: value > 1, since=since, legend="harbour")
    night.publish([feeding.article(2, source="harbour")])
    night.mended("WirewatchSourceSilent")
    (night.settings / "sources.yaml").write_text(feeding.SOURCES)


def test_pool_processes_that_die_ring(night: Night) -> None:
    since = time.time()
    for _ in range(8):
        night.kill(lambda: night.processes("enrich", "spawn_main"))
        time.sleep(8)  # until there is one that has had an article: it would not be a pool's to lose else
    night.rings("WirewatchPoolCrashes", since=since, timeout=60, scaled=False)
    night.shows("Replaced processes", lambda value: value > 1, since=since, legend="crash")
    night.follow("WirewatchPoolCrashes", "wirewatch dlq list")
    night.mended("WirewatchPoolCrashes")


def test_workers_that_are_started_again_and_again_ring(night: Night) -> None:
    """`alert` by its own supervisor, `deliver` by podman."""
    since = time.time()
    for _ in range(6):
        night.kill(lambda: night.processes("alert", "--no-supervise"))
        night.kill(lambda: [pid] if (pid := night.pid("deliver")) else [])
        time.sleep(11)  # both are scraped in each of their lives
    night.rings("WirewatchRestarting", since=since, timeout=90, job="alert")
    night.rings("WirewatchRestarting", since=since, timeout=90, job="deliver")
    night.rings("WirewatchRestarting", since=since, timeout=120, job="deliver", scaled=False)
    for worker in ("alert", "deliver"):
        night.shows("Restarts", lambda value: value > 2, since=since, legend=worker)
    night.mended("WirewatchRestarting")
    night.ready("alert", "deliver")


def test_bad_records_among_good_ones_ring_and_are_redriven(night: Night) -> None:
    since = time.time()
    with night.publishing([feeding.BAD + b"\n"] * 200, rate=1.5):
        night.rings("WirewatchDeadLetters", since=since, timeout=120)
    night.shows("Dead letters", lambda value: value > 10, since=since, legend="not_json")
    letters = night.follow("WirewatchDeadLetters", "wirewatch dlq list").count("not_json")
    assert letters > 10
    redrive = re.search(r"\*\*Redrive dead letters\.\*\*.*?`(.*?)`\. ", RUNBOOK.read_text())
    assert redrive is not None
    assert f"{letters} redriven to news.raw\n" in night.run(redrive[1])
    night.mended("WirewatchDeadLetters")


def test_a_flood_of_bad_records_puts_the_brake_on_and_the_runbook_takes_it_off(night: Night) -> None:
    since = time.time()
    night.publish([feeding.BAD + b"\n"] * 800)
    with night.publishing([feeding.BAD + b"\n"] * 8000, rate=30):
        night.rings("WirewatchBrakeOn", since=since, timeout=60)
        night.shows("Bad of the last 100", lambda value: value > 50, since=since)
        night.rings("WirewatchBrakeOn", since=since, timeout=150, scaled=False)
        said = night.follow("WirewatchBrakeOn", "wirewatch annotate --from TOPIC --sample 100", {"TOPIC": "news.raw"})
        assert "not_json" in said
    for partition in range(4):
        place = {"TOPIC/PARTITION": f"news.raw/{partition}"}
        night.follow("WirewatchBrakeOn", "wirewatch resume TOPIC/PARTITION", place)
    night.mended("WirewatchBrakeOn")
    night.ready("enrich")


def test_a_sink_that_refuses_rings_and_its_answer_is_in_the_dead_letters(night: Night) -> None:
    since = time.time()
    night.answer("desk", 400)
    night.rings("WirewatchDeliveryRefused", since=since, timeout=90)
    night.rings("WirewatchDeliveryRefused", since=since, timeout=120, scaled=False)
    night.shows("Deliveries", lambda value: value > 0, since=since, legend="desk refused")
    assert "400" in night.follow("WirewatchDeliveryRefused", "wirewatch dlq list")
    night.answer("desk", 200)
    redrive = "wirewatch dlq redrive --sink NAME"
    assert f"`{redrive}`" in section("WirewatchDeliveryRefused")
    night.inside("deliver", filled(f"{redrive} --config wirewatch.toml", {"NAME": "desk"}))
    assert '"redriven": true' in night.run("wirewatch dlq list --sink desk --json")
    night.mended("WirewatchDeliveryRefused")


def test_a_sink_that_is_down_rings_and_gets_all_when_it_is_back(night: Night) -> None:
    since = time.time()
    night.podman("stop", "desk", "--time=1")
    night.rings("WirewatchDeliveryFails", since=since, timeout=180)
    night.shows("Alerts waiting", lambda value: value > 5, since=since, legend="desk")
    night.podman("start", "desk")
    night.mended("WirewatchDeliveryFails")
    night.stack.wait('wirewatch_delivery_waiting_alerts{sink="desk"} < bool 3', {"deliver": 1.0})


def test_members_that_come_and_go_are_a_storm(night: Night) -> None:
    since = time.time()
    flags = ["enrich", "-w", str(night.settings / "watchlists"), "--model", "none", "--processes", "1"]
    while night.told("WirewatchRebalanceStorm", "firing", since=since) is None:
        assert time.time() < since + 300, "no storm"
        member = WorkerProcess(flags, night.folder / "member.log", night.env).start()
        member.wait_ready()
        member.stop()
    night.rings("WirewatchRebalanceStorm", since=since, timeout=1)
    night.shows("Rebalances", lambda value: value > 5, since=since, legend="enrich")
    night.mended("WirewatchRebalanceStorm")


def test_two_processes_with_one_member_id_ring(night: Night) -> None:
    since = time.time()
    same = """--env=WIREWATCH_KAFKA__CONSUMER={"group_instance_id": "news-0"}"""
    with night.another("deliver", "first", same) as first, night.another("deliver", "second", same):
        night.rings("WirewatchMemberTwice", since=since, timeout=120)
        night.shows("Workers", lambda value: value > 0, since=since, legend="deliver displaced")
        said = night.follow("First, always", "curl -s WORKER:9464/readyz", {"WORKER": first})
        assert "same group_instance_id, news-0" in said
    night.mended("WirewatchMemberTwice")
    night.ready("deliver")


def test_a_clock_that_is_off_rings(night: Night) -> None:
    since = time.time()
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    clock = (f"--volume={library}:/faketime.so:ro", "--env=LD_PRELOAD=/faketime.so", "--env=FAKETIME=-1h")
    light = ("--env=FAKETIME_DONT_FAKE_MONOTONIC=1", "--env=WIREWATCH_ENRICH__PROCESSES=1")
    with night.another("enrich", "slow", *clock, *light):
        night.rings("WirewatchClockOff", since=since, timeout=150)
        night.shows("Clock", lambda value: value > 3500, since=since)
    night.mended("WirewatchClockOff")
    night.ready("enrich")


def test_a_pool_that_hangs_stalls_its_worker(night: Night) -> None:
    since = time.time()
    with night.hanging(lambda: night.processes("enrich", "spawn_main")):
        night.rings("WirewatchStalled", since=since, timeout=180)
        night.shows("Lag by partition", lambda value: value > 50, since=since, legend="news.raw")
    night.mended("WirewatchStalled")
    night.ready("enrich")
    night.stack.wait('sum by (worker) (wirewatch_lag_records{worker="enrich"}) < bool 50', {"enrich": 1.0}, 240)


def test_more_than_a_slow_worker_works_off_rings(night: Night) -> None:
    since = time.time()
    night.podman("update", "enrich", "--cpus=0.2")
    with night.publishing(feeding.unwatched(15_000, first=0), rate=45):
        night.rings("WirewatchLatencyBurnsFast", since=since, timeout=240)
        night.rings("WirewatchLagGrowing", since=since, timeout=300)
        night.rings("WirewatchLatencyBurnsSlowly", since=since, timeout=240)
    night.shows("Lag by partition", lambda value: value > 300, since=since, legend="news.raw")
    night.shows("Freshness", lambda value: value > 60, since=since)
    night.podman("update", "enrich", "--cpus=2")
    night.mended("WirewatchLagGrowing")


def test_a_broker_that_stops_rings_and_all_goes_on_when_it_is_back(night: Night) -> None:
    since = time.time()
    night.podman("stop", "kafka", "--time=5")
    night.rings("WirewatchNotReady", since=since, timeout=180)
    night.rings("WirewatchCommitsFail", since=since, timeout=180)
    # Soon nobody tries to commit any more: what is wrong is that they are not ready.
    night.rings("WirewatchCommitsFail", since=since, timeout=120, status="resolved")
    night.shows("Workers ready", lambda value: value == 0, since=since)
    for worker in WORKERS:
        said = night.follow("First, always", "curl -s WORKER:9464/readyz", {"WORKER": night.address(worker)})
        assert "kafka:9092" in said
    night.podman("start", "kafka")
    night.mended("WirewatchNotReady")
    night.ready(*WORKERS)
    night.stack.wait('sum by (worker) (wirewatch_lag_records{worker="enrich"}) < bool 100', {"enrich": 1.0}, 400)
    night.mended("WirewatchLatencyBurnsFast", "WirewatchLatencyBurnsSlowly")


def test_a_hung_worker_and_one_that_was_stopped_ring(night: Night) -> None:
    """From here on nobody publishes, for the next test."""
    night.podman("stop", "publisher", "--time=1")
    since = time.time()
    os.kill(night.pid("enrich"), SIGSTOP)
    night.podman("stop", "deliver")
    night.rings("WirewatchDown", since=since, timeout=90)
    night.rings("WirewatchGone", since=since, timeout=120)
    night.rings("WirewatchDown", since=since, timeout=200, scaled=False)
    night.rings("WirewatchGone", since=since, timeout=240, scaled=False)
    night.shows("Workers ready", lambda value: value == 1, since=since)
    night.podman("restart", "enrich", "--time=1")
    night.podman("start", "deliver")
    night.mended("WirewatchDown", "WirewatchGone")
    night.ready(*WORKERS)


async def test_a_topic_that_is_made_anew_rings(night: Night) -> None:
    since = time.time()
    night.podman("stop", "alert")
    await night.delete_topic("news.hits")
    night.run("wirewatch topics create --partitions 4")
    night.podman("start", "alert")
    night.rings("WirewatchPlaceLost", since=since, timeout=120)
    night.shows("State", lambda value: value > 0, since=since, legend="places lost")
    night.mended("WirewatchPlaceLost")


def test_no_article_for_an_hour_rings(night: Night) -> None:
    """Nobody has published since a worker hung."""
    since = time.time()
    night.podman("stop", "publisher", "--time=1")
    night.rings("WirewatchNoInput", since=since, timeout=540)
    night.shows("Articles / s", lambda value: value == 0, since=since)
    night.follow("WirewatchNoInput", "wirewatch check --worker enrich")
    night.podman("start", "publisher")
    night.mended("WirewatchNoInput")


def test_all_that_was_mended_falls_silent(night: Night) -> None:
    night.all_fall_silent(timeout=360)
    until(lambda: night.still_rings() == set(), "nothing rings", 120)


def test_every_panel_has_shown_something(night: Night) -> None:
    empty = [
        f"{panel.dashboard}: {panel.title}"
        for panel in panels.panels()
        if not night.prometheus.series(panel, night.began, time.time())
    ]
    assert empty == []


def test_every_alert_that_can_be_provoked_was(night: Night) -> None:
    shipped = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert shipped - {one.alert for one in night.seen} == NOT_PROVOKED
