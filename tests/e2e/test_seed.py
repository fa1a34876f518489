"""The acceptance article, by the command that a user would try first."""

import json
from pathlib import Path

import pytest

from tests.worker_processes import run_command

RULES = {
    "taiwan",
    "rare-earths",
    "tariffs",
    "export-controls",
    "fentanyl",
    "tiktok",
    "agricultural-purchases",
    "ukraine-war",
}


@pytest.mark.shared
def test_the_article_on_the_trade_talks_meets_the_rules_that_a_trade_desk_has(shared_data: Path) -> None:
    (line,) = run_command("annotate", "--text", str(shared_data / "articles" / "seed.txt")).splitlines()
    article = json.loads(line)
    met = {hit["rule"]: hit["evidence"] for hit in article["hits"] if hit["watchlist"] == "trade"}
    assert met.keys() >= RULES
    for evidence in (e for found in met.values() for e in found):
        assert article["text"][evidence["start"] : evidence["end"]] == evidence["text"]
    names = {(mention["name"], mention["label"]) for mention in article["entities"]}
    assert names >= {
        ("Scott Bessent", "PERSON"),
        ("Donald Trump", "PERSON"),
        ("Xi Jinping", "PERSON"),
        ("Taiwan", "GPE"),
        ("Asia-Pacific Economic Cooperation", "ORG"),
    }
    (last_line,) = article["removed"]
    assert last_line.startswith("Discover the latest Business News")
    assert "Moneycontrol" not in article["text"]
    for mention in article["entities"]:
        field = article.get("title", "") if mention["field"] == "title" else article["text"]
        assert field[mention["start"] : mention["end"]] == mention["text"]


@pytest.mark.shared
def test_rules_for_an_entity_and_for_a_label_are_met_with_the_proof(shared_data: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "id: own\nrules:\n"
        "  - {id: taiwan, terms: [{entity: Q865}]}\n"
        "  - {id: trump, terms: [{term: Trump, label: PERSON}]}\n"
        "  - {id: fruit, terms: [{term: Trump, label: PRODUCT}, {entity: Q1}]}\n"
    )
    (line,) = run_command(
        "annotate", "--text", str(shared_data / "articles" / "seed.txt"), "--watchlist", str(own)
    ).splitlines()
    article = json.loads(line)
    met = {hit["rule"]: hit["evidence"] for hit in article["hits"]}
    assert met.keys() == {"taiwan", "trump"}
    assert ("Taiwan", "Q865", "Q865") in {(e["text"], e["clause"], e["entity"]) for e in met["taiwan"]}
    assert {(e["text"], e["clause"], e["label"]) for e in met["trump"]} == {("Trump", "Trump", "PERSON")}
    for evidence in (e for found in met.values() for e in found):
        field = article.get("title", "") if evidence["field"] == "title" else article["text"]
        assert field[evidence["start"] : evidence["end"]] == evidence["text"]
