"""A bad night, on purpose: each alert that should ring comes to whoever is on call, and the runbook mends it.

All of compose.yaml runs, with the rules as they ship and beside them the same rules in a twelfth of their time
(tests/image/scaling.py), for most speak of an hour. Articles come all the while. In the order of the file, a test
breaks one thing and mends it.
"""

import os
import time
from collections.abc import Iterator
from signal import SIGKILL, SIGSTOP

import pytest
import yaml

from tests.deploy import panels
from tests.image import feeding
from tests.image.building import PROJECT
from tests.image.night import RULES, Night, prepare
from tests.image.stack import until, up
from tests.kafka.jars import Kafka
from tests.worker_processes import WorkerProcess

pytestmark = [pytest.mark.image, pytest.mark.kafka, pytest.mark.timeout(900)]

OVERRIDE = PROJECT / "tests" / "image" / "compose.night.yaml"
WORKERS = ("enrich", "alert", "deliver")
NOT_PROVOKED = {"WirewatchUnaccounted", "WirewatchClockOff"}
"""A defect of ours, and clocks that differ, which containers of one machine cannot have."""


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
    mended = time.time()
    file.write_text(feeding.WATCHLIST)
    night.falls_silent("WirewatchReloadFailed", since=mended)


def test_a_source_that_falls_silent_rings_until_it_speaks(night: Night) -> None:
    since = time.time()
    (night.settings / "sources.yaml").write_text(feeding.WITH_HARBOUR)
    night.publish([feeding.article(1, source="harbour")])
    night.rings("WirewatchSourceSilent", since=since, timeout=150)
    night.shows("Of what is expected", lambda value: value > 1, since=since, legend="harbour")
    mended = time.time()
    night.publish([feeding.article(2, source="harbour")])
    night.falls_silent("WirewatchSourceSilent", since=mended)
    (night.settings / "sources.yaml").write_text(feeding.SOURCES)


def test_pool_processes_that_die_ring(night: Night) -> None:
    since = time.time()
    for _ in range(8):
        pid = night.children("enrich")[-1]
        os.kill(pid, SIGKILL)
        until(lambda pid=pid: pid not in night.children("enrich"), "another process")  # type: ignore[misc]
        time.sleep(3)
    night.rings("WirewatchPoolCrashes", since=since, timeout=60)
    night.rings("WirewatchPoolCrashes", since=since, timeout=120, scaled=False)
    night.shows("Replaced processes", lambda value: value > 1, since=since, legend="crash")
    night.follow("WirewatchPoolCrashes", "wirewatch dlq list")
    night.falls_silent("WirewatchPoolCrashes", since=time.time())


def test_a_worker_that_its_supervisor_starts_again_and_again_rings(night: Night) -> None:
    since = time.time()
    for _ in range(5):
        (child,) = night.children("alert")
        os.kill(child, SIGKILL)
        until(lambda child=child: night.children("alert") not in ([], [child]), "started again")  # type: ignore[misc]
        time.sleep(6)
    night.rings("WirewatchRestarting", since=since, timeout=90)
    night.rings("WirewatchRestarting", since=since, timeout=120, scaled=False)
    night.shows("Restarts", lambda value: value > 1, since=since, legend="alert")
    night.ready("alert")


def test_a_worker_that_others_start_again_and_again_rings(night: Night) -> None:
    since = time.time()
    for _ in range(6):
        pid = night.pid("deliver")
        os.kill(pid, SIGKILL)
        until(lambda pid=pid: night.pid("deliver") not in (0, pid), "started again")  # type: ignore[misc]
        time.sleep(11)
    until(lambda: night.firing("WirewatchRestarting", job="wirewatch-deliver"), "Restarting for deliver", 90)
    night.ready("deliver")
    night.falls_silent("WirewatchRestarting", since=since, timeout=300)


def test_bad_records_among_good_ones_ring_and_are_redriven(night: Night) -> None:
    since = time.time()
    night.publish([feeding.BAD + b"\n"] * 80, "--rate 1.2")
    night.rings("WirewatchDeadLetters", since=since, timeout=90)
    night.shows("Dead letters", lambda value: value > 10, since=since, legend="not_json")
    assert night.follow("WirewatchDeadLetters", "wirewatch dlq list").count("not_json") >= 80
    night.falls_silent("WirewatchDeadLetters", since=time.time())


def test_a_flood_of_bad_records_puts_the_brake_on_and_the_runbook_takes_it_off(night: Night) -> None:
    since = time.time()
    night.publish([feeding.BAD + b"\n"] * 800)
    night.rings("WirewatchBrakeOn", since=since, timeout=60)
    night.shows("Brake", lambda value: value > 50, since=since, legend="bad")
    said = night.follow("WirewatchBrakeOn", "wirewatch annotate --from TOPIC --sample 100", {"TOPIC": "news.raw"})
    assert "not_json" in said
    night.rings("WirewatchBrakeOn", since=since, timeout=150, scaled=False)
    mended = time.time()
    for partition in range(4):
        place = f"news.raw/{partition}"
        night.follow("WirewatchBrakeOn", "wirewatch resume TOPIC/PARTITION", {"TOPIC/PARTITION": place})
    night.falls_silent("WirewatchBrakeOn", since=mended)
    night.ready("enrich")


