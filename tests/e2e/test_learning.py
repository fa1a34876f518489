"""`sources learn`: from articles, or a topic, to a list that takes out what it should once a person has accepted it."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.kafka.broker import Cluster
from tests.worker_processes import run_command

PLACES = ("Oslo", "Lagos", "Quito", "Hanoi", "Turin", "Perth", "Malmo", "Izmir")
LINE = "The Kestrel is read by traders from {} to the sea"


def raw(number: int) -> bytes:
    """An article on something of its own; the same line in another form stands under each."""
    place = PLACES[number]
    body = f"{place * 2} met {place[::-1]}.\n\n{place[::-1] * 2} met {place}."
    article = {"id": f"a{number}", "url": f"https://www.kestrel.example/{number}"}
    return json.dumps({**article, "body": f"{body}\n\n{LINE.format(place)}"}).encode() + b"\n"


ARTICLES = b"".join(map(raw, range(len(PLACES))))


def _accepted(file: Path, tmp_path: Path) -> None:
    """The written list is a valid one and, named, takes the line out of an article that nobody has seen."""
    assert b"fine, 1 sources" in run_command("sources", "check", str(file))
    new = {"url": "https://kestrel.example/x", "body": f"Ministers met.\n\n{LINE.format('Cairo')}\n\nThey agreed."}
    articles = tmp_path / "new.jsonl"
    articles.write_text(json.dumps(new))
    before = json.loads(run_command("annotate", str(articles), "--model", "none"))
    after = json.loads(run_command("annotate", str(articles), "--model", "none", "--sources", str(file)))
    assert before["text"] == new["body"]
    assert after["text"] == "Ministers met.\n\nThey agreed."
    assert after["removed"] == [LINE.format("Cairo")]


def test_what_is_learned_from_a_file_takes_out_what_it_should_once_it_is_accepted(tmp_path: Path) -> None:
    articles, proposed = tmp_path / "articles.jsonl", tmp_path / "proposed.yaml"
    articles.write_bytes(ARTICLES)
    said = run_command("sources", "learn", str(articles), "--write", str(proposed)).decode()
    assert "kestrel.example (8 different articles)" in said
    assert LINE.format("Oslo") in said
    _accepted(proposed, tmp_path)


def test_what_the_list_takes_out_already_is_not_proposed_again(tmp_path: Path) -> None:
    articles, first = tmp_path / "articles.jsonl", tmp_path / "first.yaml"
    articles.write_bytes(ARTICLES)
    run_command("sources", "learn", str(articles), "--write", str(first))
    assert b"0 patterns proposed" in run_command("sources", "learn", str(articles), "--sources", str(first))


@pytest.mark.kafka
async def test_what_is_learned_from_a_topic_is_what_is_learned_from_its_articles(
    kafka: Cluster, prefix: str, tmp_path: Path
) -> None:
    await kafka.create_topics(prefix, partitions=2)
    env = {"WIREWATCH_BROKERS": kafka.bootstrap, "WIREWATCH_PREFIX": prefix}
    proposed = tmp_path / "proposed.yaml"

    def commands() -> str:
        run_command("publish", "-", env=env, data=ARTICLES + b"no article\n")
        return run_command("sources", "learn", "--from", "raw", "--write", str(proposed), env=env).decode()

    said = await asyncio.to_thread(commands)
    assert "8 articles of 1 sources read; 1 patterns proposed" in said
    assert "1 records could not be read" in said
    _accepted(proposed, tmp_path)
