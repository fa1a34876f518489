"""An alert for a person at a terminal."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from alerts.plain import plain
from topics.records import Alert, Missed, Snippet

STYLES = {"flash": "bold white on red", "urgent": "bold black on yellow", "info": "bold cyan"}
MATCH = "bold underline"
MARKS = ("**", "**")
"""What stands around a match where there are no colours."""


def shown(alert: Alert, *, marks: tuple[str, str] = ("", ""), note: str = "") -> Text:
    """A block of a few lines: severity, desk, kind, rules, title, source, link, and the snippet with its match.

    Whatever the article holds, the block is text: no escape sequence and no markup of it takes effect. `marks` are
    put around each match, `note` at the end of the first line. A digest is a line and two more for each of its stories.
    """
    if alert.kind == "digest":
        return _digest(alert, note)
    rules = ", ".join(dict.fromkeys(plain(rule.name or rule.rule) for rule in alert.rules))
    block = Text(no_wrap=False)
    _severity(block, alert.severity)
    block.append(f" {plain(alert.desk)}", "bold")
    block.append(f"  {plain(alert.kind)}: {rules}" if rules else f"  {plain(alert.kind)}")
    block.append(f"  {plain(note)}\n" if note else "\n", "dim")
    block.append(f"  {plain(alert.article.title or '(no title)')}\n", "bold")
    about = [plain(part) for part in (alert.article.source, alert.article.url) if part]
    if about:
        block.append(f"  {'  '.join(about)}\n", "dim")
    if alert.snippet.text:
        block.append("  ")
        block.append_text(snippet(alert.snippet, marks=marks))
        block.append("\n")
    return block


def _digest(alert: Alert, note: str) -> Text:
    block = Text(no_wrap=False)
    _severity(block, alert.severity)
    block.append(f" {plain(alert.desk)}", "bold")
    block.append(f"  {plain(alert.kind)}: {plain(alert.snippet.text)}")
    block.append(f"  {plain(note)}\n" if note else "\n", "dim")
    for line in alert.missed:
        block.append("  ")
        _severity(block, line.severity)
        block.append(f" {plain(line.title or '(no title)')}\n", "bold")
        block.append(f"    {'  '.join(about_missed(line))}\n", "dim")
    return block


def about_missed(line: Missed, *, url: bool = True) -> list[str]:
    """What there is to say of a story in a digest, beside its title: each part safe to print."""
    parts = (
        None if line.kind in (None, "hit") else line.kind,
        f"{line.first_seen:%H:%M}",
        line.source,
        f"{line.articles} articles" if line.articles > 1 else None,
        ", ".join(line.rules),
        line.url if url else None,
    )
    return [plain(part) for part in parts if part]


def _severity(block: Text, name: str) -> None:
    block.append(f" {plain(name).upper()} ", STYLES.get(plain(name), "bold"))


def snippet(found: Snippet, *, marks: tuple[str, str] = ("", "")) -> Text:
    """The snippet on one line, what matched in `MATCH` and between `marks`."""
    text = Text()
    for piece, matched in pieces(found.text, found.marks):
        if matched:
            text.append(marks[0] + plain(piece) + marks[1], MATCH)
        else:
            text.append(plain(piece))
    return text


def pieces(text: str, marks: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """`text` cut at its marks, with whether each piece is marked. Marks that overlap or lie outside are mended."""
    at = 0
    for start, end in sorted(marks):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        if start > at:
            yield text[at:start], False
        yield text[start:end], True
        at = end
    if at < len(text):
        yield text[at:], False
