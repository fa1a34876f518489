"""Names: one list without overlaps, one name for one person."""

import re
import time
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.understanding import Found, understand
from topics.records import Mention
from workers.article.gazetteer import Gazetteer
from workers.article.names import combine, understood


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


def people(mentions: Iterable[Mention]) -> list[Found]:
    return [(m.text, m.name) for m in mentions if m.label == "PERSON"]


def test_a_bare_surname_takes_the_full_name_before_or_after_it() -> None:
    text = "Okafor met Lin. Adaeze Okafor and Lin Yuhan agreed, OKAFOR said."
    found = understand(text, ("Adaeze Okafor", "PERSON"), ("Lin Yuhan", "PERSON"))
    assert [name for _, name in people(found)] == [
        "Adaeze Okafor", "Lin Yuhan", "Adaeze Okafor", "Lin Yuhan", "Adaeze Okafor",
    ]  # fmt: skip


def test_a_surname_is_found_where_the_model_missed_it_or_took_it_for_something_else() -> None:
    text = (
        "Adaeze Okafor spoke. Okafor landed in Lagos; Okafor’s plane was late. “Okafor told us nothing,” Rivera said."
    )
    found = understand(text, ("Adaeze Okafor", "PERSON"), ("Okafor", "ORG"), ("Lagos", "GPE"), title="OKAFOR LANDS")
    assert people(found) == [("OKAFOR", "Adaeze Okafor"), ("Adaeze Okafor",) * 2, *[("Okafor", "Adaeze Okafor")] * 3]


@pytest.mark.parametrize(
    "text",
    [
        "the Okafor Tower opened",
        "Okafor Foundation gave",
        "Okafor & Sons sold",
        "Nkem Okafor sang",
        "OkaforBank and Okafors and MacOkafor",
        "N. Okafor sang",
        "see okafor.example and @Okafor and www.Okafor",
        "the Okafor Prize",
    ],
)
def test_a_surname_is_not_found_within_another_name(text: str) -> None:
    assert people(understand(f"Adaeze Okafor spoke, but {text}.", ("Adaeze Okafor", "PERSON"))) == [
        ("Adaeze Okafor",) * 2
    ]


@pytest.mark.parametrize(
    "text", ["the Okafor administration", "the Okafor Administration", "Okafor-Rivera talks", "anti-Okafor marches"]
)
def test_a_surname_is_found_beside_what_is_no_name_of_its_own(text: str) -> None:
    found = understand(
        f"Adaeze Okafor and Juan Rivera met; {text}.", ("Adaeze Okafor", "PERSON"), ("Juan Rivera", "PERSON")
    )
    assert ("Okafor", "Adaeze Okafor") in people(found)


@pytest.mark.parametrize(
    ("full", "text", "times"),
    [
        ("Theresa May", "She left in May. May is warm. On May 5 it rained. May 6 was dry.", 0),
        ("Theresa May", "As Mrs. May said, by May 2 all was done.", 1),
        ("George Will", "Will he come? Will it rain?", 0),
        ("He Lifeng", "He was there. “He told us so.” Vice Premier He agreed.", 1),
        ("Tim Cook", "Cook the rice well. Cook said that he would cook.", 1),
    ],
)
def test_a_surname_that_is_a_word_counts_only_where_it_cannot_be_that_word(full: str, text: str, times: int) -> None:
    found = understand(f"Among them was {full}. {text}", (full, "PERSON"))
    assert [name for _, name in people(found)] == [full] * (1 + times)


@pytest.mark.parametrize(
    ("full", "short"),
    [
        ("Xi Jinping", "Xi"),
        ("Lee Jae-myung", "Lee"),
        ("Kim Jong Un", "Kim"),
        ("Pham Minh Chinh", "Chinh"),
        ("Viktor Orbán", "Orbán"),
        ("Viktor Orbán", "Orban"),
        ("Ursula von der Leyen", "von der Leyen"),
        ("Ursula von der Leyen", "Von der Leyen"),
        ("Bashar al-Assad", "Assad"),
        ("Bashar al-Assad", "al-Assad"),
        ("Mohammed bin Salman", "bin Salman"),
        ("Annegret Kramp-Karrenbauer", "Kramp-Karrenbauer"),
        ("Éamon de Valera", "de Valera"),
        ("Conor O'Brien", "O'Brien"),
        ("Robert Downey Jr.", "Downey"),
    ],
)
def test_the_family_names_of_many_languages_are_found(full: str, short: str) -> None:
    found = understand(f"Then {full} came. As {short} said, all is well.", (full, "PERSON"))
    assert people(found)[1:] == [(short, full.rstrip("."))] or people(found)[1:] == [(short, full)]


