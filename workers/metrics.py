"""Every metric, with its help text. Times are in seconds, sizes in bytes, offsets as Kafka counts them.

A label's values are few and known: never a URL, an id or a text from an article. Those that we can list start at 0,
so that a rate over the first occurrence is not lost.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from topics.errors import REASONS
from topics.inputs.form import FIELDS
from topics.records import KINDS, SEVERITIES

OUTCOMES = ("enriched", "filtered", "dead_lettered")
STAGES = ("decode", "clean", "language", "entities", "match", "encode", "queue", "send")
"""Where an article's time goes: the first six in the pool, `queue` waiting for it, `send` until acknowledged."""
COMMIT_RESULTS = ("ok", "failed")
RELOAD_RESULTS = ("ok", "failed")
WATCHLIST_ORIGINS = ("file", "topic", "shipped")
POOL_RESTARTS = ("crash", "timeout", "memory", "recycled")
SUPPRESSED = ("repeat", "cooldown", "backfill", "missed")
DELIVERIES = ("delivered", "digested", "repeated", "retried", "refused")

LABELS = (
    *("PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"),
    *("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL", "other"),
)
OTHER = "other"
MAX_RULES = 1000
"""Rules with a series of their own."""

# Stages take from tens of microseconds to the time budget (20 s by default).
STAGE_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)
# From an idle worker's milliseconds to the backlog of an outage.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400)
# How old news is when it comes: the edge at 6 h is the default `max_alert_age`.
AGE_BUCKETS = (10, 30, 60, 300, 900, 1800, 3600, 7200, 21600, 86400, 604800)
LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

_PARTITION = ("topic", "partition")


