"""Which topics the inputs name or match: never one of ours, never one twice."""

import re
from typing import Any

import pytest

from topics.errors import ConfigError, TransientError
from workers.settings import Settings, load
from workers.stream.inputs import Claims, present, require, subscription


def settings(*topics: Any) -> Settings:
    return load(input=[{"topics": one} for one in topics], prefix="news")


CLUSTER = ["feeds.a", "feeds.b", "feeds.b.retry", "wire", "news.raw", "news.hits", "news.enriched", "old.feeds.a"]


def test_names_are_subscribed_to_as_they_are() -> None:
    assert subscription(load()) == ("news.raw",)
    assert subscription(settings(["wire", "feeds.a"], ["feeds.b"])) == ("wire", "feeds.a", "feeds.b")


@pytest.mark.parametrize(
    ("topics", "matched"),
    [
        ([r"feeds\.[a-z]+"], ["feeds.a", "feeds.b"]),
        ([r"feeds\.a|wire"], ["feeds.a", "wire"]),
        ([r"feeds\.a|wire", ["feeds.b"]], ["feeds.a", "feeds.b", "wire"]),
        ([r".*\.retry", r"wir[a-z]", ["news.raw"]], ["feeds.b.retry", "news.raw", "wire"]),
        ([r"(?i:FEEDS)\.b"], ["feeds.b"]),
    ],
)
def test_a_pattern_matches_whole_names_beside_those_that_are_named(topics: list[Any], matched: list[str]) -> None:
    chosen = settings(*topics)
    pattern = subscription(chosen)
    assert isinstance(pattern, re.Pattern)
    assert sorted(topic for topic in CLUSTER if pattern.match(topic)) == matched == present(chosen, CLUSTER)
    assert not subscription(chosen, without=matched[:1]).match(matched[0])  # type: ignore[union-attr]


def test_patterns_that_are_right_alone_and_not_together_are_the_configurations_fault() -> None:
    with pytest.raises(ConfigError, match="do not go together"):
        subscription(settings(r"(?P<desk>a)\..*", r"(?P<desk>b)\..*"))


def test_a_pattern_waits_for_its_first_topic() -> None:
    with pytest.raises(TransientError, match=r"the first that matches feeds"):
        require(settings(r"feeds\..*"), ["wire", "news.hits"])
    require(settings(r"feeds\..*"), ["feeds.x"])


def test_a_topic_that_two_inputs_claim_is_an_error_that_names_both() -> None:
    claims = Claims(settings(["wire"], r"feeds\..*", r".*\.b"))
    with pytest.raises(ConfigError, match=r"topic feeds\.b is claimed by \[\[input\]\] 2 \(.*\) and \[\[input\]\] 3"):
        claims.check(["feeds.a", "feeds.b"])


def test_one_that_appears_later_is_the_first_inputs_and_told_once() -> None:
    chosen = settings(["wire"], r"feeds\..*", r".*\.b")
    claims = Claims(chosen)
    assert claims.check(["feeds.a", "wire", "news.hits"]) == 0
    assert [claims.check(["feeds.a", "feeds.b"]) for _ in range(3)] == [1, 0, 0]
    assert chosen.input_of("feeds.b") is chosen.inputs[1]
