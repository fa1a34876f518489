"""Names: one list without overlaps, one name for one person."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.records import Mention
from workers.article.gazetteer import Gazetteer
from workers.article.names import canonicalise, combine


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


def mention(text: str, within: str, label: str, *, field: str = "text", after: int = 0) -> Mention:
    """A mention as a model finds it, of `text`'s first occurrence from `after` on."""
    start = within.index(text, after)
    return Mention(field=field, start=start, end=start + len(text), text=text, label=label, name=text)


def test_a_longer_span_of_the_model_stays(gazetteer: Gazetteer) -> None:
    text = "The Bank of East China said so."
    model = [mention("Bank of East China", text, "ORG")]
    assert combine(model, gazetteer.mentions("text", text)) == tuple(model)


def test_on_an_equal_span_the_gazetteer_knows_better(gazetteer: Gazetteer) -> None:
    text = "as Trump said"
    (only,) = combine([mention("Trump", text, "ORG")], gazetteer.mentions("text", text))
    assert (only.label, only.name, only.entity_id) == ("PERSON", "Donald Trump", "Q22686")


def test_articles_and_possessives_are_no_part_of_a_span() -> None:
    text = "the Harbor Board's plan and the Senate’s and the unions' own"
    model = [mention(span, text, "ORG") for span in ("the Harbor Board's", "the Senate’s", "the unions'")]
    combined = combine(model, [])
    assert [(m.text, m.name) for m in combined] == [(s, s) for s in ("Harbor Board", "Senate", "unions")]
    assert all(text[m.start : m.end] == m.text for m in combined)


def test_the_title_comes_first_then_the_text_in_order() -> None:
    title, text = "Rivera wins", "Okafor lost to Rivera"
    model = [
        mention("Rivera", text, "PERSON"),
        mention("Okafor", text, "PERSON"),
        mention("Rivera", title, "PERSON", field="title"),
    ]
    assert [(m.field, m.start) for m in combine(model, [])] == [("title", 0), ("text", 0), ("text", 15)]


SPANS = st.lists(st.tuples(st.sampled_from(("title", "text")), st.integers(0, 30), st.integers(1, 8)), max_size=12)


@settings(deadline=None)  # the first call loads what the others find loaded
@given(SPANS, SPANS)
def test_nothing_overlaps_and_nothing_is_dropped_without_a_reason(
    model: list[tuple[str, int, int]], known: list[tuple[str, int, int]]
) -> None:
    made = [[_span(*span) for span in spans] for spans in (model, known)]
    combined = combine(*made)
    for one, two in pairwise(combined):
        assert one.field != two.field or one.end <= two.start
    for lost in (m for spans in made for m in spans if m not in combined):
        rivals = [m for m in combined if m.field == lost.field and m.start < lost.end and lost.start < m.end]
        assert any(m.end - m.start >= lost.end - lost.start for m in rivals)


def _span(field: str, start: int, length: int) -> Mention:
    text = "x" * length
    return Mention(field=field, start=start, end=start + length, text=text, label="ORG", name=text)


def named(text: str, label: str = "PERSON", *, name: str | None = None, entity_id: str | None = None) -> Mention:
    return Mention(field="text", start=0, end=len(text), text=text, label=label, name=name or text, entity_id=entity_id)


def test_a_bare_surname_takes_the_full_name_before_or_after_it() -> None:
    people = [named("Okafor"), named("Adaeze Okafor"), named("OKAFOR"), named("Lin"), named("Lin Yuhan")]
    assert [m.name for m in canonicalise(people)] == [*["Adaeze Okafor"] * 3, *["Lin Yuhan"] * 2]


def test_a_surname_of_two_people_stays_as_it_is() -> None:
    people = [named("Adaeze Okafor"), named("Obi Okafor"), named("Okafor")]
    assert canonicalise(people)[2].name == "Okafor"


def test_longer_and_shorter_forms_of_one_name_are_one_person() -> None:
    people = [named("Adaeze Okafor"), named("Adaeze B. Okafor"), named("Okafor")]
    assert canonicalise(people)[2].name == "Adaeze B. Okafor"


def test_the_gazetteer_does_not_name_a_namesake() -> None:
    trump = named("Trump", name="Donald Trump", entity_id="Q22686")
    alone = canonicalise([trump])
    with_namesake = canonicalise([named("Melania Trump"), trump])
    with_both = canonicalise([named("Melania Trump"), named("Donald J. Trump", name="Donald Trump"), trump])
    assert (alone[0].name, alone[0].entity_id) == ("Donald Trump", "Q22686")
    assert (with_namesake[1].name, with_namesake[1].entity_id) == ("Melania Trump", None)
    assert (with_both[2].name, with_both[2].entity_id) == ("Donald Trump", "Q22686")


def test_what_the_model_found_gets_the_gazetteers_name(gazetteer: Gazetteer) -> None:
    (only,) = canonicalise([named("Apple", "ORG")], gazetteer)
    assert (only.name, only.entity_id) == ("Apple", "Q312")


def test_other_names_are_the_text_with_white_space_collapsed() -> None:
    harbor = Mention(field="text", start=0, end=13, text="Harbor \n Board", label="ORG", name="")
    assert canonicalise([harbor])[0].name == "Harbor Board"


def test_many_names_take_linear_time(gazetteer: Gazetteer) -> None:
    text = "China and Taiwan met Marta Silva. " * 3_000
    people = [named(f"Given{i} Family{i}") for i in range(3_000)]
    started = time.perf_counter()
    mentions = gazetteer.mentions("text", text)
    combined = combine(mentions, mentions)
    canonicalise([*combined, *people])
    assert len(combined) == 6_000
    assert time.perf_counter() - started < 5
