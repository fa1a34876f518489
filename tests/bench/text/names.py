"""Canonical names on 40 annotated articles: 21 of our own, 19 beside the project (`tests.gold`).

"Without" is what the model finds, each mention under its own text.
"""

from collections.abc import Iterable, Iterator

from tests.bench.text.row import Row
from tests.gold.enriching import MODEL, enriched
from tests.gold.marked import Annotated, own
from tests.gold.score import Counts, count, total
from tests.gold.shared import shared
from topics.records import Mention
from workers.article.entities import Recogniser


def rows() -> Iterator[Row]:
    articles = [*own(), *shared()]
    without = _total(_by_model_alone(articles), articles)
    found = _total((article.entities for article in enriched(articles)), articles)
    what = f"names, {len(articles)} articles, {found.gold} mentions"
    yield _row(f"{what}: right, of those found where there is one", "98.0", without.precision, found.precision)
    yield _row(f"{what}: found with the right name, of all", "90.0", without.recall, found.recall)
    yield _row(
        f"{what}: the same, of the {found.joined} whose text is not their name",
        "90.0",
        without.recall_joined,
        found.recall_joined,
    )
    yield _row(
        f"{what}: right in span, class and name, of all found", "", without.precision_strict, found.precision_strict
    )


def _row(what: str, target: str, without: float, found: float) -> Row:
    return Row(
        what, target and f"≥ {target} %", f"{without:.1%}", f"{found:.1%}", not target or 100 * found >= float(target)
    )


def _by_model_alone(articles: Iterable[Annotated]) -> Iterator[list[Mention]]:
    model = Recogniser(MODEL)
    for article in articles:
        title, text = model.mentions([("title", article.title), ("text", article.text)])
        yield [*title, *text]


def _total(found: Iterable[Iterable[Mention]], articles: Iterable[Annotated]) -> Counts:
    return total([count(mentions, article) for mentions, article in zip(found, articles, strict=True)])
