"""What we may do on a cluster, as the brokers themselves say it: no right to look at anybody's ACLs is needed for that.

Metadata (version 8) and DescribeGroups (version 4) can name the operations that the asking client is allowed
(KIP-430), and the latter the static members of a group (KIP-345). aiokafka speaks neither of them that far, so the two
requests are defined here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Schema, String

OPERATIONS = {3: "Read", 4: "Write", 5: "Create", 6: "Delete", 7: "Alter", 8: "Describe"} | {
    10: "DescribeConfigs",
    11: "AlterConfigs",
}
"""By their bit in the brokers' answer (`org.apache.kafka.common.acl.AclOperation`)."""
MISSING = "UnknownTopicOrPartitionError"
"""The error of a topic that is not there, and of one that the brokers do not own to having."""
_UNKNOWN = -(2**31)
_LOOKS, _LOOK_AGAIN = 20, 0.5
"""How often, and after how many seconds, a group's coordinator is asked for that is not there yet."""


class Allowed(NamedTuple):
    """A topic or a group. `error` is the name of Kafka's error, None where there is none; `operations` of None means
    that the broker did not say."""

    error: str | None
    operations: frozenset[str] | None
    partitions: int = 0
    replicas: int = 0

    @property
    def missing(self) -> bool:
        """Whether it is not there, or so we are told."""
        return self.error == MISSING

    @property
    def hidden(self) -> bool:
        """Whether we may not even see it."""
        return self.error is not None and "Authorization" in self.error

    def refused(self, operations: Iterable[str]) -> list[str]:
        """Which of these we may not do, sorted; none where the broker did not say."""
        return [] if self.operations is None else sorted(set(operations) - self.operations)


class Member(NamedTuple):
    """A member of a consumer group; `instance` is its `group_instance_id`, None where it has none."""

    member: str
    instance: str | None
    client: str
    host: str

    def __str__(self) -> str:
        return f"{self.client} at {self.host}"


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class(self._topics, False, False, True)


class _GroupsResponse(Response):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", String("utf-8")),
                ("state", String("utf-8")),
                ("protocol_type", String("utf-8")),
                ("protocol", String("utf-8")),
                (
                    "members",
                    Array(
                        ("member_id", String("utf-8")),
                        ("group_instance_id", String("utf-8")),
                        ("client_id", String("utf-8")),
                        ("client_host", String("utf-8")),
                        ("member_metadata", Bytes),
                        ("member_assignment", Bytes),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
    )


class _GroupsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 4
    RESPONSE_TYPE = _GroupsResponse
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_authorized_operations", Boolean))


class _Groups(Request[_GroupsStruct]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: type[_GroupsStruct]) -> _GroupsStruct:
        return request_struct_class(self._groups, True)


async def topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> Mapping[str, Allowed]:
    """The topics of these names, those that are not there with an error. Raises KafkaError."""
    asked = list(dict.fromkeys(names))
    answer = await admin._send_request(_Metadata(asked))
    return {topic["topic"]: _topic(topic) for topic in answer.to_object()["topics"]}


async def groups(admin: AIOKafkaAdminClient, names: Iterable[str]) -> Mapping[str, Allowed]:
    """The groups of these names, which need not exist. Raises KafkaError."""
    found: dict[str, Allowed] = {}
    for name in dict.fromkeys(names):
        try:
            coordinator = await _coordinator(admin, name)
        except GroupAuthorizationFailedError as error:
            found[name] = Allowed(type(error).__name__, frozenset())
            continue
        answer = await admin._send_request_to_node(coordinator, _Groups([name]))
        for group in answer.to_object()["groups"]:
            found[name] = Allowed(_error(group), _operations(group["authorized_operations"]))
    return found


async def members(send: Callable[[Any], Awaitable[Any]], group: str) -> list[Member]:
    """The members of a group, none where we may not see them. `send` asks its coordinator. Raises KafkaError."""
    answer = await send(_Groups([group]))
    return [
        Member(found["member_id"], found["group_instance_id"], found["client_id"], found["client_host"].lstrip("/"))
        for described in answer.to_object()["groups"]
        for found in described["members"]
    ]


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    """A new cluster makes the topic of its groups when it is first asked: until then it has no coordinator."""
    for _ in range(_LOOKS):
        with suppress(GroupCoordinatorNotAvailableError):
            return int(await admin.find_coordinator(group))
        await asyncio.sleep(_LOOK_AGAIN)
    return int(await admin.find_coordinator(group))


def _topic(found: Mapping[str, Any]) -> Allowed:
    partitions = found["partitions"]
    replicas = min((len(partition["replicas"]) for partition in partitions), default=0)
    return Allowed(_error(found), _operations(found["authorized_operations"]), len(partitions), replicas)


def _error(found: Mapping[str, Any]) -> str | None:
    code: int = found["error_code"]
    return for_code(code).__name__ if code else None


def _operations(bits: int) -> frozenset[str] | None:
    if bits == _UNKNOWN:
        return None
    return frozenset(name for bit, name in OPERATIONS.items() if bits >> bit & 1)
