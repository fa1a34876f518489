"""The gold standard for names: it can be read, it is what was annotated, and the acceptance article is met."""

import re
from pathlib import Path

import pytest

from tests.gold.enriching import enriched
from tests.gold.marked import CLASSES, Annotated, own, read_marked
from tests.gold.score import count, is_right
from tests.gold.shared import SEED, seed, shared
from topics.records import EnrichedArticle, Mention
from workers.article.gazetteer import Gazetteer


def test_a_marked_up_article_gives_its_text_and_where_each_name_is() -> None:
    article = read_marked("a", "[[EU||ORG|Q458]] talks\n\nMs [[Roe|Jane Roe|PERSON]] left [[Bonn|Bonn;Germany|GPE]].")
    assert (article.title, article.text) == ("EU talks", "Ms Roe left Bonn.")
    assert [(n.field, n.start, n.end, n.text, n.label, n.names, n.entity_id) for n in article.named] == [
        ("title", 0, 2, "EU", "ORG", ("EU",), "Q458"),
        ("text", 3, 6, "Roe", "PERSON", ("Jane Roe",), None),
        ("text", 12, 16, "Bonn", "GPE", ("Bonn", "Germany"), None),
    ]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("[[Roe]]", "expected [[text|name|LABEL|id]]"),
        ("[[Roe||MAN]]", "Roe: MAN is none of"),
        ("[[Roe||GPE", "expected"),
    ],
)
def test_a_mark_that_cannot_be_read_is_named(mark: str, expected: str) -> None:
    with pytest.raises(ValueError, match=rf"^a: text: .*{re.escape(expected)}"):
        read_marked("a", f"Title\n\nMs {mark} left.")


def test_the_gold_and_the_gazetteer_agree_on_the_name_where_they_agree_on_the_id() -> None:
    gazetteer = Gazetteer.load()
    for article in own():
        for named in article.named:
            name, entity_id = gazetteer.lookup(named.text, named.label) or ("", None)
            if named.entity_id and entity_id:
                assert (name in named.names) == (entity_id == named.entity_id), (article.id, named, name)


def test_a_mention_is_right_by_its_name_or_by_its_id() -> None:
    article = read_marked(
        "a", "Title\n\n[[Bonn Corp|Bonn Corp|ORG|Q1]]. met [[Roe|Jane Roe|PERSON]] on the [[Elbe||MISC]]."
    )

    def found(text: str, label: str, name: str, entity_id: str | None = None) -> Mention:
        start = article.text.index(text)
        end = start + len(text)
        return Mention(field="text", start=start, end=end, text=text, label=label, name=name, entity_id=entity_id)

    assert count([found("Bonn Corp.", "ORG", "Bonn", "Q1")], article)[:4] == (2, 1, 1, 1)
    assert count([found("Roe", "PERSON", "Roe")], article)[:4] == (2, 1, 1, 0)
    assert count([found("Roe", "ORG", "Jane Roe")], article) == (2, 1, 1, 1, 1, 1, 1, 1, 0)
    assert count([found("the Elbe", "LOC", "Elbe")], article)[:4] == (2, 0, 0, 0)
    assert count([found("met Roe", "PERSON", "Jane Roe")], article)[:4] == (2, 1, 0, 0)


@pytest.mark.shared
def test_forty_articles_are_annotated_and_none_has_changed(shared_data: Path) -> None:
    articles = [*own(), *shared()]
    assert len(articles) == len({article.id for article in articles}) == 40


@pytest.fixture(scope="module")
def acceptance(shared_data: Path) -> EnrichedArticle:
    """The acceptance article as it comes out, from its file as its site served it."""
    body = (shared_data / "articles" / SEED).read_text(encoding="utf-8")
    (article,) = enriched([Annotated(id="seed", title="", text=body, named=())])
    return article


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "kind", "times"),
    [
        ("Scott Bessent", "PER", 2),
        ("Donald Trump", "PER", 6),
        ("Xi Jinping", "PER", 3),
        ("Merdeka 118", "LOC", 1),
        ("Asia-Pacific Economic Cooperation", "ORG", 1),
    ],
)
def test_each_mention_of_the_acceptance_article_s_people_tower_and_organisation_means_them(
    acceptance: EnrichedArticle, name: str, kind: str, times: int
) -> None:
    gold = [named for named in seed().named if name in named.names]
    found = {(m.field, m.start, m.end): m for m in acceptance.entities}
    for named in gold:
        mention = found[named.field, named.start, named.end]
        assert is_right(mention, named)
        assert CLASSES[mention.label] == CLASSES[named.label] == kind
    assert len(gold) == times


@pytest.mark.shared
def test_the_acceptance_article_s_last_line_is_taken_out_and_names_nobody(
    acceptance: EnrichedArticle, shared_data: Path
) -> None:
    lines = (shared_data / "articles" / SEED).read_text(encoding="utf-8").splitlines()
    assert acceptance.removed == (lines[-1],)
    assert acceptance.text.splitlines() == lines[:-1]
    assert all(acceptance.text[m.start : m.end] == m.text for m in acceptance.entities)


@pytest.mark.shared
def test_of_all_that_the_acceptance_article_names_nearly_all_is_found_with_the_right_name(
    acceptance: EnrichedArticle,
) -> None:
    counts = count(acceptance.entities, seed())
    assert counts.precision >= 0.98
    assert counts.recall >= 0.98
    assert counts.precision_strict >= 0.85
