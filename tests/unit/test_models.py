"""Each language by its own model, where there is one; no text by that of another language."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tiny_models import made
from topics.codec import decode_enriched
from topics.errors import ConfigError
from topics.records import EnrichedArticle
from workers.article.entities import Recogniser
from workers.article.options import NONE, Options
from workers.article.pipeline import Pipeline
from workers.checks import local
from workers.messages import ENRICHED, Record
from workers.settings import Settings, load

ENGLISH = "The chancellor told reporters on Monday that Zorbania would not take part in the talks next week."
FRENCH = "Le président a indiqué lundi que la Zorbanie ne participerait pas aux négociations de la semaine prochaine."
GERMAN = "Der Kanzler sagte am Montag, dass Zorbania an den Gesprächen der nächsten Woche nicht teilnehmen werde."
CHINESE = "两国部长周日在北京表示，Zorbania 将不参加下周举行的贸易谈判，关税暂时不作调整，双方将继续保持沟通。"
RUSSIAN = "Министр заявил в понедельник, что Zorbania не будет участвовать в переговорах на следующей неделе."


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("models")
    english = made(folder / "en", "en", {"Zorbania": "GPE"})
    french = made(folder / "fr", "fr", {"Zorbanie": "LOC", "président": "PER", "lundi": "MISC"})
    return Pipeline(Options(model=english, models={"fr": french}))


def _enriched(pipeline: Pipeline, *articles: dict[str, str]) -> list[EnrichedArticle]:
    records = [Record("news.raw", 0, n, 1, None, json.dumps(article).encode()) for n, article in enumerate(articles)]
    results = pipeline(records)
    assert {result.outcome for result in results} == {ENRICHED}
    return [decode_enriched(result.then[0].value or b"") for result in results]


def _found(article: EnrichedArticle) -> list[tuple[str, str]]:
    return [(mention.text, mention.label) for mention in article.entities if "orban" in mention.text]


def test_a_batch_of_several_languages_goes_to_their_models_and_comes_back_in_order(pipeline: Pipeline) -> None:
    bodies = [FRENCH, ENGLISH, CHINESE, FRENCH, GERMAN, ENGLISH, RUSSIAN]
    found = _enriched(pipeline, *({"id": str(n), "body": body} for n, body in enumerate(bodies)))
    assert [article.id for article in found] == [str(n) for n in range(7)]
    assert [article.language for article in found] == ["fr", "en", "zh", "fr", "de", "en", "ru"]
    french, english = [("Zorbanie", "LOC")], [("Zorbania", "GPE")]
    assert [_found(article) for article in found] == [french, english, [], french, [], english, []]


def test_an_article_names_the_model_that_looked_at_it_and_none_where_none_did(pipeline: Pipeline) -> None:
    found = _enriched(pipeline, {"body": FRENCH}, {"body": ENGLISH}, {"body": GERMAN}, {"body": CHINESE})
    assert [article.model for article in found] == ["fr_tiny-1.0.0", "en_tiny-1.0.0", NONE, NONE]


def test_labels_are_ontonotes_and_names_of_some_other_kind_are_left_out(pipeline: Pipeline) -> None:
    (article,) = _enriched(pipeline, {"body": FRENCH})
    labels = {(mention.text, mention.label) for mention in article.entities}
    assert labels >= {("président", "PERSON"), ("Zorbanie", "LOC")}
    assert "lundi" not in {mention.text for mention in article.entities}


@pytest.mark.parametrize(
    "article",
    [
        {"body": CHINESE, "language": "en"},
        {"body": "Zorbania：台湾总统", "language": "en"},
        {"title": "Zorbania says no", "body": CHINESE},
        {"title": "Zorbania says no", "body": CHINESE, "language": "en"},
        {"body": f"{RUSSIAN}\n\nZorbania."},
        {"body": "Zorbania"},
        {
            "body": "\u202bZorbania\u202c وزير الخارجية يقول إن بلاده لن تشارك في المحادثات الأسبوع المقبل",
            "language": "en",
        },
    ],
)
def test_what_is_not_known_to_be_english_is_never_looked_at_as_english(
    pipeline: Pipeline, article: dict[str, str]
) -> None:
    (found,) = _enriched(pipeline, article)
    assert _found(found) == []


def test_a_paragraph_in_another_script_is_not_given_to_the_articles_model(pipeline: Pipeline) -> None:
    body = f"{ENGLISH}\n\n{CHINESE}\n\n{ENGLISH}"
    (article,) = _enriched(pipeline, {"body": body, "language": "en"})
    assert article.model == "en_tiny-1.0.0"
    chinese = range(body.index(CHINESE), body.index(CHINESE) + len(CHINESE))
    assert len(_found(article)) == 2
    assert not any(mention.start in chinese for mention in article.entities if "orban" in mention.text)


def test_one_place_has_one_id_in_every_script(pipeline: Pipeline) -> None:
    bodies = (
        "The president of Taiwan spoke to reporters on Monday about the talks that are planned for next week.",
        "台湾总统周一就下周计划举行的会谈向记者发表讲话，并表示关税问题仍需要进一步讨论。",
        "Тайвань заявил в понедельник, что готов к переговорам о пошлинах на следующей неделе.",
    )
    found = _enriched(pipeline, *({"body": body} for body in bodies))
    assert [article.language for article in found] == ["en", "zh", "ru"]
    assert [{m.entity_id for m in article.entities if m.entity_id} & {"Q865"} for article in found] == [{"Q865"}] * 3


@pytest.mark.parametrize("setting", ["model", "models.fr"])
def test_a_model_that_does_not_load_says_which_setting_and_what_was_expected(setting: str) -> None:
    options = Options(model="no_such_model") if setting == "model" else Options(models={"fr": "no_such_model"})
    with pytest.raises(ConfigError, match=rf"^{setting}: expected a spaCy pipeline.*'no_such_model'"):
        Pipeline(options)


def test_a_folder_that_holds_no_pipeline_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").write_text("[nlp]\nlang = 3\n")
    with pytest.raises(ConfigError, match=r"^models\.fr: expected a spaCy pipeline"):
        Pipeline(Options(models={"fr": str(tmp_path)}))


def test_a_model_without_a_recogniser_says_what_it_has_instead(tmp_path: Path) -> None:
    folder = made(tmp_path, "fr", None)
    with pytest.raises(ConfigError, match=r"^models\.fr: expected .* finds entities .*with sentencizer"):
        Recogniser(folder, language="fr", setting="models.fr")


def test_a_model_of_another_language_is_refused_and_one_for_several_is_not(tmp_path: Path) -> None:
    french, several = made(tmp_path / "fr", "fr", {"Berlin": "LOC"}), made(tmp_path / "xx", "xx", {"Berlin": "LOC"})
    with pytest.raises(ConfigError, match=r"^models\.de: expected a pipeline for 'de', found .* for 'fr'"):
        Recogniser(french, language="de", setting="models.de")
    assert Recogniser(several, language="de", setting="models.de").name == "xx_tiny-1.0.0"


def test_norwegian_models_are_for_norwegian_whatever_its_code(tmp_path: Path) -> None:
    assert (
        Recogniser(made(tmp_path, "nb", {"Oslo": "GPE_LOC"}), language="no").mentions([("text", "Oslo.")])[0][0].label
        == "GPE"
    )


def test_check_looks_at_every_model(tmp_path: Path) -> None:
    settings = Settings(model=NONE, models={"fr": made(tmp_path, "fr", {"Paris": "LOC"}), "de": "no_such_model"})
    good, bad = local.model(settings)
    assert (good.level, good.subject, good.message) == ("fine", "fr", "fr_tiny-1.0.0")
    assert bad.level == "wrong"
    assert bad.message.startswith("models.de: expected a spaCy pipeline")


def test_models_may_be_set_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_MODELS__FR", "fr_core_news_sm")
    monkeypatch.setenv("WIREWATCH_MODELS__NB", "nb_core_news_sm")
    assert load().models == {"fr": "fr_core_news_sm", "no": "nb_core_news_sm"}
    monkeypatch.setenv("WIREWATCH_MODELS__FR", NONE)
    assert load().models == {"no": "nb_core_news_sm"}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"en": "x"}, "en: expected other languages: the model for English is named by model"),
        ({"xq": "x"}, "xq: expected the code of a language, such as fr"),
        ({"no": "x", "nb": "y"}, "nb: expected one model for each language, found two for no"),
    ],
)
def test_wrong_languages_are_said(models: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(models=models)


@pytest.mark.skipif(find_spec("fr_core_news_sm") is None, reason="fr_core_news_sm is not installed")
def test_the_french_model_finds_people_places_and_organisations() -> None:
    text = "Le président Emmanuel Macron a rencontré lundi à Berlin les dirigeants d'Airbus."
    (found,) = Recogniser("fr_core_news_sm", language="fr", setting="models.fr").mentions([("text", text)])
    assert {(m.text, m.label) for m in found} >= {
        ("Emmanuel Macron", "PERSON"),
        ("Berlin", "LOC"),
        ("Airbus", "ORG"),
    }
