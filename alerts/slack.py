"""An alert as a Slack message: blocks, and a text for notifications, within Slack's limits."""

from typing import Any
from urllib.parse import quote

from alerts.plain import plain
from alerts.show import about_missed, pieces
from topics.records import Alert, Missed

# Slack's documented limits, in characters after escaping.
HEADER = 150
SECTION = 3000
CONTEXT = 2000
TEXT = 4000

ICONS = {"flash": ":rotating_light:", "urgent": ":warning:", "info": ":newspaper:"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def message(alert: Alert) -> dict[str, Any]:
    """The payload of an incoming webhook. No text of the article can mention anybody or make a link."""
    if alert.kind == "digest":
        return _digest(alert)
    title = plain(alert.article.title or "").strip() or "(no title)"
    source = plain(alert.article.source or "").strip()
    snippet = _marked(alert).strip()
    rules = ", ".join(dict.fromkeys(plain(rule.name or rule.rule) for rule in alert.rules))
    lead = f"{plain(alert.severity).upper()} {plain(alert.desk)}"
    blocks = [
        _header(f"{lead}: {title}"),
        _section(_linked(title, alert.article.url)),
    ]
    if snippet:  # Slack refuses a message with an empty text in it
        blocks.append(_section(snippet))
    about = [f"{ICONS.get(alert.severity, '')} {escaped(plain(alert.kind))}", f"rules: {escaped(rules)}"]
    if source:
        about.append(escaped(source))
    about.append(f"{alert.counts.articles} articles, {alert.counts.sources} sources")
    blocks.append(
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _whole(part, CONTEXT)} for part in about]}
    )
    return {"text": escaped(f"{lead}: {title}", limit=TEXT), "blocks": blocks}


def _digest(alert: Alert) -> dict[str, Any]:
    """A section for each story: there are fewer than the 50 blocks that a message may have."""
    lead, said = f"{plain(alert.severity).upper()} {plain(alert.desk)}", plain(alert.snippet.text)
    blocks = [_header(f"{lead}: what was missed"), _section(escaped(said, limit=SECTION))]
    blocks += [_section(_missed(line)) for line in alert.missed]
    return {"text": escaped(f"{lead}: {said}", limit=TEXT), "blocks": blocks}


def _missed(line: Missed) -> str:
    title = _linked(plain(line.title or "").strip() or "(no title)", line.url)
    about = escaped(" · ".join(about_missed(line, url=False)), limit=max(10, SECTION - len(title) - 40))
    return f"{ICONS.get(line.severity, '')} {title}\n{about}"


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": _cut(text, HEADER), "emoji": False}}


def escaped(text: str, *, limit: int = TEXT) -> str:
    """Slack's three escapes; at most `limit` characters, never cut inside an escape."""
    out: list[str] = []
    size = 0
    for character in text:
        piece = _ESCAPES.get(character, character)
        if size + len(piece) > limit - 1:
            return "".join(out) + "…"
        out.append(piece)
        size += len(piece)
    return "".join(out)


def _section(text: str) -> dict[str, Any]:
    # `verbatim`: Slack makes no links, channels or mentions out of words.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _linked(title: str, url: str | None) -> str:
    # Escapes make the title longer, up to five times; the link must not be cut.
    label = escaped(title, limit=1000)
    if not url or not url.lower().startswith(("http://", "https://")):
        return f"*{label}*"
    link = quote(plain(url), safe="%/:?#[]@!$&'()*+,;=~-._").replace("&", "&amp;")
    return f"<{link}|{label}>" if len(link) <= SECTION - 1100 else f"*{label}*"


def _marked(alert: Alert) -> str:
    parts: list[str] = []
    left = SECTION - 10
    for piece, matched in pieces(alert.snippet.text, alert.snippet.marks):
        if left < 10:
            break
        part = escaped(plain(piece), limit=left - 2)
        parts.append(f"*{part}*" if matched and part.strip() == part else part)
        left -= len(parts[-1])
    return "".join(parts)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _whole(text: str, limit: int) -> str:
    """Escaped text is cut at a word rather than inside an escape."""
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0].rsplit("&", 1)[0] + "…"
