"""Capitals: a government only where the text can mean nothing else."""

import pytest

from tests.understanding import understand
from workers.article.capitals import CAPITALS
from workers.article.gazetteer import Gazetteer


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Washington said it would act.", ["United States"]),
        ("It was late, but Moscow has repeatedly denied that.", ["Russia"]),
        ("Beijing’s stance is firm.", ["China"]),
        ("He spoke of Beijing's territorial claims.", ["China"]),
        ("Talks between Washington and Beijing go on.", ["United States", "China"]),
        ("Ties with Tehran are cold.", ["Iran"]),
        ("New sanctions against Moscow were agreed.", ["Russia"]),
        ("Seoul accused Pyongyang of lying.", ["South Korea", "North Korea"]),
        ("They have pushed for Washington to officially declare it.", ["United States"]),
        ("It was a diplomatic victory for Hanoi.", ["Vietnam"]),
        ("Tariffs imposed by Ottawa remain.", ["Canada"]),
        ("Hanoi and Seoul signed a pact.", ["Vietnam", "South Korea"]),
        ("A dispute over tariffs with Ottawa goes on.", ["Canada"]),
        ("They called on Ankara to go. Ankara wants more.", ["Turkey", "Turkey"]),
        ("It is a Moscow-backed group.", ["Russia"]),
        ("Lima and Quito are at odds over the border.", ["Peru", "Ecuador"]),
        ("He told reporters that Oslo has no plans to leave.", ["Norway"]),
    ],
)
def test_a_capital_is_its_government_where_the_text_says_so(text: str, names: list[str], gazetteer: Gazetteer) -> None:
    found = understand(text, gazetteer=gazetteer)
    assert [m.name for m in found] == names
    assert all(m.label == "GPE" and m.entity_id == gazetteer.lookup(m.name, "GPE")[1] for m in found)  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    [
        "He lives in Washington.",
        "A man from Tokyo said so.",
        "The mayor of Paris said so.",
        "The flight between Washington and Beijing was late.",
        "Rain fell on London.",
        "A win for Madrid in the cup final.",
        "Beijing's streets are wide.",
        "Protesters in Kyiv and Moscow said so.",
        "Paris, Texas, said no.",
        "Washington, D.C., said no.",
        "It was made in Berlin. Said by whom?",
        "Ankara wants more trams.",
        "Gunmen loyal to Mogadishu's courts came.",
        "Paris-based staff left.",
        "Oslo has no trams.",
    ],
)
def test_elsewhere_the_city_is_the_city(text: str, gazetteer: Gazetteer) -> None:
    found = [m for m in understand(text, gazetteer=gazetteer) if m.text.split(",")[0].casefold().split()[0] in _CITIES]
    assert found
    assert all(m.name in (m.text, m.text.split(",")[0]) for m in found)


_CITIES = {capital[0] for capital in CAPITALS}


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("The Washington Post said so.", ("Washington Post", "ORG")),
        ("Denzel Washington came. Washington said so.", ("Denzel Washington", "PERSON")),
        ("The Paris Club said so.", ("Paris Club", "ORG")),
    ],
)
def test_a_name_with_a_capitals_in_it_is_no_government(text: str, model: tuple[str, str], gazetteer: Gazetteer) -> None:
    assert {m.name for m in understand(text, model, gazetteer=gazetteer)} == {model[0]}


def test_a_capital_that_is_somebodys_name_in_the_article_is_no_government(gazetteer: Gazetteer) -> None:
    found = understand("George Washington came. In Washington it rained. Washington said so.", gazetteer=gazetteer)
    assert "United States" not in {m.name for m in found}


def test_every_country_of_a_capital_is_in_the_gazetteer(gazetteer: Gazetteer) -> None:
    assert [name for name in CAPITALS.values() if gazetteer.lookup(name, "GPE") is None] == []
