"""Dates, amounts, percentages and quantities by rule: only what is certain, at its place, with or without a model."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.codec import decode_enriched
from workers.article.options import Options
from workers.article.pipeline import Pipeline
from workers.article.values.finding import MOST, found
from workers.messages import Record


def _found(text: str, language: str = "en") -> list[tuple[str, str]]:
    mentions = list(found({"text": text}, language=language))
    assert all(text[m.start : m.end] == m.text == m.name and m.field == "text" for m in mentions)
    return [(mention.label, mention.text) for mention in mentions]


@pytest.mark.parametrize(
    ("label", "span"),
    [
        ("MONEY", "$5 million"),
        ("MONEY", "US$1.2bn"),
        ("MONEY", "$61.40"),
        ("MONEY", "€5m"),
        ("MONEY", "USD 5,000"),
        ("MONEY", "₹500 crore"),
        ("MONEY", "3 million euros"),
        ("MONEY", "139 yen"),
        ("MONEY", "20,000 Australian dollars"),
        ("PERCENT", "5.2%"),
        ("PERCENT", "7 per cent"),
        ("PERCENT", "minus 0.2 percent"),
        ("PERCENT", "-3%"),
        ("DATE", "2025-10-26"),
        ("DATE", "26 October 2025"),
        ("DATE", "Oct. 26, 2025"),
        ("DATE", "October 3rd, 2025"),
        ("QUANTITY", "5,000 tonnes"),
        ("QUANTITY", "700 km"),
        ("QUANTITY", "10-mile"),
        ("QUANTITY", "2.3 million barrels"),
        ("QUANTITY", "20 degrees Celsius"),
    ],
)
@pytest.mark.parametrize("text", ["{}", "They said {} was seen.", "So it was ({}), they said.", "“{}”\nNext."])
def test_what_its_form_makes_certain_is_found(label: str, span: str, text: str) -> None:
    assert _found(text.format(span)) == [(label, span)]


@pytest.mark.parametrize(
    "text",
    [
        "a 5G network, 4x4 and 3D",
        "between $5 and $7 million",
        "$5 to $7 million",
        "5-7% of them",
        "3 to 5 km",
        "0.25 percentage points",
        "version 1.5%2",
        "5 million pounds",
        "31 February 2025",
        "2025-13-01",
        "room 2025-10-26-4",
        "in 5 games",
        "1,2,3%",
        "192.168.0.1 km",
        "October 26",
        "$",
        "%",
        "",
    ],
)
def test_what_may_be_something_else_is_left_alone(text: str) -> None:
    assert _found(text) == []


def test_other_languages_are_left_alone() -> None:
    assert _found("1.500 % am 26 October 2025", language="de") == []


@given(st.text(alphabet="0123456789.,-–$€% abkmtoMay", max_size=200))
def test_whatever_the_text_spans_are_right_in_order_and_apart(text: str) -> None:
    mentions = list(found({"title": text, "text": text}, language="en"))
    for field in ("title", "text"):
        spans = [(m.start, m.end) for m in mentions if m.field == field]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert all(text[m.start : m.end] == m.text for m in mentions)


@pytest.mark.parametrize("piece", ["1", "1,", "1.", "1 ", "$1,", "5 to ", "1,000,", "minus ", "May 1"])
def test_a_hundred_thousand_characters_of_figures_are_read_once(piece: str) -> None:
    assert len(_found((piece * 100_000)[:100_000])) <= 1


def test_a_table_of_figures_has_a_bounded_number_of_mentions() -> None:
    assert len(_found("1% " * 33_000)) == MOST


def test_without_a_model_there_are_values_too() -> None:
    pipeline = Pipeline(Options())
    body = "The United States paid $5 million, 5.2% more than on 26 October 2025, for 5,000 tonnes of tin."
    (result,) = pipeline([Record("news.raw", 0, 0, 1, None, json.dumps({"body": body}).encode(), ())])
    values = {m.label: m.value for m in decode_enriched(result.then[0].value).entities if m.value}
    assert values == {"MONEY": "USD 5000000", "PERCENT": "5.2", "DATE": "2025-10-26", "QUANTITY": "5000 t"}