class Metrics:
    """All metrics of a worker, registered in `registry` together with those of the process and the platform.

    One registry takes one Metrics. Whoever counts sets the attributes; nothing here reads a clock.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str | None = None) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        # 1, so that other series can be joined with the version that they come from.
        build = Gauge("wirewatch_build_info", "The version that runs; always 1", ("version",), registry=registry)
        build.labels(version or build_version()).set(1)
        self._records(registry)
        self._times(registry)
        self._positions(registry)
        self._in_flight(registry)
        self._pool(registry)
        self._watched(registry)
        self._alerting(registry)
        self._sources(registry)

    def _records(self, registry: CollectorRegistry) -> None:
        self.consumed = Counter(
            "wirewatch_consumed_records_total", "Records read from Kafka, repeats too", ("topic",), registry=registry
        )
        # Outcomes add up to the articles that were settled; an article is processed again after a crash.
        self.processed = Counter(
            "wirewatch_processed_articles_total", "Articles settled, by outcome", ("outcome",), registry=registry
        )
        self.produced = Counter(
            "wirewatch_produced_records_total", "Records that the broker acknowledged", ("topic",), registry=registry
        )
        self.dead_lettered = Counter(
            "wirewatch_dead_letters_total", "Records sent to the dead letters", ("reason",), registry=registry
        )
        # What is expected: the fields of the input's map, without one a title, a body, a URL and a date.
        self.input_missing = Counter(
            "wirewatch_input_missing_total",
            "Articles without a field that their input expects",
            ("field",),
            registry=registry,
        )
        _start_at_zero(self.input_missing, FIELDS)
        _start_at_zero(self.processed, OUTCOMES)
        _start_at_zero(self.dead_lettered, REASONS)

    def _times(self, registry: CollectorRegistry) -> None:
        self.stage_seconds = Histogram(
            "wirewatch_stage_seconds",
            "Time that one article spent in a stage",
            ("stage",),
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        # From the broker's own timestamp, so it includes every wait on our side of the input topic.
        self.latency_seconds = Histogram(
            "wirewatch_latency_seconds",
            "From the input record's broker timestamp to the acknowledgement of its output",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.article_age_seconds = Histogram(
            "wirewatch_article_age_seconds",
            "How long before its broker timestamp an article was published",
            buckets=AGE_BUCKETS,
            registry=registry,
        )
        # Heartbeats live on the event loop: seconds here mean that the group is about to lose this member.
        self.loop_delay_seconds = Histogram(
            "wirewatch_loop_delay_seconds",
            "How late the event loop ran a timer",
            buckets=LOOP_BUCKETS,
            registry=registry,
        )
        _start_at_zero(self.stage_seconds, STAGES)

    def _positions(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "wirewatch_lag_records", "End of the partition minus the committed offset", _PARTITION, registry=registry
        )
        self.lag_seconds = Gauge(
            "wirewatch_lag_seconds", "How long the oldest record not settled has waited", _PARTITION, registry=registry
        )
        self.end = Gauge("wirewatch_end_offset", "The partition's end (high watermark)", _PARTITION, registry=registry)
        self.position = Gauge(
            "wirewatch_position_offset", "The next offset that will be fetched", _PARTITION, registry=registry
        )
        self.committed = Gauge("wirewatch_committed_offset", "The offset committed last", _PARTITION, registry=registry)
        # Position minus committed base, in flight and settled, from the consumer's positions: anything but 0 is a loss.
        self.unaccounted = Gauge(
            "wirewatch_unaccounted", "Offsets read that nothing accounts for: 0", _PARTITION, registry=registry
        )
        # Embargoes end by this host's clock; measured whenever a broker says when it appended a record.
        self.clock_offset_seconds = Gauge(
            "wirewatch_clock_offset_seconds", "This host's clock minus the brokers'", registry=registry
        )
        self.commits = Counter(
            "wirewatch_commits_total", "Commits of offsets, by result", ("result",), registry=registry
        )
        self.assigned_partitions = Gauge(
            "wirewatch_assigned_partitions", "Partitions that this process reads", registry=registry
        )
        self.paused_partitions = Gauge(
            "wirewatch_paused_partitions", "Assigned partitions that are paused for now", registry=registry
        )
        # Too much of what they hold cannot be read: `workers.stream.brakes`.
        self.brake_partitions = Gauge(
            "wirewatch_brake_partitions", "Assigned partitions whose brake is on", registry=registry
        )
        self.brake_bad = Gauge(
            "wirewatch_brake_bad_records",
            "Records of the brake's window that could not be read, where it is on",
            _PARTITION,
            registry=registry,
        )
        self.rebalances = Counter(
            "wirewatch_rebalances_total", "Assignments that this process was given", registry=registry
        )
        self.claimed_twice = Counter(
            "wirewatch_claimed_twice_topics_total",
            "Topics that came up and are claimed by two inputs: the first reads them",
            registry=registry,
        )
        # Retention was quicker than we are, or a topic was made anew: it is read on from the earliest record.
        self.out_of_range = Counter(
            "wirewatch_out_of_range_total",
            "Places that their partition's log no longer had",
            ("topic",),
            registry=registry,
        )
        self.skipped = Counter(
            "wirewatch_skipped_records_total",
            "Records that retention took before they were read",
            ("topic",),
            registry=registry,
        )
        _start_at_zero(self.commits, COMMIT_RESULTS)

    def _in_flight(self, registry: CollectorRegistry) -> None:
        self.in_flight = Gauge("wirewatch_in_flight_records", "Records read and not yet settled", registry=registry)
        self.in_flight_bytes = Gauge(
            "wirewatch_in_flight_bytes", "Size of the records read and not yet settled", registry=registry
        )
        self.in_flight_limit = Gauge(
            "wirewatch_in_flight_limit_records", "Records in flight at which partitions are paused", registry=registry
        )
        self.in_flight_limit_bytes = Gauge(
            "wirewatch_in_flight_limit_bytes", "Bytes in flight at which partitions are paused", registry=registry
        )

    def _pool(self, registry: CollectorRegistry) -> None:
        self.pool_processes = Gauge("wirewatch_pool_processes", "Processes of the pool", registry=registry)
        self.pool_busy = Gauge(
            "wirewatch_pool_busy_processes", "Processes of the pool that have articles in hand", registry=registry
        )
        self.pool_restarts = Counter(
            "wirewatch_pool_restarts_total", "Pool processes replaced, by reason", ("reason",), registry=registry
        )
        self.watchlist_reloads = Counter(
            "wirewatch_watchlist_reloads_total",
            "Loads of watchlists; after a failed one the last good ones stay",
            ("result",),
            registry=registry,
        )
        self.watchlist_rules = Gauge("wirewatch_watchlist_rules", "Rules in force", registry=registry)
        self.watchlists = Gauge(
            "wirewatch_watchlists", "Watchlists in force, by where they come from", ("origin",), registry=registry
        )
        _start_at_zero(self.pool_restarts, POOL_RESTARTS)
        _start_at_zero(self.watchlist_reloads, RELOAD_RESULTS)
        _start_at_zero(self.watchlists, WATCHLIST_ORIGINS)

    def _watched(self, registry: CollectorRegistry) -> None:
        self.entities = Counter(
            "wirewatch_entities_total", "Mentions found, by label (OntoNotes)", ("label",), registry=registry
        )
        # Desks and rules are those of the watchlists in force, so few; of rules the first MAX_RULES that were met.
        self.desk_hits = Counter(
            "wirewatch_desk_hits_total",
            "Articles that met a desk's rules, by the highest severity",
            ("desk", "severity"),
            registry=registry,
        )
        self.rule_hits = Counter(
            "wirewatch_rule_hits_total", "Articles that met a rule", ("watchlist", "rule"), registry=registry
        )
        self.desk_alerts = Counter(
            "wirewatch_desk_alerts_total", "Alerts published, by desk", ("desk", "severity"), registry=registry
        )
        # 1, for each that is in force: two versions for long mean that a worker did not take one.
        self.watchlist_info = Gauge(
            "wirewatch_watchlist_info", "Watchlists in force; always 1", ("watchlist", "version"), registry=registry
        )
        self.alert_age_seconds = Histogram(
            "wirewatch_alert_age_seconds",
            "From an article's publication to its alert",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._rules: set[tuple[str, str]] = set()
        _start_at_zero(self.entities, LABELS)

    def in_force(self, versions: Mapping[str, str], *, desks: Iterable[str]) -> None:
        """These watchlists (id -> version), and no others; `desks` are those that they serve."""
        for desk in desks:
            for severity in SEVERITIES:
                self.desk_hits.labels(desk, severity)
        self.watchlist_info.clear()
        for watchlist, version in versions.items():
            self.watchlist_info.labels(watchlist, version).set(1)

    def found(self, labels: Mapping[str, int]) -> None:
        """So many mentions of each label; a model of the user's may have labels of its own."""
        for label, number in labels.items():
            self.entities.labels(label if label in LABELS else OTHER).inc(number)

    def met(self, watchlist: str, rule: str) -> None:
        """An article met a rule."""
        if (watchlist, rule) not in self._rules:
            if len(self._rules) >= MAX_RULES:
                watchlist = rule = OTHER
            self._rules.add((watchlist, rule))
        self.rule_hits.labels(watchlist, rule).inc()

    def _alerting(self, registry: CollectorRegistry) -> None:
        self.hits = Counter(
            "wirewatch_hits_total", "Pairs of an article and a desk whose rules it met", registry=registry
        )
        self.alerts = Counter("wirewatch_alerts_total", "Alerts published", ("kind", "severity"), registry=registry)
        self.suppressed = Counter(
            "wirewatch_suppressed_hits_total", "Hits that alerted nobody, by reason", ("reason",), registry=registry
        )
        # Alerts that were in the log already when their hit was folded again: those of a worker that ended between
        # its alerts and its state.
        # The supervisor's count: a worker that keeps ending itself shows here, whatever its own counters say.
        self.restarts = Counter("wirewatch_restarts_total", "Times the worker was started again", registry=registry)
        self.repeated = Counter(
            "wirewatch_repeated_alerts_total", "Alerts not sent again, for they were published", registry=registry
        )
        self.restored_records = Counter(
            "wirewatch_restored_records_total", "State records read back from the stories' log", registry=registry
        )
        self.restored_seconds = Histogram(
            "wirewatch_restored_seconds", "Time to read the state back", buckets=LATENCY_BUCKETS, registry=registry
        )
        # Not 0: topics were made anew, or the cluster is another one. Alerts may repeat.
        self.lost_places = Counter(
            "wirewatch_lost_places_total", "Partitions whose state names hits that are not there", registry=registry
        )
        # The sink is a route's name from the settings.
        self.deliveries = Counter(
            "wirewatch_deliveries_total", "Attempts to hand an alert to a sink", ("sink", "result"), registry=registry
        )
        # A group a sink, all on one topic: their lags cannot share the series of `lag`.
        self.delivery_lag = Gauge(
            "wirewatch_delivery_lag_records",
            "End of the alerts' partition minus what a sink's group has committed",
            ("sink", "partition"),
            registry=registry,
        )
        self.delivery_waiting = Gauge(
            "wirewatch_delivery_waiting_alerts", "Alerts read and not yet delivered", ("sink",), registry=registry
        )
        for kind in KINDS:
            for severity in SEVERITIES:
                self.alerts.labels(kind, severity)
        _start_at_zero(self.suppressed, SUPPRESSED)

    def _sources(self, registry: CollectorRegistry) -> None:
        # Sources of `sources_file` only: a stranger makes no series. Several workers share a source: the least counts.
        self.source_age = Gauge(
            "wirewatch_source_age_seconds",
            "Since a listed source's last article reached the broker, or since this worker knows the source",
            ("source",),
            registry=registry,
        )
        self.source_expect_every = Gauge(
            "wirewatch_source_expect_every_seconds", "How often to expect something", ("source",), registry=registry
        )
        self.source_active = Gauge(
            "wirewatch_source_active",
            "Whether the source publishes at this hour: 0 or 1",
            ("source",),
            registry=registry,
        )
        self.boilerplate = Counter(
            "wirewatch_boilerplate_paragraphs_total",
            "Paragraphs taken out of articles by the patterns of their source",
            ("source",),
            registry=registry,
        )
        self.sources_reloads = Counter(
            "wirewatch_sources_reloads_total",
            "Loads of the list of sources; after a failed one the last good one stays",
            ("result",),
            registry=registry,
        )
        _start_at_zero(self.sources_reloads, RELOAD_RESULTS)

    def expect_sources(self, expected: Mapping[str, float | None], *, gone: Iterable[str] = ()) -> None:
        """Show these sources, with the seconds in which something is expected of each, instead of those before."""
        for source in set(gone) - set(expected):
            for metric in (self.source_age, self.source_active, self.source_expect_every, self.boilerplate):
                metric.remove(source)
        for source, seconds in expected.items():
            self.boilerplate.labels(source)
            self.source_expect_every.remove(source)
            if seconds is not None:
                self.source_expect_every.labels(source).set(seconds)

    def expect_sink(self, sink: str) -> None:
        """Show a sink's deliveries as 0 before the first one."""
        self.delivery_waiting.labels(sink)
        for result in DELIVERIES:
            self.deliveries.labels(sink, result)

    def braked(self, partitions: Mapping[tuple[str, int], int]) -> None:
        """The partitions (topic, number) whose brake is on, with how many records were bad; no others."""
        self.brake_partitions.set(len(partitions))
        self.brake_bad.clear()
        for (topic, partition), bad in partitions.items():
            self.brake_bad.labels(topic, str(partition)).set(bad)

    def misplaced(self, topic: str, skipped: int) -> None:
        """A place in a topic was out of range, and `skipped` records are lost by it."""
        self.out_of_range.labels(topic).inc()
        self.skipped.labels(topic).inc(skipped)

    def forget(self, topic: str, partition: int) -> None:
        """Drop the series of a partition that is no longer ours; whoever has it now reports them."""
        for gauge in (self.lag, self.lag_seconds, self.end, self.position, self.committed, self.unaccounted):
            gauge.remove(topic, str(partition))


def build_version() -> str:
    """The version of the installed package, "unknown" where it runs from files alone."""
    try:
        return installed_version("wirewatch")
    except PackageNotFoundError:
        return "unknown"


def _start_at_zero(metric: Counter | Gauge | Histogram, values: tuple[str, ...]) -> None:
    for value in values:
        metric.labels(value)
