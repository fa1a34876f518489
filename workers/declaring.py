"""How metrics are declared: all in one registry, and what can be listed of a label's values begins at 0."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


class Declaring:
    """Makes metrics in `registry`: a name with its unit, a help text, the names of the labels.

    `known` are values of a metric's only label: their series begin at 0, so that a rate over the first occurrence is
    not lost.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str, known: Iterable[str] = ()) -> Counter:
        return _begun(Counter(name, text, labels, registry=self._registry), known)

    def gauge(self, name: str, text: str, *labels: str, known: Iterable[str] = ()) -> Gauge:
        return _begun(Gauge(name, text, labels, registry=self._registry), known)

    def histogram(
        self, name: str, text: str, *labels: str, buckets: Sequence[float], known: Iterable[str] = ()
    ) -> Histogram:
        return _begun(Histogram(name, text, labels, buckets=buckets, registry=self._registry), known)


def _begun(metric: _Metric, known: Iterable[str]) -> _Metric:
    for value in known:
        metric.labels(value)
    return metric
