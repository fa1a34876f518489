"""Clean text: paragraphs stay, furniture and control characters go, and hostile markup ends within seconds."""

import gzip
import json
import re
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.article.markup import MAX_ATTRIBUTES, MAX_ELEMENTS, is_markup, strip_tags
from workers.article.text import MAX_TEXT, MAX_TITLE, clean, clean_title

FIRST = "Officials of both countries met in the capital on Sunday to talk about tariffs on farm goods. " * 4
SECOND = "They will meet again in a month, a spokesman said, and export controls are on the agenda then. " * 4
PAGE = f"""<!DOCTYPE html><html><head><title>Talks</title><style>p {{ color: red }}</style></head><body>
<nav><a href="/">Home</a> <a href="/world">World</a></nav>
<article><h1>Talks go on</h1><p>{FIRST}</p><script>var tracked = true;</script><p>{SECOND}</p>
</article><footer>Copyright</footer></body></html>"""


def test_a_page_becomes_the_paragraphs_of_its_article() -> None:
    for content_type in ("text/html", "text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml", None, "x/y"):
        cleaned = clean(PAGE, content_type=content_type)
        assert cleaned.text == f"Talks go on\n\n{FIRST.strip()}\n\n{SECOND.strip()}"
        assert cleaned.warnings == ()


def test_a_feeds_fragment_is_kept_whole() -> None:
    body = "<p>Tariffs fell by 3 percent.</p><ul><li>Soybeans</li><li>Rare earths</li></ul><p>R&amp;D rose.</p>"
    cleaned = clean(body)
    assert cleaned.text.split("\n\n") == ["Tariffs fell by 3 percent.", "Soybeans", "Rare earths", "R&D rose."]
    assert cleaned.warnings == ()


def test_markup_that_was_escaped_once_too_often_is_read() -> None:
    body = "&lt;p&gt;Tariffs fell.&lt;/p&gt;&lt;p&gt;Exports rose.&lt;/p&gt;"
    assert clean(body).text == "Tariffs fell.\n\nExports rose."


@pytest.mark.parametrize(
    "text",
    [
        "If a < b and c > d, then a<b>c may hold.",
        "I <3 NY and you",
        "Use the <b> tag for bold text.",
        "Write to <press@kestrel.example> or <desk@kestrel.example>.",
        "x <y> z <w>",
        "No markup at all",
        "",
    ],
)
def test_undeclared_text_that_only_looks_like_markup_is_left_alone(text: str) -> None:
    assert not is_markup(text)
    assert clean(text).text == text


def test_declared_plain_text_is_never_read_as_markup() -> None:
    body = "<p>Write paragraphs like this.</p><p>Or this.</p>"
    assert clean(body, content_type="text/plain; charset=utf-8").text == body


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("AT&amp;T and R&D; said &#8217;no&#8217;&hellip; &bogus; &", "AT&T and R&D; said ’no’… &bogus; &"),
        ("&amp;amp; once", "&amp; once"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("one  \n\t\n\n\n\ntwo \t", "one\n\ntwo"),
        ("a\tb", "a\tb"),
        ("United\u00a0States", "United States"),
        ("Tai\u200bwan\u202e, Tai\u00adwan, T\u200dai\u200cwan", "Taiwan, Taiwan, Taiwan"),
        ("می‌خواهند 👩‍🚀", "می‌خواهند 👩‍🚀"),
        ("\ufeffTalks", "Talks"),
    ],
)
def test_plain_text_is_made_even(body: str, text: str) -> None:
    cleaned = clean(body)
    assert cleaned.text == text
    assert cleaned.warnings == ()


def test_control_characters_go_with_one_warning() -> None:
    cleaned = clean("Ta\0iwan\x01and \x1b[31mred\x7f, it\x92s")
    assert cleaned.text == "Taiwan and  [31mred , it’s"
    assert [(w.field, w.reason) for w in cleaned.warnings] == [("body", "control characters: replaced or taken out")]


def test_lone_surrogates_are_replaced_with_one_warning_and_pairs_are_joined() -> None:
    cleaned = clean("a \ud800 b \udfff c \ud83d\ude00")
    assert cleaned.text == "a \ufffd b \ufffd c 😀"
    assert len(cleaned.warnings) == 1


@settings(deadline=None)  # the first call loads what the others find loaded
@given(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=300), st.booleans())
def test_clean_text_is_clean_whatever_came(body: str, html: bool) -> None:
    text = clean(body, content_type="text/html" if html else "text/plain").text
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert "\n\n\n" not in text
    assert text == text.strip()


def test_text_too_long_is_cut_between_words() -> None:
    cleaned = clean("tariff " * (MAX_TEXT // 7 + 10))
    assert MAX_TEXT - 100 < len(cleaned.text) <= MAX_TEXT
    assert cleaned.text.endswith(" tariff")
    assert "cut" in cleaned.warnings[0].reason


def test_text_too_long_is_cut_between_paragraphs_where_there_is_one_near() -> None:
    cleaned = clean("x" * (MAX_TEXT - 1000) + "\n\n" + "word " * 1000)
    assert cleaned.text == "x" * (MAX_TEXT - 1000)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("<b>Talks</b> resume", "Talks resume"),
        ("Talks &amp; tariffs &#8217;25", "Talks & tariffs ’25"),
        ("&lt;i&gt;Talks&lt;/i&gt; resume", "Talks resume"),
        ("Talks\n resume\t\tin  Geneva ", "Talks resume in Geneva"),
        ("<img src=x onerror=alert(1)>Talks<script>alert(1)</script>", "Talks"),
        ("a < b", "a < b"),
        ("", ""),
    ],
)
def test_a_title_is_one_line_without_markup(title: str, text: str) -> None:
    assert clean_title(title).text == text


