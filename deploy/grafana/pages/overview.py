"""Is the desk being served?"""

from panels import Page, Panel, Stat
from queries import BY_JOB, BY_TOPIC, gained, quantile, rate, with_labels

OVERVIEW = Page(
    "wirewatch-overview",
    "wirewatch / Overview",
    "Is the desk being served?",
    {
        "Is the desk being served?": [
            Stat(
                width=4,
                title="Freshness",
                unit="s",
                warn=10,
                bad=60,
                decimals=1,
                about="99 of 100 articles were out within this time of their arrival on the topic.",
                queries=((quantile(0.99, "wirewatch_latency_seconds"), ""),),
                runbook="WirewatchLatencyBurnsFast",
            ),
            Stat(
                width=4,
                title="Oldest waiting",
                unit="s",
                warn=60,
                bad=600,
                decimals=0,
                about="How long the oldest article that is not settled has waited.",
                queries=((f"max(wirewatch_lag_seconds{BY_TOPIC})", ""),),
                runbook="WirewatchStalled",
            ),
            Stat(
                width=4,
                title="Articles / s",
                unit="short",
                decimals=1,
                about="Articles settled, whatever became of them.",
                queries=((f"sum(rate(wirewatch_processed_articles_total{BY_JOB}[$__rate_interval]))", ""),),
            ),
            Stat(
                width=4,
                title="Alerts in the last hour",
                unit="none",
                decimals=0,
                about="Alerts published, of every kind.",
                queries=((f"sum(increase(wirewatch_alerts_total{BY_JOB}[1h]))", ""),),
            ),
            Stat(
                width=4,
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
            Stat(
                width=4,
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
                queries=((gained("wirewatch_alerts_total", "severity"), "{{severity}}"),),
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
