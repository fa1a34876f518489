"""With `entities = "on-hit"` the model looks where a rule may be met, and every rule is met that would be anyway."""

import gzip
import json
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
import spacy

from alerts.bundle import encode
from alerts.prospects import Prospects
from alerts.watchlist import Rule, Term, Watchlist, load_all
from tests.gold.enriching import MODEL, enriched
from tests.gold.marked import own
from topics.codec import decode_enriched
from topics.records import EnrichedArticle
from workers.article.options import ON_HIT, Options
from workers.article.pipeline import Pipeline
from workers.article.recognising import Recognition
from workers.messages import Record, Result

SHIPPED = Path(__file__).parents[2] / "alerts" / "watchlists"
NAMED = Watchlist(
    id="named",
    desk="named",
    rules=(
        Rule(id="countries", terms=tuple(Term(entity=id) for id in ("Q30", "Q148", "Q865", "Q159"))),
        Rule(id="nations", terms=(Term(entity="Q794", label=("NORP",)), Term(entity="Q801"))),
        Rule(id="people", terms=("Bush", "Chavez", "Annan"), label=("PERSON",), exclude=("oil",)),
        Rule(id="bodies", terms=(Term(term="army", label=("ORG",)), Term(term="U.N.", label=("ORG", "GPE")))),
        Rule(id="title", terms=(Term(entity="Q1065"), Term(term="Iran", label=("GPE",))), fields=("title",)),
        Rule(id="not-there", terms=("minister",), exclude=(Term(entity="Q30"), Term(term="Iraq", label=("GPE",)))),
    ),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that takes "Apple" for an organisation, wherever it stands."""
    nlp = spacy.blank("en", meta={"name": "fruit", "version": "1"})
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Apple"}])  # type: ignore[attr-defined]
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return str(path)


def pipeline(model: str, entities: str, watchlists: Sequence[Watchlist]) -> Pipeline:
    made = Pipeline(Options(model=model, entities=entities))
    made.use_watchlists(encode(watchlists))
    return made


def results(made: Pipeline, bodies: Sequence[dict[str, str]]) -> list[Result]:
    records = [
        Record("news.raw", 0, n, 1_700_000_000_000, None, json.dumps({"language": "en"} | body).encode())
        for n, body in enumerate(bodies)
    ]
    return [result for start in range(0, len(records), 16) for result in made(records[start : start + 16])]


def article(result: Result) -> EnrichedArticle:
    return decode_enriched(result.then[0].value)


def test_the_model_looks_only_at_articles_that_may_meet_a_rule(model: str) -> None:
    rules = (Rule(id="apple", terms=(Term(term="Apple", label=("ORG",)),)), Rule(id="talks", terms=("talks",)))
    bodies = ["Talks at Apple in China.", "Apple fell in China.", "Pears fell in China.", "The apple fell."]
    made = pipeline(model, ON_HIT, [Watchlist(id="w", desk="w", rules=rules)])
    found = [article(result) for result in results(made, [{"body": body} for body in bodies])]
    assert [each.model for each in found] == ["en_fruit-1", "en_fruit-1", "none", "en_fruit-1"]
    assert [sorted(hit.rule for hit in each.hits) for each in found] == [["apple", "talks"], ["apple"], [], []]
    assert [[m.text for m in each.entities] for each in found] == [
        ["Apple", "China"],
        ["Apple", "China"],
        ["China"],
        [],
    ]


def test_always_is_the_default_and_looks_at_every_article(model: str) -> None:
    made = pipeline(model, Options().entities, [Watchlist(id="w", desk="w", rules=(Rule(id="x", terms=("talks",)),))])
    assert article(results(made, [{"body": "Apple fell."}])[0]).model == "en_fruit-1"


def test_a_changed_watchlist_changes_where_the_model_looks(model: str) -> None:
    made = pipeline(model, ON_HIT, [Watchlist(id="w", desk="w", rules=(Rule(id="x", terms=("talks",)),))])
    assert article(results(made, [{"body": "Apple fell."}])[0]).model == "none"
    made.use_watchlists(encode([Watchlist(id="w", desk="w", rules=(Rule(id="x", terms=("fell",)),))]))
    assert article(results(made, [{"body": "Apple fell."}])[0]).model == "en_fruit-1"


@pytest.mark.parametrize("body", ["Beijing's stance is firm.", "They accused Moscow of it.", "In the\nU.S."])
def test_an_entity_under_any_of_its_names_is_found(model: str, body: str) -> None:
    made = [pipeline(model, entities, [NAMED]) for entities in ("always", ON_HIT)]
    always, on_hit = (results(each, [{"body": body}])[0] for each in made)
    assert always.first == on_hit.first != ()


def test_whatever_is_recognised_could_have_met_a_rule_for_it() -> None:
    spellings = Recognition(Options(), clock=time.perf_counter).spellings
    recognised = [(each, id) for each in enriched(own()) for id in {m.entity_id for m in each.entities} if id]
    assert len(recognised) > 50
    for each, id in recognised:
        rules = (Rule(id="r", terms=(Term(entity=id),)),)
        prospects = Prospects([Watchlist(id="w", desk="d", rules=rules)], spellings=spellings)
        assert prospects.may_meet(title=each.title or "", text=each.text), id


@pytest.mark.shared
def test_the_same_articles_meet_the_same_rules_with_the_same_proof(shared_data: Path) -> None:
    with gzip.open(shared_data / "articles" / "gmb_news.jsonl.gz") as lines:
        bodies = [json.loads(line) for line in islice(lines, 0, 1_200, 15)]
    watchlists = [*load_all([SHIPPED]), NAMED]
    always, on_hit = (results(pipeline(MODEL, entities, watchlists), bodies) for entities in ("always", ON_HIT))
    assert [result.first for result in on_hit] == [result.first for result in always]
    met = {rule for result in always for _, rule in result.rules}
    assert met >= {rule.id for rule in NAMED.rules}
    assert {article(result).model for result in on_hit if not result.first} >= {"none"}
