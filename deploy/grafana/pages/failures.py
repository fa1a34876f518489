"""What goes wrong, and where does it pile up?"""

from panels import Page, Panel, Stat
from queries import BY_JOB, BY_TOPIC, UNPLANNED, gained, lately, ours

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
                queries=((gained("wirewatch_dead_letters_total", "reason"), "{{reason}}"),),
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
            Stat(
                width=6,
                title="Unaccounted",
                bad=1,
                decimals=0,
                about="Offsets read that are neither in flight nor settled. Always 0.",
                queries=((f"sum(wirewatch_unaccounted{BY_TOPIC})", ""),),
                runbook="WirewatchUnaccounted",
            ),
            Stat(
                width=6,
                title="Lost to retention",
                bad=1,
                decimals=0,
                about="Records that the topic's retention took before they were read, in a day.",
                queries=((f"sum(increase(wirewatch_skipped_records_total{BY_JOB}[1d])) or vector(0)", ""),),
            ),
            Stat(
                width=6,
                title="Watchlists refused",
                bad=1,
                decimals=0,
                about="Watchlists and files that were not taken and are not mended: the last good ones stay in force.",
                queries=((f"max(wirewatch_refused_watchlists{BY_JOB}) + max(wirewatch_refused_files{BY_JOB})", ""),),
                runbook="WirewatchReloadFailed",
            ),
            Stat(
                width=6,
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
                        gained("wirewatch_deliveries_total", "sink, result"),
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
                        gained("wirewatch_pool_restarts_total", "reason", UNPLANNED),
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
