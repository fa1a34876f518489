"""The dashboards: `python deploy/grafana/generate.py` writes dashboards/*.json (`make dashboards`)."""

import sys
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as dash
from pages.failures import FAILURES
from pages.overview import OVERVIEW
from pages.pipeline import PIPELINE
from pages.watch import WATCH
from panels import DATASOURCE, Page, built

TAG = "wirewatch"
PAGES = (OVERVIEW, PIPELINE, WATCH, FAILURES)


def built_page(page: Page) -> dash.Dashboard:
    """The dashboard of a page."""
    made = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .description(page.about)
        .tags([TAG])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(dash.DashboardCursorSync.CROSSHAIR)
        .link(dashboard.DashboardLink("wirewatch").type(dash.DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True))
        .annotation(
            dashboard.AnnotationQuery()
            .name("Deploys")
            .datasource(DATASOURCE)
            .enable(True)
            .icon_color("blue")
            .expr(
                "count by (version) (wirewatch_build_info) unless count by (version) (wirewatch_build_info offset 5m)"
            )
            .title_format("{{version}}")
        )
    )
    for variable in _variables():
        made.with_variable(variable)
    number = 0
    for title, panels in page.rows.items():
        number += 1
        made.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            made.with_panel(built(panel).id(number))
    return made.build()


def _variables() -> list[object]:
    def query(name: str, expression: str) -> object:
        return (
            dashboard.QueryVariable(name)
            .datasource(DATASOURCE)
            .query(expression)
            .refresh(dash.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(dash.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(dash.VariableOption(selected=True, text="All", value="$__all"))
        )

    return [
        dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"),
        query("job", "label_values(wirewatch_build_info, job)"),
        query("instance", 'label_values(wirewatch_build_info{job=~"$job"}, instance)'),
        query("topic", 'label_values(wirewatch_lag_records{job=~"$job"}, topic)'),
        dashboard.TextBoxVariable("runbook").label("Runbook").default_value("RUNBOOK.md"),
    ]


def main(folder: Path) -> None:
    """Write each page's JSON into a folder."""
    for page in PAGES:
        text = JSONEncoder(sort_keys=True, indent=2).encode(built_page(page))
        (folder / f"{page.uid}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "dashboards")
