"""Clean text from what a publisher sent: plain text or HTML, with whatever is in it.

Offsets of mentions and evidence point into the clean text. It has no control characters but newline and tab, no
lone surrogates, no trailing blanks, and at most one blank line in a row.
"""

import re
from dataclasses import dataclass
from html import unescape

from topics.records import Warn
from workers.article.markup import article_text, has_tag, is_markup, strip_tags

MAX_TEXT = 1_000_000
"""Characters: what the language model takes at most."""
MAX_TITLE = 1_000


@dataclass(frozen=True, slots=True)
class Clean:
    """A clean text, and what had to be mended in it."""

    text: str
    warnings: tuple[Warn, ...] = ()


def clean(body: str, *, content_type: str | None = None) -> Clean:
    """The clean text of an article's body. Paragraphs of HTML are separated by a blank line.

    `content_type` as declared, with or without parameters; undeclared text is read as HTML where it plainly is.
    """
    reasons: list[str] = []
    body = _unicode(body, reasons)
    markup = _as_markup(body, content_type)
    if markup is None:
        text = _references(body)
    else:
        text, why = article_text(markup)
        if why:
            reasons.append(f"{why}: only its tags were taken out")
    text = _cut(_tidy(_characters(text, reasons)), reasons)
    return Clean(text, _warnings("body", reasons))


def clean_title(title: str) -> Clean:
    """A title on one line, without markup, at most `MAX_TITLE` characters."""
    reasons: list[str] = []
    # What is cut off here is far beyond what is kept: it bounds the work on a body that came as a title.
    text = _unicode(title[: 100 * MAX_TITLE], reasons)
    text = strip_tags(text) if has_tag(text) else _references(text)
    if has_tag(text):  # escaped twice, as feeds often do
        text = strip_tags(text)
    text = " ".join(_characters(text, reasons).split())
    if len(text) > MAX_TITLE:
        reasons.append(f"longer than {MAX_TITLE} characters: cut")
        text = text[: _boundary(text, MAX_TITLE)].rstrip()
    return Clean(text, _warnings("title", reasons))


def _as_markup(body: str, content_type: str | None) -> str | None:
    """The HTML to read, or None for plain text."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return body
    if kind == "text/plain":
        return None
    if is_markup(body):
        return body
    if body.lstrip().startswith("&lt;") and is_markup(unescaped := _references(body)):
        return unescaped
    return None


def _unicode(text: str, reasons: list[str]) -> str:
    """NUL bytes away (they hide tags from parsers), pairs of surrogates joined, lone ones replaced."""
    if "\0" in text:
        reasons.append("control characters: replaced or taken out")
        text = text.replace("\0", "")
    if _SURROGATE.search(text):
        reasons.append("lone surrogates: replaced by U+FFFD")
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _references(text: str) -> str:
    """Character references that plainly are some, unescaped once: "AT&T" and "R&D;" stay."""
    if "&" not in text:
        return text
    return _REFERENCE.sub(lambda m: unescape(m[0]), text)


def _characters(text: str, reasons: list[str]) -> str:
    """One kind of line end and of blank, no invisible characters, no control characters but newline and tab."""
    text = _LINE_END.sub("\n", text).translate(_INVISIBLE)
    text = _JOINER_IN_LATIN.sub("", text)
    if _CONTROL.search(text):
        if not any(reason.startswith("control") for reason in reasons):
            reasons.append("control characters: replaced or taken out")
        text = _CONTROL.sub(_visible, text)
    return text


def _visible(match: re.Match[str]) -> str:
    """Windows-1252 read as Latin-1 leaves its quotation marks among the control characters: meant as those."""
    try:
        return match[0].encode("latin-1").decode("cp1252") if match[0] >= "\x80" else " "
    except UnicodeDecodeError:
        return " "


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", text)).strip()


def _cut(text: str, reasons: list[str]) -> str:
    if len(text) <= MAX_TEXT:
        return text
    reasons.append(f"longer than {MAX_TEXT} characters: cut")
    return text[: _boundary(text, MAX_TEXT)].rstrip()


def _boundary(text: str, limit: int) -> int:
    """The last end of a paragraph, else of a line, else of a word in the last tenth before `limit`, else `limit`."""
    for separator in ("\n\n", "\n", " "):
        found = text.rfind(separator, limit - limit // 10, limit)
        if found > 0:
            return found
    return limit


def _warnings(field: str, reasons: list[str]) -> tuple[Warn, ...]:
    return tuple(Warn(field=field, reason=reason) for reason in reasons)


def _invisible() -> dict[int, str | None]:
    # Zero-width spaces, soft hyphens, bidirectional and annotation controls carry no letters and would hide words
    # from every rule. Joiners (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
    dropped = (0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
    blanks = (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
    return dict.fromkeys((*dropped, 0xFFF9, 0xFFFA, 0xFFFB)) | dict.fromkeys(blanks, " ")


_INVISIBLE: dict[int, str | None] = _invisible()
_SURROGATE = re.compile("[\ud800-\udfff]")
_REFERENCE = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,31}\d{0,2});")
_LINE_END = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_JOINER_IN_LATIN = re.compile("(?<=[A-Za-z])[\u200c\u200d]+(?=[A-Za-z])")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+\n")  # the look-behind: or a long run of blanks takes quadratic time
_BLANK_LINES = re.compile(r"\n{3,}")
