"""How often a text's language is found, said to be unknown, and mistaken, by length; beside py3langid by itself."""

from collections import Counter
from collections.abc import Iterable

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from tests.bench.text.row import Row
from tests.gold.language_texts import judged
from workers.article.language import detect, normalise

SIZES = (200, 100, 50, 20)
LEAST_RIGHT = 0.99
MOST_WRONG = 0.005


def rows() -> Iterable[Row]:
    bare = LanguageIdentifier.from_model_file(MODEL_FILE)
    for size in SIZES:
        without = judged(size, lambda text: normalise(bare.classify(text)[0]))
        found = judged(size, detect)
        right, wrong = found["right"] / found.total(), found["wrong"] / found.total()
        whole = size == SIZES[0]
        yield Row(
            f"languages at {size} characters: right, unknown, wrong",
            f"≥ {LEAST_RIGHT:.0%} right" if whole else f"≤ {MOST_WRONG:.1%} wrong",
            _shares(without),
            _shares(found),
            right >= LEAST_RIGHT if whole else wrong <= MOST_WRONG,
        )


def _shares(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name] / counts.total():.1%}" for name in ("right", "unknown", "wrong"))
