"""Rules in a fraction of their time are the same rules."""

from pathlib import Path

import yaml

from tests.image.scaling import scaled, scaled_rules

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules" / "wirewatch.yml"


def test_only_durations_change() -> None:
    rule = {
        "expr": 'job:wirewatch_x:ratio_rate5m > 60 and increase(y{le="60.0"}[1h]) == y offset 10m',
        "for": "2m",
        "annotations": {"summary": "More than 60 s in 5m"},
    }
    assert scaled(rule, 12) == {
        "expr": 'job:wirewatch_x:ratio_rate5m > 60 and increase(y{le="60.0"}[300000ms]) == y offset 50000ms',
        "for": "10000ms",
        "annotations": {"summary": "More than 60 s in 5m"},
    }


def test_scaled_rules_stand_beside_the_shipped_ones_and_take_nothing_of_them() -> None:
    shipped = yaml.safe_load(RULES.read_text())
    made = scaled_rules(shipped, 12)
    for before, after in zip(shipped["groups"], made["groups"], strict=True):
        for old, new in zip(before["rules"], after["rules"], strict=True):
            assert new.get("alert") == old.get("alert")
            assert ("alert" in new) == (new.get("labels", {}).get("scaled") == "true")
            assert "record" not in new or new["record"].partition(":")[2].startswith("scaled_wirewatch_")
            assert ":wirewatch_" not in new["expr"]
            assert "annotations" not in old or new["annotations"] == old["annotations"]
