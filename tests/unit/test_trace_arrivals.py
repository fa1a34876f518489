"""Records of the input topics are read by a trace as enrich reads them, and judged by the same settings."""

import json
from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition

from tests.kafka.broker import free_ports
from tests.unit.test_trace_alerting import Message
from workers.sections import Enrich, Input, Kafka
from workers.settings import Settings
from workers.tracing.arrivals import Step
from workers.tracing.sought import Sought

CMS = Input.model_validate({"topics": ["cms"], "format": "debezium", "map": {"id": ["ref"], "body": ["text"]}})
ROW = {"before": None, "after": {"ref": "row-1", "text": "A story."}, "op": "c", "source": {}}
FRAMED = b"\x00\x00\x00\x00\x07" + b"\x0crow-77"
"""As a registry's clients write: schema 7, and Avro."""


def message(value: bytes, *, topic: str = "cms", offset: int = 5) -> Message:
    return Message(topic, offset, 1_795_608_000_000, None, value)


@pytest.fixture
async def step() -> AsyncIterator[Step]:
    made = Step(Settings(input=(CMS,), enrich=Enrich(languages=("fr",))))
    yield made
    await made.close()


async def test_a_foreign_record_is_found_by_what_its_map_says(step: Step) -> None:
    record = await step.record(message(json.dumps(ROW).encode()))
    assert step.is_it(record, Sought("row-1"))
    assert not step.is_it(record, Sought("row-2"))
    assert step.about(record).id == "row-1"


async def test_a_dead_letter_is_read_as_its_own_topic_is(step: Step) -> None:
    value = json.dumps(ROW).encode()
    assert step.about(await step.record(message(value, topic="news.dead-letters"), topic="cms")).id == "row-1"


@pytest.mark.parametrize(
    ("committed", "outcome", "before"),
    [
        ({}, "waiting", None),
        ({TopicPartition("cms", 0): 3}, "waiting", 2),
        ({TopicPartition("cms", 0): 6}, "filtered", None),
    ],
)
async def test_what_is_past_the_commit_waits_and_what_is_before_was_filtered(
    step: Step, committed: dict[TopicPartition, int], outcome: str, before: int | None
) -> None:
    english = ROW | {"after": {"ref": "row-1", "text": "The minister said that talks would go on next week. " * 3}}
    way = step.way(await step.record(message(json.dumps(english).encode())), committed)
    assert (way.outcome, way.before, way.reason) == (outcome, before, "language")


async def test_what_was_read_and_not_filtered_and_left_nothing_is_missing() -> None:
    step = Step(Settings(input=(CMS,)))
    way = step.way(await step.record(message(json.dumps(ROW).encode())), {TopicPartition("cms", 0): 6})
    assert (way.outcome, way.reason) == ("missing", None)
    await step.close()


async def test_a_registry_that_is_away_is_waited_for_once() -> None:
    registry = {"url": f"http://127.0.0.1:{free_ports(1)[0]}"}
    avro = Input.model_validate({"topics": ["avro"], "format": "avro", "registry": registry})
    step = Step(Settings(input=(avro,), kafka=Kafka(request_timeout=0.2)))
    for _ in range(50):
        record = await step.record(message(FRAMED, topic="avro"))
        assert record.schema is None
    assert step.is_it(record, Sought("row-77")), "it holds what was asked for, as it is"
    await step.close()
