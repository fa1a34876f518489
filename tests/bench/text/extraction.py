"""HTML to text: shingle F1 on news pages, beside tags merely stripped and beside trafilatura as it comes.

The score is that of Scrapinghub's article extraction benchmark: shingles of four words, counted; precision and recall
of each page, their means over the pages, and the harmonic mean of those two.
"""

import gzip
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import trafilatura

from tests.bench.text.row import Row
from workers.article.boilerplate import Boilerplate
from workers.article.markup import strip_tags
from workers.article.text import clean
from workers.sections import Enrich

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "extraction"
TARGET = 0.95
WORDS = 4
_WORD = re.compile(r"\w+")

Shingles = Counter[tuple[str, ...]]


class Page(NamedTuple):
    html: str
    article: Shingles


class Run(NamedTuple):
    """What one way of extraction made of the pages, in their order."""

    precisions: list[float]
    recalls: list[float]
    seconds: list[float]

    def f1(self, pages: slice = slice(None)) -> float:
        precision = statistics.mean(p for p in self.precisions[pages] if p >= 0)
        recall = statistics.mean(self.recalls[pages])
        return 2 * precision * recall / ((precision + recall) or 1)


def rows() -> Iterator[Row]:
    pages = _pages()
    ours, tags, theirs = (_run(pages, way) for way in (_ours, strip_tags, _theirs))
    what = f"extraction, shingle F1 ({len(pages)} pages)"
    for beside, run in (("tags stripped", tags), ("trafilatura as it comes", theirs)):
        yield _row(f"{what}, beside {beside}", run, ours, slice(None))
    for half, name in enumerate(("even", "odd")):
        yield _row(f"extraction, its {name} pages, beside trafilatura as it comes", theirs, ours, slice(half, None, 2))
    budget = Enrich().time_budget
    for name, seconds in (("slowest", max), ("99th percentile", _p99)):
        found = seconds(ours.seconds)
        yield Row(
            f"extraction, {name} page in seconds", f"< {budget:g}", f"{seconds(theirs.seconds):.2f}", f"{found:.2f}",
            found < budget,
        )  # fmt: skip


def shingles(text: str) -> Shingles:
    """The text's runs of `WORDS` words, counted; a shorter text is one run."""
    words = _WORD.findall(text)
    runs = (tuple(words[start : start + WORDS]) for start in range(max(1, len(words) - WORDS + 1)))
    return Counter(run for run in runs if run)


def _row(what: str, without: Run, ours: Run, pages: slice) -> Row:
    found = ours.f1(pages)
    return Row(what, f"≥ {TARGET}", f"{without.f1(pages):.4f}", f"{found:.4f}", found >= TARGET)


def _ours(html: str) -> str:
    return Boilerplate.load().stripped(clean(html, content_type="text/html").text).cleaned.text


def _theirs(html: str) -> str:
    return trafilatura.extract(html) or ""


def _run(pages: Sequence[Page], way: Callable[[str], str]) -> Run:
    run = Run([], [], [])
    for page in pages:
        started = time.perf_counter()
        text = way(page.html)
        run.seconds.append(time.perf_counter() - started)
        found = shingles(text)
        right = (found & page.article).total()
        run.precisions.append(right / found.total() if found else -1)  # no text has no precision
        run.recalls.append(right / page.article.total())
    return run


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1]


def _pages() -> list[Page]:
    truth: Mapping[str, Mapping[str, str]] = json.loads(gzip.decompress((DATA / "ground-truth.json.gz").read_bytes()))
    return [
        Page(_html(DATA / "html" / f"{name}.html.gz"), shingles(truth[name]["articleBody"])) for name in sorted(truth)
    ]


def _html(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
