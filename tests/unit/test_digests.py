"""What a desk missed while nobody watched: never alerted singly, told once, and the same in every replay."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.digests import MAX_SENT, MAX_STORIES
from alerts.engine import fold, step
from alerts.state import State, Told
from tests.hit_logs import HOUR, START, hit, met, tick, withdrawn
from topics.codec import encode
from topics.records import Alert, Hit, HitRecord, Tick
from topics.stories import Digest, decode_digest, decode_story

AGE = 6 * HOUR
MINUTE = 60.0
Log = Sequence[tuple[HitRecord, float]]
"""Records, each with the seconds after START at which it was appended."""


def time(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def aging(record: Hit, *, age: float = AGE) -> Hit:
    """A hit as the enrich step makes it: with the time from which it no longer rings."""
    return replace(record, published_at=record.seen_at, stale_at=record.seen_at + timedelta(seconds=age))


def late(number: int, *, at: float, desk: str = "trade", **more: object) -> Hit:
    """An article of a story of its own, seen `at`."""
    made = hit(f"{desk}-{number}", desk=desk, at=at, topic=1000 + number, **more)  # type: ignore[arg-type]
    return aging(made)


def quiet_tick() -> Tick:
    """As a partition's owner appends them: no desk's clock moves."""
    return Tick(seen_at=time(-10 * HOUR))


def run(log: Log) -> tuple[list[Alert], State]:
    state = State()
    return list(fold([record for record, _ in log], state, times=[time(at) for _, at in log])), state


LIVE: Log = [(quiet_tick(), 0.0)]
"""Somebody watches from the beginning."""


def outage(
    desks: Sequence[str] = ("trade",), *, articles: int = 8, hours: float = 8.0
) -> list[tuple[HitRecord, float]]:
    """Articles of a whole outage, folded when it is over, a second each."""
    found: list[tuple[HitRecord, float]] = []
    for number in range(articles):
        for desk in desks:
            at = 60 + number * hours * HOUR / articles
            found.append((late(number, at=at, desk=desk), hours * HOUR + len(found)))
    return found


# What is missed, and what is not.


def test_after_an_outage_a_desk_gets_one_digest_and_no_bells() -> None:
    log = [*LIVE, *outage(articles=40), (quiet_tick(), 8 * HOUR + 200)]
    alerts, state = run(log)
    assert [alert.kind for alert in alerts] == ["digest"]
    assert alerts[0].counts.articles == 40
    assert alerts[0].snippet.text == (
        "40 articles in 40 stories came while nobody watched, from 2026-03-02 08:01 to 15:49 UTC. The 20 most severe:"
    )
    assert (state.digests, state.due) == ({}, None)


def test_what_came_in_the_last_hours_of_an_outage_is_in_the_digest_too_and_not_six_hours_of_bells() -> None:
    young = [record for record, at in outage(articles=40) if isinstance(record, Hit) and at - 8 * HOUR < 60]
    young = [r for r in young if r.stale_at is not None and r.stale_at > time(8 * HOUR)]
    assert len(young) > 20
    alerts, _ = run([*LIVE, *outage(articles=40), (quiet_tick(), 8 * HOUR + 200)])
    assert len(alerts) == 1


def test_each_desk_gets_its_own_digest() -> None:
    alerts, _ = run([*LIVE, *outage(["asia", "trade"]), (quiet_tick(), 9 * HOUR)])
    assert [(alert.desk, alert.kind, alert.counts.articles) for alert in alerts] == [
        ("asia", "digest", 8),
        ("trade", "digest", 8),
    ]


def test_an_outage_that_is_shorter_than_an_articles_age_rings_for_each() -> None:
    alerts, _ = run([*LIVE, *outage(hours=5.0), (quiet_tick(), 6 * HOUR)])
    assert [alert.kind for alert in alerts] == ["hit"] * 8


def test_live_news_rings_at_once_though_a_digest_is_still_to_come() -> None:
    fresh = late(99, at=8 * HOUR + 30)
    alerts, state = run([*LIVE, *outage(), (fresh, 8 * HOUR + 31)])
    assert [(alert.kind, alert.article.id) for alert in alerts] == [("hit", "trade-99")]
    assert state.digests["trade"].articles == 8


def test_a_story_told_in_a_digest_that_goes_on_rings() -> None:
    (missed, _), *_ = outage(articles=1)
    assert isinstance(missed, Hit)
    again = aging(replace(missed, id="again", article_id="again", seen_at=time(8 * HOUR + 100)))
    alerts, _ = run([*LIVE, (missed, 8 * HOUR), (quiet_tick(), 8 * HOUR + 70), (again, 8 * HOUR + 101)])
    assert [alert.kind for alert in alerts] == ["digest", "hit"]
    assert alerts[0].missed[0].story_id == alerts[1].story_id


def test_a_new_group_with_a_week_of_backlog_rings_nobody() -> None:
    """Of the raw articles: the owner has watched for a moment only, and their hits come now."""
    week = [late(number, at=number * HOUR) for number in range(160)]
    now = 7 * 24 * HOUR
    alerts, state = run([(quiet_tick(), now), *((record, now + 5) for record in week), (quiet_tick(), now + 900)])
    assert alerts == []
    assert state.digests == {}


def test_a_new_group_with_a_week_of_waiting_hits_rings_nobody() -> None:
    """Of the hits: nobody has watched at all when they are folded."""
    now = 7 * 24 * HOUR
    old = [(late(number, at=number * HOUR), now) for number in range(150)]
    assert run([*old, (quiet_tick(), now + 1), (quiet_tick(), now + 900)])[0] == []


def test_an_article_that_was_old_when_it_came_is_told_to_nobody() -> None:
    old = replace(aging(hit(at=60)), published_at=time(-9 * HOUR), stale_at=time(-3 * HOUR), backfill=True)
    alerts, state = run([*LIVE, (old, 9 * HOUR), (quiet_tick(), 10 * HOUR)])
    assert (alerts, state.digests) == ([], {})


def test_an_article_that_gets_old_on_a_stream_that_keeps_up_is_told_to_nobody() -> None:
    """It was published six hours ago less a second: no outage."""
    record = replace(hit(at=AGE - 1), published_at=START, stale_at=time(AGE))
    state = State(live_since=START)
    assert step(state, record, time(AGE + 1)).suppressed == "backfill"


def test_a_hit_of_an_earlier_version_rings() -> None:
    alerts, _ = run([*LIVE, (hit(), 90 * HOUR)])
    assert [alert.kind for alert in alerts] == ["hit"]


def test_a_clock_that_is_an_hour_off_loses_nothing() -> None:
    """Of whoever stamped the articles, or of the brokers of the hits: each article rings, or is in the digest."""
    for off in (-HOUR, HOUR):
        log = [*LIVE, *((record, at + off) for record, at in outage(articles=40)), (quiet_tick(), 10 * HOUR)]
        alerts, _ = run(log)
        singly = sum(alert.kind == "hit" for alert in alerts)
        assert singly + sum(alert.counts.articles for alert in alerts if alert.kind == "digest") == 40


# The digest.


def only_digest(log: Log) -> Alert:
    alerts, _ = run([*LIVE, *log, (quiet_tick(), 20 * HOUR)])
    (alert,) = alerts
    return alert


def test_a_digest_names_the_most_severe_stories_and_counts_all() -> None:
    log = [(late(n, at=60 + n, severity="flash" if n == 3 else "info"), 9 * HOUR) for n in range(MAX_STORIES + 15)]
    alert = only_digest(log)
    assert len(alert.missed) == MAX_STORIES
    assert alert.counts.articles == MAX_STORIES + 15
    assert (alert.severity, alert.article.id, alert.missed[0].severity) == ("flash", "trade-3", "flash")
    assert alert.article.url == "https://news.example/trade-3"
    assert [line.article_id for line in alert.missed[1:3]] == ["trade-34", "trade-33"]
    assert "35 articles in 35 stories" in alert.snippet.text


def test_articles_of_one_story_are_one_line() -> None:
    copies = [
        aging(hit(f"a{n}", at=60 * (n + 1), rules=met(name, severity=severity), severity=severity, title=f"Title {n}"))
        for n, (name, severity) in enumerate([("x", "info"), ("y", "urgent"), ("z", "info")])
    ]
    alert = only_digest([(record, 9 * HOUR) for record in copies])
    (line,) = alert.missed
    assert (line.articles, line.title, line.severity, line.rules) == (3, "Title 1", "urgent", ("X", "Y", "Z"))
    assert (line.first_seen, line.last_seen) == (time(60), time(180))
    assert {rule.rule for rule in alert.rules} == {"x", "y", "z"}
    assert "3 articles in 1 story" in alert.snippet.text


def test_another_revision_is_no_further_article() -> None:
    first, second = (aging(hit(at=60 + n, revision=f"r{n}")) for n in range(2))
    assert only_digest([(first, 9 * HOUR), (first, 9 * HOUR), (second, 9 * HOUR)]).counts.articles == 1


def test_an_article_that_is_withdrawn_before_the_digest_is_left_out() -> None:
    log = [(late(n, at=60 + n), 9 * HOUR) for n in range(3)]
    alert = only_digest([*log, (withdrawn("trade-1", at=9 * HOUR), 9 * HOUR + 1)])
    assert {line.article_id for line in alert.missed} == {"trade-0", "trade-2"}
    assert "2 articles in 2 stories" in alert.snippet.text


def test_a_story_whose_shown_article_is_withdrawn_shows_another() -> None:
    copies = [aging(hit(f"a{n}", at=60 + n)) for n in range(3)]
    log: Log = [*((record, 9 * HOUR) for record in copies), (withdrawn("a2", at=9 * HOUR), 9 * HOUR + 1)]
    (line,) = only_digest(log).missed
    assert (line.article_id, line.articles) == ("a1", 2)


def test_a_digest_with_nothing_left_is_not_sent() -> None:
    log: Log = [
        (late(1, at=60), 9 * HOUR),
        (withdrawn("trade-1", at=9 * HOUR), 9 * HOUR + 1),
        (quiet_tick(), 10 * HOUR),
    ]
    alerts, state = run([*LIVE, *log])
    assert (alerts, state.digests) == ([], {})


def test_an_article_that_is_withdrawn_after_the_digest_is_said_to_be() -> None:
    log: Log = [(late(1, at=60), 9 * HOUR), (quiet_tick(), 10 * HOUR), (withdrawn("trade-1", at=10 * HOUR), 10 * HOUR)]
    alerts, _ = run([*LIVE, *log])
    assert [alert.kind for alert in alerts] == ["digest", "withdrawn"]
    assert alerts[1].article.id == "trade-1"


def test_what_is_under_embargo_is_in_no_digest_and_waits_by_itself() -> None:
    record = late(1, at=7 * HOUR)
    held = replace(record, embargo_until=time(12 * HOUR), stale_at=time(18 * HOUR))
    alerts, _ = run([*LIVE, (late(2, at=60), 9 * HOUR), (held, 9 * HOUR), (quiet_tick(), 10 * HOUR)])
    assert [(alert.kind, alert.embargo_until) for alert in alerts] == [("hit", time(12 * HOUR)), ("digest", None)]
    assert [line.article_id for line in alerts[1].missed] == ["trade-2"]


# When it is due.


def test_a_digest_waits_until_a_minute_was_quiet_for_every_desk() -> None:
    log: Log = [(late(1, at=60, desk="a"), 9 * HOUR), (late(2, at=60, desk="b"), 9 * HOUR + 50)]
    assert run([*LIVE, *log, (quiet_tick(), 9 * HOUR + 109)])[0] == []
    assert len(run([*LIVE, *log, (quiet_tick(), 9 * HOUR + 110)])[0]) == 2


def test_a_digest_waits_half_an_hour_at_most() -> None:
    log = [(late(n, at=60 + n), 9 * HOUR + n * 30) for n in range(100)]
    alerts, _ = run([*LIVE, *log, (quiet_tick(), 12 * HOUR)])
    assert [alert.counts.articles for alert in alerts] == [60, 40]
    assert len({alert.id for alert in alerts}) == 2


def test_any_record_brings_a_digest_that_is_due() -> None:
    fresh = late(99, at=9 * HOUR + 90)
    alerts, _ = run([*LIVE, (late(1, at=60), 9 * HOUR), (fresh, 9 * HOUR + 91)])
    assert [alert.kind for alert in alerts] == ["digest", "hit"]


def test_more_digests_than_one_record_may_send_go_out_with_the_next_ones() -> None:
    log = [(late(1, at=60, desk=f"d{n:02}"), 9 * HOUR) for n in range(MAX_SENT + 3)]
    state = State()
    for record, at in [*LIVE, *log]:
        state.apply(step(state, record, time(at)))
    sent = []
    for _ in range(2):
        done = step(state, quiet_tick(), time(10 * HOUR))
        state.apply(done)
        sent.append(len(done.alerts))
    assert sent == [MAX_SENT, 3]


def test_with_a_short_age_everything_is_sooner() -> None:
    records = [(aging(hit(f"a{n}", at=60 + n, topic=n), age=5), 72.0 + n / 10) for n in range(8)]
    alerts, _ = run([*LIVE, *records, (quiet_tick(), 76)])
    assert [(alert.kind, alert.counts.articles) for alert in alerts] == [("digest", 8)]


# Replays.


def logs() -> st.SearchStrategy[list[tuple[HitRecord, float]]]:
    """Articles that come late or in time, again and in other revisions, withdrawals, ticks: in any order."""
    seen = st.sampled_from([60.0, HOUR, 5 * HOUR, 9 * HOUR])
    delay = st.sampled_from([0.0, 1.0, 30.0, 90.0, 3 * HOUR, 7 * HOUR])

    def made(number: int, desk: str, at: float, topic: int, revision: str, old: bool) -> HitRecord:
        record = aging(hit(f"a{number}", desk=desk, at=at, topic=topic, revision=revision))
        return replace(record, backfill=old, stale_at=record.seen_at if old else record.stale_at)

    numbers, desks = st.integers(0, 6), st.sampled_from(["a", "b"])
    hits = st.builds(made, numbers, desks, seen, st.integers(1, 4), st.sampled_from(["r1", "r2"]), st.booleans())
    others = (
        st.builds(tick, seen) | st.builds(withdrawn, st.sampled_from(["a1", "a2"]), at=seen) | st.just(quiet_tick())
    )
    one = st.tuples(hits | hits | hits | others, delay)
    return st.lists(one, max_size=30).map(
        lambda records: [(record, (record.seen_at - START).total_seconds() % (24 * HOUR) + d) for record, d in records]
    )


@given(logs())
@settings(max_examples=300, deadline=None)
def test_nothing_that_is_late_rings_and_all_that_was_missed_is_told_once(log: Log) -> None:
    log = [*LIVE, *log, *[(quiet_tick(), 90 * HOUR)] * 2]
    state, missed, told = State(), Counter[str](), Counter[str]()
    for record, at in log:
        done = step(state, record, time(at))
        state.apply(done)
        for alert in done.alerts:
            if alert.kind == "digest":
                told[alert.desk] += alert.counts.articles
                assert missed[alert.desk] == told[alert.desk]
            elif alert.kind != "withdrawn":
                assert isinstance(record, Hit)
                assert record.stale_at is not None
                assert time(at) <= record.stale_at
        for change in done.missed:
            if not isinstance(change, Told):
                missed[change.desk] = told[change.desk] + change.articles
            elif not done.alerts:  # withdrawn, all of it
                missed[change.desk] = told[change.desk]
    assert state.digests == {}
    assert missed == told


@given(logs(), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_state_read_back_from_its_records_tells_the_same(log: Log, stop: int) -> None:
    log = [*LIVE, *log, *[(quiet_tick(), 90 * HOUR)] * 2]
    whole, kept = run(log)
    state, alerts = State(), list[Alert]()
    stories: dict[str, bytes] = {}
    digests: dict[str, bytes] = {}
    for record, at in log[:stop]:
        done = step(state, record, time(at))
        state.apply(done)
        alerts += done.alerts
        stories = {story.id: encode(story) for story in state.stories()}
        for change in done.missed:
            if isinstance(change, Digest):
                digests[change.desk] = encode(change)
            else:
                digests.pop(change.desk, None)
    again = State(
        map(decode_story, stories.values()),
        ticked=state.ticked,
        closing=state.closing,
        live_since=state.live_since,
        missed=map(decode_digest, reversed(digests.values())),
    )
    rest = log[stop:]
    alerts += fold([record for record, _ in rest], again, times=[time(at) for _, at in rest])
    assert alerts == whole
    assert again.digests == kept.digests
