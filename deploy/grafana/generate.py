"""The dashboards: `python deploy/grafana/generate.py` writes dashboards/*.json (`make dashboards`).

Everything is by the variables `$job`, `$topic` and `$instance`, of which All is the default.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as dash
from panels import DATASOURCE, Panel, built

TAG = "wirewatch"
BY_JOB = '{job=~"$job",instance=~"$instance"}'
BY_TOPIC = '{job=~"$job",instance=~"$instance",topic=~"$topic"}'


class Page(NamedTuple):
    """A dashboard: rows of panels by the rows' titles."""

    uid: str
    title: str
    about: str
    rows: dict[str, list[Panel]]


def quantile(q: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{BY_JOB}[$__rate_interval])))"


def lately(metric: str, by: str) -> str:
    """What a counter gained in five minutes: what it began with, which `increase` misses; or, where that is more, what
    `increase` makes of a counter that began anew."""
    now, then = (f"sum by ({by}) ({metric}{BY_JOB}{offset})" for offset in ("", " offset 5m"))
    gained = f"clamp_min({now} - ({then} or 0 * {now}), 0)"
    return f"sum by ({by}) (increase({metric}{BY_JOB}[5m])) > {gained} or {gained}"


def rate(metric: str, by: str, selector: str = BY_JOB) -> str:
    return f"sum by ({by}) (rate({metric}{selector}[$__rate_interval]))"


def ours(metric: str, over: str = "{}") -> str:
    """A metric that every process has, of workers alone; `over` is put around it."""
    return f"{over.format(metric + BY_JOB)} and on (job, instance) wirewatch_build_info"


def with_labels(more: str) -> str:
    return BY_JOB.replace("}", f",{more}}}")


KNOWN = with_labels('result="hit"')
UNPLANNED = with_labels('reason!="recycled"')

