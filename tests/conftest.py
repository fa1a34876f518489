"""Fixtures of all tests: a real Kafka, topic names of a test's own, and the data beside the project.

What a machine lacks is skipped by name; where `CI=true`, it fails instead, so that nothing is skipped unseen.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.kafka import broker, jars, secured
from tests.kafka.broker import Cluster
from tests.kafka.certificates import OpensslUnavailable

# A busy machine is slow, and that is nobody's defect.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

KafkaFactory = Callable[..., Cluster]
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def unavailable(reason: str) -> None:
    """Skip the test that asked for a part this machine lacks, or fail it where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka_installation() -> jars.Kafka:
    """Kafka's jars, fetched at the first use."""
    try:
        return jars.install()
    except jars.KafkaUnavailable as error:
        unavailable(str(error))
        raise


@pytest.fixture(scope="session")
def kafka(kafka_installation: jars.Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One real broker that all tests share: each names its topics and groups by its own `prefix`."""
    folder = tmp_path_factory.mktemp("kafka") / "cluster"
    with broker.running(kafka_installation, folder) as cluster:
        yield cluster


@pytest.fixture
def kafka_cluster(kafka_installation: jars.Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaFactory]:
    """A function that starts brokers of a test's own, for killing and freezing: `kafka_cluster(3)`.

    They notice the dead quickly; three keep three replicas and need two in sync. `properties` are added to
    `server.properties`.
    """
    with ExitStack() as clusters:

        def start(brokers: int = 3, *, properties: Mapping[str, str] | None = None) -> Cluster:
            folder = tmp_path_factory.mktemp("kafka") / "cluster"
            settings = broker.QUICK_FAILOVER | dict(properties or {})
            return clusters.enter_context(
                broker.running(kafka_installation, folder, brokers=brokers, properties=settings)
            )

        yield start


@pytest.fixture(scope="session")
def secured_kafka(
    kafka_installation: jars.Kafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[secured.Secured]:
    """One real broker with TLS, SASL, client certificates and an authorizer, that all tests share.

    Each names its topics and groups by its own `prefix`, and its users, too.
    """
    try:
        with secured.running(kafka_installation, tmp_path_factory.mktemp("secured") / "kafka") as cluster:
            yield cluster
    except OpensslUnavailable as error:
        unavailable(str(error))


@pytest.fixture
def prefix() -> str:
    """A name that no other test uses, for topics and consumer groups."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of evaluation data beside the project."""
    if not SHARED_DATA.is_dir():
        unavailable("the evaluation data (shared/data beside the project) is needed")
    return SHARED_DATA
