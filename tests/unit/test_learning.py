"""What comes again in a source's articles is proposed as a pattern that meets nothing else, for a person to accept."""

import random
from pathlib import Path

import pytest
import re2

from alerts.proposing import Proposal, Proposals, pattern_of, propose
from alerts.recurring import Recurring, shape_of
from alerts.sources import Source, Sources, load, without_boilerplate
from alerts.sources_form import MAX_PATTERN, MAX_PATTERNS, pattern_options
from alerts.sources_writing import with_proposals
from topics.errors import ConfigError
from workers.commands.learning import Learned, write

WORDS = ("port", "grain", "tariff", "minister", "strike", "vote", "bank", "bridge", "court", "storm", "mine", "rail")
NAMES = ("Ada Lind", "Per Holt", "Jo Cray", "Mia Soltau", "Teo Vance", "Ines Falk", "Sam Oduya")


def story(number: int) -> str:
    """A body of three paragraphs that no other number has."""
    chance = random.Random(number)
    return "\n\n".join(f"{number} {' '.join(chance.choices(WORDS, k=30)).capitalize()}." for _ in range(3))


def learned(*bodies: str, least: int = 5) -> Proposals:
    recurring = Recurring()
    for body in bodies:
        recurring.add("wire", body)
    return propose(recurring, "wire", least=least)


def patterns(*bodies: str, least: int = 5) -> list[str]:
    return [one.pattern for one in learned(*bodies, least=least).proposed]


def test_a_line_under_every_article_is_proposed_with_its_count_and_an_example() -> None:
    found = learned(*(f"{story(n)}\n\nThe Wire is read by those who trade." for n in range(7)))
    assert found.proposed == (
        Proposal(
            source="wire",
            pattern="^The Wire is read by those who trade\\.$",
            articles=7,
            of=7,
            examples=("The Wire is read by those who trade.",),
        ),
    )


def test_nothing_is_proposed_for_articles_that_have_nothing_in_common() -> None:
    assert patterns(*map(story, range(50))) == []


def test_numbers_and_dates_are_left_open() -> None:
    days = ("Monday 3 May", "Tuesday 4 May", "Friday 31 October", "Sunday 1 June", "Friday 6 June")
    (pattern,) = patterns(*(f"Morning file, {day} 2025\n\n{story(n)}" for n, day in enumerate(days)))
    assert re2.search(pattern, "Morning file, Saturday 12 December 2026")
    assert not re2.search(pattern, "Morning file, later than usual")


def test_figures_are_news_and_no_furniture() -> None:
    closing = (f"{story(n)}\n\nThe index closed {n}.{n}% higher at {24_000 + n:,}." for n in range(1, 9))
    assert patterns(*closing) == []


def test_a_form_with_a_part_that_changes_is_one_pattern() -> None:
    (pattern,) = patterns(*(f"{story(n)}\n\nStory by {name} for the Wire's desk." for n, name in enumerate(NAMES)))
    assert re2.search(pattern, "Story by Olaf Rein for the Wire's desk.")
    assert not re2.search(pattern, "The story by Olaf Rein for the Wire's desk. He left in May.")


def test_an_article_s_sentence_that_is_like_a_recurring_line_is_not_taken_with_it() -> None:
    line = "The Wire is read by those who trade in grain."
    sentence = "The Wire is read by those who would rather not be seen in grain."
    bodies = [f"{story(n)}\n\n{line}" for n in range(8)] + [f"{story(9)}\n\n{sentence}"]
    assert patterns(*bodies) == [f"^{line[:-1]}\\.$"]


def test_copies_and_revisions_of_one_article_are_no_furniture() -> None:
    copies = [story(1)] * 20
    revisions = [f"{story(2)}\n\nUpdate {n}: {' '.join(WORDS[n : n + 5])}." for n in range(9)]
    assert patterns(*copies, *revisions) == []


def test_a_pattern_that_would_take_other_paragraphs_is_left_out() -> None:
    line = "In the archive: 12 more"
    recurring = Recurring()
    for number in range(6):
        recurring.add("wire", f"{story(number)}\n\n{line}")
    (open_pattern,) = (one.pattern for one in propose(recurring, "wire").proposed)
    assert re2.search(open_pattern, line)
    for paragraph in recurring.paragraphs("wire"):
        assert (re2.search(open_pattern, paragraph.text) is not None) == (paragraph.text == line)


def test_a_source_has_no_more_patterns_than_its_entry_may_hold() -> None:
    lines = "\n\n".join(f"{word.capitalize()} notes {other} for all our readers" for word in WORDS for other in WORDS)
    assert len(patterns(*(f"{story(n)}\n\n{lines}" for n in range(6)))) <= MAX_PATTERNS


