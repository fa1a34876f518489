"""Each alert fires on what it is for, and not on what only looks like it: promtool runs the rules on made-up series.

A series is written as promtool has it: `5+10x30` begins at 5 and grows by 10 in each of 30 further minutes.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules" / "wirewatch.yml"
RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"
PLACE = 'job="enrich",topic="news.raw",partition="0"'
MINUTES = 480

Series = dict[str, str]


class Case(NamedTuple):
    """Series with which an alert fires at the minute `at`, and others with which it does not."""

    fires: Series
    quiet: Series
    at: int = 60


def steady(value: float) -> str:
    return f"{value}+0x{MINUTES}"


def growing(step: float, start: float = 0) -> str:
    return f"{start}+{step}x{MINUTES}"


def latency(slow: float) -> Series:
    """A thousand articles a minute, `slow` of them later than 60 s."""
    return {
        'wirewatch_latency_seconds_bucket{job="enrich",le="60.0"}': growing(1000 * (1 - slow)),
        'wirewatch_latency_seconds_count{job="enrich"}': growing(1000),
    }


def stalled(*, lag: str, committed: str) -> Series:
    return {
        f"wirewatch_lag_records{{{PLACE}}}": lag,
        f"wirewatch_committed_offset{{{PLACE}}}": committed,
    }


def letters(bad: float, all_: float = 100) -> Series:
    return {
        'wirewatch_dead_letters_total{job="enrich",reason="not_json"}': growing(bad),
        'wirewatch_processed_articles_total{job="enrich",outcome="enriched"}': growing(all_ - bad),
        'wirewatch_processed_articles_total{job="enrich",outcome="dead_lettered"}': growing(bad),
    }


def hits(bad: float) -> Series:
    """The alert worker settles no article."""
    return {
        'wirewatch_dead_letters_total{job="alert",reason="not_json"}': growing(bad),
        'wirewatch_processed_articles_total{job="alert",outcome="enriched"}': steady(0),
        'wirewatch_consumed_records_total{job="alert",topic="news.hits"}': growing(100),
    }


def deliveries(delivered: float, *, retried: float = 0, refused: float = 0) -> Series:
    return {
        'wirewatch_deliveries_total{job="deliver",sink="chat",result="delivered"}': growing(delivered),
        'wirewatch_deliveries_total{job="deliver",sink="chat",result="retried"}': growing(retried),
        'wirewatch_deliveries_total{job="deliver",sink="chat",result="refused"}': growing(refused),
    }


def source(age: str, active: float = 1) -> Series:
    return {
        'wirewatch_source_age_seconds{job="enrich",instance="a",source="wire"}': age,
        'wirewatch_source_age_seconds{job="enrich",instance="b",source="wire"}': steady(90_000),
        'wirewatch_source_expect_every_seconds{job="enrich",instance="a",source="wire"}': steady(900),
        'wirewatch_source_active{job="enrich",instance="a",source="wire"}': steady(active),
    }


def commits(ok: float, failed: float) -> Series:
    return {
        'wirewatch_commits_total{job="enrich",instance="a",result="ok"}': growing(ok),
        'wirewatch_commits_total{job="enrich",instance="a",result="failed"}': growing(failed),
    }


def one(name: str, labels: str, values: str) -> Series:
    return {f'{name}{{job="enrich",instance="a"{labels}}}': values}


REFUSED = "wirewatch_refused_watchlists"
RESTARTS = "wirewatch_pool_restarts_total"
INPUT = {'wirewatch_pool_processes{job="enrich"}': steady(2)}
READ = 'wirewatch_consumed_records_total{job="enrich",topic="news.raw"}'

CASES = {
    "WirewatchStalled": Case(
        stalled(lag=steady(50), committed=steady(100)),
        # A great lag that shrinks, an idle partition, and one whose brake is on (which has an alert of its own).
        stalled(lag=steady(5_000_000), committed=growing(10))
        | {name.replace('"0"', '"1"'): v for name, v in stalled(lag=steady(0), committed=steady(7)).items()}
        | {name.replace('"0"', '"2"'): v for name, v in stalled(lag=steady(9), committed=steady(7)).items()}
        | {f"wirewatch_brake_bad_records{{{PLACE}}}".replace('"0"', '"2"'): steady(60)},
    ),
    "WirewatchLagGrowing": Case(
        {f"wirewatch_lag_records{{{PLACE}}}": "0+0x10 2000+1000x100"},
        {f"wirewatch_lag_records{{{PLACE}}}": steady(100_000)},
        at=40,
    ),
    "WirewatchLatencyBurnsFast": Case(latency(0.2), latency(0.05), at=120),
    "WirewatchLatencyBurnsSlowly": Case(latency(0.08), latency(0.04), at=450),
    "WirewatchRebalanceStorm": Case(
        one("wirewatch_rebalances_total", "", growing(1)), one("wirewatch_rebalances_total", "", growing(0.1))
    ),
    "WirewatchMemberTwice": Case(
        one("wirewatch_displaced_groups", "", steady(1)), one("wirewatch_displaced_groups", "", "0+0x59 1+0x0 0+0x400")
    ),
    "WirewatchNoInput": Case(INPUT | {READ: steady(500)}, INPUT | {READ: growing(1)}, at=120),
    # What never read anything, such as a pattern of topics that fits none; and what has just come up.
    "WirewatchNoInput, ever": Case(INPUT, {name: "_x70 2+0x400" for name in INPUT}, at=120),
    "WirewatchUnaccounted": Case(
        {f"wirewatch_unaccounted{{{PLACE}}}": steady(1)}, {f"wirewatch_unaccounted{{{PLACE}}}": steady(0)}
    ),
    "WirewatchCommitsFail": Case(commits(0, 1), commits(60, 1)),
    "WirewatchRestarting": Case(
        one("wirewatch_restarts_total", "", growing(0.5)),
        one("wirewatch_restarts_total", "", "0+0x30 1+0x450")
        | one("process_start_time_seconds", "", "7+0x30 2000+0x20 3300+0x400"),
    ),
    "WirewatchDown": Case(
        {'up{job="wirewatch-enrich",instance="a"}': steady(0)},
        {'up{job="wirewatch-enrich",instance="a"}': steady(1), 'up{job="kafka",instance="a"}': steady(0)},
    ),
    "WirewatchGone": Case(
        {'up{job="wirewatch-enrich",instance="a"}': "1+0x40", 'up{job="wirewatch-alert",instance="b"}': steady(1)},
        # One of two instances is left.
        {'up{job="wirewatch-enrich",instance="a"}': "1+0x40", 'up{job="wirewatch-enrich",instance="c"}': steady(1)},
    ),
    "WirewatchNotReady": Case(
        one("wirewatch_ready", "", "1+0x30 0+0x400"),
        # Those that a brake or a twin has stopped have alerts of their own; and one that was not ready for 3 minutes.
        one("wirewatch_ready", "", steady(0))
        | one("wirewatch_brake_partitions", "", steady(1))
        | {'wirewatch_ready{job="enrich",instance="c"}': steady(0)}
        | {'wirewatch_displaced_groups{job="enrich",instance="c"}': steady(1)}
        | {'wirewatch_ready{job="enrich",instance="b"}': "1+0x56 0+0x2 1+0x400"},
    ),
    "WirewatchClockOff": Case(
        one("wirewatch_clock_offset_seconds", "", steady(-3600)), one("wirewatch_clock_offset_seconds", "", steady(5))
    ),
    "WirewatchBrakeOn": Case(
        {f"wirewatch_brake_bad_records{{{PLACE}}}": steady(60)}, {'wirewatch_brake_partitions{job="enrich"}': steady(0)}
    ),
    # Every other record, but few of them.
    "WirewatchDeadLetters": Case(letters(20), letters(0.5, all_=1)),
    "WirewatchDeadLetters, of hits": Case(hits(bad=20), hits(bad=0.5)),
    "WirewatchPoolCrashes": Case(
        one(RESTARTS, ',reason="crash"', growing(1)), one(RESTARTS, ',reason="recycled"', growing(5))
    ),
    "WirewatchReloadFailed": Case(
        one(REFUSED, "", "0+0x5 1+0x400"),
        one(REFUSED, "", "1+0x50 0+0x400")  # broken for 55 minutes, and mended
        | one("wirewatch_refused_files", ',file="sources"', steady(0)),
    ),
    "WirewatchSourceSilent": Case(source(steady(3600)), source(steady(600))),
    "WirewatchDeliveryFails": Case(deliveries(0, retried=2), deliveries(3, retried=2)),
    "WirewatchDeliveryRefused": Case(deliveries(3, refused=1), deliveries(3)),
    "WirewatchPlaceLost": Case(
        one("wirewatch_lost_places_total", "", "0+0x50 1+0x400"), one("wirewatch_lost_places_total", "", steady(0))
    ),
}


def name_of(case: str) -> str:
    """The alert that a case is of."""
    return case.partition(",")[0]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is needed (Debian: prometheus)")
    return found


def run(promtool: str, *arguments: str) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def firing(series: Series, alert: str, at: int, folder: Path, promtool: str) -> bool:
    """Whether the alert fires. promtool only compares, so it is asked whether there are no such alerts."""
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [{"eval_time": f"{at}m", "alertname": alert, "exp_alerts": []}],
            }
        ],
    }
    file = folder / f"{alert}.yaml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return False
    assert "exp:[" in said and f'alertname="{alert}"' in said, said
    return True


def test_the_rules_are_valid(promtool: str) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(RULES))


def test_every_alert_has_a_case() -> None:
    assert {rule["alert"] for rule in rules()} == {name_of(case) for case in CASES}


@pytest.mark.parametrize("name", CASES)
def test_it_fires_on_what_it_is_for(name: str, promtool: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert firing(case.fires, name_of(name), case.at, tmp_path, promtool)


@pytest.mark.parametrize("name", CASES)
def test_it_does_not_fire_on_what_looks_like_it(name: str, promtool: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert not firing(case.quiet, name_of(name), case.at, tmp_path, promtool)


def test_places_that_were_lost_before_the_first_scrape_ring_for_an_hour(promtool: str, tmp_path: Path) -> None:
    begun = one("wirewatch_lost_places_total", "", "_x30 4+0x400")
    assert firing(begun, "WirewatchPlaceLost", 40, tmp_path, promtool)
    assert not firing(begun, "WirewatchPlaceLost", 120, tmp_path, promtool)


def test_a_worker_that_has_read_nothing_since_it_began_rings_after_an_hour(promtool: str, tmp_path: Path) -> None:
    assert firing(INPUT, "WirewatchNoInput", 90, tmp_path, promtool)
    assert not firing(INPUT, "WirewatchNoInput", 50, tmp_path, promtool)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_it_says_how_bad_it_is_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (page, anchor) == ("RUNBOOK.md", rule["alert"].lower())
    assert f"### {rule['alert']}\n" in RUNBOOK.read_text()
