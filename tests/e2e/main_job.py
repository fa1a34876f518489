"""The main job on real articles: what goes in, and what must have come out whatever happened on the way."""

import asyncio
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from alerts.engine import fold
from tests.kafka_reading import whole_topic
from tests.worker_processes import run_command
from topics.codec import decode_alert, decode_enriched, decode_hit, encode
from topics.records import Hit
from workers.stream.backlog import Backlog

MALFORMED = [
    b"{}",
    b"{",
    b"not json at all",
    b'{"title": "cut in the mid',
    b'{"body": ["a", "list"]}',
    b'{"title": 5, "body": {"a": 1}}',
    b"[1, 2, 3]",
    b'"a string"',
    b"null",
    b"42",
    b"\xff\xfe\x00\x01",
    b'{"body": "caf\xe9"}',
    b"\x00\x00\x00\x00\x07framed",
    b"\x1f\x8b\x08\x00gzip",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"url": "https://a.example/no-text"}',
    b'{"body": "  \\n "}',
    b"<html><body>no record</body></html>",
    b'{"body": "x", "n": ' + b"9" * 5000 + b"}",
]
DESKS = {
    "banks": "bank*", "oil": "oil", "grain": "wheat, corn, soybean*", "gold": "gold", "japan": "Japan", "iran": "Iran",
    "iraq": "Iraq", "usa": "U.S.", "china": "China", "africa": "Africa*", "korea": "Korea*", "russia": "Russia*",
    "nuclear": "nuclear", "trade": "trade", "election": "election*", "court": "court", "dollar": "dollar",
    "ships": "ship*, vessel*", "police": "police", "peace": "peace",
}  # fmt: skip


# The articles are years old, and shall ring all the same.
ENV = {"WIREWATCH_ENRICH__MAX_ALERT_AGE": str(10**12)}


class Job:
    """Articles of the shared data with malformed records among them, twenty desks, and the stream they go through."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, shared_data: Path, *, articles: int) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.good = _articles(shared_data, articles)
        self.bad = MALFORMED
        self.values = _mixed(self.good, self.bad)
        self.folder = folder
        self._flags = ("--brokers", bootstrap, "--prefix", prefix)
        self.enrich_flags = ("-w", str(_watchlists(folder / "watchlists")))

    def offline(self, *flags: str) -> bytes:
        """What `annotate` makes of the good articles."""
        source = self.folder / "articles.jsonl"
        source.write_bytes(b"\n".join(self.good) + b"\n")
        return run_command("annotate", str(source), *self.enrich_flags, *flags, timeout=600, env=ENV)

    def create_topics(self) -> None:
        run_command("topics", "create", *self._flags, "--partitions", "4")

    def publish(self, *, rate: float | None = None) -> None:
        """All at once, or so many a second."""
        source = self.folder / "published.jsonl"
        source.write_bytes(b"\n".join(self.values) + b"\n")
        run_command("publish", str(source), *self._flags, *(("--rate", str(rate)) if rate else ()))

    def publish_to(self, topic: str) -> None:
        """All at once, as they are, to a topic of somebody else's."""

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=2**23) as producer:
                for number, value in enumerate(self.values):
                    await producer.send(topic, value, partition=number % 4)

        asyncio.run(send())

    async def settled(self, *, timeout: float, topic: str | None = None) -> None:
        """Wait until both stages have committed all that they were given; `topic` has the articles."""
        groups = {
            f"{self.prefix}-enrich": [topic or f"{self.prefix}.raw"],
            f"{self.prefix}-alert": [f"{self.prefix}.hits"],
        }
        async with asyncio.timeout(timeout), Backlog(self.bootstrap, groups) as backlog:
            while await backlog.largest():  # noqa: ASYNC110 - brokers do not say when somebody commits
                await asyncio.sleep(0.5)

    async def outcome(self) -> "Outcome":
        roles = ("enriched", "hits", "alerts", "dead-letters")
        return Outcome(*[await whole_topic(self.bootstrap, f"{self.prefix}.{role}") for role in roles])


