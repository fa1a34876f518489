"""What the demo's terminal shows: alerts as they fire, and the counters beneath them."""

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from alerts.plain import plain
from alerts.show import MARKS, shown
from topics.records import Alert


class Screen:
    """Alerts scroll by; the counters stay on the last lines of a terminal, and are left out elsewhere."""

    def __init__(self, console: Console, *, urls: dict[str, str]) -> None:
        self._console = console
        self._urls = urls
        self._started = time.monotonic()
        self._counters: dict[str, int] = {}
        self._status = ""
        self._live = Live(self._footer(), console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def alert(self, alert: Alert, seconds: float | None) -> None:
        """Show an alert; `seconds` from its publication to now."""
        note = "" if seconds is None else f"{seconds:.1f} s"
        marks = ("", "") if self._console.is_terminal else MARKS
        self._console.print(
            shown(alert, marks=marks, note=note), highlight=False, soft_wrap=not self._console.is_terminal
        )

    def say(self, text: str) -> None:
        self._console.print(
            Text(plain(text, lines=True), style="dim"), highlight=False, soft_wrap=not self._console.is_terminal
        )

    def update(self, counters: dict[str, int], status: str) -> None:
        self._counters = counters
        self._status = status
        if self._console.is_terminal:
            self._live.update(self._footer())

    def summary(self) -> None:
        """The totals, and whether they add up."""
        count = self._counters
        settled = count["enriched"] + count["filtered"] + count["dead letters"]
        sign = "=" if settled == count["articles"] else "≠"
        self._console.print(
            f"articles in {count['articles']} {sign} enriched {count['enriched']} + filtered {count['filtered']}"
            f" + dead-lettered {count['dead letters']}; hits {count['hits']}, alerts {count['alerts']},"
            f" in {time.monotonic() - self._started:.0f} s",
            highlight=False,
            soft_wrap=True,
            style="bold" if sign == "=" else "bold red",
        )

    def _footer(self) -> Group:
        table = Table.grid(padding=(0, 2))
        table.add_row(*(Text.assemble((f"{n}", "bold"), f" {name}") for name, n in self._counters.items()))
        where = "  ".join(f"{worker} {url}" for worker, url in self._urls.items())
        status = Text(f"{self._status}  {where}", style="dim", no_wrap=True, overflow="ellipsis")
        return Group(Text("─" * min(100, self._console.width), style="dim"), table, status)