def test_a_surname_of_two_people_is_found_and_named_after_neither() -> None:
    text = "Adaeze Okafor and Obi Okafor met. Okafor said so."
    found = understand(text, ("Adaeze Okafor", "PERSON"), ("Obi Okafor", "PERSON"))
    assert people(found)[2] == ("Okafor", "Okafor")


def test_a_title_tells_two_people_of_one_surname_apart() -> None:
    text = "Governor Adaeze Okafor and her son, Mr. Obi Okafor, met. Governor Okafor spoke to Mr. Okafor. Okafor left."
    found = understand(text, ("Adaeze Okafor", "PERSON"), ("Obi Okafor", "PERSON"))
    assert [name for _, name in people(found)[2:]] == ["Adaeze Okafor", "Obi Okafor", "Okafor"]


def test_a_son_of_the_same_name_is_somebody_else() -> None:
    text = "Obi Okafor met Obi Okafor Jr. in Lagos. Okafor Jr. left. Okafor stayed."
    found = understand(text, ("Obi Okafor Jr.", "PERSON"), ("Obi Okafor", "PERSON"))
    assert [name for _, name in people(found)] == ["Obi Okafor", "Obi Okafor Jr.", "Obi Okafor Jr.", "Okafor"]


def test_longer_and_shorter_forms_of_one_name_are_one_person() -> None:
    text = "Adaeze Okafor, or Adaeze B. Okafor, left. Okafor sang."
    found = understand(text, ("Adaeze Okafor", "PERSON"), ("Adaeze B. Okafor", "PERSON"))
    assert {name for _, name in people(found)} == {"Adaeze B. Okafor"}


def test_the_gazetteer_does_not_name_a_namesake(gazetteer: Gazetteer) -> None:
    namesake, both = (
        "Melania Trump left. Then Trump spoke.",
        "Melania Trump left with Donald J. Trump. Then Trump spoke.",
    )
    model = (("Melania Trump", "PERSON"), ("Donald J. Trump", "PERSON"))
    assert understand("Then Trump spoke.", gazetteer=gazetteer)[0].entity_id == "Q22686"
    assert people(understand(namesake, *model, gazetteer=gazetteer))[1] == ("Trump", "Melania Trump")
    assert people(understand(both, *model, gazetteer=gazetteer))[2] == ("Trump", "Trump")


def test_mrs_and_mr_tell_a_couple_apart() -> None:
    text = "Bill Clark and Hillary Clark met. Mrs. Clark spoke, and so did Mr. Clark. Clark left."
    found = understand(text, ("Bill Clark", "PERSON"), ("Hillary Clark", "PERSON"))
    assert [name for _, name in people(found)[2:]] == ["Hillary Clark", "Bill Clark", "Clark"]


@pytest.mark.parametrize(
    ("text", "full", "short"),
    [
        ("As Laura Nasri said, Nasri won.", "Laura Nasri", "Nasri"),
        ("As Anthony “Tony” Rizal said, Rizal won.", "Anthony “Tony” Rizal", "Rizal"),
        ('As Xo "Tony" Rizal said, Tony won, Rizal too.', 'Xo "Tony" Rizal', "Rizal"),
        ("Paris Holm, 34, won, as Holm knew.", "Paris Holm", "Holm"),
        ("President Jordan Holm won, as Holm knew.", "Jordan Holm", "Holm"),
        ("Paris Holm opened a hotel in Lima. Holm said she loved it.", "Paris Holm", "Holm"),
    ],
)
def test_a_person_in_full_is_found_without_the_model(text: str, full: str, short: str) -> None:
    assert {(full, full), (short, full)} <= set(people(understand(f"Nobody thought that this would happen. {text}")))


@pytest.mark.parametrize(
    "text",
    [
        "the Laura Nasri Tower",
        "Laura Nasri Foundation",
        "Laura",
        "the Laura Nasri",
        "Georgia Power rose",
        "Laura, Nasri",
    ],
)
def test_a_given_name_within_another_name_or_alone_is_nobody_in_full(text: str) -> None:
    assert people(understand(f"It was, as everybody had thought, {text}.")) == []


def test_what_the_article_names_elsewhere_is_found_in_capitals(gazetteer: Gazetteer) -> None:
    text = "HANOI (Agency) - China and Kestrel Lines met Friedrich Merz."
    found = understand(
        text, ("Kestrel Lines", "ORG"), title="CHINA AND MERZ MEET KESTREL LINES; US WINS", gazetteer=gazetteer
    )
    assert [m.name for m in found if m.field == "title"] == ["China", "Friedrich Merz", "Kestrel Lines"]
    assert ("HANOI", "GPE", "Hanoi") in [(m.text, m.label, m.name) for m in found]


