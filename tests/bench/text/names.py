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
    what = f"names, {len(articles)} articles"
    yield _row(
        f"{what}: right, of {found.told} given a name or an id", "98", without.precision_told, found.precision_told
    )
    yield _row(f"{what}: right, of {found.met} found where there is one", "98", without.precision, found.precision)
    yield _row(f"{what}: right, of all {found.gold}", "90", without.recall, found.recall)
    yield _row(
        f"{what}: right, of {found.joined} not told by their text", "90", without.recall_joined, found.recall_joined
    )
    strict = "span, class and name right"
    yield _row(f"{what}: {strict}, of {found.found} found", "", without.precision_strict, found.precision_strict)


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
