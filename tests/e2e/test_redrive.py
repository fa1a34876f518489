"""`wirewatch dlq redrive` on a real Kafka: every letter goes back as it came, once, and nothing goes anywhere else."""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from tests.dead_letters import Letters
from tests.demo_process import COMMAND
from tests.kafka.broker import Cluster
from tests.worker_processes import Workers, until
from topics.codec import decode_enriched
from workers.commands.publishing import article_producer
from workers.dead_letters import CUT, PREFIX, REDRIVEN_FROM
from workers.letters.letter import REDRIVEN, REDRIVEN_TO, Wanted, marked
from workers.letters.reading import reading
from workers.letters.redriving import BATCH, Redrive
from workers.letters.sending import Outgoing
from workers.letters.to_sinks import Couriers
from workers.messages import Headers
from workers.stream import kafka as clients

pytestmark = pytest.mark.kafka

ODD: Headers = (
    ("x", b"\xff\x00"),
    ("x", None),
    ("", b""),
    (f"{PREFIX}stage", b"theirs"),
    (REDRIVEN, b"0/0"),
    ("x", b"1"),
)


@pytest.fixture
async def letters(kafka: Cluster, prefix: str, tmp_path: Path) -> Letters:
    return await Letters(kafka, prefix, tmp_path).create()


def as_it_came(record: Any) -> tuple[int, bytes | None, bytes | None, Headers]:
    """Partition, key, value and headers, but for the one that says that it was redriven."""
    came = tuple(header for header in record.headers if header[0] != REDRIVEN_FROM)
    return record.partition, record.key, record.value, came


async def test_records_go_back_exactly_as_they_came_and_once(letters: Letters) -> None:
    foreign = await letters.kafka.create_topic(f"{letters.prefix}-cms", partitions=3, max_message_bytes="4000000")
    letters.config.write_text(f'[[input]]\ntopics = ["{letters.topic("raw")}", "{foreign}"]\n')
    given: Sequence[tuple[int, bytes | None, bytes | None, Headers]] = [
        (2, b"\xff\xfe", b"\x00\x00\x00\x00\x07\xff\xfe no json", ODD),
        (1, None, b"\xffabc", ()),
        (1, b"", b"", (("", None),)),
        (0, b"deleted", None, ODD),
        (0, None, None, ODD),
        (2, b"k", b"x" * 3_000_000, ()),
    ]
    await letters.put(
        *(
            letters.letter(value, key=key, headers=headers, topic=foreign, partition=partition, to=partition % 2)
            for partition, key, value, headers in given
        ),
        letters.letter(b"{", key=b"a1", partition=1),
    )
    before = await letters.places()
    planned = letters.run("redrive", "--all", "--dry-run")
    assert sorted(planned.stdout.decode().splitlines()) == sorted(
        f"{entry['place']} to {entry['errors']['topic']}/{entry['errors']['partition']}"
        for entry in await letters.listed()
    )
    assert planned.stderr.decode().splitlines() == [
        f"6 would be redriven to {foreign}",
        f"1 would be redriven to {letters.topic('raw')}",
    ]
    assert await letters.records(foreign) == []
    said = letters.said("redrive", "--all")
    assert said == [f"6 redriven to {foreign}", f"1 redriven to {letters.topic('raw')}"]
    found = await letters.records(foreign)
    assert sorted(map(as_it_came, found), key=repr) == sorted(given, key=repr)
    assert {dict(record.headers)[REDRIVEN_FROM].decode() for record in found} < set(before)
    (raw,) = await letters.records(letters.topic("raw"))
    assert as_it_came(raw) == (1, b"a1", b"{", ())
    assert await letters.places() == before, "the markers are no letters"
    assert {entry["redriven"] for entry in await letters.listed()} == {True}
    again = letters.said("redrive", "--all")
    assert again == ["7 skipped: redriven before (--again redrives once more)"]
    assert len(await letters.records(foreign)) == 6
    assert letters.said("redrive", "--topic", foreign, "--again") == [f"6 redriven to {foreign}"]
    assert len(await letters.records(foreign)) == 12


async def test_a_marker_lies_behind_its_letter_and_says_where_it_went(letters: Letters) -> None:
    await letters.put(letters.letter(key=b"k", to=1), letters.letter(to=0), letters.letter(key=b"k", to=1))
    letters.run("redrive", "1/0", "0/0")
    marks = [record for record in await letters.records(letters.topic("dead-letters")) if marked(record)]
    found = [(mark.partition, mark.offset, mark.key, mark.value, dict(mark.headers)[REDRIVEN]) for mark in marks]
    assert found == [(0, 1, b"0/0", None, b"0/0"), (1, 2, b"k", None, b"1/0")]
    went = {dict(mark.headers)[REDRIVEN_TO].decode() for mark in marks}
    assert went == {f"{letters.topic('raw')}/0/0", f"{letters.topic('raw')}/0/1"}
    assert [entry["place"] for entry in await letters.listed() if not entry["redriven"]] == ["1/1"]


