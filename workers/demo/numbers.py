"""The counters that the demo shows: the enrich worker's own metrics, as anybody would scrape them."""

from collections.abc import Iterable
from contextlib import suppress

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

_OUTCOMES = "wirewatch_processed_articles_total"
_HITS = "wirewatch_hits_total"
_TIMEOUT = aiohttp.ClientTimeout(total=2)
SHOWN = ("enriched", "filtered", "dead_lettered")


class Numbers:
    """Totals over the worker's lives: one that was restarted counts from 0 again, its past is kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._past: dict[str, float] = {}
        self._last: dict[str, float] = {}

    async def read(self) -> None:
        """Scrape the worker; while it does not answer its last numbers stay."""
        with suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(self._url) as response:
                self._take(await response.text())

    def _take(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _OUTCOMES:
                    self._count(sample.labels["outcome"], sample.value)
                elif sample.name == _HITS:
                    self._count("hits", sample.value)

    def _count(self, name: str, value: float) -> None:
        if value < self._last.get(name, 0):
            self._past[name] = self._past.get(name, 0) + self._last[name]
        self._last[name] = value

    def __getitem__(self, name: str) -> int:
        return int(self._past.get(name, 0) + self._last.get(name, 0))

    @property
    def settled(self) -> int:
        """Articles that came to an end, whichever."""
        return sum(self[name] for name in SHOWN)


async def ready(urls: Iterable[str]) -> bool:
    """Whether each of these /readyz answers that it is."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for url in urls:
            try:
                async with session.get(url) as response:
                    if response.status != 200:
                        return False
            except (aiohttp.ClientError, TimeoutError):
                return False
    return True
