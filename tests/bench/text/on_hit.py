"""What `entities = "on-hit"` saves: articles a second of processor time in one process, with the watchlists that ship.

"Without" is `entities = "always"`, the two in turns. The articles are every sixteenth of `gmb_news`; each is seen once.
"""

import gzip
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from alerts.bundle import encode
from alerts.watchlist import Watchlist, load_all
from tests.bench.text.row import Row
from tests.gold.enriching import MODEL
from workers.article.options import ON_HIT, Options
from workers.article.pipeline import Pipeline
from workers.messages import Record, Result

ROOT = Path(__file__).parents[3]
ARTICLES = ROOT.parent / "shared" / "data" / "articles" / "gmb_news.jsonl.gz"
BATCH = 16


def rows() -> Iterator[Row]:
    """For the desk of one list, and for those of both."""
    batches = _batches()
    shipped = load_all([ROOT / "alerts" / "watchlists"])
    for watchlists in ([w for w in shipped if w.id == "trade"], shipped):
        always, on_hit = _pipeline("always", watchlists), _pipeline(ON_HIT, watchlists)
        before: list[Result] = []
        after: list[Result] = []
        seconds = [0.0, 0.0]
        for batch in batches:
            for number, (made, results) in enumerate(((always, before), (on_hit, after))):
                started = time.process_time()
                results += made(batch)
                seconds[number] += time.process_time() - started
        yield from _compared(" and ".join(sorted(w.id for w in watchlists)), before, after, seconds)


def _compared(desks: str, before: list[Result], after: list[Result], seconds: Sequence[float]) -> Iterator[Row]:
    count = len(before)
    hits = sum(bool(result.first) for result in before)
    slow, fast = (count / each for each in seconds)
    yield Row(
        f"{desks}: articles a second, {hits} of {count} meet a rule", "more", f"{slow:.0f}", f"{fast:.0f}", fast > slow
    )
    other = sum(one.first != two.first for one, two in zip(before, after, strict=True))
    yield Row(f"{desks}: articles whose hits are others", "0", "", str(other), other == 0)


def _pipeline(entities: str, watchlists: Sequence[Watchlist]) -> Pipeline:
    made = Pipeline(Options(model=MODEL, entities=entities))
    made.use_watchlists(encode(watchlists))
    return made


def _batches() -> list[list[Record]]:
    with gzip.open(ARTICLES) as lines:
        records = [
            Record("news.raw", 0, n, 1_700_000_000_000, None, line) for n, line in enumerate(islice(lines, 0, None, 16))
        ]
    return [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