def test_two_people_joined_by_a_hyphen_or_and_are_two_mentions() -> None:
    text = "Ada Okafor and Juan Rivera met. The Okafor-Rivera talks went on, and Okafor and Rivera smiled."
    model = (
        ("Ada Okafor", "PERSON"),
        ("Juan Rivera", "PERSON"),
        ("Okafor-Rivera", "ORG"),
        ("Okafor and Rivera", "ORG"),
    )
    assert [shown for shown, _ in people(understand(text, *model))[2:]] == ["Okafor", "Rivera"] * 2


def test_who_is_named_like_a_place_is_that_person_only_where_the_text_says_so(gazetteer: Gazetteer) -> None:
    text = "Michael Jordan was in Jordan. Jordan said he liked it. Jordan's king smiled."
    found = understand(text, ("Michael Jordan", "PERSON"), ("Jordan", "GPE"), gazetteer=gazetteer)
    assert [(m.label, m.name) for m in found] == [
        ("PERSON", "Michael Jordan"),
        ("GPE", "Jordan"),
        ("PERSON", "Michael Jordan"),
        ("GPE", "Jordan"),
    ]


def test_a_name_in_an_office_is_a_persons_however_the_model_took_the_short_one() -> None:
    text = "Its president, Higashi Yutaro, asked. Higashi did not say why."
    found = understand(text, ("Higashi Yutaro", "PERSON"), ("Higashi", "ORG"))
    assert people(found)[1:] == [("Higashi", "Higashi Yutaro")]


def test_a_nickname_in_quotes_is_a_part_of_the_name(gazetteer: Gazetteer) -> None:
    text = 'They charge that Xo "Tony" Rizal tried it. Obama said Rizal was a friend.'
    found = understand(text, ("Tony", "PERSON"), ("Rizal", "ORG"), gazetteer=gazetteer)
    assert [m.text for m in found if m.name == 'Xo "Tony" Rizal'] == ['Xo "Tony" Rizal', "Rizal"]


def test_a_dateline_is_a_place_and_no_part_of_what_follows() -> None:
    found = understand("One line.\n\nOTTAWA - Thick fog came.", ("OTTAWA - Thick fog", "ORG"))
    assert [(m.text, m.label) for m in found] == [("OTTAWA", "GPE")]


def test_a_first_name_that_the_model_took_for_something_else_is_the_person() -> None:
    found = understand("Prime Minister Anwar Ibrahim came, and then Anwar slept.", ("Anwar", "GPE"))
    assert people(found) == [("Anwar Ibrahim", "Anwar Ibrahim"), ("Anwar", "Anwar Ibrahim")]


def test_well_known_people_are_found_in_a_text_all_in_capitals(gazetteer: Gazetteer) -> None:
    text = "PRESIDENT DONALD TRUMP TOLD XI JINPING THAT TARIFFS STAY. TRUMP LEFT FOR NEW YORK."
    model = (("DONALD TRUMP TOLD XI", "PERSON"), ("TRUMP LEFT", "PERSON"))
    found = understand(text, *model, title="TRUMP TELLS XI", gazetteer=gazetteer)
    assert [m.name for m in found] == [
        "Donald Trump",
        "Xi Jinping",
        "Donald Trump",
        "Xi Jinping",
        "Donald Trump",
        "New York",
    ]


@pytest.mark.parametrize(
    ("found", "name"),
    [("Jordanian King Abdullah", "Abdullah"), ("Prime Minister Anwar Ibrahim", "Anwar Ibrahim"), ("Mr Cecil", "Cecil")],
)
def test_what_somebody_is_is_no_part_of_the_name(found: str, name: str) -> None:
    assert [m.text for m in understand(f"We saw {found} there.", (found, "PERSON"))] == [name]


def test_a_titled_person_is_no_company_of_the_same_name(gazetteer: Gazetteer) -> None:
    tony = understand(
        "Prime Minister Tony Boeing spoke. As Boeing said, he left.", ("Tony Boeing", "PERSON"), gazetteer=gazetteer
    )
    bill = understand(
        "Chairman Bill Boeing spoke. As Boeing said, sales fell.", ("Bill Boeing", "PERSON"), gazetteer=gazetteer
    )
    assert [m.label for m in tony] == ["PERSON", "PERSON"]
    assert [m.label for m in bill] == ["PERSON", "ORG"]


def test_an_office_is_not_given_to_a_namesake(gazetteer: Gazetteer) -> None:
    text = "Melania Trump left. Then President Trump spoke."
    found = understand(text, ("Melania Trump", "PERSON"), gazetteer=gazetteer)
    assert (found[1].name, found[1].entity_id) == ("Donald Trump", "Q22686")


