from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.engine import MAX_FORGOTTEN, fold, step
from alerts.policies import MAX_RULES, POLICIES, Situation, Verdict, judge
from alerts.state import Forgotten, State, Step
from alerts.stories import signature
from alerts.telling import LIFE, MAX_TELLINGS
from tests.hit_logs import HOUR, START, hit, made_up_log, met, text_of, tick, withdrawn
from topics.codec import encode
from topics.records import Alert, Closed, HitRecord
from topics.stories import Story, decode_story

DAY = 24 * HOUR


def kinds(*records: HitRecord) -> list[str]:
    return [alert.kind for alert in fold(records)]


def run(*records: HitRecord) -> tuple[list[Alert], State]:
    state = State()
    return list(fold(records, state)), state


def only_story(state: State) -> Story:
    (story,) = state.stories()
    return story


# One article, one desk, one alert.


def test_an_article_alerts_its_desk_once_whatever_number_of_rules_it_meets() -> None:
    alerts, _ = run(hit(rules=met("tariffs", "chips", "soybeans")))
    assert [alert.kind for alert in alerts] == ["hit"]
    assert [rule.rule for rule in alerts[0].rules] == ["tariffs", "chips", "soybeans"]


def test_an_alert_stands_alone() -> None:
    record = hit(severity="urgent")
    ((alert,), _) = run(record)
    assert (alert.desk, alert.severity, alert.seq, alert.updates) == ("trade", "urgent", 0, None)
    assert alert.rules == record.rules
    assert alert.snippet == record.snippet
    assert (alert.article.id, alert.article.url, alert.article.title) == ("a1", record.url, record.title)
    assert (alert.counts.articles, alert.counts.sources, alert.counts.suppressed) == (1, 1, 0)
    assert alert.first_seen == alert.last_seen == START


def test_desks_do_not_share_stories_clocks_or_cooldowns() -> None:
    others = [hit(desk="chips", at=at, topic=3, article=f"c{at}") for at in (0, 10, 900_000)]
    mine = [hit(desk="trade", at=at, article=f"t{at}") for at in (0, 10, 20)]
    mixed = [record for pair in zip(others, mine, strict=True) for record in pair]
    assert [a for a in fold(mixed) if a.desk == "trade"] == list(fold(mine))
    assert [a for a in fold(mixed) if a.desk == "chips"] == list(fold(others))


def test_a_hit_that_comes_again_changes_nothing() -> None:
    state = State()
    records = [hit(), hit("a2", at=1), hit(revision="r2", at=2)]
    list(fold(records, state))
    for record in records:
        again = step(state, record)
        assert (again.changes, again.alerts, again.suppressed) == ((), (), "repeat")


def test_a_hit_that_comes_again_later_does_not_move_the_clock() -> None:
    assert kinds(hit(), msgspec.structs.replace(hit(), seen_at=START + timedelta(days=1)), hit("a2", at=60)) == ["hit"]


# Stories and their cooldown.


def test_copies_within_the_cooldown_are_counted_and_not_alerted() -> None:
    alerts, state = run(hit(), hit("a2", at=60, source="other"), hit("a3", at=120, source="other"))
    assert [alert.kind for alert in alerts] == ["hit"]
    story = only_story(state)
    assert (story.articles, story.sources, story.suppressed) == (3, 2, 2)


def test_the_first_article_after_the_cooldown_corroborates_with_all_counts() -> None:
    alerts, _ = run(hit(), hit("a2", at=HOUR), hit("a3", at=6 * HOUR, source="other"), hit("a4", at=6 * HOUR + 1))
    assert [alert.kind for alert in alerts] == ["hit", "corroborated"]
    later = alerts[1]
    assert (later.seq, later.updates, later.story_id) == (1, alerts[0].id, alerts[0].story_id)
    assert (later.counts.articles, later.counts.sources, later.counts.suppressed) == (3, 2, 1)


def test_the_cooldown_counts_on_the_desks_own_clock_which_never_goes_back() -> None:
    late = hit("b1", topic=2, at=6 * HOUR)
    assert kinds(hit(), late, hit("a2", at=60)) == ["hit", "hit", "corroborated"]


def test_the_cooldown_is_the_one_of_the_latest_hit() -> None:
    assert kinds(hit(), hit("a2", at=60, cooldown=30)) == ["hit", "corroborated"]


@pytest.mark.parametrize("more", [{"rules": met("tariffs", "chips")}, {"severity": "urgent"}])
def test_a_further_rule_or_a_higher_severity_alerts_within_the_cooldown(more: dict[str, object]) -> None:
    assert kinds(hit(), hit("a2", at=60, **more)) == ["hit", "escalated"]  # type: ignore[arg-type]