def _articles(shared_data: Path, number: int) -> list[bytes]:
    """Real articles, half of each collection."""
    found: list[bytes] = []
    for name in ("gmb_news", "reuters21578"):
        with gzip.open(shared_data / "articles" / f"{name}.jsonl.gz") as file:
            found += [line.rstrip(b"\n") for line in islice(file, number // 2)]
    return found


def _watchlists(folder: Path) -> Path:
    """A watchlist for each of twenty desks."""
    folder.mkdir()
    for desk, terms in DESKS.items():
        rules = [
            {"id": f"r{n}", "severity": ("info", "urgent")[n % 2], "terms": [term.strip()]}
            for n, term in enumerate(terms.split(","))
        ]
        text = json.dumps({"id": desk, "policy": {"cooldown": 3600}, "rules": rules})
        (folder / f"{desk}.yaml").write_text(text)
    return folder


def _mixed(good: Sequence[bytes], bad: Sequence[bytes]) -> list[bytes]:
    """The bad ones spread evenly among the good."""
    step = len(good) // len(bad)
    found = list(good)
    for number, value in enumerate(bad):
        found.insert(number * (step + 1), value)
    return found


class Outcome:
    """Everything that came out, read from the broker."""

    def __init__(self, enriched: list[Any], hits: list[Any], alerts: list[Any], dead: list[Any]) -> None:
        self.enriched = enriched
        self.hits = hits
        self.alerts = alerts
        self.dead = dead
        self.repeated: Counter[str] = Counter()

    def described(self) -> str:
        """Counts and latencies, for people: from the raw record's broker time to the enriched one's."""
        took = sorted(
            record.timestamp / 1000 - article.origin.timestamp.timestamp()
            for record in self.enriched
            if (article := decode_enriched(record.value)).origin is not None
        )
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        counts = f"{len(self.hits)} hits, {len(self.alerts)} alerts, {len(self.dead)} dead letters"
        return f"{counts}, latency p50 {p50:.2f} s, p99 {p99:.2f} s, repeated {dict(self.repeated)}"

    def check(self, *, expected: bytes, bad: Sequence[bytes], repeats: bool) -> None:
        """Hold it against the offline run's output (`annotate`). `repeats`: whether ids may come more than once."""
        self._enriched_as(expected)
        self._dead_letters(bad)
        self._hits_as(expected)
        self._alerts_as_folded()
        if not repeats:
            assert not self.repeated, f"repeated: {self.repeated}"

    def _enriched_as(self, expected: bytes) -> None:
        def told(value: bytes) -> tuple[str, Any]:
            article = decode_enriched(value)
            return article.id, (article.revision, article.text, article.entities, article.hits, article.warnings)

        wanted = dict(told(line) for line in expected.splitlines())
        found: dict[str, Any] = {}
        for record in self.enriched:
            name, content = told(record.value)
            assert record.key == name.encode()
            repeated = found.setdefault(name, content) != content
            assert not repeated, f"{name}: two contents"
            self.repeated["enriched"] += 1
        self.repeated["enriched"] -= len(found)
        _same(found, wanted)
        self.repeated += Counter()  # drops zeros

    def _dead_letters(self, bad: Sequence[bytes]) -> None:
        found = Counter(record.value or b"" for record in self.dead)
        assert found.keys() == set(bad)
        origins = Counter(dict(record.headers)["wirewatch.errors.offset"] for record in self.dead)
        assert all(dict(record.headers)["wirewatch.errors.reason"] for record in self.dead)
        assert origins
        extra = len(self.dead) - len(bad)
        if extra:
            self.repeated["dead letters"] = extra

    def _hits_as(self, expected: bytes) -> None:
        wanted: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for line in expected.splitlines():
            article = decode_enriched(line)
            for met in article.hits:
                wanted[article.id, met.desk].add((met.watchlist, met.rule))
        texts = {article.id: article for article in map(decode_enriched, expected.splitlines())}
        found: dict[tuple[str, str], set[tuple[str, str]]] = {}
        contents: dict[str, Any] = {}
        for record in self.hits:
            hit = decode_hit(record.value)
            if not isinstance(hit, Hit):
                continue
            differs = contents.setdefault(hit.id, record.value) != record.value
            assert not differs, f"{hit.id}: two contents"
            found[hit.article_id, hit.desk] = {(rule.watchlist, rule.rule) for rule in hit.rules}
            for evidence in (e for rule in hit.rules for e in rule.evidence):
                article = texts[hit.article_id]
                field = (article.title or "") if evidence.field == "title" else article.text
                assert field[evidence.start : evidence.end] == evidence.text
            self.repeated["hits"] += 1
        self.repeated["hits"] -= len(contents)
        self.repeated += Counter()
        _same(found, wanted)

    def _alerts_as_folded(self) -> None:
        """The alerts of each partition are those of the fold over its hits: ids, contents and order."""
        for partition in sorted({record.partition for record in self.hits}):
            hits = [decode_hit(record.value) for record in self.hits if record.partition == partition]
            wanted = [encode(alert) for alert in fold(hits)]
            found = [record.value for record in self.alerts if record.partition == partition]
            unique = list(dict.fromkeys(found))
            if len(found) > len(unique):
                self.repeated["alerts"] += len(found) - len(unique)
            _same(dict(enumerate(unique)), dict(enumerate(wanted)))
            assert len({decode_alert(value).id for value in unique}) == len(unique)


def _same(found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> None:
    """Fails with the first difference: pytest would compare megabytes to show all."""
    missing, more = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    if missing or more:
        raise AssertionError(f"{len(missing)} missing, such as {list(missing)[:3]}; {len(more)} more: {list(more)[:3]}")
    for key, value in wanted.items():
        if found[key] != value:
            raise AssertionError(f"{key}: expected\n{str(value)[:3000]}\nfound\n{str(found[key])[:3000]}")
