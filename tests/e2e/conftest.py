"""Fixtures of whole systems."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.by_hand import Site
from tests.kafka import jars, tools
from tests.kafka.broker import Cluster

MakeSite = Callable[[Cluster], Site]


@pytest.fixture
def make_site(kafka_installation: jars.Kafka, prefix: str, tmp_path: Path) -> Iterator[MakeSite]:
    """A function that makes a place to work at on a cluster; what is started there is ended in the end."""
    folder = tools.install(kafka_installation, tmp_path / "tools")
    with ExitStack() as ended:

        def make(cluster: Cluster) -> Site:
            site = Site(cluster.bootstrap, prefix, tmp_path / f"site-{cluster.brokers[0].port}", folder)
            ended.enter_context(site.workers)
            return site

        yield make


@pytest.fixture
def site(kafka: Cluster, make_site: MakeSite) -> Site:
    """On the broker that tests share."""
    return make_site(kafka)