def test_what_has_escalated_once_does_not_again() -> None:
    worse = [hit(f"a{n}", at=n, rules=met("tariffs", "chips"), severity="flash") for n in (2, 3)]
    assert kinds(hit(), *worse, hit("a4", at=9)) == ["hit", "escalated"]


def test_a_story_that_meets_rules_without_end_stops_escalating() -> None:
    records = [hit(f"a{n}", at=n, rules=met(f"rule-{n}")) for n in range(MAX_RULES + 20)]
    alerts, state = run(*records)
    assert len(alerts) == MAX_RULES
    assert len(only_story(state).rules) == MAX_RULES


def test_different_texts_are_different_stories_even_under_one_title() -> None:
    assert kinds(hit(title="Stock report"), hit("a2", topic=2, at=9, title="Stock report")) == ["hit", "hit"]


def test_a_copy_cut_to_less_than_half_is_the_same_story_under_its_title_alone() -> None:
    short = " ".join(text_of(1).split()[:54])
    assert kinds(hit(title="Talks"), hit("a2", at=9, title="TALKS!", text=short)) == ["hit"]
    assert kinds(hit(title="Talks"), hit("a2", at=9, title="Other", text=short)) == ["hit", "hit"]


def test_the_earliest_of_several_alike_stories_wins() -> None:
    words = text_of(1).split()
    first, second = " ".join(words[:70]), " ".join(words[50:])
    alerts, _ = run(
        hit("a1", text=first, title="x"),
        hit("a2", at=1, text=second, title="y"),
        hit("a3", at=7 * HOUR, text=" ".join(words), title="z"),
    )
    assert [alert.kind for alert in alerts] == ["hit", "hit", "corroborated"]
    assert alerts[2].story_id == alerts[0].story_id


def test_a_hit_without_a_signature_is_a_story_of_its_own() -> None:
    bare = [msgspec.structs.replace(hit(f"a{n}", at=n), signature=None) for n in range(3)]
    assert kinds(*bare) == ["hit", "hit", "hit"]


# Old news.


def test_backfill_is_counted_and_never_alerted() -> None:
    alerts, state = run(hit(backfill=True), hit("a2", at=1, backfill=True, severity="flash"))
    assert alerts == []
    assert only_story(state).articles == 2


def test_the_first_fresh_article_of_a_story_known_from_backfill_alerts() -> None:
    alerts, _ = run(hit(backfill=True), hit("a2", at=1))
    assert [(a.kind, a.seq, a.counts.articles) for a in alerts] == [("hit", 0, 2)]


# Corrections.


def test_a_new_revision_with_the_same_rules_updates_quietly() -> None:
    alerts, state = run(hit(), hit(revision="r2", at=60))
    assert len(alerts) == 1
    assert (only_story(state).articles, only_story(state).suppressed) == (1, 0)


@pytest.mark.parametrize("more", [{"rules": met("chips")}, {"severity": "flash"}])
def test_a_new_revision_with_other_rules_or_severity_is_a_correction(more: dict[str, object]) -> None:
    alerts, _ = run(hit(), hit(revision="r2", at=60, **more))  # type: ignore[arg-type]
    assert [(a.kind, a.article.revision, a.counts.articles) for a in alerts] == [
        ("hit", "r1", 1),
        ("corrected", "r2", 1),
    ]


def test_a_lower_severity_is_a_correction_too() -> None:
    assert kinds(hit(severity="flash"), hit(revision="r2", at=60)) == ["hit", "corrected"]


def test_a_revision_stays_with_its_story_whatever_its_text() -> None:
    alerts, state = run(hit(), hit(revision="r2", at=60, topic=9, rules=met("chips")), hit("a2", topic=9, at=90))
    assert [alert.kind for alert in alerts] == ["hit", "corrected"]
    assert only_story(state).articles == 2


def test_revisions_that_come_again_in_order_after_a_crash_are_known() -> None:
    first, second = hit(), hit(revision="r2", at=60, rules=met("chips"))
    assert kinds(first, second, first, second) == ["hit", "corrected"]


def test_a_revision_of_an_article_that_was_only_counted_escalates_or_is_quiet() -> None:
    copy = hit("a2", at=60)
    assert kinds(hit(), copy, hit("a2", revision="r2", at=7 * HOUR)) == ["hit"]
    assert kinds(hit(), copy, hit("a2", revision="r2", at=90, severity="flash")) == ["hit", "escalated"]


# Withdrawals.


