"""What a route's settings make: its sink, and how its alerts get to it."""

import asyncio
import math
from typing import Any

from alerts import sinks
from alerts.sinks import Publish, Sink
from topics import events
from topics.catalog import TOPICS
from topics.errors import ConfigError, InvalidRecord
from topics.records import Alert
from workers.sections import Route
from workers.settings import Settings
from workers.stream.publisher import TOO_LARGE


def make_sink(settings: Settings, route: Route, publish: Publish) -> Sink:
    """The sink of a route; `publish` is for one that is a topic. Raises ConfigError."""
    sink = sinks.make(route.name, route.sink.kind, route.sink.model_extra or {}, publish=publish)
    ours = [settings.topic(role) for role in TOPICS]
    if isinstance(sink, sinks.Kafka) and sink.topic in ours:
        raise ConfigError(f"deliver.route {route.name}: sink.topic: {sink.topic} is one of our own; name another")
    return sink


def max_age(settings: Settings, route: Route, sink: Sink) -> float:
    """How old an alert may be that is sent singly, in seconds.

    A topic is read by programs, which get every alert unless the route says otherwise.
    """
    if route.max_alert_age is not None:
        return route.max_alert_age
    return math.inf if isinstance(sink, sinks.Kafka) else settings.deliver.max_alert_age


async def publish(producer: Any, settings: Settings, topic: str, key: bytes | None, value: bytes, alert: Alert) -> Any:
    """An alert's record to a topic of the subscriber's own; what the broker acknowledged.

    Raises InvalidRecord ("refused") for one that is too large, and what aiokafka raises, TimeoutError too.
    """
    limit = 2 * settings.kafka.request_timeout
    headers = [*events.headers(alert, source=events.source_of(settings.prefix)), *sinks.CARRIED.get()]
    try:
        sending = producer.send_and_wait(topic, value, key=key, headers=headers)
        return await asyncio.wait_for(sending, limit)
    except TOO_LARGE as error:
        raise InvalidRecord("refused", f"topic {topic}: {error}") from error
