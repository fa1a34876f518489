"""A panel as we write one down, and how it becomes Grafana's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as dash
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
ANY = "graph"
"""The kind of panel that most are: lines over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`queries` are (PromQL, legend). `warn` and `bad` are thresholds; with `low`, less is worse.

    `kind` is a key of `KINDS`; `width` is of 24 columns. `runbook` is an alert's anchor. With `many` series, most of
    them 0 for ever, the legend is a table with the highest first. `columns` are a table's: a label's name, and ours.
    A bar of `full` is as long as there is room.
    """

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    kind: str = ANY
    unit: str = "short"
    width: int = 12
    height: int = 8
    warn: float | None = None
    bad: float | None = None
    low: bool = False
    runbook: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    stacked: bool = False
    many: bool = False
    decimals: int | None = None
    full: float | None = None


Stat = partial(Panel, kind="stat", height=5)
"""A panel of one number."""


class Page(NamedTuple):
    """A dashboard: rows of panels by the rows' titles."""

    uid: str
    title: str
    about: str
    rows: dict[str, list[Panel]]


def built(panel: Panel) -> Any:
    """The panel's builder."""
    made = KINDS[panel.kind](panel)
    made.title(panel.title).description(panel.about).datasource(DATASOURCE).span(panel.width).height(panel.height)
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.runbook:
        made.links([dashboard.DashboardLink(f"Runbook: {panel.runbook}").url(f"${{runbook}}#{panel.runbook.lower()}")])
    return made


def _queries(panel: Panel, *, instant: bool = False, form: PromQueryFormat | None = None) -> list[prometheus.Dataquery]:
    made = []
    for number, (expression, legend) in enumerate(panel.queries):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))
        query = query.instant() if instant else query.range()
        made.append(query.format(form) if form else query)
    return made


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    if panel.low:  # red below `bad`, orange below `warn`
        steps = [("red", None)] if panel.bad is not None else []
        steps += [("orange", panel.bad)] if panel.warn is not None else []
        steps += [("green", panel.warn if panel.warn is not None else panel.bad)]
    else:
        steps = [("green", None), ("orange", panel.warn), ("red", panel.bad)]
        steps = [steps[0], *(step for step in steps[1:] if step[1] is not None)]
    thresholds = [dash.Threshold(color=colour, value=limit) for colour, limit in steps]
    return dashboard.ThresholdsConfig().mode(dash.ThresholdsMode.ABSOLUTE).steps(thresholds)


def _legend(panel: Panel) -> common.VizLegendOptions:
    made = common.VizLegendOptions().show_legend(True)
    if not panel.many:
        return made.display_mode(models.LegendDisplayMode.LIST).placement(models.LegendPlacement.BOTTOM)
    made.display_mode(models.LegendDisplayMode.TABLE).placement(models.LegendPlacement.RIGHT)
    return made.calcs(["max"]).sort_by("Max").sort_desc(True)


def _graph(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .unit(panel.unit)
        .targets(_queries(panel))
        .thresholds(_thresholds(panel))
        .line_width(1)
        .fill_opacity(25 if panel.stacked else 8)
        .show_points(models.VisibilityMode.NEVER)
        .axis_soft_min(0)
        .legend(_legend(panel))
        .tooltip(common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING))
    )
    if panel.stacked:
        made.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL))
    if panel.warn is not None or panel.bad is not None:
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.DASHED))
    return made


def _stat(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .unit(panel.unit)
        .targets(_queries(panel))
        .thresholds(_thresholds(panel))
        .color_mode(models.BigValueColorMode.VALUE)
        .graph_mode(models.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _heatmap(panel: Panel) -> heatmap.Panel:
    made = heatmap.Panel().targets(_queries(panel, form=PromQueryFormat.HEATMAP)).calculate(False)
    return made.y_axis(heatmap.YAxisConfig().unit(panel.unit))


def _bars(panel: Panel) -> bargauge.Panel:
    made = (
        bargauge.Panel()
        .unit(panel.unit)
        .targets(_queries(panel, instant=True))
        .thresholds(_thresholds(panel))
        .orientation(models.VizOrientation.HORIZONTAL)
        .display_mode(models.BarGaugeDisplayMode.BASIC)
        .name_placement(models.BarGaugeNamePlacement.LEFT)
        .sizing(models.BarGaugeSizing.MANUAL)
        .min_viz_height(16)
        .max_viz_height(24)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return made if panel.full is None else made.min(0).max(panel.full)


def _table(panel: Panel) -> table.Panel:
    return (
        table.Panel()
        .unit(panel.unit)
        .targets(_queries(panel, instant=True, form=PromQueryFormat.TABLE))
        .thresholds(_thresholds(panel))
        .with_transformation(
            dash.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: place for place, (name, _) in enumerate(panel.columns)},
                    "renameByName": dict(panel.columns),
                },
            )
        )
    )


KINDS: dict[str, Callable[[Panel], Any]] = {
    ANY: _graph,
    "stat": _stat,
    "heatmap": _heatmap,
    "bars": _bars,
    "table": _table,
}