def test_every_desk_that_was_alerted_on_a_withdrawn_article_is_told() -> None:
    quiet = hit("a0", desk="quiet", topic=1)
    alerts, _ = run(
        hit(desk="b"), hit(desk="a"), quiet, hit(desk="quiet", at=1), hit("a9", desk="c", topic=5), withdrawn(at=9)
    )
    told = [alert for alert in alerts if alert.kind == "withdrawn"]
    assert [alert.desk for alert in told] == ["a", "b"]
    assert told[0].updates == next(a.id for a in alerts if a.desk == "a")
    assert told[0].article.id == "a1"
    assert told[0].article.url == "https://news.example/a1"
    assert [rule.rule for rule in told[0].rules] == ["tariffs"]


def test_a_withdrawal_is_told_once() -> None:
    assert kinds(hit(), withdrawn(at=1), withdrawn(at=1), withdrawn(at=2)) == ["hit", "withdrawn"]


def test_after_a_withdrawal_the_next_article_of_the_story_alerts() -> None:
    assert kinds(hit(), withdrawn(at=1), hit("a2", at=2), hit("a3", at=3)) == ["hit", "withdrawn", "corroborated"]


def test_an_article_that_comes_again_after_its_withdrawal_is_told() -> None:
    back = msgspec.structs.replace(hit(), seen_at=START + timedelta(seconds=9))
    assert kinds(hit(), withdrawn(at=1), back, back) == ["hit", "withdrawn", "corrected"]


def test_a_crash_upstream_that_repeats_hit_and_withdrawal_tells_nothing_twice() -> None:
    assert kinds(hit(), withdrawn(at=1), hit(), withdrawn(at=1)) == ["hit", "withdrawn"]


def test_a_withdrawal_that_is_older_than_the_articles_return_is_ignored() -> None:
    back = msgspec.structs.replace(hit(), seen_at=START + timedelta(seconds=9))
    assert kinds(hit(), withdrawn(at=1), back, withdrawn(at=1)) == ["hit", "withdrawn", "corrected"]


# Forgetting.


def test_a_story_is_forgotten_after_its_life_and_told_as_new() -> None:
    alerts, state = run(hit(), hit("a2", at=LIFE.total_seconds()))
    assert [alert.kind for alert in alerts] == ["hit", "hit"]
    assert alerts[0].story_id != alerts[1].story_id
    assert len(list(state.stories())) == 1


def test_the_same_article_after_its_storys_life_makes_another_alert_id() -> None:
    later = msgspec.structs.replace(hit(), seen_at=START + LIFE)
    alerts, _ = run(hit(), later)
    assert len({alert.id for alert in alerts}) == 2


def test_a_story_lives_as_long_as_its_cooldown() -> None:
    week = 7 * DAY
    assert kinds(hit(cooldown=week), hit("a2", at=6 * DAY, cooldown=week), hit("a3", at=week, cooldown=week)) == [
        "hit",
        "corroborated",
    ]


def test_what_one_record_may_forget_is_bounded_and_the_rest_follows() -> None:
    state = State()
    list(fold([hit(f"a{n}", topic=n, at=n) for n in range(MAX_FORGOTTEN + 10)], state))
    first = step(state, hit("late", topic=900, at=30 * DAY))
    assert sum(isinstance(change, Forgotten) for change in first.changes) == MAX_FORGOTTEN
    state.apply(first)
    list(fold([hit("later", topic=901, at=30 * DAY)], state))
    assert len(list(state.stories())) == 2


def test_ticks_forget_the_stories_of_desks_that_nothing_comes_for() -> None:
    state = State()
    list(fold([hit(desk="a"), hit(desk="b", at=DAY), tick(3 * DAY)], state))
    assert list(state.desks) == ["b"]


def test_a_tick_moves_the_clock_of_every_desk() -> None:
    assert kinds(hit(), tick(6 * HOUR), hit("a2", at=60)) == ["hit", "corroborated"]


def test_a_closed_desk_is_forgotten_piece_by_piece() -> None:
    state = State()
    list(fold([hit(f"a{n}", topic=n) for n in range(MAX_FORGOTTEN + 5)], state))
    list(fold([Closed(desk="trade", seen_at=START)], state))
    assert len(list(state.stories())) == 5
    list(fold([hit("z", desk="other")], state))
    assert (list(state.desks), state.closing) == (["other"], {})


def test_a_hit_for_a_closing_desk_keeps_what_is_left_of_it() -> None:
    state = State()
    list(fold([hit(f"a{n}", topic=n) for n in range(MAX_FORGOTTEN + 5)], state))
    list(fold([Closed(desk="trade", seen_at=START), hit("new", topic=900, at=1), hit("x", desk="other")], state))
    assert len(state.desks["trade"].stories) == 6


