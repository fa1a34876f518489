"""What the demo's terminal shows: alerts as they fire, and the counters beneath them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alerts.plain import plain
from alerts.show import MARKS, STYLES, shown, snippet
from topics.records import Alert

_WIDEST = 110
"""Columns of running text: longer lines are hard to read."""
_ECHO = 5
"""Columns left free at the bottom for what the terminal echoes there (^C): a line more, and all would move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How many there are by now. `articles` were published, `unpublished` were too large for the broker."""

    articles: int = 0
    enriched: int = 0
    filtered: int = 0
    hits: int = 0
    alerts: int = 0
    dead_letters: int = 0
    unpublished: int = 0

    @property
    def open(self) -> int:
        """Articles that have not come to an end, as far as is known; negative where some came to two."""
        return self.articles - self.enriched - self.filtered - self.dead_letters


class Screen:
    """Alerts scroll by; the counters stay on the last lines of a terminal, and are left out elsewhere."""

    def __init__(self, console: Console, *, urls: Mapping[str, str], now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._urls = dict(urls)
        self._now = now
        self._started = now()
        self._counters = Counters()
        self._status = ""
        self._live = Live(console=console, refresh_per_second=8, transient=True, get_renderable=self._footer)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        else:
            self.say("metrics: " + "  ".join(f"{worker} {url}" for worker, url in self._urls.items()) + "\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def alert(self, alert: Alert, seconds: float | None) -> None:
        """Show an alert; `seconds` from its publication to now."""
        note = "" if seconds is None else f"{seconds:.1f} s"
        if not self._console.is_terminal or alert.kind == "digest":
            self._line(shown(alert, marks=MARKS, note=note))
            return
        width = min(_WIDEST, self._console.width)
        self._console.print(_headline(alert, note), width=width)
        self._console.print(_indented(Text(plain(alert.article.title or "(no title)"), "bold")), width=width)
        self._origin(alert)
        if alert.snippet.text:
            self._console.print(_indented(snippet(alert.snippet)), width=width)
        self._console.print()

    def _origin(self, alert: Alert) -> None:
        """Source and link: a link that does not fit has a line of its own, unbroken, so that it can be followed."""
        source, url = (plain(part or "") for part in (alert.article.source, alert.article.url))
        line = Text("  " + "  ".join(part for part in (source, url) if part), "dim")
        fits = line.cell_len <= self._console.width
        parts = [line] if fits else [Text(f"  {source}", "dim"), Text(url, "dim")]
        for part in parts:
            if part.plain.strip():
                self._line(part)

    def say(self, text: str) -> None:
        """A line for the user, between the alerts."""
        self._line(Text(plain(text, lines=True), "" if self._console.is_terminal else "dim"))

    def update(self, counters: Counters, status: str) -> None:
        """What the lines at the bottom say from now on."""
        self._counters = counters
        self._status = status

    def summary(self, *, stopped: bool) -> None:
        """The totals, and whether they add up. `stopped`: before the end, so that some may be on their way."""
        count = self._counters
        parts = [f"enriched {count.enriched}", f"filtered {count.filtered}", f"dead-lettered {count.dead_letters}"]
        if stopped and count.open > 0:
            parts.append(f"on their way {count.open}")
        right = count.open == 0 or (stopped and count.open > 0)
        line = f"articles in {count.articles} {'=' if right else '≠'} {' + '.join(parts)}"
        line += f"; hits {count.hits}, alerts {count.alerts}, in {self._now() - self._started:.0f} s"
        if count.unpublished:
            line += f"; {count.unpublished} too large to publish"
        self._line(Text(line, "bold" if right else "bold red"))

    def _line(self, text: Text) -> None:
        # Soft: what does not fit is wrapped by the terminal, and not broken.
        self._console.print(text, soft_wrap=True, highlight=False)

    def _footer(self) -> Group:
        width = self._console.width
        lines = (self._counts(width), Text(f" {self._status}", "cyan"), Text(f" {self._where(width)}", "dim"))
        for line in lines:
            line.truncate(width - _ECHO, overflow="ellipsis")
        return Group(Text("─" * min(_WIDEST, width), "dim"), *lines)

    def _counts(self, width: int) -> Text:
        count = self._counters
        named = {
            "articles": count.articles,
            "enriched": count.enriched,
            "filtered": count.filtered,
            "hits": count.hits,
            "alerts": count.alerts,
            "dead letters": count.dead_letters,
        }
        # Numbers keep their width, so that nothing jumps while they grow.
        digits = 4 if width >= 90 else 3
        return Text("  " if width >= 90 else " ").join(
            Text.assemble((f"{number:>{digits}}", "bold"), f" {name}") for name, number in named.items()
        )

    def _where(self, width: int) -> str:
        """The URLs of /metrics, all whole where there is room, else the first and the others' ports."""
        whole = "  ".join(f"{url} ({worker})" for worker, url in self._urls.items())
        if len(whole) < width - _ECHO:
            return whole
        first, *others = self._urls.items()
        ports = (f":{url.rpartition(':')[2].partition('/')[0]} ({worker})" for worker, url in others)
        return "  ".join((f"{first[1]} ({first[0]})", *ports))


def _headline(alert: Alert, note: str) -> Table:
    """Severity, desk, kind, rules and seconds: where they need a second line, it starts beneath the desk."""
    severity = plain(alert.severity)
    rules = ", ".join(dict.fromkeys(plain(rule.name or rule.rule) for rule in alert.rules))
    about = Text.assemble((plain(alert.desk), "bold"), f"  {plain(alert.kind)}: {rules}", (f"  {note}", "dim"))
    line = Table.grid(padding=(0, 1))
    line.add_column(no_wrap=True)
    line.add_column()
    line.add_row(Text(f" {severity.upper()} ", STYLES.get(severity, "bold")), about)
    return line


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)
