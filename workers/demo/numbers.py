"""What the workers say of themselves over HTTP, as anybody would ask them: metrics and readiness."""

from collections.abc import Mapping
from contextlib import suppress

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

_FILTERED = ("wirewatch_processed_articles_total", {"outcome": "filtered"})
_RELOADS = ("wirewatch_watchlist_reloads_total", {"result": "ok"})
_TIMEOUT = aiohttp.ClientTimeout(total=2)


class Numbers:
    """The enrich worker's own counts of what leaves no record on a topic.

    `filtered` is of all its lives that were seen; `exact` is False once it was started again: what it counted after
    the last look is lost, and what it had not committed it counts twice. `reloads`: sets of watchlists that it took.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._past = 0
        self._last = 0
        self._started: float | None = None
        self.exact = True
        self.reloads = 0

    async def read(self) -> None:
        """Scrape the worker; while it does not answer its last numbers stay."""
        with suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(self._url) as response:
                self.take(await response.text())

    def take(self, text: str) -> None:
        """Take over what `/metrics` says."""
        found = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        if found.get(("wirewatch_restarts_total", ()), 0.0) > (self._started or 0.0):
            self.exact = False
            self._past, self._last = self._past + self._last, 0
        self._started = found.get(("wirewatch_restarts_total", ()), 0.0)
        self._last = int(found.get(_key(*_FILTERED), 0))
        self.reloads = int(found.get(_key(*_RELOADS), 0))

    @property
    def filtered(self) -> int:
        return self._past + self._last


def _key(name: str, labels: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


async def unready(urls: Mapping[str, str]) -> dict[str, str]:
    """Those workers whose /readyz does not answer that they are, with what they wait for; "" while none answers."""
    found = {}
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for worker, url in urls.items():
            try:
                async with session.get(url) as response:
                    if response.status != 200:
                        found[worker] = (await response.text()).strip()
            except (aiohttp.ClientError, TimeoutError):
                found[worker] = ""
    return found
