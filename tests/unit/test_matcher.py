"""What a term finds, and that the proof points at it."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.folding import fold
from alerts.matcher import LEAD, DeskMatch, Matcher, lead_end
from alerts.proof import MAX_EVIDENCE
from alerts.terms import forms
from alerts.watchlist import Rule, Watchlist
from topics.records import Evidence, Policy


def watchlist(*rules: Rule, id: str = "w", desk: str = "d", cooldown: float = 60.0) -> Watchlist:
    return Watchlist(id=id, desk=desk, policy=Policy(cooldown=cooldown), rules=rules)


def evidence(text: str, *terms: str, title: str = "", **options: Any) -> list[Evidence]:
    matcher = Matcher([watchlist(Rule(id="r", terms=terms, **options))])
    return [e for desk in matcher.match(title=title, text=text) for rule in desk.rules for e in rule.evidence]


def found(text: str, *terms: str, **options: Any) -> list[str]:
    return [e.text for e in evidence(text, *terms, **options)]


def rules_met(matches: Sequence[DeskMatch]) -> list[tuple[str, str]]:
    return [(desk.desk, rule.rule) for desk in matches for rule in desk.rules]


MEETS = [
    # whole words, in any case
    ("Taiwan", "TAIWAN said", "TAIWAN"),
    ("taiwan", "(Taiwan)", "Taiwan"),
    ("Taiwan", "anti-Taiwan-based", "Taiwan"),
    ("TAIWANESE", "a Taiwanese ship", "Taiwanese"),
    # capitals of up to five letters match case
    ("US", "the US-China talks", "US"),
    ("WHO", "a WHO report", "WHO"),
    ("U.S.", "in the U.S. Senate", "U.S."),
    ("OPEC", "OPEC's cut", "OPEC"),
    ("CPU", "new CPUs", "CPUs"),
    # hyphens, plurals, possessives
    ("rare-earth", "Rare Earths' price", "Rare Earths"),
    ("rare earths", "a rare-earth mine", "rare-earth"),
    ("rare earth", "rare\u2011earths", "rare\u2011earths"),
    ("rare earths", "rare\n   earth", "rare\n   earth"),
    ("rare earth", "rare\u00a0earth", "rare\u00a0earth"),
    ("export curb", "export curbs", "export curbs"),
    ("tax", "taxes", "taxes"),
    ("taxes", "a tax", "tax"),
    ("policy", "policies", "policies"),
    ("policies", "a policy", "policy"),
    ("tariffs", "tariff", "tariff"),
    ("Xi Jinping", "Xi Jinping’s visit", "Xi Jinping"),
    ("China", "China's visit", "China"),
    ("F-16", "two F-16s", "F-16s"),
    # normalised
    ("Erdogan", "Erdoğan said", "Erdoğan"),
    ("Łódź", "in Lodz", "Lodz"),
    ("cafe", "Cafe\u0301", "Cafe\u0301"),
    ("cafe", "two cafe\u0301s", "cafe\u0301s"),
    ("STRASSE", "die Straße", "Straße"),
    ("TikTok", "Tik\u00adTok", "Tik\u00adTok"),
    ("TikTok", "a TikTok\u200b, b", "TikTok"),
    ("ＴＳＭＣ", "TSMC", "TSMC"),
    ("TSMC", "（ＴＳＭＣ）", "ＴＳＭＣ"),
    ("O'Brien", "Mr O’Brien", "O’Brien"),
    ("台積電", "台积电宣布", "台积电"),
    ("台积电", "台積電宣布", "台積電"),
    ("苎麻", "薴麻", "薴麻"),
    ("대만", "\u1103\u1162\u1106\u1161\u11ab은", "\u1103\u1162\u1106\u1161\u11ab"),
    ("ガス", "カ\u3099ス田", "カ\u3099ス"),
    ("fish", "ﬁsh", "ﬁsh"),
    # prefix
    ("semiconductor*", "Semiconductors", "Semiconductors"),
    ("Тайван*", "у Тайваня.", "Тайваня"),
    ("sanction*", "sanctioned-by", "sanctioned"),
    # a change of script is a word boundary, and runs
    ("TSMC", "谈TSMC在台湾", "TSMC"),
    ("台湾", "谈TSMC在台湾人", "台湾"),
    ("대만", "대만은", "대만"),
    ("ไต้หวัน", "ที่ไต้หวันและ", "ไต้หวัน"),
    ("กะทิ", "ใส่กะทิแล้ว", "กะทิ"),
    ("台湾", "これは台湾です", "台湾"),
    ("TSMC", "компанияTSMC", "TSMC"),
    # punctuation that belongs to the term
    ("5G", "a 5G net", "5G"),
    ("C++", "in C++.", "C++"),
    ("AT&T", "AT&T's", "AT&T"),
    ("$TSM", "buy $TSM!", "$TSM"),
    ("#MeToo", "the #metoo movement", "#metoo"),
    ("@handle", "by @handle:", "@handle"),
    (".NET", "on .NET", ".NET"),
    ("737", "Boeing 737, a jet", "737"),
    ("Houthis", "a Houthi attack", "Houthi"),
    ("Hamas", "Hamas", "Hamas"),
    ("TikTok", "TikTok™ said", "TikTok"),
    ("Taiwan", "Taiwan¹ said", "Taiwan"),
    ("Istanbul", "İSTANBUL'da", "İSTANBUL"),
    ("تايوان", "في تَايْوَان،", "تَايْوَان"),
    ("Кремль", "«Кремль»", "Кремль"),
    ("Maersk", "A.P. Møller-Mærsk", "Mærsk"),
    ("Thuế quan", "THUẾ QUAN", "THUẾ QUAN"),
    ("ताइवान", "में ताइवान।", "ताइवान"),
]

MISSES = [
    ("Taiwan", "Taiwanese"),
    ("Taiwan", "Taiwan_x"),
    ("US", "tell us, industry"),
    ("US", "USS Nimitz"),
    ("WHO", "who said"),
    ("IT", "it is"),
    ("OPEC", "OPECX"),
    ("rare earth", "rare — earth"),
    ("rare earths", "rareearths"),
    ("won", "they won't"),
    ("5G", "15G and 5Gx"),
    ("5G", "5g of salt"),
    ("737", "1,737 people"),
    ("5", "5.2 percent"),
    ("@handle", "@handle_two"),
    ("@handle", "a@handle"),
    ("U.S.", "the U.S.A"),
    ("Hamas", "in Hama"),
    ("news", "a new one"),
    ("Тайван*", "антиТайвань"),
    ("fis", "ﬁsh"),
    ("会社", "㍿"),
    ("台湾", "台北湾"),
    ("Iran", "Irán o Iranian"[7:]),
    ("ताइवा", "ताइवान"),
    ("ดน", "ดนี้"),
]


@pytest.mark.parametrize(("term", "text", "marked"), MEETS)
def test_a_term_finds_the_word_as_a_person_would_mark_it(term: str, text: str, marked: str) -> None:
    assert found(text, term) == [marked]


@pytest.mark.parametrize(("term", "text"), MISSES)
def test_a_term_does_not_find_other_words(term: str, text: str) -> None:
    assert found(text, term) == []


def test_case_false_takes_the_rule_for_capitals_back_and_true_asks_for_the_authors_case() -> None:
    assert found("Opec and opec", "OPEC", case=False) == ["Opec", "opec"]
    assert found("apple and Apple and APPLE and Apples", "Apple", case=True) == ["Apple", "Apples"]
    assert found("mark* MARKs Marked marked", "Mark*", case=True) == ["Marked"]


def test_evidence_names_the_term_as_written_and_what_an_alias_stands_for() -> None:
    found_here = evidence("台積電 and tsmc and chips", "Chip", aliases={"TSMC Ltd": ("台积电",)})
    assert [(e.clause, e.alias_of, e.text) for e in found_here] == [
        ("台积电", "TSMC Ltd", "台積電"),
        ("Chip", None, "chips"),
    ]
    assert found("TSMC Ltd", "x1y", aliases={"TSMC Ltd": ("台积电",)}) == ["TSMC Ltd"]


def test_an_excluded_term_keeps_a_rule_from_being_met_only_where_the_rule_looks() -> None:
    rule = {"terms": ("Apple",), "exclude": ("apple pies",), "fields": ("title",)}
    matcher = Matcher([watchlist(Rule(id="r", **rule))])  # type: ignore[arg-type]  # one dict for three calls
    assert matcher.match(title="Apple", text="An apple-pie")
    assert not matcher.match(title="Apple: an apple pie", text="")


def test_a_rule_looks_only_in_its_fields() -> None:
    text = "Taiwan leads.\n\nThen came Malaysia."
    assert found(text, "Malaysia", fields=("lead",)) == []
    assert found(text, "Taiwan", fields=("lead",)) == ["Taiwan"]
    assert found(text, "Taiwan", fields=("title",)) == []
    assert found(text, "Malaysia", fields=("body",), title="Malaysia") == ["Malaysia"]
    both = evidence(text, "Malaysia", title="Malaysia")
    assert [(e.field, e.start) for e in both] == [("title", 0), ("text", text.index("Malaysia"))]


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("one\n\ntwo", "one"),
        ("\n\n one\n \ntwo", "\n\n one"),
        ("x" * 700, "x" * LEAD),
        ("wrapped\nby hand\n\ntwo", "wrapped\nby hand"),
        ("long " * 30 + "\nsecond paragraph", "long " * 30),
        ("", ""),
    ],
)
def test_the_lead_is_the_first_paragraph(text: str, lead: str) -> None:
    assert text[: lead_end(text)] == lead


def test_sources_and_languages_narrow_a_rule() -> None:
    rule = Rule(id="r", terms=("Taiwan",), sources=("Reuters",), languages=("en", "zh-hant"))
    matcher = Matcher([watchlist(rule)])

    def meets(source: str | None, language: str | None) -> bool:
        return bool(matcher.match(title="Taiwan", text="", source=source, language=language))

    assert meets("reuters", "en-US") and meets("REUTERS ", "zh-Hant") and meets("reuters", None)
    assert not meets("afp", "en") and not meets(None, "en")
    assert not meets("reuters", "de") and not meets("reuters", "zh-Hans")


def test_desks_are_sorted_with_their_highest_severity_and_their_shortest_cooldown() -> None:
    low = watchlist(Rule(id="a", terms=("Taiwan",), severity="info"), id="w1", desk="trade", cooldown=50)
    high = watchlist(Rule(id="b", terms=("Taiwan",), severity="flash"), id="w0", desk="trade", cooldown=70)
    other = watchlist(Rule(id="c", terms=("Taiwan",)), id="w2", desk="asia")
    matches = Matcher([low, other, high]).match(title="", text="Taiwan")
    assert Matcher([high, low, other]).match(title="", text="Taiwan") == matches
    assert rules_met(matches) == [("asia", "c"), ("trade", "b"), ("trade", "a")]
    assert (matches[1].severity, matches[1].policy.cooldown) == ("flash", 50)
    assert [rule.version for rule in matches[1].rules] == [high.version, low.version]


def test_the_longest_of_overlapping_terms_is_the_evidence() -> None:
    assert found("the Taiwan Strait", "Taiwan", "Taiwan Strait", "Strait") == ["Taiwan Strait"]


def test_evidence_is_bounded_and_shows_each_term_before_it_repeats_one() -> None:
    text = "Taiwan " * 50 + "then fentanyl and chips"
    shown = found(text, "Taiwan", "fentanyl", "chip")
    assert len(shown) == MAX_EVIDENCE
    assert shown[-2:] == ["fentanyl", "chips"]


def test_a_prefix_marks_the_word_it_begins_and_no_more_than_a_word_may_have() -> None:
    assert found("semiconductor-maker", "semi*") == ["semiconductor"]
    assert len(found("a" * 5_000, "aa*")[0]) < 100


def test_an_article_without_text_and_a_matcher_without_watchlists_meet_nothing() -> None:
    assert Matcher([]).match(title="Taiwan", text="Taiwan") == ()
    assert Matcher([watchlist(Rule(id="r", terms=("Taiwan",)))]).match(title="", text="") == ()


def test_a_term_is_found_wherever_it_stands_in_a_long_text() -> None:
    for before in (65_529, 65_530, 65_533, 65_536, 131_070):
        text = "x" * (before - 1) + " Taiwan Strait " + "y" * 70_000
        assert [(e.start, e.text) for e in evidence(text, "Taiwan Strait")] == [(before, "Taiwan Strait")]


HOSTILE = {
    "one token": "a" * 200_000,
    "prefixes of a term": "taiwa" * 100_000,
    "combining marks": "a" + "\u0301\u0327" * 500_000,
    "spaces": "Taiwan" + " " * 2_000_000 + "Strait",
    "zero width": "T\u200b" * 200_000,
    "ligatures": "ﬁ" * 200_000,
    "matches": "taiwan " * 300_000,
    "lone surrogates": "\ud800 Taiwan \udfff" * 10_000,
    "NUL": "\x00" * 1_000_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_time_in_proportion_to_its_length(name: str) -> None:
    """Quadratic behaviour on any of these takes minutes, not seconds."""
    for e in evidence(HOSTILE[name], "Taiwan", "Taiwan Strait", "a*", "fi*", "T"):
        assert HOSTILE[name][e.start : e.end] == e.text


TERMS = ("rare earths", "US", "台積電", "대만", "Тайван*", "café", "ﬁsh", "C++", "fentanyl", "Straße", "ไต้หวัน", "ガス")
PIECES = (
    *(
        "Rare-Earth",
        "rare\u00a0 earths",
        "US",
        "us",
        "台积电",
        "台積電",
        "대만은",
        "Тайваня",
        "cafe\u0301s",
        "CAFÉ",
        "fish",
    ),
    *("ﬁsh", "C++", "Fenta\u00adnyl", "STRASSE", "ไต้หวัน", "カ\u3099ス", "\u1103\u1162\u1106\u1161\u11ab"),
    *(
        " ",
        "  ",
        "\n",
        "\u200b",
        "\u0301",
        "’s",
        "s",
        "'",
        "—",
        "-",
        ".",
        "x",
        "9",
        "ß",
        "İ",
        "㍿",
        "½",
        "😀",
        "e\u0301",
    ),
)
mixed = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=mixed, title=mixed)
def test_offsets_select_the_text_that_the_term_asks_for(text: str, title: str) -> None:
    for e in evidence(text, *TERMS, title=title):
        content = title if e.field == "title" else text
        assert content[e.start : e.end] == e.text
        folded = fold(e.text).text
        assert any(folded.startswith(form.folded) if form.prefix else folded == form.folded for form in forms(e.clause))


@settings(max_examples=200, deadline=None)
@given(text=mixed)
def test_evidence_does_not_depend_on_what_other_rules_there_are(text: str) -> None:
    alone = [e for term in TERMS for e in evidence(text, term)]
    rules = [Rule(id=f"r{i}", terms=(term,)) for i, term in enumerate(TERMS)]
    noise = [Rule(id=f"n{i}", terms=(term[:2],)) for i, term in enumerate(TERMS)]
    matches = Matcher([watchlist(*rules), watchlist(*noise, id="noise", desk="noise")]).match(title="", text=text)
    together = [e for desk in matches if desk.desk == "d" for rule in desk.rules for e in rule.evidence]
    assert together == alone


WORDS = ("taiwan", "tax", "chip", "policy")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(("Taiwan", "taxes", "CHIP", "xchip", "policies", "tax1", "-", ",", "  ", "'s")), max_size=20
    )
)
def test_english_text_is_found_as_a_plain_regular_expression_finds_it(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assume(len(pieces) < 9)  # fewer than MAX_EVIDENCE
    pattern = re.compile(r"\b(taiwans?|tax(?:es)?|chips?|polic(?:y|ies))\b", re.IGNORECASE)
    assert found(text, *WORDS) == [match[0] for match in pattern.finditer(text)][:MAX_EVIDENCE]


@settings(max_examples=300, deadline=None)
@given(st.one_of(mixed, st.text(max_size=40)))
def test_folding_twice_is_folding_once_and_its_map_never_goes_back(text: str) -> None:
    folded = fold(text)
    assert fold(folded.text).text == folded.text
    starts = [folded.start(i) for i in range(len(folded.text) + 1)]
    assert starts == sorted(starts)
    assert starts[-1] <= len(text)
    for i in range(len(folded.text)):
        assert folded.start(i) < folded.end(i + 1) <= len(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aé ß-\n台臺\u200bﬁTx", max_size=12), st.text(alphabet="aé ß台\u200bﬁT", max_size=8))
def test_a_part_folds_as_it_does_within_the_whole(before: str, part: str) -> None:
    whole = fold(f"{before}|{part}|")
    assert whole.text.split("|")[1] == fold(part).text