OVERVIEW = Page(
    "wirewatch-overview",
    "wirewatch / Overview",
    "Is the desk being served?",
    {
        "Is the desk being served?": [
            Panel(
                kind="stat",
                width=4,
                height=5,
                title="Freshness",
                unit="s",
                warn=10,
                bad=60,
                decimals=1,
                about="99 of 100 articles were out within this time of their arrival on the topic.",
                queries=((quantile(0.99, "wirewatch_latency_seconds"), ""),),
                runbook="WirewatchLatencyBurnsFast",
            ),
            Panel(
                kind="stat",
                width=4,
                height=5,
                title="Oldest waiting",
                unit="s",
                warn=60,
                bad=600,
                decimals=0,
                about="How long the oldest article that is not settled has waited.",
                queries=((f"max(wirewatch_lag_seconds{BY_TOPIC})", ""),),
                runbook="WirewatchStalled",
            ),
            Panel(
                kind="stat",
                width=4,
                height=5,
                title="Articles / s",
                unit="short",
                decimals=1,
                about="Articles settled, whatever became of them.",
                queries=((f"sum(rate(wirewatch_processed_articles_total{BY_JOB}[$__rate_interval]))", ""),),
            ),
            Panel(
                kind="stat",
                width=4,
                height=5,
                title="Alerts in the last hour",
                decimals=0,
                about="Alerts published, of every kind.",
                queries=((f"sum(increase(wirewatch_alerts_total{BY_JOB}[1h]))", ""),),
            ),
            Panel(
                kind="stat",
                width=4,
                height=5,
                title="Budget left",
                unit="percentunit",
                low=True,
                warn=0.5,
                bad=0.1,
                about="Of the articles that may take longer than 60 s (1 % over 30 days, or as long as Prometheus "
                "remembers), the share that is left.",
                queries=(
                    (
                        "clamp_min(1 - (1 - sum(increase(wirewatch_latency_seconds_bucket"
                        + with_labels('le="60.0"')
                        + f"[30d])) / sum(increase(wirewatch_latency_seconds_count{BY_JOB}[30d]))) / 0.01, 0)",
                        "",
                    ),
                ),
                runbook="WirewatchLatencyBurnsSlowly",
            ),
            Panel(
                kind="stat",
                width=4,
                height=5,
                title="Workers ready",
                decimals=0,
                low=True,
                bad=1,
                about="Processes that do their work; the others say on /readyz why they do not.",
                queries=((f"sum(wirewatch_ready{BY_JOB})", ""),),
                runbook="WirewatchNotReady",
            ),
        ],
        "In and out": [
            Panel(
                title="Records / s",
                about="Read and acknowledged, by topic.",
                queries=(
                    (rate("wirewatch_consumed_records_total", "topic"), "{{topic}} in"),
                    (rate("wirewatch_produced_records_total", "topic"), "{{topic}} out"),
                ),
            ),
            Panel(
                title="Alerts by severity",
                about="Alerts published in five minutes.",
                stacked=True,
                queries=((f"sum by (severity) (increase(wirewatch_alerts_total{BY_JOB}[5m]))", "{{severity}}"),),
            ),
            Panel(
                title="From arrival to output",
                unit="s",
                warn=60,
                runbook="WirewatchLatencyBurnsFast",
                about="From the input record's broker time to the acknowledgement of its output.",
                queries=tuple(
                    (quantile(q, "wirewatch_latency_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.95, 0.99)
                ),
            ),
            Panel(
                title="From publication to alert",
                unit="s",
                about="How old an article is when its desk is alerted: what source and publisher take is in it.",
                queries=tuple((quantile(q, "wirewatch_alert_age_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.95)),
            ),
        ],
    },
)

PIPELINE = Page(
    "wirewatch-pipeline",
    "wirewatch / Pipeline",
    "Where does the time go, and who has the work?",
    {
        "Time": [
            Panel(
                title="Stages, p95",
                many=True,
                unit="s",
                about="Time that one article spends in a stage; queue is waiting for the pool.",
                queries=((quantile(0.95, "wirewatch_stage_seconds", "stage"), "{{stage}}"),),
            ),
            Panel(
                title="Latency",
                kind="heatmap",
                unit="s",
                about="Articles a second by how long they took to come out.",
                queries=(
                    (f"sum by (le) (rate(wirewatch_latency_seconds_bucket{BY_JOB}[$__rate_interval]))", "{{le}}"),
                ),
            ),
        ],
        "Backlog": [
            Panel(
                title="Lag by partition",
                many=True,
                about="Records between the committed offset and the end.",
                queries=((f"max by (topic, partition) (wirewatch_lag_records{BY_TOPIC})", "{{topic}}/{{partition}}"),),
                runbook="WirewatchLagGrowing",
            ),
            Panel(
                title="Lag in seconds",
                many=True,
                unit="s",
                about="How long the oldest record that is not settled has waited.",
                queries=((f"max by (topic, partition) (wirewatch_lag_seconds{BY_TOPIC})", "{{topic}}/{{partition}}"),),
                runbook="WirewatchStalled",
            ),
            Panel(
                title="In flight",
                unit="percentunit",
                about="Records read and not yet settled, of as many as make partitions pause.",
                queries=(
                    (
                        f"sum by (job, instance) (wirewatch_in_flight_records{BY_JOB}) / "
                        f"(sum by (job, instance) (wirewatch_in_flight_limit_records{BY_JOB}) > 0)",
                        "{{job}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                title="Partitions",
                many=True,
                about="Assigned to each process, and paused.",
                queries=(
                    (f"sum by (job, instance) (wirewatch_assigned_partitions{BY_JOB})", "{{job}} {{instance}}"),
                    (f"sum by (job, instance) (wirewatch_paused_partitions{BY_JOB})", "{{job}} {{instance}} paused"),
                ),
            ),
        ],
        "Pool": [
            Panel(
                title="Busy processes",
                width=8,
                about="Pool processes that have an article in hand, and how many there are.",
                queries=(
                    (
                        f"sum by (instance) (wirewatch_pool_busy_processes{BY_JOB}) "
                        "and sum by (instance) (wirewatch_pool_processes) > 0",
                        "{{instance}} busy",
                    ),
                    (f"sum by (instance) (wirewatch_pool_processes{BY_JOB} > 0)", "{{instance}} all"),
                ),
            ),
            Panel(
                title="Replaced processes",
                width=8,
                about="In five minutes, by reason: recycled is as it should be.",
                stacked=True,
                queries=((f"sum by (reason) (increase(wirewatch_pool_restarts_total{BY_JOB}[5m]))", "{{reason}}"),),
                runbook="WirewatchPoolCrashes",
            ),
            Panel(
                title="Paragraphs known before",
                unit="percentunit",
                about="Of the paragraphs for a model, those whose entities were remembered: syndicated copies.",
                width=8,
                queries=(
                    (
                        f"sum(rate(wirewatch_paragraph_cache_total{KNOWN}[$__rate_interval])) "
                        f"/ (sum(rate(wirewatch_paragraph_cache_total{BY_JOB}[$__rate_interval])) > 0)",
                        "known",
                    ),
                ),
            ),
        ],
        "Group": [
            Panel(
                title="Rebalances",
                about="Assignments that processes were given in five minutes.",
                queries=((f"sum by (job) (increase(wirewatch_rebalances_total{BY_JOB}[5m]))", "{{job}}"),),
                runbook="WirewatchRebalanceStorm",
            ),
            Panel(
                title="Commits / s",
                many=True,
                about="By result; one that fails in a rebalance is normal.",
                queries=((rate("wirewatch_commits_total", "job, result"), "{{job}} {{result}}"),),
                runbook="WirewatchCommitsFail",
            ),
            Panel(
                title="Event loop",
                unit="s",
                warn=1,
                about="How late timers ran, p99: heartbeats live here.",
                queries=((quantile(0.99, "wirewatch_loop_delay_seconds", "job"), "{{job}}"),),
            ),
            Panel(
                title="Memory",
                unit="bytes",
                about="Of each process and of enrich's pool; and what the two may use before the kernel ends them.",
                many=True,
                queries=(
                    (ours("process_resident_memory_bytes"), "{{job}} {{instance}}"),
                    (f"wirewatch_pool_memory_bytes{BY_JOB} > 0", "pool {{instance}}"),
                    (f"wirewatch_memory_limit_bytes{BY_JOB} > 0", "limit {{instance}}"),
                ),
                runbook="WirewatchPoolCrashes",
            ),
        ],
        "What is found": [
            Panel(
                title="Entities / s",
                about="Mentions by label.",
                stacked=True,
                many=True,
                queries=((rate("wirewatch_entities_total", "label"), "{{label}}"),),
            ),
            Panel(
                title="Paragraphs taken out",
                about="What is no part of an article, by kind, in five minutes; a source's own furniture, too.",
                stacked=True,
                many=True,
                queries=(
                    (f"sum by (kind) (increase(wirewatch_furniture_paragraphs_total{BY_JOB}[5m]))", "{{kind}}"),
                    (
                        f"sum by (source) (increase(wirewatch_boilerplate_paragraphs_total{BY_JOB}[5m]))",
                        "of {{source}}",
                    ),
                ),
            ),
        ],
    },
)

WATCH = Page(
    "wirewatch-watch",
    "wirewatch / Watch",
    "What do desks get, and what is kept from them?",
    {
        "Desks": [
            Panel(
                title="Hits by desk",
                about="Articles that met a desk's rules, in five minutes.",
                stacked=True,
                queries=((f"sum by (desk) (increase(wirewatch_desk_hits_total{BY_JOB}[5m]))", "{{desk}}"),),
            ),
            Panel(
                title="Alerts by desk",
                about="What remains once repeats are folded, in five minutes.",
                stacked=True,
                queries=((lately("wirewatch_desk_alerts_total", "desk"), "{{desk}}"),),
            ),
            Panel(
                title="Alerts by kind",
                many=True,
                about="hit: a new story; corroborated, escalated, corrected, withdrawn: what became "
                "of it; digest: what was missed in an outage.",
                stacked=True,
                queries=((f"sum by (kind) (increase(wirewatch_alerts_total{BY_JOB}[5m]))", "{{kind}}"),),
            ),
            Panel(
                title="Kept from desks",
                about="Hits that alerted nobody in five minutes, by reason.",
                stacked=True,
                queries=((f"sum by (reason) (increase(wirewatch_suppressed_hits_total{BY_JOB}[5m]))", "{{reason}}"),),
            ),
        ],
        "Rules": [
            Panel(
                kind="bars",
                title="Rules met most in the last hour",
                decimals=0,
                height=10,
                about="The twenty rules that most articles met.",
                queries=(
                    (
                        f"topk(20, sum by (watchlist, rule) (increase(wirewatch_rule_hits_total{BY_JOB}[1h])))",
                        "{{watchlist}}/{{rule}}",
                    ),
                ),
            ),
            Panel(
                kind="table",
                title="Watchlists in force",
                height=10,
                decimals=0,
                about="Each with its version and the number of workers that have it: two versions for long is wrong.",
                columns=(("watchlist", "Watchlist"), ("version", "Version"), ("Value", "Workers")),
                queries=((f"count by (watchlist, version) (wirewatch_watchlist_info{BY_JOB})", ""),),
                runbook="WirewatchReloadFailed",
            ),
        ],
        "Sources": [
            Panel(
                title="Since the last article",
                unit="s",
                about="Of each listed source.",
                queries=((f"min by (source) (wirewatch_source_age_seconds{BY_JOB})", "{{source}}"),),
                runbook="WirewatchSourceSilent",
            ),
            Panel(
                kind="bars",
                title="Of what is expected",
                unit="percentunit",
                decimals=0,
                warn=0.8,
                bad=1,
                about="Time since a listed source's last article, as a share of the time in which one is expected.",
                queries=(
                    (
                        f"min by (source) (wirewatch_source_age_seconds{BY_JOB}) / "
                        f"max by (source) (wirewatch_source_expect_every_seconds{BY_JOB})",
                        "{{source}}",
                    ),
                ),
                runbook="WirewatchSourceSilent",
            ),
        ],
    },
)

FAILURES = Page(
    "wirewatch-failures",
    "wirewatch / Failures",
    "What goes wrong, and where does it pile up?",
    {
        "Records": [
            Panel(
                title="Dead letters",
                many=True,
                about="In five minutes, by reason.",
                stacked=True,
                queries=((f"sum by (reason) (increase(wirewatch_dead_letters_total{BY_JOB}[5m]))", "{{reason}}"),),
                runbook="WirewatchDeadLetters",
            ),
            Panel(
                title="Stopped by the brake",
                width=6,
                about="Partitions of which most records cannot be read.",
                bad=1,
                queries=((f"sum by (job) (wirewatch_brake_partitions{BY_JOB})", "{{job}}"),),
                runbook="WirewatchBrakeOn",
            ),
            Panel(
                title="Bad of the last 100",
                width=6,
                about="Records that could not be read of the last hundred, where the brake is on.",
                queries=(
                    (
                        f"max by (topic, partition) (wirewatch_brake_bad_records{BY_TOPIC})",
                        "{{topic}}/{{partition}}",
                    ),
                ),
                runbook="WirewatchBrakeOn",
            ),
            Panel(
                kind="stat",
                width=6,
                height=5,
                title="Unaccounted",
                bad=1,
                decimals=0,
                about="Offsets read that are neither in flight nor settled. Always 0.",
                queries=((f"sum(wirewatch_unaccounted{BY_TOPIC})", ""),),
                runbook="WirewatchUnaccounted",
            ),
            Panel(
                kind="stat",
                width=6,
                height=5,
                title="Lost to retention",
                bad=1,
                decimals=0,
                about="Records that the topic's retention took before they were read, in a day.",
                queries=((f"sum(increase(wirewatch_skipped_records_total{BY_JOB}[1d])) or vector(0)", ""),),
            ),
            Panel(
                kind="stat",
                width=6,
                height=5,
                title="Watchlists refused",
                bad=1,
                decimals=0,
                about="Watchlists and files that were not taken and are not mended: the last good ones stay in force.",
                queries=((f"max(wirewatch_refused_watchlists{BY_JOB}) + max(wirewatch_refused_files{BY_JOB})", ""),),
                runbook="WirewatchReloadFailed",
            ),
            Panel(
                kind="stat",
                width=6,
                height=5,
                title="Clock",
                unit="s",
                warn=10,
                bad=60,
                decimals=1,
                about="How far a worker's clock is from the brokers', at most.",
                queries=((f"max(abs(wirewatch_clock_offset_seconds{BY_JOB}))", ""),),
                runbook="WirewatchClockOff",
            ),
        ],
        "Delivery": [
            Panel(
                title="Deliveries",
                many=True,
                width=8,
                about="In five minutes, by sink and result.",
                stacked=True,
                queries=(
                    (
                        f"sum by (sink, result) (increase(wirewatch_deliveries_total{BY_JOB}[5m]))",
                        "{{sink}} {{result}}",
                    ),
                ),
                runbook="WirewatchDeliveryFails",
            ),
            Panel(
                title="Oldest alert waiting",
                width=8,
                unit="s",
                about="How long the oldest alert that a sink has not taken has waited; those under embargo, too.",
                queries=((f"max by (sink) (wirewatch_delivery_lag_seconds{BY_JOB})", "{{sink}}"),),
                runbook="WirewatchDeliveryFails",
            ),
            Panel(
                title="Alerts waiting",
                width=8,
                about="Read and not yet delivered, and not yet read, by sink.",
                queries=(
                    (f"sum by (sink) (wirewatch_delivery_waiting_alerts{BY_JOB})", "{{sink}} in hand"),
                    (f"sum by (sink) (wirewatch_delivery_lag_records{BY_JOB})", "{{sink}} lag"),
                ),
                runbook="WirewatchDeliveryFails",
            ),
        ],
        "Processes": [
            Panel(
                title="Workers",
                many=True,
                width=8,
                stacked=True,
                about="Processes that are ready, those that answer and are not, and those whose member id another has.",
                queries=(
                    (f"sum by (job) (wirewatch_ready{BY_JOB})", "{{job}}"),
                    (
                        f"count by (job) (wirewatch_build_info{BY_JOB}) - sum by (job) (wirewatch_ready{BY_JOB})",
                        "{{job}} not ready",
                    ),
                    (f"sum by (job) (wirewatch_displaced_groups{BY_JOB})", "{{job}} displaced"),
                ),
                runbook="WirewatchDown",
            ),
            Panel(
                title="Restarts",
                many=True,
                width=8,
                about="Of workers, whoever started them again, and of pool processes that failed, in five minutes.",
                queries=(
                    (f"sum by (job) ({ours('process_start_time_seconds', 'changes({}[5m])')})", "{{job}}"),
                    (
                        f"sum by (reason) (increase(wirewatch_pool_restarts_total{UNPLANNED}[5m]))",
                        "pool {{reason}}",
                    ),
                ),
                runbook="WirewatchRestarting",
            ),
            Panel(
                title="State",
                width=8,
                about="State records read back on a rebalance, and places that were lost, in five minutes.",
                queries=(
                    (lately("wirewatch_restored_records_total", ""), "restored records"),
                    (lately("wirewatch_lost_places_total", ""), "places lost"),
                ),
                runbook="WirewatchPlaceLost",
            ),
        ],
    },
)

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
