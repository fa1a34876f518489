"""How quickly records of each format are read: bytes to RawArticle, one process, no network.

    python -m tests.bench.bench_inputs [ROUNDS]

The same article in each format, about 4 kB of text, without a map and with one of seven paths. Times are of the
processor; each figure is the best of several rounds, taken in turn, so that whatever else the machine does meets all
formats alike. The ratio is to plain JSON without a map.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.producers import ARTICLE_SCHEMA, MICROS, POSTGRES, avro, connect_field, connect_json, packed
from topics.codec import decode_raw
from topics.inputs.form import Form
from topics.inputs.read import Reader

SENTENCE = "The ministers met in Geneva, and no agreement was reached on tariffs or rare earths. "
TEXT = "\n\n".join(SENTENCE * 5 for _ in range(10))
REGISTRY = "http://registry.example:8081"
ARTICLE: dict[str, Any] = {
    "id": "a1",
    "title": "Talks in Geneva fail",
    "url": "https://news.example/talks",
    "source": "wire",
    "published_at": "2026-11-02T13:00:00Z",
    "authors": ["A. Writer", "B. Reporter"],
    "language": "en",
    "body": TEXT,
}
FIELDS = tuple(connect_field(name, "string") for name in ARTICLE)
BATCH = 200


class Case(NamedTuple):
    """A format, a record of it, and what travels beside."""

    name: str
    form: Form
    value: bytes
    schema: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def cases() -> list[Case]:
    plain = json.dumps(ARTICLE).encode()
    mapped = {name: (f"deep.{name}", f"{name}_text") for name in ARTICLE if name != "id"}
    nested = json.dumps({"id": "a1"} | {f"{name}_text": value for name, value in ARTICLE.items()}).encode()
    change = {"before": None, "after": ARTICLE, "source": POSTGRES, "op": "c", "ts_ms": MICROS // 1000}
    image = {"type": "struct", "optional": True, "field": "after", "fields": FIELDS}
    event = {"specversion": "1.0", "id": "e1", "source": "/cms", "type": "article", "time": ARTICLE["published_at"]}
    row = {name: value for name, value in ARTICLE.items() if name in ("id", "title", "body", "authors")}
    item = {
        "uri": "urn:news:a1",
        "versioncreated": ARTICLE["published_at"],
        "headlines": [{"role": "main", "value": ARTICLE["title"]}],
        "bodies": [{"role": "main", "contenttype": "text/plain", "value": TEXT}],
        "infosources": [{"name": "wire"}],
        "by": "A. Writer",
    }
    return [
        Case("json", Form(), plain),
        Case("json, seven paths", Form(map=mapped), nested),
        Case("json, dates by a pattern", Form(dates=("%d.%m.%Y %H:%M",), timezone="Europe/Berlin"), plain),
        Case("connect-json", Form(format="connect-json"), connect_json(ARTICLE, *FIELDS)),
        Case("debezium", Form(format="debezium"), json.dumps(change).encode()),
        Case("debezium, schema", Form(format="debezium"), connect_json(change, image)),
        Case("cloudevents", Form(format="cloudevents"), json.dumps(event | {"data": ARTICLE}).encode()),
        Case(
            "cloudevents, binary",
            Form(format="cloudevents"),
            plain,
            headers=tuple((f"ce_{name}", value.encode()) for name, value in event.items()),
        ),
        Case("avro", Form(format="avro", registry=REGISTRY), avro(ARTICLE_SCHEMA, row), packed(ARTICLE_SCHEMA)),
        Case("ninjs", Form(format="ninjs"), json.dumps(item).encode()),
    ]


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, over a batch of them."""
    began = time.process_time()
    for _ in range(BATCH):
        work()
    return (time.process_time() - began) / BATCH


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    plain = cases()[0].value
    works: dict[str, Callable[[], object]] = {"decode_raw": lambda: decode_raw(plain)}
    for case in cases():
        reader = Reader(case.form)
        assert reader(case.value, case.headers, schema=case.schema).article.body == TEXT, case.name
        works[case.name] = lambda r=reader, c=case: r(c.value, c.headers, schema=c.schema)  # type: ignore[misc]
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            best[name] = min(best[name], seconds(work))
    for name, took in best.items():
        print(f"{name:<26}{1 / took:>9,.0f} records/s  {took * 1e6:>6.1f} us  {took / best['json']:>5.2f} of json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
