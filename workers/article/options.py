"""What the enrich step is told."""

from dataclasses import dataclass

from topics.events import source_of
from topics.inputs.form import Form

NONE = "none"
"""The model's name that means: no model, the gazetteer and the watchlists only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the settings say of the step. Empty `languages` or `sources`: all of them.

    `inputs` are how the topics' records are read: a topic's is the first that claims it. `event_source` is
    the outputs' `ce_source`.
    """

    model: str = NONE
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    on_null: str = "dead-letter"
    max_alert_age: float = 6 * 3600.0
    max_output_bytes: int = 1_000_000
    inputs: tuple[Form, ...] = ()
    event_source: str = source_of("news")
