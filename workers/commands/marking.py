"""An article's hits, marked in its text, for a terminal."""

from rich.text import Text

from alerts.evidence import as_what
from alerts.plain import plain
from topics.records import EnrichedArticle, Evidence

_AROUND = 60
"""Characters shown on each side of a match."""
_MOST = 3
"""Pieces of evidence shown of each rule."""


def marked(article: EnrichedArticle, line: int, *, marks: tuple[str, str] = ("", "")) -> Text:
    """An article's hits for a person: the rule, then each piece of evidence in its surroundings, between `marks`."""
    shown = Text()
    title = plain(article.title or article.text[:80])
    shown.append(f"{line}: {title}\n", style="bold")
    for hit in article.hits:
        shown.append(f"  {hit.watchlist}/{hit.rule} ", style="cyan")
        shown.append(f"({hit.severity})\n")
        for evidence in hit.evidence[:_MOST]:
            shown.append_text(_in_context(article, evidence, marks))
    return shown


def _in_context(article: EnrichedArticle, evidence: Evidence, marks: tuple[str, str]) -> Text:
    field = (article.title or "") if evidence.field == "title" else article.text
    start, end = max(0, evidence.start - _AROUND), evidence.end + _AROUND
    shown = Text(f"    {evidence.field} {evidence.start}-{evidence.end}: {'…' if start else ''}")
    shown.append(plain(field[start : evidence.start]))
    shown.append(marks[0] + plain(evidence.text) + marks[1], style="bold reverse")
    shown.append(plain(field[evidence.end : end]) + ("…" if end < len(field) else ""))
    alias = f"  [{evidence.clause} → {evidence.alias_of}]" if evidence.alias_of else ""
    return shown.append(f"{as_what(evidence)}{alias}\n", style="dim")
