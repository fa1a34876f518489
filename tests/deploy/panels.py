"""The committed dashboards, as tests read them: panels, their queries, and what Grafana would put for its variables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
VARIABLES = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*", "$topic": ".*"}


class Drawn(NamedTuple):
    """A panel of a dashboard. `queries` are (PromQL, legend), ready to be asked."""

    dashboard: str
    title: str
    kind: str
    grid: dict[str, int]
    unit: str
    thresholds: tuple[tuple[float | None, str], ...]
    stacked: bool
    queries: tuple[tuple[str, str], ...]
    panel: dict[str, Any]


def dashboards() -> dict[str, dict[str, Any]]:
    """By their file's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels() -> Iterator[Drawn]:
    """Every panel that asks for something."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield _drawn(name, panel)


def annotations() -> list[str]:
    """What every dashboard asks for to mark moments: each expression once."""
    found = [one for page in dashboards().values() for one in page["annotations"]["list"]]
    return list(dict.fromkeys(one["expr"] for one in found))


def _drawn(name: str, panel: dict[str, Any]) -> Drawn:
    defaults = panel["fieldConfig"]["defaults"]
    steps = defaults.get("thresholds", {}).get("steps", [])
    return Drawn(
        dashboard=name,
        title=panel["title"],
        kind=panel["type"],
        grid=panel["gridPos"],
        unit=defaults.get("unit", "short"),
        thresholds=tuple((step.get("value"), step["color"]) for step in steps),
        stacked=defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal",
        queries=tuple((asked(target["expr"]), target.get("legendFormat", "")) for target in panel["targets"]),
        panel=panel,
    )


def asked(expression: str) -> str:
    """The expression with Grafana's variables filled in."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression
