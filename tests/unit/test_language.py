"""The language of an article: believed where declared, und where unsure."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gold.language_texts import judged, texts
from workers.article.language import UNKNOWN, detect, normalise

SENTENCES = {
    "en": "The two ministers agreed on Sunday to lower tariffs on farm goods before the summit.",
    "de": "Die beiden Minister einigten sich am Sonntag darauf, die Zölle auf Agrargüter zu senken.",
    "fr": "Les deux ministres se sont entendus dimanche pour réduire les droits de douane sur le soja.",
    "es": "Los dos ministros acordaron el domingo reducir los aranceles a los productos agrícolas.",
    "pt": "Os dois ministros concordaram no domingo em reduzir as tarifas sobre produtos agrícolas.",
    "it": "I due ministri hanno deciso domenica di ridurre i dazi sui prodotti agricoli.",
    "nl": "De twee ministers werden het zondag eens over lagere invoerrechten op landbouwproducten.",
    "sv": "De två ministrarna enades på söndagen om att sänka tullarna på jordbruksvaror.",
    "pl": "Obaj ministrowie uzgodnili w niedzielę obniżenie ceł na produkty rolne.",
    "cs": "Oba ministři se v neděli dohodli na snížení cel na zemědělské výrobky.",
    "hu": "A két miniszter vasárnap megállapodott a mezőgazdasági termékek vámjának csökkentéséről.",
    "fi": "Ministerit sopivat sunnuntaina maataloustuotteiden tullien alentamisesta.",
    "tr": "İki bakan pazar günü tarım ürünlerindeki gümrük vergilerini düşürme konusunda anlaştı.",
    "vi": "Hai bộ trưởng hôm chủ nhật đã đồng ý giảm thuế đối với hàng nông sản.",
    "ru": "Министры двух стран в воскресенье договорились снизить пошлины на сельхозтовары.",
    "uk": "Міністри двох країн у неділю домовилися знизити мита на сільськогосподарські товари.",
    "el": "Οι δύο υπουργοί συμφώνησαν την Κυριακή να μειώσουν τους δασμούς.",
    "ar": "اتفق الوزيران يوم الأحد على خفض الرسوم الجمركية على المنتجات الزراعية.",
    "fa": "دو وزیر روز یکشنبه توافق کردند که تعرفه‌های محصولات کشاورزی را کاهش دهند.",
    "he": "שני השרים הסכימו ביום ראשון להפחית את המכסים על תוצרת חקלאית.",
    "hi": "दोनों मंत्रियों ने रविवार को कृषि उत्पादों पर शुल्क घटाने पर सहमति जताई।",
    "th": "รัฐมนตรีทั้งสองเห็นพ้องกันเมื่อวันอาทิตย์ที่จะลดภาษีสินค้าเกษตร",
    "zh": "两国部长周日同意在峰会之前降低农产品关税。",
    "ja": "両国の閣僚は日曜日、首脳会談を前に農産物の関税を引き下げることで合意した。",
    "ko": "양국 장관은 일요일 정상회담을 앞두고 농산물 관세를 낮추기로 합의했다.",
}


@pytest.mark.parametrize(("language", "sentence"), SENTENCES.items())
def test_one_sentence_is_enough(language: str, sentence: str) -> None:
    assert detect(sentence) == language


@pytest.mark.parametrize(
    "text", ["", "   ", "12,345.67", "TSMC", "US", "Taiwan", "Trade talks", "😀 — …", "台湾", "OK"]
)
def test_what_is_too_short_is_undetermined_rather_than_wrong(text: str) -> None:
    assert detect(text) == UNKNOWN


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-US", "en"),
        ("en_GB.UTF-8", "en"),
        ("eng", "en"),
        ("English", "en"),
        ("zh-Hans", "zh"),
        ("zh_TW", "zh"),
        ("Chinese", "zh"),
        ("cmn-Hans-CN", "zh"),
        ("ger", "de"),
        ("deu", "de"),
        ("German", "de"),
        ("fre", "fr"),
        ("pt-BR", "pt"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("Greek", "el"),
        ("日本語", "ja"),
        (" fr ", "fr"),
        ("und", None),
        ("xx", None),
        ("", None),
        ("x" * 10_000, None),
        ("unknown", None),
    ],
)
def test_declared_languages_come_in_many_spellings(declared: str, code: str | None) -> None:
    assert normalise(declared) == code


def test_a_declared_language_is_believed() -> None:
    assert detect("Trade talks", declared="en-GB") == "en"
    assert detect("Trump", declared="German") == "de"


def test_a_declared_language_that_the_script_contradicts_is_not() -> None:
    assert detect(SENTENCES["ru"], declared="en") == "ru"
    assert detect(SENTENCES["en"], declared="zh") == "en"
    assert detect(SENTENCES["zh"], declared="en") == "zh"


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("ja", "関税協議"),
        ("ja", "日米両政府関税協議最終合意発表"),
        ("sr", "Министри су се договорили у недељу да смање царине на пољопривредне производе."),
        ("sr", "Ministri su se dogovorili u nedelju da smanje carine na poljoprivredne proizvode."),
        ("lb", SENTENCES["de"]),
    ],
)
def test_languages_of_several_scripts_are_not_contradicted_by_either(declared: str, text: str) -> None:
    assert detect(text, declared=declared) == declared


def test_a_declaration_that_means_nothing_is_ignored() -> None:
    assert detect(SENTENCES["es"], declared="unknown") == "es"


def test_names_in_another_script_do_not_change_the_language() -> None:
    assert detect("谈判人员表示，TSMC 和 Nvidia 将继续在台湾生产先进芯片，关税暂不调整。") == "zh"
    assert detect("Officials in Taipei (台北) said on Sunday that the talks with Washington would go on.") == "en"


@settings(deadline=None)  # the first call loads what the others find loaded
@given(st.text(max_size=200))
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    first = detect(text)
    assert first == UNKNOWN or len(first) == 2
    assert detect(text) == first


def test_a_long_article_costs_no_more_than_its_beginning() -> None:
    detect(SENTENCES["en"])
    short, long = SENTENCES["en"] * 12, SENTENCES["en"] * 12_000
    assert _best(long) < 5 * _best(short) + 0.005


def _best(text: str) -> float:
    def once() -> float:
        started = time.perf_counter()
        detect(text)
        return time.perf_counter() - started

    return min(once() for _ in range(5))


def test_200_characters_are_enough_for_twenty_languages() -> None:
    counts = judged(200, detect)
    assert counts.total() == 300
    assert counts["right"] / counts.total() >= 0.99
    assert counts["wrong"] == 0


@pytest.mark.parametrize("size", [100, 50, 20])
def test_a_shorter_text_is_rather_unknown_than_wrong(size: int) -> None:
    counts = judged(size, detect)
    assert counts["wrong"] / counts.total() <= 0.005


def test_a_true_declaration_is_never_contradicted() -> None:
    assert [language for language, text in texts() if detect(text, declared=language) != language] == []


def test_a_declaration_that_a_long_text_contradicts_is_a_default_and_not_believed() -> None:
    wrong = [(language, text) for language, text in texts() if language not in ("en", "id")]
    assert [language for language, text in wrong if detect(text, declared="en") != language] == []
    assert detect(SENTENCES["fr"], declared="en") == "en"  # too short to be sure


@pytest.mark.parametrize("pair", [("da", "no"), ("no", "da")])
def test_between_languages_easily_taken_for_each_other_the_declaration_decides(pair: tuple[str, str]) -> None:
    written, declared = pair
    assert {detect(text, declared=declared) for language, text in texts() if language == written} == {declared}


LOREM = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore."
TICKERS = "AAPL MSFT NVDA TSLA GOOG AMZN META INTC AMD QCOM TXN AVGO MU LRCX KLAC AMAT ASML TSM SAP ORCL CRM ADBE IBM"


@pytest.mark.parametrize(
    "text",
    [
        LOREM * 3,
        TICKERS,
        "a" * 300,
        "ha " * 100,
        "VGhpcyBpcyBub3QgYSBsYW5ndWFnZQ" * 9,
        "😀🎉" * 200,
        "\u200b\u202e" * 500,
    ],
)
def test_what_is_no_language_of_the_news_is_unknown(text: str) -> None:
    assert detect(text) == UNKNOWN


@pytest.mark.parametrize("language", ["en", "zh", "ar", "fr"])
def test_marks_that_are_not_seen_do_not_change_the_language(language: str) -> None:
    text = SENTENCES[language]
    assert detect("\u200b".join(text)) == language
    assert detect(f"\u202e\u200f\ufeff{text}\u2069") == language
    assert detect("😀 ".join(text.split(" "))) == language


def test_addresses_do_not_outweigh_a_text_in_another_script() -> None:
    address = "https://www.example.com/economy/markets/budget-review-and-the-long-road-to-recovery-for-the-country"
    assert detect(f"{SENTENCES['zh']} {address} newsroom.of.the.ministry.of.finance@example.com") == "zh"
