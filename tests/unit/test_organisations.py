"""Organisations: acronyms and shorter names mean the longer one, where they can mean no other."""

import pytest

from tests.understanding import understand
from topics.records import Mention
from workers.article.gazetteer import Gazetteer


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


def organisations(mentions: tuple[Mention, ...]) -> list[tuple[str, str]]:
    return [(m.text, m.name) for m in mentions if m.label == "ORG"]


@pytest.mark.parametrize(
    ("text", "company"),
    [
        ("Apple pie is served.", "Apple"),
        ("An Apple pie is served.", "Apple"),
        ("They walked along Shell beach.", "Shell"),
        ("The Amazon basin is dry.", "Amazon"),
    ],
)
def test_what_makes_a_thing_of_a_companys_name_leaves_the_company_out(
    gazetteer: Gazetteer, text: str, company: str
) -> None:
    assert understand(text, (company, "ORG"), gazetteer=gazetteer) == ()
    for text in (f"{company} shares fell.", f"In the end {company} fell."):
        assert [m.text for m in understand(text, (company, "ORG"), gazetteer=gazetteer)] == [company]


def test_a_company_that_nobody_takes_for_a_word_has_pies(gazetteer: Gazetteer) -> None:
    assert organisations(understand("Walmart pies, Kestrel pies", ("Kestrel", "ORG"), gazetteer=gazetteer)) == [
        ("Walmart", "Walmart"),
        ("Kestrel", "Kestrel"),
    ]


@pytest.mark.parametrize(
    ("text", "acronym", "full"),
    [
        ("The Ocean Shelf Foundation (OSF) met.", "OSF", "Ocean Shelf Foundation"),
        ("The OSF (Ocean Shelf Foundation) met.", "OSF", "Ocean Shelf Foundation"),
        ("The Bank of Kestrel (BoK) met.", "BoK", "Bank of Kestrel"),
        ("The Ministry of Reefs and Shoals (MRS) met.", "MRS", "Ministry of Reefs and Shoals"),
        ("The Harbour-Pacific Trade Council (HPTC) met.", "HPTC", "Harbour-Pacific Trade Council"),
        ("The US Shelf Survey (USSS) met.", "USSS", "US Shelf Survey"),
        ("The Commodity Growers Association Inc. (CGA) met.", "CGA", "Commodity Growers Association Inc"),
    ],
)
def test_an_acronym_that_the_article_explains_is_found_everywhere_and_means_the_name_in_full(
    text: str, acronym: str, full: str
) -> None:
    found = organisations(understand(f"{text} “{acronym} has agreed,” {acronym}’s head said.", title=f"{acronym} Met"))
    assert [name for shown, name in found if shown == acronym] == [full] * 4
    assert (full, full) in found


@pytest.mark.parametrize(
    "text",
    [
        "Its gross product (GDP) fell. GDP matters.",
        "The Ocean Shelf Foundation (Kiel) met. Kiel slept.",
        "He met the Board (XYZ). XYZ left.",
        "Many people (WHO) asked. WHO knows?",
        "( ( (A) B) (CD",
    ],
)
def test_brackets_that_explain_no_organisation_name_none(text: str) -> None:
    assert not {name for shown, name in organisations(understand(text)) if name != shown}


def test_an_acronym_that_nobody_explains_means_the_only_name_with_its_initials() -> None:
    text = "The Ocean Shelf Foundation and the Kelp Board met. OSF left."
    model = (("Ocean Shelf Foundation", "ORG"), ("OSF", "ORG"), ("Old Sea Fund", "ORG"))
    assert ("OSF", "Ocean Shelf Foundation") in organisations(understand(text, *model))
    assert ("OSF", "OSF") in organisations(understand(f"{text} The Old Sea Fund came.", *model))


def test_a_company_is_one_with_its_legal_form_and_without() -> None:
    text = "Kestrel Lines Ltd. lost money. Kestrel Lines sold ships, and Kestrel's shares fell."
    found = organisations(understand(text, ("Kestrel Lines Ltd.", "ORG"), ("Kestrel Lines", "ORG"), ("Kestrel", "ORG")))
    assert [name for _, name in found] == ["Kestrel Lines Ltd."] * 3


def test_a_company_with_its_legal_form_is_found_without_the_model() -> None:
    text = "We are told that Kestrel Lines Inc. <KES.N> rose, and, as it seems, Crab & Shell Ltd, too."
    found = organisations(understand(text, ("KES.N>", "PERSON")))
    assert [shown for shown, _ in found] == ["Kestrel Lines Inc", "Crab & Shell Ltd"]


def test_the_end_of_one_longer_name_means_it() -> None:
    text = "The Federal Ferry Loan Board met. The Loan Board left."
    found = organisations(understand(text, ("Federal Ferry Loan Board", "ORG"), ("Loan Board", "ORG")))
    assert {name for _, name in found} == {"Federal Ferry Loan Board"}


def test_the_beginning_of_two_names_means_neither() -> None:
    text = "Kestrel Lines and Kestrel Bank met. Kestrel left."
    model = (("Kestrel Lines", "ORG"), ("Kestrel Bank", "ORG"), ("Kestrel", "ORG"))
    assert organisations(understand(text, *model))[2] == ("Kestrel", "Kestrel")


def test_a_company_that_the_gazetteer_knows_has_its_name_and_id(gazetteer: Gazetteer) -> None:
    text = "Apple Inc. and the Bank of Japan; Apple again, and the BOJ."
    found = understand(text, ("Apple Inc.", "ORG"), ("Apple", "ORG"), gazetteer=gazetteer)
    assert [m.name for m in found] == ["Apple", "Bank of Japan"] * 2
    assert {m.entity_id for m in found if m.name == "Apple"} == {"Q312"}


def test_what_the_article_explains_comes_before_what_the_gazetteer_knows(gazetteer: Gazetteer) -> None:
    text = "The Inland Makers Federation (IMF) met. IMF members left."
    assert {name for _, name in organisations(understand(text, gazetteer=gazetteer))} == {"Inland Makers Federation"}
