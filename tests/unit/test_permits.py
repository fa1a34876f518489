"""What the brokers' answers about topics and rights mean for a worker."""

from collections.abc import Mapping

import pytest

from topics.errors import TransientError
from workers.permits import Standing, judge
from workers.rights import GROUP, TOPIC, named, rights
from workers.sections import Input
from workers.settings import Settings
from workers.stream.authorized import Allowed

ALL = frozenset({"Read", "Write", "Describe"})
MISSING = Allowed("UnknownTopicOrPartitionError", None)
HIDDEN = Allowed("TopicAuthorizationFailedError", frozenset())
SETTINGS = Settings(input=(Input(topics=("a", "b", "c")),))


def standing(answers: Mapping[str, Allowed] | None = None, *, settings: Settings = SETTINGS) -> Standing:
    """Of enrich, with everything there and allowed, but for `answers`."""
    needed = rights(settings, "enrich")
    topics = {name: Allowed(None, ALL, 4, 3) for name in named(needed, TOPIC)}
    groups = {name: Allowed(None, frozenset({"Read", "Describe"})) for name in named(needed, GROUP)}
    given = dict(answers or {})
    groups |= {name: given.pop(name) for name in groups if name in given}
    return judge(settings, "enrich", needed, topics | given, groups)


def test_nothing_is_lacking_where_all_is_there_and_allowed() -> None:
    assert standing() == Standing()
    standing().require()


def test_an_input_that_is_refused_or_not_there_is_left_out_and_named() -> None:
    found = standing({"b": Allowed(None, frozenset({"Describe"})), "c": MISSING})
    assert found.lacking is None
    assert list(found.left_out) == ["b", "c"]
    assert found.partly is not None
    assert "not allowed: Read on topic b" in found.partly
    assert "no topic c" in found.partly


def test_with_no_input_left_the_worker_waits() -> None:
    with pytest.raises(TransientError, match="not allowed: Read on topic a, Read on topic b, Read on topic c"):
        standing(dict.fromkeys("abc", HIDDEN)).require()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {"news.hits": Allowed(None, frozenset({"Read", "Describe"}))},
            "not allowed: Write on topic news.hits; an adm",
        ),
        ({"news.hits": HIDDEN}, "Write on topic news.hits (which may not be there at all: we may not see it)"),
        ({"news.hits": MISSING}, "no topic news.hits, or none that we may see (ours are made by: wirewatch topics cr"),
        ({"news.wirewatch-enrich": HIDDEN}, "not allowed: Read on group news.wirewatch-enrich"),
    ],
)
def test_what_it_cannot_do_without_is_named_with_the_remedy(answers: dict[str, Allowed], said: str) -> None:
    found = standing(answers)
    assert found.lacking is not None
    assert said in found.lacking
    assert "wirewatch topics " in found.lacking


def test_brokers_that_do_not_say_what_is_allowed_lack_nothing() -> None:
    assert standing({"news.hits": Allowed(None, None)}) == Standing()


def test_a_topic_that_a_pattern_matches_and_that_is_refused_is_left_out() -> None:
    settings = Settings(input=(Input(topics=r"raw\..*"),))
    found = standing({"raw.a": Allowed(None, ALL), "raw.b": Allowed(None, frozenset({"Describe"}))}, settings=settings)
    assert list(found.left_out) == ["raw.b"]
    assert found.lacking is None


def test_of_watchlists_says_whoever_reads_them() -> None:
    assert standing({"news.watchlists": HIDDEN}) == standing({"news.watchlists": MISSING}) == Standing()