@pytest.mark.parametrize(
    "text", ["a.b*c (d) [e] {f} | ^g$ \\h", "x" * 500, "word " * 99, "\ufffe€稀土 #1: 'it'", "\u2028"]
)
def test_a_pattern_is_one_that_a_list_of_sources_may_hold(text: str) -> None:
    pattern = pattern_of(shape_of(text) or "x")
    assert len(pattern) <= MAX_PATTERN
    re2.compile(pattern, pattern_options())


def test_memory_is_bounded_and_what_recurs_outlives_what_does_not() -> None:
    recurring = Recurring(max_held=100)
    for number in range(200):
        recurring.add("wire", f"{story(number)}\n\nRead by traders.")
    held = list(recurring.paragraphs("wire"))
    assert len(held) <= 100
    assert recurring.dropped >= 500
    assert max(len(paragraph.articles) for paragraph in held) == 200


ONE = Proposal(source="wire", pattern=r"^Read by 'traders'\.$", articles=7, of=9, examples=("Read by 'traders'.",))
LISTED = """\
# Ours.
sources:
  - id: daily   # a paper
    hosts: [daily.example]

  - id: wire    # an agency
    name: The Wire
    # What it says under everything:
    boilerplate:
      - '^House rules'   # since May
"""


def written(text: str, tmp_path: Path, *proposals: Proposal) -> tuple[str, dict[str, Source]]:
    file = tmp_path / "sources.yaml"
    before = Sources()
    if text:
        file.write_text(text, encoding="utf-8")
        before = load(file)
    new = with_proposals(text, before, proposals)
    file.write_text(new, encoding="utf-8")
    return new, {source.id: source for source in load(file).listed}


def test_proposals_are_put_into_the_list_and_nothing_else_changes(tmp_path: Path) -> None:
    other = Proposal(source="daily", pattern="^Daily news$", articles=5, of=5, examples=("Daily news",))
    new, sources = written(LISTED, tmp_path, ONE, other)
    assert sources["wire"].boilerplate == (ONE.pattern, "^House rules")
    assert sources["daily"].boilerplate == ("^Daily news$",)
    assert set(LISTED.splitlines()) <= set(new.splitlines())
    assert "# In 7 of 9 articles: Read by 'traders'." in new


@pytest.mark.parametrize("source", ["new.example", 'New & Sons: "news"', "true", "wire", "稀土"])
def test_a_source_that_is_not_listed_gets_an_entry_that_finds_its_articles(source: str, tmp_path: Path) -> None:
    proposal = Proposal(source=source, pattern="^x y z$", articles=5, of=5, examples=("x",))
    _, sources = written("sources:\n- id: one\n", tmp_path, proposal)
    found = Sources(sources.values()).find(source=source, url=None)
    assert found is not None
    assert found.boilerplate == ("^x y z$",)


def test_without_a_list_a_new_one_is_written(tmp_path: Path) -> None:
    _, sources = written("", tmp_path, ONE)
    assert without_boilerplate("News.\nRead by 'traders'.", sources["wire"]).text == "News."


@pytest.mark.parametrize(
    "text",
    [
        "sources: [{id: wire}]\n",
        "sources:\n  - {id: wire, name: The Wire}\n",
        "sources:\n  - id: wire\n    boilerplate: ['^House']\n",
        "{sources: [{id: daily}]}",
    ],
)
def test_what_stands_on_one_line_is_left_to_the_person(text: str, tmp_path: Path) -> None:
    new, sources = written(text, tmp_path, ONE)
    assert new.startswith(text.rstrip())
    assert "by hand" in new
    assert "^Read by" in new
    assert all(ONE.pattern not in source.boilerplate for source in sources.values())


def test_an_example_cannot_break_out_of_its_comment(tmp_path: Path) -> None:
    evil = Proposal(source="wire", pattern="^x y$", articles=5, of=5, examples=("a\n- '.'\r\u2028- b\x85c\x1b[0m",))
    _, sources = written("", tmp_path, evil)
    assert sources["wire"].boilerplate == ("^x y$",)


def test_the_list_in_force_and_a_file_that_is_there_are_not_written_over(tmp_path: Path) -> None:
    listed = tmp_path / "sources.yaml"
    listed.write_text(LISTED)
    found = Learned(proposals=(ONE,), articles=9, sources=1, refused=0, unknown=0, bad=0, dropped=0)
    with pytest.raises(ConfigError, match="in force"):
        write(found, load(listed), sources_file=listed, to=tmp_path / "." / "sources.yaml", force=True)
    with pytest.raises(ConfigError, match="is there already"):
        write(found, load(listed), sources_file=None, to=listed, force=False)
    assert listed.read_text() == LISTED