def test_a_title_too_long_is_cut_with_a_warning() -> None:
    cleaned = clean_title("tariff " * 1_000_000)
    assert len(cleaned.text) <= MAX_TITLE
    assert [w.field for w in cleaned.warnings] == ["title"]


def test_scripts_styles_comments_and_attributes_are_no_text() -> None:
    html = """<head><title>T</title></head><body><!-- no --><script>no < no</script><STYLE>no</STYLE>
    <p title="no">One <b>wo</b>rd</p><![CDATA[two]]><br>three<!DOCTYPE x [ <!ENTITY no "no"> ]><svg><g>no</g></svg>
    <p>a &lt; b &amp;amp; &#99999999999999999999;</p></body>"""
    assert strip_tags(html).split() == ["One", "word", "two", "three", "a", "<", "b", "&amp;", "\ufffd"]


LOL = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
HOSTILE: dict[str, Callable[[], str]] = {
    "20,000 nested elements": lambda: "<body>" + "<div>" * 20_000 + "<p>Talks go on</p>" + "</div>" * 20_000,
    "colspan": lambda: "<p>Talks go on</p><table>" + "<tr><td colspan=100000000>x</td></tr>" * 50 + "</table>",
    "entity bomb": lambda: f'<!DOCTYPE h [<!ENTITY l0 "lol">{LOL}]><html><body><p>&l9;</p><p>Talks go on</p></body>',
    "less-than signs": lambda: "<p>Talks go on</p><p></p>" + "<" * 5_000_000,
    "unclosed comment": lambda: "<p>Talks go on</p><!-- " + "x" * 5_000_000,
    "comments that open": lambda: "<p>Talks go on</p>" + "<!--" * 1_000_000,
    "unclosed CDATA": lambda: "<p>Talks go on</p><![CDATA[" + "x " * 2_500_000,
    "one tag": lambda: "<p>Talks go on</p><p " + "a" * 5_000_000,
    "attributes": lambda: "<p>Talks go on</p><p " + " ".join(f"a{i}" for i in range(200_000)) + ">",
    "attributes in quotes": lambda: "<p>Talks go on</p><p " + " ".join(f"a{i}='>'" for i in range(90_000)) + ">",
    "elements": lambda: "<p>Talks go on</p>" + "<a href=x>y</a> " * 300_000,
    "fewer elements": lambda: "<p>Talks go on</p>" + "<tr><td>x" * 50_000,
    "unclosed scripts": lambda: "<p>Talks go on</p>" + "<script>" * 500_000,
    "blanks": lambda: "<p>Talks go on</p><p>" + " \t" * 2_000_000 + "x",
    "NUL bytes": lambda: "<p>Ta\0lks go on</p><scr\0ipt>alert(1)</scr\0ipt>" + "\0" * 1_000_000,
    "one word": lambda: "<p>Talks go on</p>" + "w" * 5_000_000,
    "references": lambda: "<p>Talks go on</p><p>" + "&#" + "9" * 1_000_000 + ";" + "&" * 1_000_000,
}


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", None])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markup_ends_within_seconds(name: str, content_type: str | None) -> None:
    html = HOSTILE[name]()
    before = _peak_memory()
    started = time.process_time()
    text = clean(html, content_type=content_type).text
    title = clean_title(html).text
    assert time.process_time() - started < 10
    assert _peak_memory() - before < 512 * 1024**2
    assert len(text) <= MAX_TEXT
    assert len(title) <= MAX_TITLE
    assert "Talks go on" in text
    if content_type != "text/plain":
        assert "alert(1)" not in text


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("name", ["20,000 nested elements", "attributes", "elements", "fewer elements"])
def test_markup_that_is_only_stripped_says_why(name: str) -> None:
    (warning, *_) = clean(HOSTILE[name](), content_type="text/html").warnings
    assert warning.field == "body"
    assert "only its tags were taken out" in warning.reason


def test_a_page_within_the_limits_ends_within_the_time_budget() -> None:
    rows = "<tr><td>wheat</td><td>3</td></tr>" * (MAX_ELEMENTS // 3 - 10)
    attributes = " ".join(f"a{i}" for i in range(MAX_ATTRIBUTES - 10))
    html = f"<html><body><article><p {attributes}>{FIRST}</p><table>{rows}</table></article></body></html>"
    started = time.process_time()
    assert clean(html).text
    assert time.process_time() - started < 10


@pytest.mark.shared
def test_articles_are_found_in_real_pages(shared_data: Path) -> None:
    truth = json.loads(gzip.decompress((shared_data / "extraction" / "ground-truth.json.gz").read_bytes()))
    shares = []
    for name, page in truth.items():
        html = gzip.decompress((shared_data / "extraction" / "html" / f"{name}.html.gz").read_bytes()).decode("utf-8")
        started = time.process_time()
        cleaned = clean(html, content_type="text/html")
        assert time.process_time() - started < 5, name
        shares.append(_overlap(page["articleBody"], cleaned.text))
    assert _f1(shares) >= 0.95


def _overlap(wanted: str, found: str) -> tuple[float, float, float]:
    """Shares of shingles (4 words in a row) that are in both, only found, only wanted: they add up to 1."""
    one, two = _shingles(wanted), _shingles(found)
    both = sum((one & two).values())
    total = sum((one | two).values()) or 1
    return both / total, (sum(two.values()) - both) / total, (sum(one.values()) - both) / total


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3))) if words else Counter()


def _f1(shares: list[tuple[float, float, float]]) -> float:
    right, wrong, missed = (sum(column) for column in zip(*shares, strict=True))
    return float(2 * right / (2 * right + wrong + missed))
