"""Short forms of titles in other languages: "M. Macron" is Macron, and no Michel, Marie or Maurice."""

import pytest

from tests.understanding import understand
from workers.article.gazetteer import Gazetteer


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


@pytest.mark.parametrize(
    ("language", "full", "text", "short"),
    [
        ("fr", "Luc Kestrel", "Selon M. Kestrel, rien ne presse.", "M. Kestrel"),
        ("fr", "Marine Le Roch", "Rien ne presse, a dit Mme Le Roch.", "Mme Le Roch"),
        ("es", "Pedro Cernícalo", "El Sr. Cernícalo no dijo nada.", "Sr. Cernícalo"),
        ("pt", "Joana Falcão", "A Sra. Falcão não falou.", "Sra. Falcão"),
        ("de", "Olaf Turmfalke", "Hr. Turmfalke schwieg.", "Hr. Turmfalke"),
        ("de", "Olaf Turmfalke", "Man sah Hrn. Turmfalke.", "Hrn. Turmfalke"),
    ],
)
@pytest.mark.parametrize("label", ["PERSON", "ORG", None])
def test_a_short_title_is_no_part_of_the_name_and_what_follows_is_the_person(
    language: str, full: str, text: str, short: str, label: str | None
) -> None:
    model = [(full, "PERSON"), *([(short, label)] if label else [])]
    *_, last = understand(f"{full}. {text}", *model, language=language)
    assert (last.text, last.label, last.name) == (short.split(maxsplit=1)[1], "PERSON", full)


def test_a_short_title_tells_two_people_of_one_surname_apart() -> None:
    text = "Luc Kestrel et Anne Kestrel. M. Kestrel est parti, Mme Kestrel est venue."
    found = understand(text, ("Luc Kestrel", "PERSON"), ("Anne Kestrel", "PERSON"), language="fr")
    assert [m.name for m in found] == ["Luc Kestrel", "Anne Kestrel"] * 2


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("en", "They met M. Night Kestrel there.", "M. Night Kestrel"),
        ("", "They met M. Night Kestrel there.", "M. Night Kestrel"),
        ("en", "They met HR Kestrel there.", "HR Kestrel"),
        ("de", "Dort traf man HR Kestrel.", "HR Kestrel"),
        ("fr", "On y a vu Anne M. Kestrel.", "Anne M. Kestrel"),
    ],
)
def test_elsewhere_and_within_a_name_they_are_initials(language: str, text: str, name: str) -> None:
    (only,) = understand(text, (name, "PERSON"), language=language)
    assert (only.text, only.name) == (name, name)


def test_a_well_known_person_is_found_after_a_short_title_and_a_country_is_not(gazetteer: Gazetteer) -> None:
    text = "M. Trump a reçu Mme Merkel, puis M. Jordan."
    assert [m.name for m in understand(text, gazetteer=gazetteer, language="fr")] == ["Donald Trump", "Angela Merkel"]
    assert understand("M. Trump", gazetteer=gazetteer, language="en") == ()
