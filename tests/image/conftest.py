"""The image, and containers of it. These tests need root and minutes: only `-m image` (`make image-test`) runs them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.image import building
from tests.image.containers import Containers

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the image's tests out where they are not asked for by name."""
    if "image" in config.getoption("markexpr"):
        return
    ours = [item for item in items if HERE in item.path.parents]
    if ours:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if HERE not in item.path.parents]


@pytest.fixture(scope="session")
def image() -> str:
    """Our image, built of the project as it is."""
    try:
        building.require("podman", "buildah", "debootstrap", "runc", "iptables", "hadolint", "podman-compose")
        return building.build(REVISION=os.environ.get("REVISION", "test"))
    except building.ImageUnavailable as error:
        unavailable(str(error))
        raise


@pytest.fixture
def containers(image: str, tmp_path: Path) -> Iterator[Containers]:
    """Starts containers of our image, and removes them in the end."""
    with Containers(image) as started:
        yield started
