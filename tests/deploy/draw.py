"""Draws dashboards from the results of their queries, in Grafana's grid: `python draw.py RESULTS.json FOLDER`.

It stands in for a Grafana server: the panels, units, legends, thresholds and stacking are those of the committed
JSON. RESULTS has a list of {dashboard, title, kind, grid, unit, thresholds, stacked, series: [{legend, points}]}, a
point being [time, value].
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import dates as mdates
from matplotlib import pyplot as plt

COLUMN, ROW = 0.75, 0.42
"""Inches of one unit of the grid."""
COLOURS = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c"}
PALETTE = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a"]


def human(value: float, unit: str) -> str:
    """As Grafana would write it, about."""
    if unit == "percentunit":
        return f"{100 * value:.1f} %"
    if unit == "s":
        for limit, size, name in ((60, 1, "s"), (3600, 60, "min"), (float("inf"), 3600, "h")):
            if abs(value) < limit:
                return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value / size:.3g} {name}"
    if unit == "bytes":
        return f"{value / 1024**2:.0f} MiB"
    return f"{value / 1000:.1f} K" if abs(value) >= 1000 else f"{value:.3g}"


def colour_of(value: float, thresholds: list[Any]) -> str:
    found = "green"
    for limit, colour in thresholds:
        if limit is None or value >= limit:
            found = colour
    return COLOURS[found]


def times(points: list[Any]) -> list[datetime]:
    return [datetime.fromtimestamp(at, tz=UTC) for at, _ in points]


def draw_lines(axes: Any, panel: dict[str, Any]) -> None:
    series = [one for one in panel["series"] if one["points"]]
    if panel["stacked"] and series:
        grid = sorted({at for one in series for at, _ in one["points"]})
        known = [dict(map(tuple, one["points"])) for one in series]
        heights = [[float(of.get(at, 0)) for at in grid] for of in known]
        moments = [datetime.fromtimestamp(at, tz=UTC) for at in grid]
        axes.stackplot(moments, heights, labels=[one["legend"] for one in series], colors=PALETTE, alpha=0.6)
    else:
        for number, one in enumerate(series):
            values = [float(value) for _, value in one["points"]]
            axes.plot(times(one["points"]), values, lw=1, color=PALETTE[number % 10], label=one["legend"])
    for limit, colour in panel["thresholds"][1:]:
        if limit is not None and axes.get_ylim()[1] >= limit * 0.5:
            axes.axhline(limit, color=COLOURS[colour], lw=0.8, ls="--")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.yaxis.set_major_formatter(lambda value, _: human(value, panel["unit"]))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
    if series:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=4, fontsize=5, frameon=False, labelcolor="w")


def draw_stat(axes: Any, panel: dict[str, Any]) -> None:
    points = panel["series"][0]["points"] if panel["series"] else []
    axes.axis("off")
    if not points:
        axes.text(0.5, 0.5, "No data", ha="center", va="center", color="gray")
        return
    value = float(points[-1][1])
    colour = colour_of(value, panel["thresholds"])
    axes.text(0.5, 0.55, human(value, panel["unit"]), ha="center", va="center", fontsize=17, color=colour)
    low = [float(v) for _, v in points]
    spread = (max(low) - min(low)) or 1
    axes.fill_between(
        np.linspace(0, 1, len(low)), [0.25 * (v - min(low)) / spread for v in low], color=colour, alpha=0.25
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def draw_bars(axes: Any, panel: dict[str, Any]) -> None:
    found = sorted((float(one["points"][-1][1]), one["legend"]) for one in panel["series"] if one["points"])[-20:]
    axes.barh(
        [name for _, name in found],
        [value for value, _ in found],
        color=[colour_of(value, panel["thresholds"]) for value, _ in found],
    )
    axes.xaxis.set_major_formatter(lambda value, _: human(value, panel["unit"]))


def draw_heatmap(axes: Any, panel: dict[str, Any]) -> None:
    series = sorted((one for one in panel["series"] if one["points"]), key=lambda one: float(one["legend"]))
    if not series:
        return
    grid = sorted({at for one in series for at, _ in one["points"]})
    known = [dict(map(tuple, one["points"])) for one in series]
    above = np.array([[float(of.get(at, 0)) for at in grid] for of in known])
    counts = np.diff(np.vstack([np.zeros(len(grid)), above]), axis=0)
    axes.imshow(counts, aspect="auto", origin="lower", cmap="magma", extent=(0, len(grid), 0, len(series)))
    axes.set_yticks([n + 0.5 for n in range(len(series))], [one["legend"] for one in series], fontsize=5)
    axes.set_xticks([])


def draw_table(axes: Any, panel: dict[str, Any]) -> None:
    axes.axis("off")
    rows = [[*one["labels"].values(), human(float(one["points"][-1][1]), panel["unit"])] for one in panel["series"]]
    if rows:
        head = [*panel["series"][0]["labels"], "Value"]
        made = axes.table(cellText=rows[:12], colLabels=head, loc="upper center", cellLoc="left")
        made.set_fontsize(6)
        for cell in made.get_celld().values():
            cell.set_facecolor("#22252b")
            cell.get_text().set_color("w")


DRAWN = {
    "timeseries": draw_lines,
    "stat": draw_stat,
    "bargauge": draw_bars,
    "heatmap": draw_heatmap,
    "table": draw_table,
}


def draw(panels: list[dict[str, Any]], file: Path) -> None:
    """One dashboard into a picture."""
    height = max(panel["grid"]["y"] + panel["grid"]["h"] for panel in panels)
    figure = plt.figure(figsize=(24 * COLUMN, height * ROW), facecolor="#111217")
    for panel in panels:
        grid = panel["grid"]
        left, width = grid["x"] / 24 + 0.028, grid["w"] / 24 - 0.04
        bottom = 1 - (grid["y"] + grid["h"]) / height
        axes = figure.add_axes((left, bottom + 1.9 / height, width, (grid["h"] - 3.2) / height), facecolor="#181b1f")
        axes.tick_params(colors="#9fa7b3", labelsize=6)
        axes.set_title(panel["title"], fontsize=8, color="w", loc="left")
        axes.grid(color="#2c3235", lw=0.5)
        DRAWN[panel["kind"]](axes, panel)
    figure.savefig(file, dpi=80, facecolor=figure.get_facecolor())
    plt.close(figure)


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text())
    for name in sorted({panel["dashboard"] for panel in results}):
        draw([panel for panel in results if panel["dashboard"] == name], Path(sys.argv[2]) / f"{name}.png")


if __name__ == "__main__":
    main()
