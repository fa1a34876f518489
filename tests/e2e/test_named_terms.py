"""Rules for labels and entities from a push to the hits, on a real broker, the model only where a rule may be met."""

import asyncio
import json
from pathlib import Path

import pytest

from alerts.watchlist import load
from tests.e2e.test_commands import Shell
from tests.kafka.broker import Cluster
from tests.kafka_reading import whole_topic
from tests.worker_processes import Workers
from topics.codec import decode_enriched, decode_hit
from topics.records import EnrichedArticle, Hit

pytestmark = pytest.mark.kafka

NAMED = """\
id: named
rules:
  - id: taiwan
    terms: [{entity: Q865}]
  - id: trump
    terms: [{term: Trump, label: PERSON}]
    not: [{entity: Q159}]
"""
BODIES = {
    "a0": "President Donald Trump said on Monday that he would meet the chancellor in the spring.",
    "a1": "The player had no trump left, and his partner had no spade in his hand on that day.",
    "a2": "台湾当局星期一表示，将在春天举行会谈。",
    "a3": "President Donald Trump said on Monday that he would go to Russia in the spring.",
    "a4": "Rain fell on the hills of Norway all day long, and the rivers rose in the night.",
}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


async def test_what_is_pushed_is_met_by_mentions_and_the_hit_says_by_which(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    topics = await kafka.create_topics(prefix, 1)
    wirewatch = Shell(kafka, prefix)
    file = write(tmp_path / "named.yaml", NAMED)
    await asyncio.to_thread(wirewatch, "watchlists", "push", str(file))
    got = (await asyncio.to_thread(wirewatch, "watchlists", "get", "named")).stdout
    assert load(write(tmp_path / "got.yaml", got)) == load(file)

    lines = "".join(json.dumps({"id": id, "body": body}) + "\n" for id, body in BODIES.items())
    articles = write(tmp_path / "articles.jsonl", lines)
    with Workers(kafka.bootstrap, prefix, tmp_path, {"WIREWATCH_WATCHLISTS": "[]"}) as workers:
        (enrich,) = workers.start("enrich", "--processes", "1", "--entities", "on-hit")
        await asyncio.to_thread(enrich.wait_ready)
        await asyncio.to_thread(wirewatch, "publish", str(articles))
        enriched = await _enriched(kafka, topics["enriched"])
    hits = [decode_hit(record.value) for record in await whole_topic(kafka.bootstrap, topics["hits"])]
    found = {hit.article_id: hit.rules for hit in hits if isinstance(hit, Hit)}
    assert {id: [rule.rule for rule in rules] for id, rules in found.items()} == {"a0": ["trump"], "a2": ["taiwan"]}
    proof = [(e.text, e.clause, e.label, e.entity) for id in ("a0", "a2") for e in found[id][0].evidence]
    assert proof == [("Trump", "Trump", "PERSON", None), ("台湾", "Q865", None, "Q865")]
    assert enriched["a4"].model == "none"
    assert [mention.name for mention in enriched["a4"].entities] == ["Norway"]
    assert enriched["a0"].model == enriched["a1"].model != "none"


async def _enriched(kafka: Cluster, topic: str) -> dict[str, EnrichedArticle]:
    """All of the articles, once they are there."""
    async with asyncio.timeout(60):
        while True:
            found = [decode_enriched(record.value) for record in await whole_topic(kafka.bootstrap, topic)]
            if len(found) == len(BODIES):
                return {article.id: article for article in found}
