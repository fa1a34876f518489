"""HTML to text, whatever the HTML is.

Pages go through trafilatura, which finds the article in them. What would take it too long (its time grows with the
number of elements), what lxml cannot hold (it drops what is nested deeper than its limit), and what it finds no
article in, goes through a stripper of tags that is linear in time and never recurses.
"""

import logging
import re
from html import unescape

import lxml.etree
import lxml.html
import trafilatura

MAX_HTML = 2_000_000
"""Characters. Longer HTML is stripped of its tags; of the longest pages in practice, half is scripts."""
MAX_ELEMENTS = 20_000
"""Measured: trafilatura takes 1-2 s for 20,000 elements; a news page has 200 to 2,000."""
MAX_DEPTH = 200
"""lxml keeps 2,048 levels and trafilatura copies trees recursively; a news page has up to 50."""
MAX_ATTRIBUTES = 10_000
"""In one tag: libxml2's time is quadratic in them (0.1 s for these). Scripts count, so there is room for them."""
MAX_EQUALS = 30_000
"""Equals signs in all: bounds the attributes in a tag that hides its end from us by quotes."""

_TAG_NAMES = (
    "a|article|b|blockquote|body|br|center|code|div|em|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html"
    "|i|iframe|img|li|link|main|meta|nav|ol|p|pre|script|section|small|span|strong|style|sub|sup|svg|table|tbody|td"
    "|th|title|tr|u|ul|video"
)
_TAG = re.compile(rf"<(/?)({_TAG_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_PAGE = re.compile(r"\s*(?:<\?xml\b|<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_WHOLE_PAGE = re.compile(r"<(?:html|body|article|main|nav|header|footer)[\s>]", re.IGNORECASE)
_SNIFFED = 100_000
_ALONE_SAYS_MARKUP = ("p", "br", "div", "img", "hr")

_OPEN = re.compile(r"<(?:!--|!\[CDATA\[|[!?]|/?[a-zA-Z][a-zA-Z0-9]*)")
_SKIPPED = ("script", "style", "noscript", "template", "svg", "head", "iframe", "textarea", "object")
_SKIPPED_END = {name: re.compile(rf"</{name}", re.IGNORECASE) for name in _SKIPPED}
_INLINE = frozenset(
    ("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "em", "font", "i", "ins", "kbd", "label", "mark", "q", "s",
     "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr")
)  # fmt: skip
_LONG_REFERENCE = re.compile(r"&#(?:\d{8,}|[xX][0-9a-fA-F]{7,});?")
_SPACE = re.compile(r"[^\S\n]*\n\s*\n\s*|\s+")

# It reports at ERROR what is an ordinary page without an article to us.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def is_markup(text: str) -> bool:
    """Whether a text that nobody declared plainly is HTML: a page's beginning, or several tags of HTML.

    "a < b", "<3" and a single tag that is being talked about are not.
    """
    if _PAGE.match(text):
        return True
    tags = [match.groups() for _, match in zip(range(20), _TAG.finditer(text, 0, _SNIFFED), strict=False)]
    closing = {name.lower() for slash, name in tags if slash}
    opening = {name.lower() for slash, name in tags if not slash}
    return len(tags) >= 2 and bool(closing & opening or opening.intersection(_ALONE_SAYS_MARKUP))


def has_tag(text: str) -> bool:
    """Whether there is any tag of HTML in it: enough for a title, in which nobody explains HTML."""
    return "<" in text and _TAG.search(text) is not None


def article_text(html: str) -> tuple[str, str | None]:
    """The article's paragraphs with a blank line between them, and why the tags were merely stripped (if so)."""
    why = _refusal(html)
    if why is None:
        text, why = _extracted(html)
        if why is None and _WHOLE_PAGE.search(html) is None:
            return _of_fragment(html, text), None
        if text:
            return text, None
        why = why or "no article found in the markup"
    return strip_tags(html), why


def strip_tags(html: str) -> str:
    """The text between the tags, blocks separated by a blank line; scripts, styles and comments left out.

    Linear in time. What follows an unclosed comment, tag or script is left out, as browsers do.
    """
    parts: list[str] = []
    position = 0
    while (match := _OPEN.search(html, position)) is not None:
        parts.append(html[position : match.start()])
        name = match[0].lstrip("</").lower()
        if name not in _INLINE:
            parts.append("\n\n")
        position = _end_of(html, match, name, parts)
        if position < 0:
            break
    else:
        parts.append(html[position:])
    text = unescape(_LONG_REFERENCE.sub("\ufffd", "".join(parts)))
    return _SPACE.sub(lambda m: "\n\n" if m[0].count("\n") > 1 else " ", text).strip()


def _end_of(html: str, match: re.Match[str], name: str, parts: list[str]) -> int:
    """Where the text goes on after what `match` opens; -1: nowhere."""
    start = match.end()
    if match[0] == "<!--":
        return _after(html, "-->", start)
    if match[0] == "<![CDATA[":
        end = _after(html, "]]>", start)
        parts.append(html[start : end - 3] if end >= 0 else "")
        return end
    if match[0] == "<!":
        return _after_declaration(html, start)
    if name in _SKIPPED_END and not match[0].startswith("</"):
        closing = _SKIPPED_END[name].search(html, start)
        return -1 if closing is None else _after(html, ">", closing.end())
    return _after(html, ">", start)


def _after_declaration(html: str, start: int) -> int:
    """A DOCTYPE may hold a subset in brackets, with declarations of its own: all of it goes."""
    end = html.find(">", start)
    bracket = html.find("[", start, end) if end >= 0 else -1
    closed = html.find("]", bracket) if bracket >= 0 else start
    return -1 if closed < 0 else _after(html, ">", closed)


def _after(html: str, what: str, start: int) -> int:
    found = html.find(what, start)
    return -1 if found < 0 else found + len(what)


def _refusal(html: str) -> str | None:
    """Why this HTML is not even parsed."""
    if len(html) > MAX_HTML:
        return f"the markup is longer than {MAX_HTML} characters"
    if html.count("=") > MAX_EQUALS:
        return "the markup has too many attributes"
    for piece in html.split(">"):
        if len(piece) > 2 * MAX_ATTRIBUTES:
            tag = piece[piece.find("<") :] if "<" in piece else ""
            if len(tag.split(None, MAX_ATTRIBUTES)) > MAX_ATTRIBUTES:
                return "a tag has too many attributes"
    return None


def _extracted(html: str) -> tuple[str, str | None]:
    """What trafilatura takes for the article, or why it was not asked."""
    # huge_tree lifts the limit of 256 levels, so that we see the depth instead of losing what is below it.
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        tree = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
        why = _too_large(tree)
        if why is not None:
            return "", why
        found = trafilatura.extract(tree, favor_precision=True, include_comments=False)
    except (lxml.etree.LxmlError, ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError) as error:
        # A page that trips its heuristics is still an article: the tags are stripped, and the warning says so.
        return "", f"the markup could not be read as a page ({type(error).__name__})"
    return "\n\n".join(filter(None, map(_line, (found or "").splitlines()))), None


def _too_large(tree: lxml.html.HtmlElement) -> str | None:
    elements = depth = 0
    for event, _ in lxml.etree.iterwalk(tree, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        elements, depth = elements + 1, depth + 1
        if elements > MAX_ELEMENTS:
            return f"the markup has more than {MAX_ELEMENTS} elements"
        if depth > MAX_DEPTH:
            return f"the markup is nested more than {MAX_DEPTH} levels deep"
    return None


def _line(line: str) -> str:
    """A line of trafilatura's output: rows of tables come as `| a |  | b |`, with rulers between them."""
    line = line.strip()
    if not line.startswith("|"):
        return line
    cells = [cell.strip() for cell in line.split("|")]
    return " | ".join(cell for cell in cells if cell.strip("-"))


def _of_fragment(html: str, text: str) -> str:
    """A feed's fragment is all article: where trafilatura looked for the article within it, it lost some."""
    stripped = strip_tags(html)
    return text if len(text) >= 0.9 * len(stripped) else stripped
