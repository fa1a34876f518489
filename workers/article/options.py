"""What the enrich step is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from topics.events import source_of
from topics.inputs.form import Form

ENGLISH = "en"
NONE = "none"
"""The model's name that means: no model, the gazetteer and the watchlists only."""
ON_HIT = "on-hit"
"""The model looks only at articles that may meet a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the settings say of the step. Empty `languages` or `sources`: all of them.

    `model` is for English, `models` for other languages, by code; `entities` is "always" or `ON_HIT`. `paragraph_cache`
    is the paragraphs that are remembered (0: none). `inputs` are how the topics' records are read: a topic's is the
    first that claims it. `event_source` is the outputs' `ce_source`.
    """

    model: str = NONE
    models: Mapping[str, str] = field(default_factory=dict)
    entities: str = "always"
    paragraph_cache: int = 50_000
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    on_null: str = "dead-letter"
    max_alert_age: float = 6 * 3600.0
    max_output_bytes: int = 1_000_000
    inputs: tuple[Form, ...] = ()
    event_source: str = source_of("news")

    @property
    def recognisers(self) -> dict[str, tuple[str, str]]:
        """Each language that has a model -> (the setting that names it, the model)."""
        english = {} if self.model == NONE else {ENGLISH: ("model", self.model)}
        return english | {language: (f"models.{language}", model) for language, model in self.models.items()}
