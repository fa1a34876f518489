"""How fast articles are matched, and what more terms cost: `python -m tests.bench.bench_matcher [ARTICLES]`.

Most terms are taken from the articles themselves, words and pairs of words that one article in ten thousand has; the
first ten are in every set. `rules` is what the articles met, each with its evidence. The last line is what terms cost
that are not found: ten thousand that come as near to the articles' words as can be. Times are of the processor, in
one process.
"""

import gzip
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from alerts.folding import fold
from alerts.matcher import Matcher
from alerts.watchlist import Rule, Watchlist

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "articles" / "reuters21578.jsonl.gz"
TEN = ("tariffs", "rare earths", "Taiwan", "OPEC", "US", "semiconductor*", "sanctions", "soybeans", "WHO", "U.S.")


class Article(NamedTuple):
    title: str
    body: str


def articles(path: Path, limit: int) -> list[Article]:
    found = []
    with gzip.open(path) as lines:
        for line, _ in zip(lines, range(limit), strict=False):
            row = msgspec.json.decode(line)
            found.append(Article(row.get("title") or "", row.get("body") or ""))
    return found


def terms(corpus: list[Article], count: int) -> list[str]:
    """`TEN`, then what occurs in one or two articles."""
    seen: Counter[str] = Counter()
    for article in corpus:
        words = [word.strip(".,;:()\"'") for word in article.body.split()]
        pairs = {f"{a} {b}" for a, b in pairwise(words) if a.isalpha() and b.isalpha()}
        seen.update(pairs | {word for word in words if len(word) > 5 and word.isalpha()})
    rare = sorted(term for term, times in seen.items() if times <= 2)
    step = max(1, len(rare) // count)
    return list(dict.fromkeys([*TEN, *rare[::step]]))[:count]


def watchlists(chosen: list[str], *, size: int = 20) -> list[Watchlist]:
    """Rules of `size` terms, a hundred rules a desk."""
    rules = [Rule(id=f"r{i}", terms=tuple(chosen[i : i + size])) for i in range(0, len(chosen), size)]
    return [Watchlist(id=f"w{i}", desk=f"w{i}", rules=tuple(rules[i : i + 100])) for i in range(0, len(rules), 100)]


def unfound(chosen: list[str]) -> list[str]:
    """As many terms, of which only `TEN` are in any article."""
    return [*TEN, *(f"{term}q" for term in chosen[len(TEN) :])]


def measure(corpus: list[Article], chosen: list[str]) -> str:
    began = time.process_time()
    matcher = Matcher(watchlists(chosen))
    built = time.process_time() - began
    began = time.process_time()
    met = [desk for article in corpus for desk in matcher.match(title=article.title, text=article.body)]
    took = time.process_time() - began
    rules = sum(len(desk.rules) for desk in met)
    size = sum(len(article.title) + len(article.body) for article in corpus)
    return (
        f"{len(chosen):>7,} terms  built in {built:6.3f} s  {len(corpus) / took:>9,.0f} articles/s  "
        f"{size / took / 1e6:6.1f} MB/s  {len(met):>7,} hits  {len(met) / took:>7,.0f} hits/s  {rules:>7,} rules"
    )


def main() -> int:
    if not DATA.exists():
        print(f"no articles to measure on: {DATA} is absent", file=sys.stderr)
        return 2
    corpus = articles(DATA, int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
    size = sum(len(article.body) for article in corpus)
    began = time.process_time()
    for article in corpus:
        fold(article.body)
    print(f"folding alone: {size / (time.process_time() - began) / 1e6:.0f} MB/s of {size / 1e6:.1f} MB")
    for count in (10, 1_000, 10_000):
        print(measure(corpus, terms(corpus, count)))
    print(measure(corpus, unfound(terms(corpus, 10_000))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
