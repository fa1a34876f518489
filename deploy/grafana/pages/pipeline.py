"""Where does the time go, and who has the work?"""

from panels import Page, Panel
from queries import BY_JOB, BY_TOPIC, KNOWN, gained, ours, quantile, rate

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
                queries=((gained("wirewatch_pool_restarts_total", "reason"), "{{reason}}"),),
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
                queries=((gained("wirewatch_rebalances_total", "job"), "{{job}}"),),
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
                    (gained("wirewatch_furniture_paragraphs_total", "kind"), "{{kind}}"),
                    (
                        gained("wirewatch_boilerplate_paragraphs_total", "source"),
                        "of {{source}}",
                    ),
                ),
            ),
        ],
    },
)
