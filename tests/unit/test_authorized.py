"""Asking a cluster what we may do, where it does not answer at once."""

from typing import Any

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError

from workers.stream import authorized


class NewCluster:
    """Has a coordinator from the third question on."""

    def __init__(self) -> None:
        self.asked = 0

    async def find_coordinator(self, group: str) -> int:
        self.asked += 1
        if self.asked < 3:
            raise GroupCoordinatorNotAvailableError(group)
        return 7

    async def _send_request_to_node(self, node: int, request: Any) -> Any:
        assert node == 7
        return self

    def to_object(self) -> dict[str, Any]:
        return {"groups": [{"error_code": 0, "authorized_operations": 1 << 3}]}


async def test_a_new_cluster_is_given_time_to_find_its_groups_coordinator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorized, "_LOOK_AGAIN", 0)
    admin: Any = NewCluster()
    assert await authorized.groups(admin, ["g"]) == {"g": authorized.Allowed(None, frozenset({"Read"}))}
