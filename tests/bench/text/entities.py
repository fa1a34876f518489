"""People, organisations and places found in whole documents; "without" is the model alone."""

from collections.abc import Iterator

from tests.bench.bench_entities import MODEL, SETS, Score, found
from tests.bench.text.row import Row
from workers.article.entities import Recogniser
from workers.article.gazetteer import Gazetteer

GAIN = {"finer_ord.test": 2.0}
"""Points of F1 above the model alone that are promised; on every other set, no loss."""


def rows() -> Iterator[Row]:
    model, gazetteer = Recogniser(MODEL), Gazetteer.load()
    for name in SETS:
        scores = found(name, model, gazetteer)
        alone, everything = scores["model"], scores["all"]
        for of in ("all", "PER", "ORG", "LOC"):
            yield _row(
                f"entities, {name}, {of}: F1", alone[of], everything[of], GAIN.get(name, 0) if of == "all" else None
            )


def _row(what: str, alone: Score, everything: Score, gain: float | None) -> Row:
    target = "" if gain is None else f"≥ +{gain:.1f}"
    met = gain is None or everything.f1 - alone.f1 >= gain
    return Row(what, target, f"{alone.f1:.1f}", f"{everything.f1:.1f}", met)