def test_a_record_of_a_story_stays_small_whatever_comes() -> None:
    records = [
        hit(f"article-{n}", at=n, source=f"source {n}", title=f"Title {n}", revision=f"r{k}")
        for n in range(200)
        for k in range(3)
    ]
    _, state = run(*records)
    story = only_story(state)
    assert story.articles == 200
    assert len(story.tellings) == MAX_TELLINGS
    assert len(encode(story)) < 20_000


def test_a_story_remembers_the_articles_that_alerted_longest() -> None:
    assert kinds(hit(), *(hit(f"b{n}", at=1 + n) for n in range(200)), withdrawn(at=900)) == ["hit", "withdrawn"]


# The fold.


def test_a_step_does_not_change_the_state() -> None:
    state = State()
    list(fold(made_up_log(300, desks=("a", "b"), seed=1), state))
    before = [encode(story) for story in state.stories()]
    for record in made_up_log(50, desks=("a", "b"), seed=2, pace=50_000):
        step(state, record)
    assert [encode(story) for story in state.stories()] == before


def test_alert_ids_never_repeat() -> None:
    alerts = list(fold(made_up_log(4000, desks=("a", "b", "c"), seed=3, pace=30)))
    assert len({alert.id for alert in alerts}) == len(alerts)
    assert {alert.kind for alert in alerts} == {"hit", "corroborated", "escalated", "corrected", "withdrawn"}


def test_an_alert_follows_on_the_one_before_it() -> None:
    stories: dict[str, list[Alert]] = {}
    for alert in fold(made_up_log(3000, desks=("a", "b"), seed=4, pace=30)):
        stories.setdefault(alert.story_id, []).append(alert)
    for told in stories.values():
        assert [alert.seq for alert in told] == list(range(len(told)))
        assert {alert.updates for alert in told[1:]} <= {told[0].id}
        assert all(a.last_seen <= b.last_seen for a, b in pairwise(told))


def records() -> st.SearchStrategy[list[HitRecord]]:
    """Short logs in which everything meets everything: few articles, topics and desks, long waits."""
    desks = st.sampled_from(["a", "b"])
    at = st.sampled_from([0.0, 60.0, 7 * HOUR, 2 * DAY, 4 * DAY, 9 * DAY])
    hits = st.builds(
        hit,
        article=st.sampled_from(["a1", "a2", "a3", "a4"]),
        desk=desks,
        at=at,
        topic=st.integers(1, 3),
        revision=st.sampled_from(["r1", "r2", "r3"]),
        rules=st.sampled_from([met("x"), met("x", "y"), met("z", severity="flash")]),
        severity=st.sampled_from(["info", "flash"]),
        backfill=st.booleans(),
        cooldown=st.sampled_from([30.0, 6 * HOUR, 8 * DAY]),
    )
    closed = st.builds(Closed, desk=desks, seen_at=st.just(START))
    others = st.builds(withdrawn, article=st.sampled_from(["a1", "a2"]), at=at) | st.builds(tick, at) | closed
    return st.lists(hits | hits | hits | others, max_size=30)


@given(records(), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_state_read_back_from_its_records_goes_on_like_the_state_that_was_kept(log: list[HitRecord], stop: int) -> None:
    whole, kept = run(*log)
    changelog: dict[tuple[str, str], bytes] = {}
    state = State()
    alerts: list[Alert] = []
    for record in log[:stop]:
        alerts += _logged(state, step(state, record), changelog)
    read = [decode_story(value) for _, value in sorted(changelog.items(), reverse=True)]
    again = State(read, ticked=state.ticked, closing=state.closing)
    alerts += fold(log[stop:], again)
    assert alerts == whole
    assert list(again.stories()) == list(kept.stories())


def _logged(state: State, done: Step, changelog: dict[tuple[str, str], bytes]) -> Sequence[Alert]:
    for change in done.changes:
        if isinstance(change, Story):
            changelog[change.desk, change.id] = encode(change)
        else:
            del changelog[change.desk, change.id]
    state.apply(done)
    return done.alerts


@given(records())
@settings(max_examples=100, deadline=None)
def test_doubling_every_hit_as_a_crash_upstream_does_changes_no_alert(log: list[HitRecord]) -> None:
    doubled = [copy for record in log for copy in (record, record)]
    assert list(fold(doubled)) == list(fold(log))


def test_the_policies_decide_in_the_order_of_their_table() -> None:
    situation = Situation(hit(backfill=True), START)
    assert judge(situation) == Verdict(reason="backfill")
    assert judge(situation, POLICIES[1:]) == Verdict(kind="hit")
    assert judge(situation, ()) == Verdict(reason="repeat")


def test_signatures_of_the_made_up_topics_are_apart() -> None:
    assert len({signature(text_of(topic)) for topic in range(50)}) == 50
