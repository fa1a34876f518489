"""/metrics: a page as it is asked for, and no more work than a worker can spare."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily

from workers.metrics_page import SHARE, MetricsPage

TEXT, OPEN = "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


class Slow:
    """A registry's content that takes its time to collect."""

    def __init__(self, seconds: float) -> None:
        self.time = 0.0
        self.rendered: list[float] = []
        self._seconds = seconds

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self.rendered.append(self.time)
        self.time += self._seconds
        yield GaugeMetricFamily("rendered", "When", value=self.rendered[-1])


def page_of(slow: Slow) -> MetricsPage:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(slow)
    slow.time, slow.rendered = 0.0, []
    return MetricsPage(registry, now=lambda: slow.time)


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.15])
def test_fifty_scrapes_a_second_cost_a_twentieth_of_the_time(seconds: float) -> None:
    slow = Slow(seconds)
    page = page_of(slow)
    scrapes = 0
    while slow.time < 60:
        page.get("")
        slow.time += 0.02
        scrapes += 1
    assert scrapes > 2500
    assert len(slow.rendered) * seconds <= SHARE * 60 + seconds


def test_a_scrape_now_and_then_is_always_fresh() -> None:
    slow = Slow(0.15)
    page = page_of(slow)
    for _ in range(10):
        slow.time += 5
        asked = slow.time
        assert f"rendered {asked}" in page.get("")[0].decode()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        (PROMETHEUS, OPEN),
        ("application/openmetrics-text; version=not-one", OPEN),
        ("text/plain;version=x.y", TEXT),
        ("\udcff,;;==", TEXT),
    ],
)
def test_whatever_is_asked_for_is_answered(accept: str, kind: str) -> None:
    registry = CollectorRegistry()
    Counter("seen", "What was seen", registry=registry).inc(1, exemplar={"trace_id": "abc"})
    body, content_type = MetricsPage(registry).get(accept)
    assert content_type == kind
    assert body.endswith(b"# EOF\n") == (b'# {trace_id="abc"}' in body) == (kind == OPEN)