def test_what_the_model_found_gets_the_gazetteers_name(gazetteer: Gazetteer) -> None:
    (only,) = understand("Apple fell", ("Apple", "ORG"), gazetteer=gazetteer)
    assert (only.name, only.entity_id) == ("Apple", "Q312")


def test_other_names_are_the_text_with_white_space_collapsed() -> None:
    text = "Harbor \n Board"
    model = Mention(field="text", start=0, end=len(text), text=text, label="ORG", name="")
    (only,) = understood({"text": text}, [model], ())
    assert only.name == "Harbor Board"


def test_a_name_in_several_words_is_found_everywhere_and_is_one_kind_of_thing() -> None:
    text = "The Harbor Board met. Nobody from the Harbor Board spoke; the Harbor Board New York has agreed to that."
    start = text.index("Harbor Board spoke")
    model = [
        mention("Harbor Board", text, "ORG"),
        Mention(field="text", start=start, end=start + 12, text="Harbor Board", label="FAC", name="Harbor Board"),
        mention("Harbor Board", text, "ORG", field="title"),
    ]
    found = understood({"title": text, "text": text}, model, ())
    assert [(m.field, m.label) for m in found] == [*[("title", "ORG")] * 2, *[("text", "ORG")] * 2]


def test_titles_datelines_and_web_addresses_are_no_part_of_a_name() -> None:
    text = "Mr Cecil left. By Ada Okafor LAGOS - See http://okafor.example and the marina."
    found = understand(
        text, ("Mr Cecil", "ORG"), ("Ada Okafor LAGOS", "PERSON"), ("http://okafor.example", "ORG"), ("marina", "FAC")
    )
    assert [(m.text, m.label) for m in found] == [("Cecil", "PERSON"), ("Ada Okafor", "PERSON")]


def test_a_companys_full_name_tells_what_the_short_one_is() -> None:
    found = understand("Arch Coal Inc. fell. Arch Coal has debts.", ("Arch Coal Inc.", "ORG"), ("Arch Coal", "PERSON"))
    assert {m.label for m in found} == {"ORG"}


PIECES = re.split(
    " ",
    "Ada Okafor Xi Jinping Kim O'Brien al-Assad Jr. J. The the of & - ' ’s 🙂 王 習近平 Ünal \u0301 \u200f MAY May Mr"
    " ( ) \n . , said",
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join)


@settings(deadline=None)  # the first call loads what the others find loaded
@given(
    TEXTS,
    TEXTS,
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 20), st.sampled_from(("PERSON", "ORG", "DATE")))),
)
def test_offsets_select_the_text_nothing_overlaps_and_the_same_comes_twice(
    title: str, text: str, spans: list[tuple[int, int, str]]
) -> None:
    model = [
        Mention(field="text", start=start, end=start + n, text=text[start : start + n], label=label, name="")
        for start, n, label in spans
        if start + n <= len(text)
    ]
    texts = {"title": title, "text": text}
    found = understood(texts, model, ())
    assert all(texts[m.field][m.start : m.end] == m.text and m.text for m in found)
    assert all(one.field != two.field or one.end <= two.start for one, two in pairwise(found))
    assert all(m.name for m in found)
    assert found == understood(texts, model, ())


@pytest.mark.parametrize(
    "text",
    [
        " ".join(
            f"Given{chr(97 + i % 26)} Family{chr(97 + i // 26 % 26)}{chr(97 + i // 676)} met." for i in range(5_000)
        ),
        " ".join(f"Kim {'Abcdefgh'[i % 8]}{chr(97 + i // 8 % 26)}{chr(97 + i // 208)} met Kim." for i in range(5_000)),
        "China and Taiwan met Marta Silva. " * 3_000,
        "Ada " * 25_000,
        "Ada Okafor-" * 9_000,
        "ADA OKAFOR SAID " * 6_000,
        "(" * 100_000,
        "習近平" * 33_000,
    ],
    ids=["names", "namesakes", "known", "word", "hyphens", "capitals", "brackets", "no blanks"],
)
def test_many_names_take_linear_time(text: str, gazetteer: Gazetteer) -> None:
    model = [
        Mention(field="text", start=m.start(), end=m.end(), text=m[0], label="PERSON", name=m[0])
        for m in re.finditer(r"[A-Z]\w+ [A-Z]\w+", text)
    ]
    known = gazetteer.mentions("text", text)
    started = time.perf_counter()
    understood({"text": text}, model, known, gazetteer)
    assert time.perf_counter() - started < 5
