"""Every metric, with its help text. Times are in seconds, sizes in bytes, offsets as Kafka counts them.

A label's values are few and known: never a URL, an id or a text from an article. Those that we can list start at 0,
so that a rate over the first occurrence is not lost.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from topics.errors import REASONS
from topics.inputs.form import FIELDS
from topics.records import KINDS, SEVERITIES
from workers import label_values as values
from workers.declaring import Declaring
from workers.version import this_version

# Stages take from tens of microseconds to the time budget (20 s by default).
STAGE_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)
# From an idle worker's milliseconds to the backlog of an outage.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 7200, 86400)
# How old news is when it comes: the edge at 6 h is the default `max_alert_age`.
AGE_BUCKETS = (10, 30, 60, 300, 900, 1800, 3600, 7200, 21600, 86400, 604800)
LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

_PARTITION = ("topic", "partition")
_DESK = ("desk", "severity")
_ROUTE = ("sink", "partition")


class Metrics:
    """All metrics of a worker, registered in `registry` together with those of the process and the platform.

    One registry takes one Metrics. Whoever counts sets the attributes; nothing here reads a clock.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str | None = None) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        new = Declaring(registry)
        # 1, so that other series can be joined with the version that they come from.
        build = new.gauge("wirewatch_build_info", "The version that runs; always 1", "version")
        build.labels(version or this_version()).set(1)
        # A worker that waits for its brokers lives and answers: that it does nothing shows here alone.
        self.ready = new.gauge("wirewatch_ready", "Whether /readyz says ok: 0 or 1")
        self._records(new)
        self._times(new)
        self._positions(new)
        self._commits(new)
        self._in_flight(new)
        self._pool(new)
        self._watched(new)
        self._alerting(new)
        self._delivering(new)
        self._sources(new)

    def _records(self, new: Declaring) -> None:
        self.consumed = new.counter("wirewatch_consumed_records_total", "Records read from Kafka, repeats too", "topic")
        # Outcomes add up to the articles that were settled; an article is processed again after a crash.
        self.processed = new.counter(
            "wirewatch_processed_articles_total", "Articles settled, by outcome", "outcome", known=values.OUTCOMES
        )
        self.produced = new.counter("wirewatch_produced_records_total", "Records that the broker acknowledged", "topic")
        self.dead_lettered = new.counter(
            "wirewatch_dead_letters_total", "Records sent to the dead letters", "reason", known=REASONS
        )
        # What is expected: the fields of the input's map, without one a title, a body, a URL and a date.
        self.input_missing = new.counter(
            "wirewatch_input_missing_total",
            "Articles without a field that their input expects",
            "field",
            known=FIELDS,
        )
        self.furniture = new.counter(
            "wirewatch_furniture_paragraphs_total",
            "Paragraphs taken out of articles by general patterns, whatever their source",
            "kind",
            known=values.FURNITURE,
        )

    def _times(self, new: Declaring) -> None:
        self.stage_seconds = new.histogram(
            "wirewatch_stage_seconds",
            "Time that one article spent in a stage",
            "stage",
            buckets=STAGE_BUCKETS,
            known=values.STAGES,
        )
        # From the broker's own timestamp, so it includes every wait on our side of the input topic.
        self.latency_seconds = new.histogram(
            "wirewatch_latency_seconds",
            "From the input record's broker timestamp to the acknowledgement of its output",
            buckets=LATENCY_BUCKETS,
        )
        self.article_age_seconds = new.histogram(
            "wirewatch_article_age_seconds",
            "How long before its broker timestamp an article was published",
            buckets=AGE_BUCKETS,
        )
        # Heartbeats live on the event loop: seconds here mean that the group is about to lose this member.
        self.loop_delay_seconds = new.histogram(
            "wirewatch_loop_delay_seconds", "How late the event loop ran a timer", buckets=LOOP_BUCKETS
        )

    def _positions(self, new: Declaring) -> None:
        self.lag = new.gauge("wirewatch_lag_records", "End of the partition minus the committed offset", *_PARTITION)
        self.lag_seconds = new.gauge(
            "wirewatch_lag_seconds", "How long the oldest record not settled has waited", *_PARTITION
        )
        self.end = new.gauge("wirewatch_end_offset", "The partition's end (high watermark)", *_PARTITION)
        self.position = new.gauge("wirewatch_position_offset", "The next offset that will be fetched", *_PARTITION)
        self.committed = new.gauge("wirewatch_committed_offset", "The offset committed last", *_PARTITION)
        # Position minus committed base, in flight and settled, from the consumer's positions: anything but 0 is a loss.
        self.unaccounted = new.gauge("wirewatch_unaccounted", "Offsets read that nothing accounts for: 0", *_PARTITION)
        self.assigned_partitions = new.gauge("wirewatch_assigned_partitions", "Partitions that this process reads")
        self.paused_partitions = new.gauge("wirewatch_paused_partitions", "Assigned partitions that are paused for now")
        # Too much of what they hold cannot be read: `workers.stream.brakes`.
        self.brake_partitions = new.gauge("wirewatch_brake_partitions", "Assigned partitions whose brake is on")
        self.brake_bad = new.gauge(
            "wirewatch_brake_bad_records",
            "Records of the brake's window that could not be read, where it is on",
            *_PARTITION,
        )

    def _commits(self, new: Declaring) -> None:
        # Embargoes end by this host's clock; measured whenever a broker says when it appended a record.
        self.clock_offset_seconds = new.gauge("wirewatch_clock_offset_seconds", "This host's clock minus the brokers'")
        self.commits = new.counter(
            "wirewatch_commits_total", "Commits of offsets, by result", "result", known=values.COMMIT_RESULTS
        )
        self.rebalances = new.counter("wirewatch_rebalances_total", "Assignments that this process was given")
        # Each takes it from the other when it joins: `workers.stream.membership`.
        self.displaced_groups = new.gauge(
            "wirewatch_displaced_groups", "Groups in which another process has this one's group_instance_id"
        )
        self.claimed_twice = new.counter(
            "wirewatch_claimed_twice_topics_total",
            "Topics that came up and are claimed by two inputs: the first reads them",
        )
        # Retention was quicker than we are, or a topic was made anew: it is read on from the earliest record.
        self.out_of_range = new.counter(
            "wirewatch_out_of_range_total", "Places that their partition's log no longer had", "topic"
        )
        self.skipped = new.counter(
            "wirewatch_skipped_records_total", "Records that retention took before they were read", "topic"
        )

    def _in_flight(self, new: Declaring) -> None:
        self.in_flight = new.gauge("wirewatch_in_flight_records", "Records read and not yet settled")
        self.in_flight_bytes = new.gauge("wirewatch_in_flight_bytes", "Size of the records read and not yet settled")
        self.in_flight_limit = new.gauge(
            "wirewatch_in_flight_limit_records", "Records in flight at which partitions are paused"
        )
        self.in_flight_limit_bytes = new.gauge(
            "wirewatch_in_flight_limit_bytes", "Bytes in flight at which partitions are paused"
        )

    def _pool(self, new: Declaring) -> None:
        self.pool_processes = new.gauge("wirewatch_pool_processes", "Processes of the pool")
        self.pool_busy = new.gauge("wirewatch_pool_busy_processes", "Processes of the pool that have articles in hand")
        # With the process's own memory and the limit: how far off the kernel's killer is.
        self.pool_memory = new.gauge("wirewatch_pool_memory_bytes", "Resident memory of the pool's processes together")
        self.memory_limit = new.gauge(
            "wirewatch_memory_limit_bytes", "What a worker and its pool may use together; 0 where nobody can say"
        )
        self.pool_restarts = new.counter(
            "wirewatch_pool_restarts_total", "Pool processes replaced, by reason", "reason", known=values.POOL_RESTARTS
        )
        self.watchlist_reloads = new.counter(
            "wirewatch_watchlist_reloads_total",
            "Loads of watchlists; after a failed one the last good ones stay",
            "result",
            known=values.RELOAD_RESULTS,
        )
        # What `reloads` counts ends with the attempt; this lasts until it is mended.
        self.refused_watchlists = new.gauge(
            "wirewatch_refused_watchlists",
            "Changes of watchlists, in files or on the topic, that were not taken and are not mended",
        )
        self.watchlist_rules = new.gauge("wirewatch_watchlist_rules", "Rules in force")
        self.watchlists = new.gauge(
            "wirewatch_watchlists",
            "Watchlists in force, by where they come from",
            "origin",
            known=values.WATCHLIST_ORIGINS,
        )

    def _watched(self, new: Declaring) -> None:
        # A hit is one that its process has tagged before, word for word: syndicated copies, furniture.
        self.paragraph_cache = new.counter(
            "wirewatch_paragraph_cache_total",
            "Paragraphs for a model, by whether its entities were remembered (hit) or had to be found (miss)",
            "result",
            known=values.PARAGRAPHS,
        )
        self.entities = new.counter(
            "wirewatch_entities_total", "Mentions found, by label (OntoNotes)", "label", known=values.ENTITIES
        )
        # Desks and rules are those of the watchlists in force, so few; of rules the first that were met (`counting`).
        self.desk_hits = new.counter(
            "wirewatch_desk_hits_total", "Articles that met a desk's rules, by the highest severity", *_DESK
        )
        self.rule_hits = new.counter("wirewatch_rule_hits_total", "Articles that met a rule", "watchlist", "rule")
        self.desk_alerts = new.counter("wirewatch_desk_alerts_total", "Alerts published, by desk", *_DESK)
        # 1, for each that is in force: two versions for long mean that a worker did not take one.
        self.watchlist_info = new.gauge(
            "wirewatch_watchlist_info", "Watchlists in force; always 1", "watchlist", "version"
        )
        self.alert_age_seconds = new.histogram(
            "wirewatch_alert_age_seconds", "From an article's publication to its alert", buckets=LATENCY_BUCKETS
        )

    def ready_while(self, ready: Callable[[], str | None]) -> None:
        """Show what /readyz says: it is ready while `ready` has no reason why not."""
        self.ready.set_function(lambda: ready() is None)

    def _alerting(self, new: Declaring) -> None:
        self.hits = new.counter("wirewatch_hits_total", "Pairs of an article and a desk whose rules it met")
        self.alerts = new.counter("wirewatch_alerts_total", "Alerts published", "kind", "severity")
        for kind in KINDS:
            for severity in SEVERITIES:
                self.alerts.labels(kind, severity)
        self.suppressed = new.counter(
            "wirewatch_suppressed_hits_total", "Hits that alerted nobody, by reason", "reason", known=values.SUPPRESSED
        )
        # The supervisor's count: a worker that keeps ending itself shows here, whatever its own counters say.
        self.restarts = new.counter("wirewatch_restarts_total", "Times the worker was started again")
        # Alerts that were in the log already when their hit was folded again: those of a worker that ended between
        # its alerts and its state.
        self.repeated = new.counter("wirewatch_repeated_alerts_total", "Alerts not sent again, for they were published")
        self.restored_records = new.counter(
            "wirewatch_restored_records_total", "State records read back from the stories' log"
        )
        self.restored_seconds = new.histogram(
            "wirewatch_restored_seconds", "Time to read the state back", buckets=LATENCY_BUCKETS
        )
        # Not 0: topics were made anew, or the cluster is another one. Alerts may repeat.
        self.lost_places = new.counter(
            "wirewatch_lost_places_total", "Partitions whose state names hits that are not there"
        )

    def _delivering(self, new: Declaring) -> None:
        # The sink is a route's name from the settings.
        self.deliveries = new.counter(
            "wirewatch_deliveries_total", "Attempts to hand an alert to a sink", "sink", "result"
        )
        # A group a sink, all on one topic: they cannot share the series of `lag` and its like.
        self.delivery_lag = new.gauge(
            "wirewatch_delivery_lag_records",
            "End of the alerts' partition minus what a sink's group has committed",
            *_ROUTE,
        )
        self.delivery_lag_seconds = new.gauge(
            "wirewatch_delivery_lag_seconds", "How long the oldest alert not settled has waited", *_ROUTE
        )
        self.delivery_position = new.gauge(
            "wirewatch_delivery_position_offset", "The next alert that will be fetched for a sink", *_ROUTE
        )
        self.delivery_committed = new.gauge(
            "wirewatch_delivery_committed_offset", "What a sink's group has committed last", *_ROUTE
        )
        self.delivery_waiting = new.gauge(
            "wirewatch_delivery_waiting_alerts", "Alerts read and not yet delivered", "sink"
        )

    def _sources(self, new: Declaring) -> None:
        # Sources of `sources_file` only: a stranger makes no series. Several workers share a source: the least counts.
        self.source_age = new.gauge(
            "wirewatch_source_age_seconds",
            "Since a listed source's last article reached the broker, or since this worker knows the source",
            "source",
        )
        self.source_expect_every = new.gauge(
            "wirewatch_source_expect_every_seconds", "How often to expect something", "source"
        )
        self.source_active = new.gauge(
            "wirewatch_source_active", "Whether the source publishes at this hour: 0 or 1", "source"
        )
        self.boilerplate = new.counter(
            "wirewatch_boilerplate_paragraphs_total",
            "Paragraphs taken out of articles by the patterns of their source",
            "source",
        )
        self.gazetteer_reloads = new.counter(
            "wirewatch_gazetteer_reloads_total",
            "Loads of the user's own gazetteer; after a failed one the last good one stays",
            "result",
            known=values.RELOAD_RESULTS,
        )
        # What the reloads count ends with the attempt; this lasts until it is mended.
        self.refused_files = new.gauge(
            "wirewatch_refused_files",
            "Whether the file as it is now was not taken: 0 or 1",
            "file",
            known=values.FOLLOWED_FILES,
        )
        self.sources_reloads = new.counter(
            "wirewatch_sources_reloads_total",
            "Loads of the list of sources; after a failed one the last good one stays",
            "result",
            known=values.RELOAD_RESULTS,
        )
