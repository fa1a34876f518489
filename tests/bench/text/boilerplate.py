"""Boilerplate among article text that looks like it: the gold's paragraphs, each on its own.

The patterns were first written with one half (dev) in sight and later widened by the further ones, other ways of
saying the same. Without patterns nothing goes: every paragraph that should is missed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.text.row import Row
from workers.article.boilerplate import Boilerplate

GOLD = Path(__file__).resolve().parents[2] / "gold" / "boilerplate"
PRECISION, RECALL = 0.99, 0.90

Judged = tuple[str, bool, bool]
"""A split, whether the paragraph is boilerplate, whether it was taken for that."""


def rows() -> Iterator[Row]:
    patterns = Boilerplate.load()
    lines = [
        line.split("\t")
        for file in sorted(GOLD.glob("*.tsv"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line[:1] != "#"
    ]
    judged = [(split, what == "boilerplate", patterns.kind(text) is not None) for split, _, what, text in lines]
    for name, splits in (("dev", ("dev",)), ("test", ("test",)), ("both", ("dev", "test")), ("further", ("further",))):
        yield from _rows(name, [one for one in judged if one[0] in splits])


def _rows(name: str, judged: Sequence[Judged]) -> Iterator[Row]:
    right = sum(boilerplate and taken for _, boilerplate, taken in judged)
    precision = right / (sum(taken for _, _, taken in judged) or 1)
    recall = right / sum(boilerplate for _, boilerplate, _ in judged)
    what = f"boilerplate, {name} ({len(judged)} paragraphs)"
    yield Row(f"{what}: precision", f"≥ {PRECISION}", "", f"{precision:.3f}", precision >= PRECISION)
    yield Row(f"{what}: recall", f"≥ {RECALL}", "0", f"{recall:.3f}", recall >= RECALL)
