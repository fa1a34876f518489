"""The tables of the settings: what each holds, and what is right in it. Times are in seconds, sizes in bytes."""

import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, field_validator, model_validator

from topics.inputs.form import Form
from topics.inputs.mapping import Map
from topics.inputs.moments import Moments
from workers.security_section import Security

NAME = r"^[A-Za-z0-9._-]{1,249}$"
"""Of a topic or a consumer group, as Kafka takes it."""
_PLAIN = re.compile(NAME)

_OURS = {
    "auto_offset_reset": "where a new group begins is said by start, and nothing is ever skipped later",
    "enable_auto_commit": "an offset is committed when its outputs are acknowledged",
    "group_id": "groups are named by group and [groups]",
}
"""Options of the client that would break what is promised."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(Section):
    """How clients reach the cluster. `client` is passed through to every client of aiokafka's, the others to theirs."""

    session_timeout: float = Field(default=30.0, gt=1)
    request_timeout: float = Field(default=30.0, gt=0)
    security: Security = Security()
    client: dict[str, Any] = {}
    consumer: dict[str, Any] = {}
    producer: dict[str, Any] = {}

    @field_validator("client", "consumer")
    @classmethod
    def _keeps_promises(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name in _OURS.keys() & options.keys():
            raise ValueError(f"{name}: expected no such option: {_OURS[name]}")
        return options


class Brake(Section):
    """When a partition waits because too much of it cannot be read, and how it goes on: see `workers.stream.brake`."""

    enabled: bool = True
    window: int = Field(default=100, ge=1, le=10_000)
    share: float = Field(default=0.5, gt=0)
    minimum: int = Field(default=20, ge=1)
    probe_interval: float = Field(default=30.0, gt=0)
    rate: float = Field(default=20.0, gt=0)

    @model_validator(mode="after")
    def _reachable(self) -> "Brake":
        if self.minimum > self.window:
            raise ValueError("minimum: expected at most window, or the brake is never put on")
        return self


class Enrich(Section):
    """The enrich worker. `processes` of 0: as many as the cores and the memory that it may use allow.

    Without `watchlists_topic`, watchlists come from files alone. `entities` is "on-hit" where models are to look at no
    articles but those that may meet a rule. `paragraph_cache` is how many paragraphs a process remembers the entities
    of, 0 for none; 400 bytes each.
    """

    processes: int = Field(default=0, ge=0)
    batch: int = Field(default=16, ge=1, le=256)
    max_in_flight: int = Field(default=512, ge=1)
    max_in_flight_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    time_budget: float = Field(default=10.0, gt=0)
    memory_limit: int = Field(default=2 * 1024**3, ge=0)
    recycle_after: int = Field(default=20_000, ge=1)
    drain: float = Field(default=20.0, ge=0)
    commit_interval: float = Field(default=1.0, gt=0)
    stalled_after: float = Field(default=120.0, gt=0)
    max_output_bytes: int = Field(default=1_000_000, ge=10_000)
    max_alert_age: float = Field(default=6 * 3600.0, gt=0)
    watchlists_topic: bool = True
    entities: Literal["always", "on-hit"] = "always"
    on_null: str = Field(default="dead-letter", pattern="^(ignore|dead-letter)$")
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    paragraph_cache: int = Field(default=50_000, ge=0, le=10_000_000)
    brake: Brake = Brake()


class AlertStage(Section):
    """The alert worker. `linger`: how long a batch of hits waits for more."""

    linger: float = Field(default=0.01, ge=0, le=1)
    drain: float = Field(default=10.0, ge=0)


class Sink(Section):
    """Where alerts go. `kind` names an entry of `alerts.sinks.SINKS`; the rest are that sink's options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str


class Route(Section):
    """Which alerts go to which sink. Empty `desks` or `severities`: all of them.

    `group` is its consumer group, where it is not to follow from `name`. `max_alert_age` is that of `deliver` unless it
    is given here; a topic (`kind = "kafka"`) rings nobody and has none.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")
    group: str | None = Field(default=None, pattern=NAME)
    desks: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    max_alert_age: float | None = Field(default=None, gt=0)
    sink: Sink


class Deliver(Section):
    """The deliver worker. When an alert has waited for `max_alert_age`, all that waits goes out in a digest a desk."""

    route: tuple[Route, ...] = ()
    max_alert_age: float = Field(default=6 * 3600.0, gt=0)
    drain: float = Field(default=10.0, ge=0)
    commit_interval: float = Field(default=1.0, gt=0)


class Topics(Section):
    """Names of our topics, by role, where they are not the prefix's."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )

    raw: str | None = Field(default=None, pattern=NAME)
    enriched: str | None = Field(default=None, pattern=NAME)
    hits: str | None = Field(default=None, pattern=NAME)
    alerts: str | None = Field(default=None, pattern=NAME)
    stories: str | None = Field(default=None, pattern=NAME)
    watchlists: str | None = Field(default=None, pattern=NAME)
    dead_letters: str | None = Field(default=None, pattern=NAME)


class Groups(Section):
    """Names of our consumer groups, where they do not follow from `group`. That of alert is Faust's app id too."""

    enrich: str | None = Field(default=None, pattern=NAME)
    alert: str | None = Field(default=None, pattern=NAME)


class Registry(Section):
    """A schema registry that speaks Confluent's API. `password_file` is read at each request; `ca` is a file."""

    url: str
    username: str | None = Field(default=None, pattern="^[^:]+$")
    password: SecretStr | None = None
    password_file: Path | None = None
    ca: FilePath | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected the URL of a schema registry, such as http://registry:8081")
        if parts.username or parts.password:
            raise ValueError("expected a URL without user and password: they are username and password")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> "Registry":
        if self.password and self.password_file:
            raise ValueError("expected password or password_file, found both")
        if (self.password or self.password_file) and not self.username:
            raise ValueError("username: expected with a password")
        return self


class Input(Section):
    """Topics that raw articles come from, and how their records are read (`topics.inputs.form.Form`).

    `topics` is a list of names, or one pattern (a regular expression).
    """

    topics: tuple[str, ...] | str
    format: Literal["json", "connect-json", "debezium", "cloudevents", "avro", "ninjs"] = "json"
    map: dict[str, tuple[str, ...]] = {}
    source: str | None = Field(default=None, max_length=200)
    language: str | None = Field(default=None, max_length=64)
    content_type: Literal["text/plain", "text/html"] | None = None
    dates: tuple[str, ...] = ()
    timezone: str | None = None
    registry: Registry | None = None
    deletes: Literal["ignore", "withdraw"] = "ignore"

    @field_validator("map", mode="before")
    @classmethod
    def _paths(cls, given: Any) -> Any:
        """One path may stand for itself."""
        return {k: (v,) if isinstance(v, str) else v for k, v in given.items()} if isinstance(given, dict) else given

    @field_validator("map")
    @classmethod
    def _mapped(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        Map(given)
        return given

    @field_validator("dates")
    @classmethod
    def _dated(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        Moments(given)
        return given

    @field_validator("timezone")
    @classmethod
    def _zoned(cls, given: str | None) -> str | None:
        Moments(zone=given)
        return given

    @model_validator(mode="after")
    def _readable(self) -> "Input":
        if self.format == "avro" and self.registry is None:
            raise ValueError(
                'registry: expected with format = "avro", such as registry = {url = "http://registry:8081"}'
            )
        if self.deletes == "withdraw" and self.format != "debezium":
            raise ValueError('deletes: expected with format = "debezium" only')
        return self

    @property
    def form(self) -> Form:
        """How the records are read, for whoever reads them."""
        return Form(
            topics=self.topics,
            format=self.format,
            map=self.map,
            source=self.source,
            language=self.language,
            content_type=self.content_type,
            dates=self.dates,
            timezone=self.timezone,
            registry=self.registry.url if self.registry else None,
            deletes=self.deletes,
        )

    @field_validator("topics")
    @classmethod
    def _named(cls, topics: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if isinstance(topics, str):
            try:
                re.compile(topics)
            except re.error as error:
                raise ValueError(f"expected a list of topics, or a pattern: {error}") from None
            return (topics,) if _PLAIN.fullmatch(topics) else topics
        wrong = [topic for topic in topics if not _PLAIN.fullmatch(topic)]
        if wrong or not topics:
            raise ValueError("expected names of topics: letters, digits, “.”, “_” and “-”")
        return topics

    def claims(self, topic: str) -> bool:
        """Whether a topic is one of this input's."""
        return self.form.claims(topic)