def test_a_sink_that_refuses_rings_and_its_answer_is_in_the_dead_letters(night: Night) -> None:
    since = time.time()
    night.answer("desk", 400)
    night.rings("WirewatchDeliveryRefused", since=since, timeout=90)
    night.rings("WirewatchDeliveryRefused", since=since, timeout=120, scaled=False)
    night.shows("Deliveries", lambda value: value > 0, since=since, legend="desk refused")
    assert "400" in night.follow("WirewatchDeliveryRefused", "wirewatch dlq list")
    mended = time.time()
    night.answer("desk", 200)
    night.falls_silent("WirewatchDeliveryRefused", since=mended)


def test_a_sink_that_is_down_rings_and_gets_all_when_it_is_back(night: Night) -> None:
    since = time.time()
    night.podman("stop", "desk", "--time=1")
    night.rings("WirewatchDeliveryFails", since=since, timeout=180)
    night.shows("Alerts waiting", lambda value: value > 5, since=since, legend="desk")
    mended = time.time()
    night.podman("start", "desk")
    night.falls_silent("WirewatchDeliveryFails", since=mended)
    night.stack.wait('wirewatch_delivery_waiting_alerts{sink="desk"} < bool 3', {"deliver": 1.0})


def test_members_that_come_and_go_are_a_storm(night: Night) -> None:
    since = time.time()
    flags = ["enrich", "--config", str(night.settings / "wirewatch.toml"), "--model", "none", "--processes", "1"]
    while not night.told("WirewatchRebalanceStorm", "firing", since=since, scaled=True):
        assert time.time() < since + 300, "no storm"
        member = WorkerProcess(flags, night.folder / "member.log", night.env).start()
        member.wait_ready()
        member.stop()
    night.rings("WirewatchRebalanceStorm", since=since, timeout=1)
    night.shows("Rebalances", lambda value: value > 5, since=since, legend="enrich")
    night.falls_silent("WirewatchRebalanceStorm", since=time.time(), timeout=240)


def test_more_than_a_slow_worker_works_off_rings_until_it_has_more_cores(night: Night) -> None:
    since = time.time()
    night.podman("update", "enrich", "--cpus=0.2")
    night.publish(feeding.unwatched(9000, first=0), "--rate 45")
    night.rings("WirewatchLagGrowing", since=since, timeout=60)
    night.rings("WirewatchLatencyBurnsFast", since=since, timeout=120)
    night.shows("Lag by partition", lambda value: value > 300, since=since, legend="news.raw")
    night.shows("Freshness", lambda value: value > 60, since=since)
    mended = time.time()
    night.podman("update", "enrich", "--cpus=2")
    night.falls_silent("WirewatchLagGrowing", since=mended, timeout=300)
    night.falls_silent("WirewatchLatencyBurnsFast", since=mended, timeout=600)
    night.rings("WirewatchLatencyBurnsSlowly", since=since, timeout=120)


def test_a_hung_worker_and_one_that_was_stopped_ring(night: Night) -> None:
    since = time.time()
    os.kill(night.pid("enrich"), SIGSTOP)
    night.podman("stop", "deliver")
    night.rings("WirewatchDown", since=since, timeout=90)
    night.rings("WirewatchGone", since=since, timeout=120)
    night.rings("WirewatchDown", since=since, timeout=200, scaled=False)
    night.rings("WirewatchGone", since=since, timeout=240, scaled=False)
    night.shows("Workers ready", lambda value: value == 1, since=since)
    mended = time.time()
    night.podman("restart", "enrich", "--time=1")
    night.podman("start", "deliver")
    night.falls_silent("WirewatchDown", since=mended)
    night.falls_silent("WirewatchGone", since=mended)
    night.ready(*WORKERS)


def test_a_broker_that_stops_rings_and_all_goes_on_when_it_is_back(night: Night) -> None:
    since = time.time()
    night.publish(feeding.unwatched(300, first=20_000))
    night.podman("stop", "kafka", "--time=5")
    night.rings("WirewatchNotReady", since=since, timeout=180)
    night.shows("Workers ready", lambda value: value == 0, since=since)
    time.sleep(90)
    print(sorted(night.prometheus.firing()))
    mended = time.time()
    night.podman("start", "kafka")
    night.ready(*WORKERS)
    night.falls_silent("WirewatchNotReady", since=mended)


def test_no_article_for_an_hour_and_topics_made_anew_ring(night: Night) -> None:
    since = time.time()
    night.podman("stop", "publisher", "--time=1")
    night.rings("WirewatchNoInput", since=since, timeout=600)
    night.follow("WirewatchNoInput", "wirewatch check --worker enrich")
    mended = time.time()
    night.podman("start", "publisher")
    night.falls_silent("WirewatchNoInput", since=mended)


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
