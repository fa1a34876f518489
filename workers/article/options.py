"""What the enrich step is told, and how a pool process makes it.

Kept apart from the step itself: the processes that only hand out work need not load what does it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.messages import Record

if TYPE_CHECKING:
    from workers.article.pipeline import Pipeline

NONE = "none"
"""The model's name that means: no model, the gazetteer and the watchlists only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the settings say of the step. Empty `languages` or `sources`: all of them."""

    model: str = NONE
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    on_null: str = "dead-letter"
    max_alert_age: float = 6 * 3600.0
    max_output_bytes: int = 1_000_000


def build(options: Options) -> "Pipeline":
    """The enrich step with everything loaded. Raises ConfigError for a model that cannot be."""
    from workers.article.pipeline import Pipeline

    pipeline = Pipeline(options)
    # What the first article would load (a language model, an HTML parser) costs seconds of nobody's time budget.
    pipeline([Record("", 0, 0, 1, None, b'{"body": "<p>The minister met Scott Bessent in Geneva.</p>"}')])
    return pipeline
