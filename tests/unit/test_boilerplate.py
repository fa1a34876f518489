"""General boilerplate goes wherever it stands, and no sentence of an article goes with it."""

import time
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.article.boilerplate import MAX_LENGTH, Boilerplate
from workers.label_values import FURNITURE

GOLD = Path(__file__).parents[1] / "gold" / "boilerplate"
BOILERPLATE = Boilerplate.load()


class Paragraph(NamedTuple):
    split: str
    kind: str
    what: str
    text: str


def _gold(name: str = "*") -> list[Paragraph]:
    lines = [line for file in sorted(GOLD.glob(f"{name}.tsv")) for line in file.read_text("utf-8").splitlines()]
    return [Paragraph(*line.split("\t")) for line in lines if not line.startswith("#")]


def test_the_gold_has_fifteen_paragraphs_of_each_kind_half_of_them_an_article_s() -> None:
    gold = _gold("paragraphs")
    kinds = [paragraph.kind for paragraph in gold]
    assert {kinds.count(kind) for kind in FURNITURE} == {15}
    assert set(kinds) == set(FURNITURE)
    assert abs(sum(paragraph.what == "article" for paragraph in gold) - len(gold) / 2) <= 2


def test_the_kinds_are_those_that_metrics_count() -> None:
    assert set(BOILERPLATE.kinds) == set(FURNITURE)


@pytest.mark.parametrize("paragraph", [p for p in _gold() if p.what == "article"], ids=lambda p: p.text[:40])
def test_article_text_that_looks_like_boilerplate_stays_also_in_capitals(paragraph: Paragraph) -> None:
    for text in (paragraph.text, paragraph.text.upper(), paragraph.text.title()):
        assert BOILERPLATE.kind(text) is None


def test_nine_of_ten_pieces_of_boilerplate_are_known() -> None:
    furniture = [p for p in _gold() if p.what == "boilerplate"]
    known = [p for p in furniture if BOILERPLATE.kind(p.text) is not None]
    assert len(known) >= 0.9 * len(furniture)


@pytest.mark.parametrize(
    "text", ["(REPORTING BY ADA LIND; EDITING BY JO CRAY)", "READ MORE: COPPER AT ITS HIGHEST", "SHARE ON FACEBOOK"]
)
def test_boilerplate_in_capitals_is_known(text: str) -> None:
    assert BOILERPLATE.kind(text) is not None


@pytest.mark.parametrize("separator", ["\n", "\n\n"])
def test_boilerplate_goes_wherever_it_stands(separator: str) -> None:
    text = separator.join(
        ("Advertisement", "Ministers met.", "Share on Facebook", "They agreed.", "All rights reserved.")
    )
    stripped = BOILERPLATE.stripped(text)
    assert stripped.cleaned.text == f"Ministers met.{separator}They agreed."
    assert stripped.cleaned.removed == ("Advertisement", "Share on Facebook", "All rights reserved.")
    assert stripped.kinds == {"advertisement": 1, "share": 1, "copyright": 1}


def test_a_line_within_a_paragraph_goes_by_itself() -> None:
    text = "One.\n\nMinisters met on Sunday.\nRead more: What the ministers want\nThey agreed.\n\nTwo."
    assert BOILERPLATE.stripped(text).cleaned.text == "One.\n\nMinisters met on Sunday.\nThey agreed.\n\nTwo."


def test_a_wrapped_line_that_begins_like_boilerplate_stays() -> None:
    text = "One.\n\nThe study of exports was the work of the\nReporting by Customs Office\nand of others.\n\nTwo."
    assert BOILERPLATE.stripped(text).cleaned.text == text


def test_a_sentence_of_the_article_stays_beside_boilerplate() -> None:
    text = "Exports fell by a third. Sign up for our newsletter.\n\nMinisters met."
    assert BOILERPLATE.stripped(text).cleaned.text == text


@pytest.mark.parametrize(
    ("text", "left", "kind"),
    [
        ("They agreed. Discover more reports in The Kestrel. Download the Kestrel App to stay updated!", 13, "app"),
        ("Ministers met. They agreed. Sign up for our newsletter.", 27, "newsletter"),
        ("They agreed. © 2025 The Kestrel. All rights reserved.", 12, "copyright"),
    ],
)
def test_the_last_sentences_of_a_text_on_one_line_go(text: str, left: int, kind: str) -> None:
    stripped = BOILERPLATE.stripped(text)
    assert stripped.cleaned.text == text[:left].rstrip()
    assert stripped.cleaned.removed == (text[left:].lstrip(),)
    assert stripped.kinds == {kind: 1}


def test_an_agency_s_credit_in_brackets_goes_from_the_end_of_a_paragraph() -> None:
    text = "They agreed (again). (Reporting by Ada Lind; Editing by Jo Cray)\n\nMinisters met (in Oslo)."
    stripped = BOILERPLATE.stripped(text)
    assert stripped.cleaned.text == "They agreed (again).\n\nMinisters met (in Oslo)."
    assert stripped.cleaned.removed == ("(Reporting by Ada Lind; Editing by Jo Cray)",)


def test_a_text_that_is_all_boilerplate_stays() -> None:
    stripped = BOILERPLATE.stripped("Advertisement\n\nAll rights reserved.")
    assert stripped.cleaned.kept
    assert stripped.cleaned.text == "Advertisement\n\nAll rights reserved."
    assert stripped.kinds == {}


@pytest.mark.parametrize(
    "text",
    [
        "Read more " * 100_000,
        ("Share on Facebook " * 55 + "\n") * 1000,
        ("Reporting by " + "A B, " * 190 + "\n\n") * 1000,
        ("cookies we our site " * 49 + "\n\n") * 1000,
        ("Tags: " + "a, " * 330 + "is\n\n") * 1000,
        ("A" * MAX_LENGTH + "\n\n") * 1000,
        ("Sign up. " * 110 + "\n\n") * 1000,
        "稀土" * 500_000,
        "\n" * 1_000_000,
    ],
    ids=["one line", "share", "credits", "cookies", "tags", "capitals", "sentences", "no blanks", "empty"],
)
def test_a_million_characters_take_seconds(text: str) -> None:
    started = time.monotonic()
    BOILERPLATE.stripped(text)
    assert time.monotonic() - started < 10


@given(st.lists(st.sampled_from(("Advertisement", "News.", "Share this article", "Ministers met.", "")), max_size=9))
def test_what_is_left_are_the_other_paragraphs_in_order(paragraphs: list[str]) -> None:
    stripped = BOILERPLATE.stripped("\n\n".join(paragraphs)).cleaned
    if stripped.count:
        kept = [p for p in paragraphs if p not in ("Advertisement", "Share this article")]
        assert stripped.text == "\n\n".join(kept).strip()
