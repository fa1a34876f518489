"""The gazetteer that ships: what it holds, how soon it is there, how fast it reads.

"Without" is the same gazetteer without the forms that belong to a language: 中国, Китай, Chine.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence

from alerts.gazetteer import Entry
from tests.bench.text.row import Row
from tests.gold.shared import ARTICLES
from workers.article.gazetteer import Gazetteer
from workers.article.gazetteer_file import FILE, load, shipped

NEWS = ARTICLES / "gmb_news.jsonl.gz"
READ = 400
ROUNDS = 5
IDS = 1_200
TAIWAN = ("Taiwan", "台湾", "臺灣", "Тайвань", "대만", "تايوان", "Taïwan")


def rows() -> Iterator[Row]:
    entries = shipped()
    plain = tuple(_without_languages(entry) for entry in entries)
    ids = len({entry.id for entry in entries if entry.id})
    yield Row(f"gazetteer, {len(entries):,} entries: Wikidata ids", f"≥ {IDS:,}", "", f"{ids:,}", ids >= IDS)
    yield Row("gazetteer: forms of names", "", f"{_forms(plain):,}", f"{_forms(entries):,}", True)
    before, after = Gazetteer(plain), Gazetteer(entries)
    one = _known(after) == (len(TAIWAN), 1)
    yield Row("gazetteer: Taiwan's spellings known, ids", f"{len(TAIWAN)}, 1", _pair(before), _pair(after), one)
    yield Row("gazetteer: file read", "", "", _ms(lambda: load(FILE)), True)
    yield Row("gazetteer: made from it", "", _ms(lambda: Gazetteer(plain)), _ms(lambda: Gazetteer(entries)), True)
    texts = _texts()
    yield Row(f"gazetteer: {len(texts)} news articles read", "", _speed(before, texts), _speed(after, texts), True)


def _without_languages(entry: Entry) -> Entry:
    forms = tuple(form for form in entry.forms if not form.languages)
    return Entry(entry.label, entry.name, entry.id, forms, entry.either)


def _forms(entries: Sequence[Entry]) -> int:
    return sum(len(entry.forms) for entry in entries)


def _known(gazetteer: Gazetteer) -> tuple[int, int]:
    """(spellings of Taiwan that are found, ids that they have)"""
    found = [mention.entity_id for name in TAIWAN for mention in gazetteer.mentions("text", name)]
    return len(found), len(set(found))


def _pair(gazetteer: Gazetteer) -> str:
    return ", ".join(map(str, _known(gazetteer)))


def _texts() -> list[str]:
    with gzip.open(NEWS, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["body"] for line, _ in zip(lines, range(READ), strict=False)]


def _speed(gazetteer: Gazetteer, texts: Sequence[str]) -> str:
    def read() -> None:
        for text in texts:
            gazetteer.mentions("text", text, "en")

    return f"{sum(map(len, texts)) / _best(read) / 1e6:.1f} M characters/s"


def _ms(work: Callable[[], object]) -> str:
    return f"{1000 * _best(work):.0f} ms"


def _best(work: Callable[[], object]) -> float:
    """Seconds that the quickest of some rounds took: the others were disturbed."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)