async def test_only_the_letters_that_are_meant_go(letters: Letters) -> None:
    await letters.put(letters.letter(b"1"), letters.letter(b"2", reason="no_text"), letters.letter(b"3", to=1))
    assert letters.said("redrive", "--reason", "no_text", "--since", "-1h") == [f"1 redriven to {letters.topic('raw')}"]
    assert letters.said("redrive", "--sink", "chat") == ["nothing to redrive: no dead letter is meant"]
    said = letters.run("redrive", "1/0", "0/7", "--json", fails=1)
    assert json.loads(said.stdout) == {"place": "1/0", "to": f"{letters.topic('raw')}/0/1"}
    assert "no dead letter at 0/7" in said.stderr.decode()
    assert [record.value for record in await letters.records(letters.topic("raw"))] == [b"2", b"3"]


async def test_whatever_cannot_go_back_stays_and_says_why(letters: Letters) -> None:
    small = await letters.kafka.create_topic(f"{letters.prefix}-small", max_message_bytes="20000")
    gone, hits = f"{letters.prefix}-gone", letters.topic("hits")
    letters.config.write_text(
        f'[[input]]\ntopics = ["{letters.topic("raw")}", "{gone}", "{small}"]\n'
        '[[deliver.route]]\nname = "mail"\nsink = {kind = "stdout"}\n'
    )
    await letters.put(
        letters.letter(topic=gone),
        letters.letter(topic="cms"),
        letters.letter(topic=letters.topic("alerts")),
        letters.letter(b"x" * 50_000, topic=small),
        letters.letter(b"{", topic=small),
        letters.letter(more={CUT: "5000000"}),
        letters.letter(stage="alert", topic=hits, partition=9),
        letters.letter(stage="deliver", topic=letters.topic("alerts"), sink="chat"),
        Outgoing(letters.topic("dead-letters"), 0, None, b"?", ()),
        letters.letter(),
    )
    assert sorted(letters.said("redrive", "--all", fails=1)) == sorted(
        [
            f"1 redriven to {letters.topic('raw')}",
            f"1 redriven to {small}",
            f"1 skipped: topic {gone} is not there any more, or we may not see it",
            "1 skipped: topic cms is no input by these settings, so nobody would read it there",
            f"1 skipped: topic {letters.topic('alerts')} is no input by these settings, so nobody would read it there",
            f"1 skipped: topic {small} refuses records of their size (max.message.bytes)",
            "1 skipped: cut when it became a dead letter, so not the whole record: its source has to publish it again",
            f"1 skipped: topic {hits} has not the partition that it came from",
            "1 skipped: sink chat is not in these settings (deliver.route: mail)",
            "1 skipped: no dead letter of wirewatch's: no header says which stage it failed in",
        ]
    )
    assert [entry["place"] for entry in await letters.listed() if entry["redriven"]] == ["0/4", "0/9"]
    assert await letters.records(letters.topic("alerts")) == []


async def test_a_hit_goes_back_to_its_own_partition(letters: Letters) -> None:
    hits = letters.topic("hits")
    await letters.put(
        letters.letter(b"1", key=b"desk", stage="alert", topic=hits, partition=1),
        letters.letter(b"2", key=b"desk", stage="alert", topic=hits, partition=0, to=1),
    )
    assert letters.said("redrive", "--stage", "alert") == [f"2 redriven to {hits}"]
    found = [(record.partition, record.value) for record in await letters.records(hits)]
    assert found == [(0, b"2"), (1, b"1")]


