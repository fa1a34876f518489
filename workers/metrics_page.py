"""What `/metrics` answers, however often it is asked.

Rendering takes tens of milliseconds with many rules and partitions, on the event loop, where heartbeats live.
"""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client import exposition as text
from prometheus_client.openmetrics import exposition as openmetrics

SHARE = 0.05
"""Of the time, for rendering; who asks more often than that allows gets the page before."""

_Render = Callable[[CollectorRegistry], bytes]
_TEXT: tuple[str, _Render] = (text.CONTENT_TYPE_PLAIN_0_0_4, text.generate_latest)
_OPENMETRICS: tuple[str, _Render] = (openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest)


class MetricsPage:
    """The metrics of `registry` as text. `now` is a monotonic clock."""

    def __init__(self, registry: CollectorRegistry, *, now: Callable[[], float] = time.perf_counter) -> None:
        self._registry = registry
        self._now = now
        self._pages: dict[str, tuple[bytes, float]] = {}

    def get(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics (with exemplars) where `accept` names it, else Prometheus text."""
        named = "application/openmetrics-text" in accept
        kind, render = _OPENMETRICS if named else _TEXT
        page, good_until = self._pages.get(kind, (b"", 0.0))
        began = self._now()
        if not page or began >= good_until:
            page = render(self._registry)
            ended = self._now()
            self._pages[kind] = page, ended + (ended - began) * (1 / SHARE - 1)
        return page, kind
