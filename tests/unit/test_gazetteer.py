"""The gazetteer: careful, quick, the same name whatever the spelling."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.gazetteer import CARE, LANGUAGE, NATIONALITY, NOTHING, Entry
from workers.article.gazetteer import Gazetteer
from workers.article.gazetteer_file import load, shipped
from workers.article.language import normalise
from workers.article.own_gazetteer_form import LABELS


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


def found(gazetteer: Gazetteer, text: str) -> list[tuple[str, str, str]]:
    return [(m.text, m.label, m.name) for m in gazetteer.mentions("text", text)]


def test_it_has_the_names_of_the_world_and_most_have_ids() -> None:
    ids = {entry.id for entry in shipped() if entry.id}
    assert len(shipped()) > 3_500
    assert len(ids) > 1_600
    assert sum(len(entry.forms) for entry in shipped()) > 12_000


def test_every_line_is_well_formed_with_labels_and_languages_that_are_known() -> None:
    for entry in shipped():
        assert entry.label in (*LABELS, NOTHING)
        for form in entry.forms:
            assert form.text == " ".join(form.text.split())
            assert form.care in ("", *CARE)
            assert form.care != LANGUAGE or form.languages, f"{form.text}: no language to count in"
            assert all(normalise(language) == language for language in form.languages), form


def test_no_form_leads_to_two_entries() -> None:
    seen: dict[str, Entry] = {}
    for entry in shipped():
        for form in entry.forms:
            assert seen.setdefault(form.text, entry) is entry, form.text


def test_every_id_is_one_and_of_one_entry_but_for_nationalities() -> None:
    named = [entry.id for entry in shipped() if entry.id and entry.label != NATIONALITY]
    assert all(re.fullmatch("Q[1-9][0-9]*", id) for id in named)
    assert len(named) == len(set(named))
    known = set(named)
    assert all(entry.id in known for entry in shipped() if entry.label == NATIONALITY and entry.id)
    assert all(set(entry.either) <= known for entry in shipped())


@pytest.mark.parametrize(
    ("forms", "entity_id"),
    [
        ("Taiwan 台湾 台灣 臺灣 Тайвань Тайваня 대만 تايوان Taiwán Taïwan", "Q865"),
        ("USA 美国 美國 米国 미국 США", "Q30"),
        ("China 中国 中國 중국 Китай Китаем الصين", "Q148"),
        ("EU 欧盟 歐盟 ЕС Евросоюз", "Q458"),
        ("Nvidia 英伟达 輝達 엔비디아", "Q182477"),
        ("TSMC 台积电 台積電", "Q713418"),
        ("Beijing 北京 Пекин Пекине 베이징 بكين Pékin", "Q956"),
        ("NATO 北约 НАТО OTAN 나토", "Q7184"),
        ("IMF 国际货币基金组织 МВФ FMI", "Q7804"),
        ("Germany 德国 ドイツ Германии Deutschland Allemagne Alemania", "Q183"),
        ("Chinese", "Q148"),
        ("Taiwanese", "Q865"),
    ],
)
def test_the_languages_of_one_name_have_one_id(gazetteer: Gazetteer, forms: str, entity_id: str) -> None:
    for form in forms.split():
        found = gazetteer.mentions("text", f"— {form}.")
        assert [(m.text, m.entity_id) for m in found] == [(form, entity_id)], form


def test_a_nationality_keeps_its_name_beside_its_countrys_id(gazetteer: Gazetteer) -> None:
    chinese, china = gazetteer.mentions("text", "the Chinese of China")
    assert (chinese.name, chinese.label, china.name) == ("Chinese", "NORP", "China")
    assert chinese.entity_id == china.entity_id == "Q148"


@pytest.mark.parametrize("form", ["US", "U.S.", "United States", "USA"])
def test_the_forms_of_one_name_have_one_name_and_id(gazetteer: Gazetteer, form: str) -> None:
    (only,) = gazetteer.mentions("title", f"Talks between the {form} and others go on.")
    assert (only.text, only.label, only.name, only.entity_id) == (form, "GPE", "United States", "Q30")
    assert only.field == "title"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("谈TSMC在台湾的新厂", "Taiwan"),
        ("臺灣", "Taiwan"),
        ("대만은 그렇다", "Taiwan"),
        ("вокруг Тайваня", "Taiwan"),
        ("習近平氏", "Xi Jinping"),
        ("トランプ大統領", "Donald Trump"),
        ("Президент Путин", "Vladimir Putin"),
        ("والصين أعلنت", "China"),
        ("인도는 그렇다", "India"),
        ("МВФ/IMF", "International Monetary Fund"),
    ],
)
def test_names_are_found_in_other_scripts_and_inside_runs(gazetteer: Gazetteer, text: str, name: str) -> None:
    assert name in [m.name for m in gazetteer.mentions("text", text)]


@pytest.mark.parametrize(
    "text",
    [
        "Omanian Americanisation of chinaware",
        "TELL US WHO WON",
        "It costs US$5 at china.example/US_1",
        "Michael Jordan scored",
        "the Jordan Peterson show",
        "Turkey is roasted at home.",
        "Apple pie is served. Shell beans too.",
        "He served an Apple pie, Apple-juice and Alphabet soup.",
        "the Amazon basin and the Amazon wildfires",
        "The Trump Organization was fined",
        "Turkey And Stuffing Recipes",
        "アメリカンコーヒー",
        "시대만 다르다",
        "发展中国家的其中国企业在沿海地区",
        "中国地方 タイ記録",
        "인도적 지원",
        "马里奥",
        "see news.example/US",
        "/asia/China",
    ],
)
def test_what_may_mean_something_else_is_left_alone(gazetteer: Gazetteer, text: str) -> None:
    assert found(gazetteer, text) == []


def test_a_doubtful_form_counts_where_its_surroundings_allow_it(gazetteer: Gazetteer) -> None:
    assert found(gazetteer, "He flew to Jordan on Sunday") == [("Jordan", "GPE", "Jordan")]
    assert found(gazetteer, "as President Trump said") == [("Trump", "PERSON", "Donald Trump")]
    assert found(gazetteer, "shares of Apple fell") == [("Apple", "ORG", "Apple")]
    assert found(gazetteer, "US-China talks") == [("US", "GPE", "United States"), ("China", "GPE", "China")]


def test_a_common_word_counts_once_the_name_is_beyond_doubt_elsewhere(gazetteer: Gazetteer) -> None:
    text = "Turkey votes. Polls in Turkey close at five."
    assert [(m.start, m.name) for m in gazetteer.mentions("text", text)] == [(0, "Turkey"), (23, "Turkey")]


def test_the_longest_name_wins_and_a_longer_one_that_fails_does_not_hide_a_shorter(gazetteer: Gazetteer) -> None:
    assert found(gazetteer, "South Korean exports") == [("South Korean", "NORP", "South Korean")]
    assert found(gazetteer, "US Steelworkers met") == [("US", "GPE", "United States")]


def test_lookup_needs_an_agreeing_label(gazetteer: Gazetteer) -> None:
    assert gazetteer.lookup("the United  States'", "GPE") == ("United States", "Q30")
    assert gazetteer.lookup("CHINA", "LOC") == ("China", "Q148")
    assert gazetteer.lookup("Apple", "ORG") == ("Apple", "Q312")
    assert gazetteer.lookup("Apple", "PERSON") is None
    assert gazetteer.lookup("us", "GPE") is None
    assert gazetteer.lookup("Nobody At All", "PERSON") is None
    assert gazetteer.lookup("", "ORG") is None


def of(tmp_path: Path, *lines: str) -> Gazetteer:
    path = tmp_path / "names.tsv"
    path.write_text("# ours\n" + "\n".join(lines), encoding="utf-8")
    return Gazetteer(load(path))


def test_a_file_of_names_is_read_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    gazetteer = of(tmp_path, "ORG\tKestrel Lines\t\tKestrel?")
    assert found(gazetteer, "at Kestrel today") == [("Kestrel", "ORG", "Kestrel Lines")]
    with pytest.raises(ValueError, match="line 2"):
        of(tmp_path, "ORG Kestrel Lines")
    with pytest.raises(ValueError, match="line 3"):
        of(tmp_path, "ORG\tKestrel Lines\t\t", "ORG\tKite\t\t\tKestrel")


def test_forms_of_several_languages_lead_to_one_name(tmp_path: Path) -> None:
    gazetteer = of(tmp_path, "ORG\tKestrel Lines\tQ1\t\tzh:红隼航运\tja:ケストレル\tru:Кестрел")
    names = gazetteer.mentions("text", "红隼航运, ケストレル and Кестрел")
    assert [(m.name, m.entity_id) for m in names] == [("Kestrel Lines", "Q1")] * 3


def test_a_form_of_several_entries_is_the_one_that_the_text_names_elsewhere(tmp_path: Path) -> None:
    gazetteer = of(
        tmp_path,
        "GPE\tGeorgia\tQ230|Q1428\t",
        "GPE\tGeorgia\tQ230\tGeorgia-|Republic of Georgia",
        "GPE\tGeorgia\tQ1428\tGeorgia-|State of Georgia",
        "NORP\tGeorgian\tQ230\tGeorgians",
    )

    def ids(text: str) -> list[str | None]:
        return [m.entity_id for m in gazetteer.mentions("text", text) if m.text == "Georgia"]

    assert ids("He left Georgia") == [None]
    assert ids("He left Georgia for the State of Georgia") == ["Q1428"]
    assert ids("Georgians left Georgia") == ["Q230"]
    assert ids("Georgians left Georgia for the State of Georgia") == [None]
    assert gazetteer.lookup("Georgia", "GPE") == ("Georgia", None)


def test_a_form_that_is_a_word_elsewhere_counts_in_its_language_only(tmp_path: Path) -> None:
    gazetteer = of(tmp_path, "GPE\tUnited Kingdom\tQ145\t\tvi:Anh~|Vương quốc Anh")
    assert gazetteer.mentions("text", "Anh said so", "en") == gazetteer.mentions("text", "Anh said so") == []
    (only,) = gazetteer.mentions("text", "Anh rời EU", "vi")
    assert only.entity_id == "Q145"


@settings(deadline=None)  # the first call loads what the others find loaded
@given(st.text(alphabet="US.Trump China台湾 대만\n'’s", max_size=80))
def test_offsets_select_the_text(gazetteer: Gazetteer, text: str) -> None:
    for m in gazetteer.mentions("text", text):
        assert text[m.start : m.end] == m.text