class Failing:
    """A producer that lets no marker through: as a kill between the acknowledgement and the marker."""

    def __init__(self, producer: Any, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def send(self, topic: str, *arguments: Any, **more: Any) -> Any:
        if topic == self._topic:
            raise KafkaError("gone")
        return await self._producer.send(topic, *arguments, **more)


async def test_what_went_and_could_not_be_marked_goes_once_more(letters: Letters) -> None:
    await letters.put(*(letters.letter(b"%d" % number) for number in range(5)))
    async with (
        clients.running(article_producer(letters.settings)) as producer,
        reading(letters.settings, Wanted()) as found,
    ):
        work = Redrive(
            letters.settings,
            found,
            producer=Failing(producer, letters.topic("dead-letters")),
            partitions=found.partitions,
            couriers=Couriers(letters.settings, producer),
        )
        with pytest.raises(KafkaError, match="gone"):
            await work.run()
    assert (work.done.redriven, work.done.unmarked) == (Counter({letters.topic("raw"): 5}), 5)
    assert letters.said("redrive", "--all") == [f"5 redriven to {letters.topic('raw')}"]
    values = Counter(record.value for record in await letters.records(letters.topic("raw")))
    assert values == {b"%d" % number: 2 for number in range(5)}


async def test_killed_at_any_moment_it_leaves_none_out_and_repeats_no_more_than_a_batch(letters: Letters) -> None:
    number = 6000
    await letters.put(*(letters.letter(b"%d" % n, key=b"%d" % n, partition=n % 2, to=n % 2) for n in range(number)))
    raw = letters.topic("raw")
    command = [*COMMAND, "dlq", "redrive", "--all"]
    process = await asyncio.create_subprocess_exec(*command, env=letters.env, stderr=subprocess.DEVNULL)
    while not await letters.records(raw):
        assert process.returncode is None
    process.kill()
    await process.wait()
    killed_at = len(await letters.records(raw))
    left = number - sum(entry["redriven"] for entry in await letters.listed())
    letters.run("redrive", "--all")
    values = Counter(record.value for record in await letters.records(raw))
    assert len(values) == number
    repeated = sum(values.values()) - number
    print(f"\nkilled at {killed_at} of {number}: {left} were left, {repeated} went twice")
    assert repeated <= BATCH
    assert letters.said("redrive", "--all") == [f"{number} skipped: redriven before (--again redrives once more)"]


# --- with workers

BROKEN = """
[enrich]
processes = 1
commit_interval = 0.2
[enrich.brake]
minimum = 20
probe_interval = 300
[[input]]
topics = ["{topic}"]
map = {{title = "{title}", body = "text"}}
"""


def foreign(name: str) -> bytes:
    return json.dumps({"id": name, "meta": {"headline": f"Talks of {name}"}}).encode()


@pytest.mark.timeout(240)
async def test_what_fails_again_is_known_and_holds_up_nobody_and_what_is_mended_is_enriched(
    letters: Letters, tmp_path: Path
) -> None:
    topic = await letters.kafka.create_topic(f"{letters.prefix}-cms")
    letters.config.write_text(BROKEN.format(topic=topic, title="headline"))
    bad = [Outgoing(topic, 0, b"a%d" % n, foreign(f"a{n}"), (("x", b"\xff"),)) for n in range(19)]
    with Workers(letters.kafka.bootstrap, letters.prefix, tmp_path, letters.env) as workers:
        (worker,) = workers.start("enrich", "--config", str(letters.config))
        await asyncio.to_thread(worker.wait_ready)
        await letters.put(*bad)
        await until(lambda: worker.total("wirewatch_dead_letters_total") == 19)
        # Twice as many as put the brake on, and all are still bad.
        for _ in range(2):
            await asyncio.to_thread(letters.run, "redrive", "--all", "--again")
        await letters.put(Outgoing(topic, 0, b"good", b'{"id": "good", "text": "Rain."}', ()))
        await until(lambda: worker.total("wirewatch_processed_articles_total", outcome="enriched") == 1)
        assert worker.total("wirewatch_brake_partitions") == 0
        assert worker.stop() == 0
        entries = await letters.listed()
        firsts = [entry for entry in entries if "redriven_from" not in entry]
        seconds = [entry for entry in entries if "redriven_from" in entry]
        assert len(firsts) == 19
        assert {entry["redriven_from"] for entry in seconds} == {
            entry["place"] for entry in entries if entry["redriven"]
        }
        letters.config.write_text(BROKEN.format(topic=topic, title="meta.headline"))
        await asyncio.to_thread(letters.run, "redrive", firsts[0]["place"], "--again")
        (worker,) = workers.start("enrich", "--config", str(letters.config))
        await asyncio.to_thread(worker.wait_ready)
        await until(lambda: worker.total("wirewatch_processed_articles_total", outcome="enriched") == 1)
        assert worker.stop() == 0
    articles = [decode_enriched(record.value) for record in await letters.records(letters.topic("enriched"))]
    name = firsts[0]["record"]["key"]
    assert {article.id: article.title for article in articles} == {"good": None, name: f"Talks of {name}"}
    assert len(articles) == 2
