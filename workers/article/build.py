"""How a pool process makes the enrich step.

Kept apart from the step itself: a process that only hands out work need not load what does it.
"""

from typing import TYPE_CHECKING

from workers import garbage
from workers.article.options import Options
from workers.messages import Record

if TYPE_CHECKING:
    from workers.article.pipeline import Pipeline


def build(options: Options) -> "Pipeline":
    """The enrich step with everything loaded. Raises ConfigError for a model that cannot be."""
    from workers.article.pipeline import Pipeline

    garbage.look_rarely()
    pipeline = Pipeline(options)
    # What the first article would load (a language model, an HTML parser) costs seconds of nobody's time budget.
    pipeline([Record("", 0, 0, 1, None, b'{"body": "<p>The minister met Scott Bessent in Geneva.</p>"}')])
    return pipeline
