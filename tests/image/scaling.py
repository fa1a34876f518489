"""Rules and routes in a fraction of their time, so that a night is half an hour: durations change, nothing else."""

import re
from collections.abc import Mapping
from typing import Any

SCALED = "scaled"
"""A label of each scaled alert, which tells it from the same alert of the rules as they ship."""
EVERY = "15s"
"""How often a group is evaluated that does not say it, in deploy/prometheus/prometheus.yml."""

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMES = {"for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"}
_RANGE = re.compile(r"(?<=\[)\d+[a-z]+(?=\])|(?<=offset )\d+[a-z]+")
_RECORDED = re.compile(r"\b(job|partition):(?=wirewatch_)")


def shorter(duration: str, factor: float) -> str:
    """A duration of Prometheus's with one unit, divided: `shorter("5m", 12)` is "25000ms"."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", duration, re.ASCII).groups()  # type: ignore[union-attr]
    return f"{round(int(number) * _SECONDS[unit] * 1000 / factor)}ms"


def scaled(document: Any, factor: float) -> Any:
    """A document with the durations of its known fields divided, and those in PromQL: ranges and offsets."""
    if isinstance(document, Mapping):
        return {key: _field(key, value, factor) for key, value in document.items()}
    return [scaled(one, factor) for one in document] if isinstance(document, list) else document


def scaled_rules(document: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Rules that can be loaded beside those they are made of: each alert says that it is scaled."""
    groups = scaled([{"interval": EVERY} | group for group in document["groups"]], factor)
    for group in groups:
        for rule in group["rules"]:
            rule["expr"] = _RECORDED.sub(rf"\1:{SCALED}_", rule["expr"])
            if "alert" in rule:
                rule["labels"] = rule["labels"] | {SCALED: "true"}
            else:
                rule["record"] = _RECORDED.sub(rf"\1:{SCALED}_", rule["record"])
    return {"groups": groups}


def _field(key: str, value: Any, factor: float) -> Any:
    if key == "expr":
        return _RANGE.sub(lambda found: shorter(found[0], factor), value)
    return shorter(value, factor) if key in _TIMES else scaled(value, factor)
