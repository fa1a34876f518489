"""What do desks get, and what is kept from them?"""

from panels import Page, Panel
from queries import BY_JOB, gained, lately

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
                queries=((gained("wirewatch_desk_hits_total", "desk"), "{{desk}}"),),
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
                queries=((gained("wirewatch_alerts_total", "kind"), "{{kind}}"),),
            ),
            Panel(
                title="Kept from desks",
                about="Hits that alerted nobody in five minutes, by reason.",
                stacked=True,
                queries=((gained("wirewatch_suppressed_hits_total", "reason"), "{{reason}}"),),
            ),
        ],
        "Rules": [
            Panel(
                kind="bars",
                title="Rules met most in the last hour",
                unit="none",
                decimals=0,
                height=10,
                about="The twenty rules that most articles met.",
                queries=(
                    (
                        f"topk(20, {gained('wirewatch_rule_hits_total', 'watchlist, rule', over='1h')})",
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
                full=1,
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
