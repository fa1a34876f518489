"""Names: a gazetteer that is careful, one list without overlaps, one name for one person."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.records import Mention
from workers.article.names import Gazetteer, canonicalise, combine

FILE = Path(__file__).parents[2] / "workers" / "article" / "gazetteer.tsv"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


def mention(text: str, within: str, label: str, *, field: str = "text", after: int = 0) -> Mention:
    """A mention as a model finds it, of `text`'s first occurrence from `after` on."""
    start = within.index(text, after)
    return Mention(field=field, start=start, end=start + len(text), text=text, label=label, name=text)


def found(gazetteer: Gazetteer, text: str) -> list[tuple[str, str, str]]:
    return [(m.text, m.label, m.name) for m in gazetteer.mentions("text", text)]


def test_it_has_more_than_800_names_and_loads_quickly() -> None:
    best = min(_seconds_to_load() for _ in range(5))
    assert len(Gazetteer.load()) > 800
    assert best < 0.05


def _seconds_to_load() -> float:
    started = time.perf_counter()
    Gazetteer.load()
    return time.perf_counter() - started


def test_every_line_of_the_file_is_well_formed_and_no_form_means_two_things() -> None:
    seen: dict[str, str] = {}
    lines = FILE.read_text("utf-8").splitlines()
    for line in lines[1:]:
        label, name, entity_id, others = line.split("\t")
        assert label in ("GPE", "LOC", "NORP", "ORG", "PERSON")
        assert entity_id == "" or (entity_id[0] == "Q" and entity_id[1:].isdigit())
        for form in {name, *(form.rstrip("?*^") for form in filter(None, others.split("|")))}:
            assert form == form.strip()
            assert seen.setdefault(form, f"{label} {name}") == f"{label} {name}"


def test_no_two_names_share_an_id() -> None:
    text = FILE.read_text("utf-8")
    ids = [fields[2] for fields in (line.split("\t") for line in text.splitlines()[1:]) if fields[2]]
    assert len(ids) == len(set(ids)) > 300


@pytest.mark.parametrize("form", ["US", "U.S.", "United States", "USA"])
def test_the_forms_of_one_name_have_one_name_and_id(gazetteer: Gazetteer, form: str) -> None:
    (only,) = gazetteer.mentions("title", f"Talks between the {form} and others go on.")
    assert (only.text, only.label, only.name, only.entity_id) == (form, "GPE", "United States", "Q30")
    assert only.field == "title"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("谈TSMC在台湾的新厂", "Taiwan"),
        ("臺灣", "Taiwan"),
        ("대만은 그렇다", "Taiwan"),
        ("вокруг Тайваня", "Taiwan"),
        ("習近平氏", "Xi Jinping"),
        ("トランプ大統領", "Donald Trump"),
        ("Президент Путин", "Vladimir Putin"),
    ],
)
def test_names_are_found_in_other_scripts_and_inside_runs(gazetteer: Gazetteer, text: str, name: str) -> None:
    assert name in [m.name for m in gazetteer.mentions("text", text)]


@pytest.mark.parametrize(
    "text",
    [
        "Omanian Americanisation of chinaware",
        "TELL US WHO WON",
        "It costs US$5 at china.example/US_1",
        "Michael Jordan scored",
        "the Jordan Peterson show",
        "Turkey is roasted at home.",
        "Apple pie is served. Shell beans too.",
        "The Trump Organization was fined",
        "Turkey And Stuffing Recipes",
        "アメリカンコーヒー",
        "시대만 다르다",
    ],
)
def test_what_may_mean_something_else_is_left_alone(gazetteer: Gazetteer, text: str) -> None:
    assert found(gazetteer, text) == []


def test_a_doubtful_form_counts_where_its_surroundings_allow_it(gazetteer: Gazetteer) -> None:
    assert found(gazetteer, "He flew to Jordan on Sunday") == [("Jordan", "GPE", "Jordan")]
    assert found(gazetteer, "as President Trump said") == [("Trump", "PERSON", "Donald Trump")]
    assert found(gazetteer, "shares of Apple fell") == [("Apple", "ORG", "Apple")]
    assert found(gazetteer, "US-China talks") == [("US", "GPE", "United States"), ("China", "GPE", "China")]


def test_a_common_word_counts_once_the_name_is_beyond_doubt_elsewhere(gazetteer: Gazetteer) -> None:
    text = "Turkey votes. Polls in Turkey close at five."
    assert [(m.start, m.name) for m in gazetteer.mentions("text", text)] == [(0, "Turkey"), (23, "Turkey")]


def test_the_longest_name_wins_and_a_longer_one_that_fails_does_not_hide_a_shorter(gazetteer: Gazetteer) -> None:
    assert found(gazetteer, "South Korean exports") == [("South Korean", "NORP", "South Korean")]
    assert found(gazetteer, "US Steelworkers met") == [("US", "GPE", "United States")]


def test_lookup_needs_an_agreeing_label(gazetteer: Gazetteer) -> None:
    assert gazetteer.lookup("the United  States'", "GPE") == ("United States", "Q30")
    assert gazetteer.lookup("CHINA", "LOC") == ("China", "Q148")
    assert gazetteer.lookup("Apple", "ORG") == ("Apple", "Q312")
    assert gazetteer.lookup("Apple", "PERSON") is None
    assert gazetteer.lookup("us", "GPE") is None
    assert gazetteer.lookup("Nobody At All", "PERSON") is None
    assert gazetteer.lookup("", "ORG") is None


def test_a_gazetteer_of_ones_own_is_read_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "names.tsv"
    path.write_text("# ours\nORG\tKestrel Lines\t\tKestrel?\n", encoding="utf-8")
    assert found(Gazetteer.load(path), "at Kestrel today") == [("Kestrel", "ORG", "Kestrel Lines")]
    path.write_text("# ours\nORG Kestrel Lines\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2"):
        Gazetteer.load(path)


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


@settings(deadline=None)  # the first call loads what the others find loaded
@given(st.text(alphabet="US.Trump China台湾 대만\n'’s", max_size=80))
def test_offsets_select_the_text(gazetteer: Gazetteer, text: str) -> None:
    for m in gazetteer.mentions("text", text):
        assert text[m.start : m.end] == m.text


def test_many_names_take_linear_time(gazetteer: Gazetteer) -> None:
    text = "China and Taiwan met Marta Silva. " * 3_000
    people = [named(f"Given{i} Family{i}") for i in range(3_000)]
    started = time.perf_counter()
    mentions = gazetteer.mentions("text", text)
    combined = combine(mentions, mentions)
    canonicalise([*combined, *people])
    assert len(combined) == 6_000
    assert time.perf_counter() - started < 5
