"""Values framed for a schema registry: a 0 byte, the schema's id in four bytes, and the data.

A schema travels beside a record as the registry gave it, with all that it refers to (`pack`), so that whoever reads
the record needs no network.
"""

from functools import lru_cache

import msgspec

from topics.errors import InvalidRecord
from topics.raw import Headers

HEADER_BYTES = 5
LARGEST_ID = 2**31 - 1
"""What registries count up to: a larger number is no schema's."""
ID_HEADER = "__value_schema_id"
"""Where newer serializers may put the id instead."""
_CACHED = 256


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """A schema as its registry has it. `kind` is AVRO, JSON or PROTOBUF; `references` come before what needs them."""

    kind: str
    text: str
    references: tuple[str, ...] = ()


def schema_id(value: bytes | None) -> int | None:
    """The id of the schema that a value is framed with; None for one that is not framed. JSON never begins with 0."""
    if value is None or len(value) <= HEADER_BYTES or value[0] != 0:
        return None
    return int.from_bytes(value[1:HEADER_BYTES], "big")


def pack(schema: Schema) -> bytes:
    """For `unpack`."""
    return msgspec.json.encode(schema)


@lru_cache(maxsize=_CACHED)
def unpack(data: bytes) -> Schema:
    """What was packed."""
    return msgspec.json.decode(data, type=Schema)


def no_schema(number: int, registry: str) -> InvalidRecord:
    """For a value whose registry does not have the schema."""
    return InvalidRecord(
        "schema_registry",
        f"the registry at {registry} has no schema {number}. Is it the one that the producer's schemas are in?",
    )


def not_framed(value: bytes, headers: Headers = ()) -> InvalidRecord:
    """For a value of an input of format avro that names no schema."""
    if any(name == ID_HEADER for name, _ in headers):
        return InvalidRecord(
            "schema_registry",
            f"the schema's id is in the header {ID_HEADER}, which is not read: let the producer's serializer put it "
            "before the value (its PrefixSchemaIdSerializer)",
        )
    looks = "JSON" if value.lstrip()[:1] in (b"{", b"[") else "something else"
    remedy = 'format = "json" reads plain JSON' if looks == "JSON" else "the producer has to use the registry's frame"
    return InvalidRecord(
        "schema_registry", f"expected Avro framed for a schema registry (a 0 byte, the id), found {looks}; {remedy}"
    )


def protobuf(number: int) -> InvalidRecord:
    """For a value that only its own classes can read."""
    return InvalidRecord(
        "schema_registry", f"schema {number} is Protobuf, which is not read: let the producer write Avro or JSON"
    )
