"""Watchlists are read whole or refused with everything that is wrong, by line."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.document import MAX_BYTES, MAX_DEPTH
from alerts.watchlist import (
    TEMPLATE,
    Rule,
    Term,
    Watchlist,
    WatchlistError,
    check,
    decode,
    encode,
    files,
    load,
    load_all,
    revision,
    text,
)
from topics.errors import ConfigError
from topics.records import Policy

FULL = """\
id: trade
desk: trade-desk
policy: {cooldown: 3600}
rules:
  - id: chips
    name: Chips
    severity: urgent
    terms: [semiconductors, "Тайван*"]
    aliases: {TSMC: [台積電]}
    not: [potato chips]
    in: [title, lead]
    case: false
    sources: [reuters]
    languages: [en, zh-Hant]
    tags: [tech]
    meta: {owner: {name: x, ids: [1, 2.5, true, null, 2026-01-02]}, "5": five}
  - id: title-only
    terms: ["no", "5"]
    in: title
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(text: str | bytes, name: str = "w.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return save


def problems(path: Path) -> list[str]:
    return [str(problem).replace(f"{path}:", "") for problem in check(path)]


def rule(line: str) -> str:
    return f"id: w\nrules:\n  - id: r\n    terms: [Taiwan]\n    {line}\n"


def test_every_field_is_read(write: Write) -> None:
    watchlist = load(write(FULL))
    assert (watchlist.id, watchlist.desk, watchlist.policy) == ("trade", "trade-desk", Policy(cooldown=3600.0))
    assert watchlist.rules[0] == Rule(
        id="chips",
        name="Chips",
        severity="urgent",
        terms=("semiconductors", "Тайван*"),
        aliases={"TSMC": ("台積電",)},
        exclude=("potato chips",),
        fields=("title", "lead"),
        case=False,
        sources=("reuters",),
        languages=("en", "zh-hant"),
        tags=("tech",),
        meta={"owner": {"name": "x", "ids": [1, 2.5, True, None, "2026-01-02"]}, "5": "five"},
    )
    assert watchlist.rules[1] == Rule(id="title-only", terms=("no", "5"), fields=("title",))


def test_what_is_left_out_has_its_default(write: Write) -> None:
    watchlist = load(write("id: w\nrules: [{id: r, terms: [Taiwan]}]"))
    assert (watchlist.desk, watchlist.policy) == ("w", Policy())
    assert (watchlist.rules[0].severity, watchlist.rules[0].fields) == ("info", ("title", "body"))
    assert watchlist.rules[0].case is None


def test_the_template_is_right_and_warns_of_nothing(write: Write) -> None:
    assert check(write(TEMPLATE)) == ()
    assert len(load(write(TEMPLATE)).rules) == 4


def test_the_version_is_the_contents_and_nothing_else(write: Write) -> None:
    one = load(write(FULL, "a.yaml"))
    assert load(write("# a comment\n" + FULL, "b.yaml")).version == one.version
    assert load(write(FULL.replace("potato", "corn"), "c.yaml")).version != one.version
    assert len(one.version) >= 12
    int(one.version, 16)


NAMED = """\
id: w
rules:
  - id: r
    terms: [Taiwan, {term: Apple}, {term: Apple, label: ORG}, {entity: Q865}, {entity: acme:kestrel, label: [FAC, ORG]}]
    not: [{term: Apple, label: [PRODUCT, PRODUCT]}]
    label: [GPE]
"""


def test_terms_may_ask_for_a_label_or_an_entity(write: Write) -> None:
    (only,) = load(write(NAMED)).rules
    assert only.terms == (
        "Taiwan",
        "Apple",
        Term(term="Apple", label=("ORG",)),
        Term(entity="Q865"),
        Term(entity="acme:kestrel", label=("FAC", "ORG")),
    )
    assert (only.exclude, only.label) == ((Term(term="Apple", label=("PRODUCT",)),), ("GPE",))


def test_a_watchlist_with_labels_and_entities_goes_into_a_file_and_back(write: Write) -> None:
    own = load(write(NAMED))
    assert load(write(text(own), "again.yaml")) == own
    assert decode(encode([own])) == (own,)


def test_the_version_of_what_asks_for_no_label_is_what_it_was(write: Write) -> None:
    assert load(write(rule("name: x"))).version == "34c41e1923b41121"
    assert load(write(rule("name: x").replace("[Taiwan]", "[{term: Taiwan}]"))).version == "34c41e1923b41121"
    assert load(write(rule("name: x\n    label: GPE"))).version != "34c41e1923b41121"


def test_watchlists_come_through_to_another_process_as_they_were(write: Write) -> None:
    watchlists = (load(write(FULL)), Watchlist(id="x", desk="y", rules=(Rule(id="r", terms=("a",)),)))
    assert decode(encode(watchlists)) == watchlists
    with pytest.raises(msgspec.DecodeError):
        decode(b"\x00")


def test_the_revision_is_of_ids_and_versions_in_any_order() -> None:
    one, two = (Watchlist(id=id, desk="d", rules=(Rule(id="r", terms=(id,)),)) for id in "ab")
    assert revision([one, two]) == revision([two, one])
    assert len({revision([]), revision([one]), revision([two]), revision([one, two])}) == 4


WRONG = {
    "rules: []": ["1: rules: expected a list of rules, found an empty list", "1: id: expected a value, found nothing"],
    rule("severity: high"): ["5: rules[0].severity: expected info, urgent or flash, found “high”"],
    rule("in: headline"): ["5: rules[0].in: expected title, lead or body, found “headline”"],
    rule("case: maybe"): ["5: rules[0].case: expected true or false, found “maybe”"],
    rule("not: Taipei"): ["5: rules[0].not: expected a list, such as [one, two], found “Taipei”"],
    rule("langauges: [en]"): ["5: rules[0].langauges: expected “languages”, found an unknown field"],
    rule("languages: [english language]"): [
        "5: rules[0].languages[0]: expected a language's code, such as en or zh-Hans, found “english language”"
    ],
    rule("meta: 5"): ["5: rules[0].meta: expected a mapping, found 5, which YAML takes for a number"],
    rule("terms: [x]"): ["5: rules[0].terms: expected a field once, found it a second time"],
    rule("not: [no, 5, 2026-01-02, ~]"): [
        '5: rules[0].not[0]: expected text (quote it: "no"), found no, which YAML takes for true or false',
        '5: rules[0].not[1]: expected text (quote it: "5"), found 5, which YAML takes for a number',
        '5: rules[0].not[2]: expected text (quote it: "2026-01-02"), found 2026-01-02, which YAML takes for a date',
        "5: rules[0].not[3]: expected text, found nothing",
    ],
    rule("aliases: {on: [x]}"): [
        '5: rules[0].aliases.on: expected text (quote it: "on"), found on, which YAML takes for true or false'
    ],
    rule('not: ["*", "a*b", "...", ""]'): [
        "5: rules[0].not[0]: expected a term with a letter or a digit, found “*”",
        "5: rules[0].not[1]: expected a * at the end alone, found “a*b”",
        "5: rules[0].not[2]: expected a term with a letter or a digit, found “...”",
        "5: rules[0].not[3]: expected text that is not empty, found “”",
    ],
    "id: w\npolicy: {cooldown: 6h}\nrules: [{id: r, terms: [x1]}]": [
        "2: policy.cooldown: expected seconds from 0 to 2592000 (6 hours are 21600), found “6h”"
    ],
    "id: w w\nrules: [{id: r}]": [
        "1: id: expected letters, digits, “.”, “_” and “-”, at most 100, a letter or digit first, found “w w”",
        "2: rules[0].terms: expected at least one term, found nothing",
    ],
    "id: w\nrules:\n- {id: r, terms: [x1]}\n- {id: r, terms: [x2]}": [
        "4: rules[1].id: expected an id of its own, found “r”, as on line 3"
    ],
    rule("label: ORGANISATION"): [
        "5: rules[0].label: expected PERSON, NORP, FAC, ORG, GPE, LOC, PRODUCT, EVENT, WORK_OF_ART, LAW, LANGUAGE,"
        " DATE, TIME, PERCENT, MONEY, QUANTITY, ORDINAL or CARDINAL, found “ORGANISATION”"
    ],
    rule("label: []"): ["5: rules[0].label: expected at least one label, such as ORG, found an empty list"],
    rule("not: [{term: Apple, label: org}]"): ["5: rules[0].not[0].label: expected PERSON, NORP"],
    rule("not: [{label: ORG}, {}]"): [
        "5: rules[0].not[0].term: expected a term or an entity, found neither",
        "5: rules[0].not[1].term: expected a term or an entity, found neither",
    ],
    rule("not: [{term: Apple, entity: Q312}]"): ["5: rules[0].not[0].entity: expected a term or an entity, found both"],
    rule("not: [{entity: Taiwan}, {entity: q865}, {entity: 865}]"): [
        "5: rules[0].not[0].entity: expected an id, such as Q865 of Wikidata's or acme:kestrel of your own, found “T",
        "5: rules[0].not[1].entity: expected an id",
        '5: rules[0].not[2].entity: expected text (quote it: "865"), found 865',
    ],
    rule("not: [{term: Apple, lable: ORG}]"): ["5: rules[0].not[0].lable: expected “label”, found an unknown field"],
    rule("aliases: {Apple: [{term: x1}]}"): ["5: rules[0].aliases.Apple[0]: expected text, found a mapping"],
    "id: w\nrules:\n  - id: r\n    not: [{entity: Q865}]": [
        "3: rules[0].terms: expected at least one term, found nothing"
    ],
    "- a": ["1: file: expected a mapping with id and rules, found a list"],
    "": ["1: file: expected a mapping, found an empty file"],
    "id: w\nrules: *x": ["2: file: expected an anchor before its alias (quote what begins with *), found *x"],
    "id: !!python/name:os.system x": ["1: file: expected no tag (quote what begins with !), found the YAML tag"],
    "id: w\n---\nid: x": ["2: file: expected one document, found a second one"],
    "id: w\nrules: [": ["3: file: expected valid YAML"],
    "[" * 100_000: [f"1: file: expected at most {MAX_DEPTH} levels, found more"],
    "x" * (MAX_BYTES + 1): [f"1: file: expected at most {MAX_BYTES} bytes"],
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[-40:])
def test_a_problem_says_the_line_the_field_and_what_was_expected(text: str, write: Write) -> None:
    path = write(text)
    found = problems(path)
    assert len(found) == len(WRONG[text]), found
    for line, expected in zip(found, WRONG[text], strict=True):
        assert line.startswith(expected)
    with pytest.raises(WatchlistError) as raised:
        load(path)
    assert str(raised.value).splitlines() == [str(problem) for problem in check(path)]
    assert isinstance(raised.value, ConfigError)


def test_bytes_that_are_no_utf8_are_named_with_their_line(write: Write) -> None:
    assert problems(write(b"id: w\nname: \xff")) == ["2: file: expected UTF-8, found the byte 0xff"]


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    assert "No such file" in str(check(tmp_path / "none.yaml")[0])
    assert "directory" in str(check(tmp_path)[0])


def test_an_alias_repeats_a_list_and_a_bomb_of_them_is_refused(write: Write) -> None:
    shared = "id: w\nrules:\n- {id: a, terms: &t [Taiwan, Taipei]}\n- {id: b, terms: *t}"
    assert load(write(shared)).rules[1].terms == ("Taiwan", "Taipei")
    bomb = ["id: &l0 [lol, lol, lol]"]
    bomb += [f"x{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "aliases that repeat at most" in problems(write("\n".join(bomb)))[0]


WARNS = {
    "[apple]": "“apple”, a common English word",
    "[who]": "“who”, a common English word",
    "[xi]": "“xi”, which is found in many unrelated places",
    "[X]": "“X”, which is found",
    '["т*"]': "“т*”, which is found",
    "[rare earth, Rare-Earths]": "“Rare-Earths”, which rules[0].terms[0] (“rare earth”, line 4) finds already",
}


@pytest.mark.parametrize("terms", WARNS)
def test_check_warns_of_what_is_likely_not_meant_so(terms: str, write: Write) -> None:
    path = write(f"id: w\nrules:\n  - id: r\n    terms: {terms}")
    found = check(path)
    assert [problem.warning for problem in found] == [True]
    assert WARNS[terms] in str(found[0]) and ":4: warning: rules[0].terms[" in str(found[0])
    assert load(path)


NAMED_WARNS = {
    "[{entity: Q865}, {entity: Q865}]": "“Q865”, which rules[0].terms[0].entity (“Q865”, line 4) finds already",
    "[Nvidia, {term: nvidia, label: ORG}]": "“nvidia”, which rules[0].terms[0] (“Nvidia”, line 4) finds already",
    "[{entity: Q1}]": "expected the id of an entity in the gazetteer, found “Q1”: nothing is met",
    "[{term: Nvidia, label: ORG}]\n    not: [nvidia]": "none: the rule can never be met",
}


@pytest.mark.parametrize("terms", NAMED_WARNS)
def test_check_warns_of_terms_with_labels_and_entities_too(terms: str, write: Write) -> None:
    (problem,) = check(write(f"id: w\nrules:\n  - id: r\n    terms: {terms}"), knows=lambda entity: entity == "Q865")
    assert problem.warning and problem.line == 4
    assert NAMED_WARNS[terms] in str(problem)


@pytest.mark.parametrize(
    "terms",
    [
        "[{term: Apple, label: ORG}, {term: Apple, label: PERSON}]",
        "[{term: Apple, label: ORG}]\n    not: [{term: Apple, label: PRODUCT}]",
        "[{term: apple, label: ORG}, {entity: Q865}]\n    not: [apple]",
        "[apple]\n    label: ORG",
    ],
)
def test_check_is_silent_where_a_label_or_another_term_says_what_is_meant(terms: str, write: Write) -> None:
    found = check(write(f"id: w\nrules:\n  - id: r\n    terms: {terms}"))
    assert [str(problem) for problem in found if problem.field == "rules[0]" or "common" in problem.found] == []


@pytest.mark.parametrize("terms", ["[WHO, US, 5G]", "[Apple Inc]", "[台湾]", '["apple*"]', "[Xi Jinping]"])
def test_check_is_silent_about_terms_that_tell_something(terms: str, write: Write) -> None:
    assert check(write(f"id: w\nrules:\n  - id: r\n    terms: {terms}")) == ()


def test_a_common_word_in_the_authors_case_is_no_warning(write: Write) -> None:
    assert check(write("id: w\nrules:\n  - {id: r, terms: [Apple], case: true}")) == ()


@pytest.mark.parametrize(
    ("terms", "excluded", "warned"),
    [
        ("[Taiwan Strait]", "[Taiwan]", ["rules[0]"]),
        ("[Taiwan Strait, Strait of Taiwan]", '["taiw*"]', ["rules[0]"]),
        ("[Taiwan, Malaysia]", "[taiwan]", ["rules[0].terms[0]"]),
        ("[Taiwan]", "[Taiwan Strait]", []),
        ("[usual]", "[US]", []),
        ('["Taiwan*"]', "[Taiwan]", []),
    ],
)
def test_a_rule_that_no_term_can_meet_is_a_warning(terms: str, excluded: str, warned: list[str], write: Write) -> None:
    found = check(write(f"id: w\nrules:\n  - id: r\n    terms: {terms}\n    not: {excluded}"))
    assert [problem.field for problem in found if "leaves possible" in problem.expected] == warned


def test_a_directory_is_its_yaml_files_without_hidden_ones(write: Write, tmp_path: Path) -> None:
    one = write("id: a\nrules: [{id: r, terms: [Taiwan]}]", "a.yaml")
    two = write("id: b\nrules: [{id: r, terms: [Taiwan]}]", "b.yml")
    for name in (".c.yaml", "..data.yaml", "d.txt", "e.yaml~"):
        write("no: watchlist", name)
    (tmp_path / "f.yaml").mkdir()
    assert files([tmp_path, one]) == (one, two)
    assert [watchlist.id for watchlist in load_all([tmp_path])] == ["a", "b"]


def test_the_same_id_twice_names_both_files_and_all_problems_come_at_once(write: Write, tmp_path: Path) -> None:
    one = write("id: a\nrules: [{id: r, terms: [Taiwan]}]", "a.yaml")
    two = write("id: a\nrules: [{id: r, terms: [Taiwan]}]", "b.yaml")
    three = write("id: c", "c.yaml")
    with pytest.raises(WatchlistError) as raised:
        load_all([tmp_path])
    first, second = str(raised.value).splitlines()
    assert str(one) in first and str(two) in first and "“a”" in first
    assert second.startswith(f"{three}:1: rules: ")


FIELDS = ("id: w\n", "rules:\n", "- id: r\n", "  terms: [x1]\n", "  aliases: {a: [b]}\n", "policy: {cooldown: 1}\n")
MARKS = ("[", "]", "{", "}", "&a ", "*a", "!!str ", "? ", ": ", "- ", "\n  ", "'", '"', "|\n", "#", "%", "---\n")
ODD = ('"\\ud800"', '"\\0"', "\x00", "\u2028", "1:30", "0x1F", ".inf", "9" * 5000, "<<: *a\n", "=", "\t")
yaml_like = st.lists(st.sampled_from((*FIELDS, *MARKS, *ODD)) | st.text(max_size=5), max_size=25).map("".join)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=60), yaml_like.map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(data=rule("meta: {a: 0x1F, b: 1:30, c: .inf, d: 1_000, e: " + "9" * 5000 + "}").encode())
@example(data=rule('meta: {a: "\\0", <<: {b: 1}}').encode())
def test_any_bytes_are_a_watchlist_or_a_list_of_problems(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(data)
    try:
        watchlist = load(path)
    except WatchlistError as error:
        lines = len(data.decode("utf-8", "replace").splitlines())  # U+2028 parts lines in YAML too
        assert error.problems and all(0 < problem.line <= lines + 2 for problem in error.problems)
        assert len(str(error).splitlines()) == len(error.problems)
    else:
        assert decode(encode([watchlist])) == (watchlist,)
        assert msgspec.json.encode(watchlist)
