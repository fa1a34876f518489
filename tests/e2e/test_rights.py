"""Exactly the printed rights, on a broker with an authorizer: all works with them, and not all with one less."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient

from tests.delivering import an_alert
from tests.demo_process import COMMAND
from tests.e2e.test_security import answer, article, by_certificate, count
from tests.hit_logs import hit
from tests.kafka.administrator import give_rights, make_topics
from tests.kafka.secured import Secured
from tests.worker_processes import WorkerProcess, Workers, run_command
from topics.codec import encode
from topics.errors import InvalidRecord
from workers import permits
from workers.dead_letters import dead_letter
from workers.messages import Record
from workers.rights import rights
from workers.settings import Settings, load

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

WORKERS = ("enrich", "alert", "deliver")
WATCHLIST = "id: mines\nrules:\n  - {id: r, severity: urgent, terms: [rare earths]}\n"


class Job:
    """Workers with a user each, on topics that an administrator made, with the rights that were printed."""

    def __init__(self, secured: Secured, prefix: str, folder: Path) -> None:
        self.secured = secured
        self.prefix = prefix
        self.copy = f"{prefix}.copy"
        self._folder = folder
        self._env = {
            "WIREWATCH_PREFIX": prefix,
            "WIREWATCH_GROUP": prefix,
            "WIREWATCH_MODEL": "none",
            "WIREWATCH_KAFKA__SESSION_TIMEOUT": "6",
            "WIREWATCH_KAFKA__REQUEST_TIMEOUT": "10",
            "WIREWATCH_WATCHLISTS": json.dumps([str(folder / "watchlist.yaml")]),
            "WIREWATCH_DELIVER__ROUTE": json.dumps([{"name": "copy", "sink": {"kind": "kafka", "topic": self.copy}}]),
        }
        (folder / "watchlist.yaml").write_text(WATCHLIST)
        self._workers = Workers(secured.ssl, prefix, folder)

    def user(self, who: str) -> str:
        return f"{self.prefix}-{who}"

    def topic(self, role: str) -> str:
        return f"{self.prefix}.{role}"

    def env(self, who: str) -> dict[str, str]:
        return self._env | by_certificate(self.secured, self.user(who))

    def settings(self, who: str) -> Settings:
        """Those of the user's environment."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.env(who).items():
                patch.setenv(name, value)
            return load()

    async def give(self, *who: str) -> None:
        flags = [flag for name in who for flag in ("--worker", name, "--principal", f"{name}=User:{self.user(name)}")]
        printed = await self._printed("topics", "list", "--acls", *flags)
        await asyncio.to_thread(give_rights, self.secured, printed)

    async def prepare(self, *who: str, partitions: int = 1, **env: str) -> None:
        """Topics and rights, as printed."""
        self._env |= env
        printed = await self._printed("topics", "create", "--print", "--partitions", str(partitions))
        await make_topics(self.secured.cluster, printed)
        await self.secured.cluster.create_topic(self.copy)
        if who:
            await self.give(*who)

    async def _printed(self, *arguments: str) -> str:
        return (await asyncio.to_thread(run_command, *arguments, env=self._env)).decode()

    def run(self, who: str, *command: str) -> tuple[int, str]:
        """A command as its user: the exit code, and what it says."""
        more = [str(self._folder / "watchlist.yaml")] if who == "watchlists" else []
        done = subprocess.run(
            [*COMMAND, *command, *more],
            input=article(1),
            capture_output=True,
            env=os.environ | self.env(who),
            timeout=120,
            check=False,
        )
        return done.returncode, done.stderr.decode() + done.stdout.decode()

    def start(self, worker: str) -> WorkerProcess:
        flags = ("--processes", "1") if worker == "enrich" else ()
        started = WorkerProcess(
            [worker, *flags], self._folder / f"{worker}-{len(self._workers.all)}.log", self.env(worker)
        ).start()
        self._workers.all.append(started)
        return started

    async def deny(self, worker: str, operation: str, **resource: str) -> None:
        await asyncio.to_thread(self.secured.deny, self.user(worker), operation.upper(), **resource)

    async def undo(self, worker: str, operation: str, **resource: str) -> None:
        await asyncio.to_thread(self.secured.undo, self.user(worker), operation.upper(), **resource)

    async def write(self, role: str, *values: bytes) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.secured.bootstrap) as producer:
            for value in values:
                await producer.send_and_wait(self.topic(role), value, partition=0)

    async def records(self, topic: str, number: int) -> list[Any]:
        return await count(self.secured, topic, number)

    def close(self) -> None:
        for worker in self._workers.all:
            worker.kill()


@pytest.fixture
def job(secured_kafka: Secured, prefix: str, tmp_path: Path) -> Iterator[Job]:
    made = Job(secured_kafka, prefix, tmp_path)
    yield made
    made.close()


async def says(worker: WorkerProcess, *words: str, timeout: float = 60) -> str:
    """/readyz, once it has these words."""
    said = ""
    try:
        async with asyncio.timeout(timeout):
            while True:
                with suppress(OSError):  # between two processes of a supervisor
                    said = await asyncio.to_thread(answer, worker, "readyz")
                if all(word in said for word in words):
                    return said
                await asyncio.sleep(0.1)  # no event is made of it
    except TimeoutError:
        raise AssertionError(f"{words} not in: {said}\n{worker.tail()}") from None


async def test_the_printed_rights_are_enough_for_everything(job: Job) -> None:
    await job.prepare("publish", *WORKERS)
    workers = [job.start(worker) for worker in WORKERS]
    publish = ("publish", "-", "--topic", job.topic("raw"))
    await asyncio.to_thread(run_command, *publish, env=job.env("publish"), data=article(1) + b"{\n" + article(2))
    assert len(await job.records(job.copy, 2)) == 2
    assert len(await job.records(job.topic("enriched"), 2)) == 2
    assert len(await job.records(job.topic("dead-letters"), 1)) == 1
    for worker in workers:
        await asyncio.to_thread(worker.wait_ready)
        assert '"level": "error"' not in worker.log.read_text()
    assert await asyncio.to_thread(members, job) == {
        f"{job.prefix}-{group}": {f"{job.prefix}-{group.partition('-')[0]}"}
        for group in ("enrich", "alert", "deliver-copy")
    }
    assert [worker.stop() for worker in workers] == [0, 0, 0]


def members(job: Job) -> dict[str, set[str]]:
    """What the members of our groups call themselves."""
    admin: Any = AdminClient({"bootstrap.servers": job.secured.bootstrap, "log_level": 0})
    groups = [f"{job.prefix}-{name}" for name in ("enrich", "alert", "deliver-copy")]
    found = {name: future.result(20) for name, future in admin.describe_consumer_groups(groups).items()}
    return {name: {member.client_id for member in group.members} for name, group in found.items()}


COMMANDS = {
    "check": (("check", "--json"), "we may not see it"),
    "publish": (("publish", "-"), ".raw on"),
    "tail": (("tail", "raw", "--once"), ".raw on"),
    "trace": (("trace", "a1", "--json"), "no topic"),
    "watchlists": (("watchlists", "push", "--force"), ".watchlists on"),
    "resume": (("resume",), ".watchlists on"),
    "dlq": (("dlq", "list"), ".dead-letters on"),
    "redrive": (("dlq", "redrive", "--all"), "not allowed: Write on topic"),
}
"""The command, and a part of what it says without any right. In an order in which each finds something to do."""


async def test_commands_work_with_their_printed_rights_and_without_say_what_is_missing(job: Job) -> None:
    await job.prepare()
    for who, (command, words) in COMMANDS.items():
        code, said = await asyncio.to_thread(job.run, who, *command)
        assert (code != 0, words in said) == (True, True), said
    await job.give(*COMMANDS)
    for who, (command, _) in COMMANDS.items():
        code, said = await asyncio.to_thread(job.run, who, *command)
        if who == "check":  # its own user may do what it has to; whether a worker may, the worker's user asks
            assert "not checked" not in said
            assert "we may not see" not in said
        else:
            assert code == 0, said


async def test_redrive_sends_nothing_that_it_may_not_mark_and_all_with_its_rights(job: Job) -> None:
    await job.prepare("redrive")
    stages = {"enrich": "raw", "alert": "hits", "deliver": "alerts"}
    async with AIOKafkaProducer(bootstrap_servers=job.secured.bootstrap) as producer:
        for stage, role in stages.items():
            came = Record(job.topic(role), 0, 0, 0, b"trade", encode(an_alert()), ())
            letter = dead_letter(came, InvalidRecord("refused", "no"), stage=stage, extra={"sink": "copy"})
            await producer.send_and_wait(job.topic("dead-letters"), letter.value, headers=list(letter.headers))
    command = ("dlq", "redrive", "--all")
    await job.deny("redrive", "Write", topic=job.topic("dead-letters"))
    code, said = await asyncio.to_thread(job.run, "redrive", *command)
    assert (code, f"Write on topic {job.topic('dead-letters')}" in said) == (1, True), said
    assert await job.records(job.topic("raw"), 0) == []
    await job.undo("redrive", "Write", topic=job.topic("dead-letters"))
    code, said = await asyncio.to_thread(job.run, "redrive", *command)
    assert code == 0, said
    for topic in (job.topic("raw"), job.topic("hits"), job.copy):
        assert len(await job.records(topic, 1)) == 1
    assert len(await job.records(job.topic("dead-letters"), 6)) == 6
    code, said = await asyncio.to_thread(job.run, "redrive", "check", "--worker", "redrive")
    assert "rights: redrive may do all that it has to" in said, said


async def test_inputs_that_are_refused_or_come_later_are_named_while_the_others_are_read(job: Job) -> None:
    names = {letter: f"{job.prefix}.in-{letter}" for letter in "abc"}
    await job.prepare("enrich", WIREWATCH_INPUT=json.dumps([{"topics": list(names.values())}]))
    for letter in "ab":
        await job.secured.cluster.create_topic(names[letter])
    await job.deny("enrich", "Read", topic=names["b"])
    await job.write("in-a", article(1))
    await job.write("in-b", article(2))
    worker = job.start("enrich")
    assert ids(await job.records(job.topic("enriched"), 1)) == {"a1"}
    said = await says(worker, f"Read on topic {names['b']}", f"no topic {names['c']}")
    assert names["a"] not in said
    await job.undo("enrich", "Read", topic=names["b"])
    await job.secured.cluster.create_topic(names["c"])
    await job.write("in-c", article(3))
    assert ids(await job.records(job.topic("enriched"), 3)) == {"a1", "a2", "a3"}
    await asyncio.to_thread(worker.wait_ready)
    await job.deny("enrich", "Read", topic=names["b"])
    await says(worker, f"Read on topic {names['b']}")
    await job.write("in-c", article(4))
    assert ids(await job.records(job.topic("enriched"), 4)) == {"a1", "a2", "a3", "a4"}
    assert worker.stop() == 0


@pytest.mark.parametrize("who", WORKERS)
async def test_each_right_that_is_lacking_at_the_start_is_named(job: Job, who: str) -> None:
    await job.prepare(who)
    settings = job.settings(who)
    assert await permits.look(settings, who) == permits.Standing()
    for right in rights(settings, who):
        if right.name == job.topic("watchlists"):  # whoever reads it says so: test_watchlist_topic.py
            continue
        for operation in right.operations:
            await job.deny(who, operation, **{right.kind: right.name})
            found = await permits.look(settings, who)
            assert f"not allowed: {operation} on {right.kind} {right.name}" in (found.lacking or "")
            await job.undo(who, operation, **{right.kind: right.name})
    assert await permits.look(settings, who) == permits.Standing()


Case = tuple[str, str, str]


async def each_right_taken_away(
    job: Job, worker: WorkerProcess, who: str, cases: Sequence[Case], feed: Callable[[int], Awaitable[None]]
) -> None:
    """While the worker runs: it is alive, not ready, says what is missing and what to do, and goes on by itself."""
    await asyncio.to_thread(worker.wait_ready)
    for number, (operation, kind, name) in enumerate(cases):
        began = time.monotonic()
        await job.deny(who, operation, **{kind: name})
        await feed(number)
        said = await says(worker, operation, f"{kind} {name}", "wirewatch topics list --acls")
        told = time.monotonic()
        assert answer(worker, "livez") == "ok\n"
        await job.undo(who, operation, **{kind: name})
        await asyncio.to_thread(worker.wait_ready)
        print(f"\n{who} {operation} {kind}: {told - began:.1f} s, back {time.monotonic() - told:.1f} s: {said.strip()}")


def ids(records: Iterable[Any], field: str = "id") -> set[str]:
    return {json.loads(record.value)[field] for record in records}


async def test_enrich_without_one_right_waits_and_loses_nothing(job: Job) -> None:
    await job.prepare("enrich")
    worker = job.start("enrich")
    cases = [
        ("Read", "topic", job.topic("raw")),
        *(("Write", "topic", job.topic(role)) for role in ("hits", "dead-letters", "enriched")),
        ("Read", "group", f"{job.prefix}-enrich"),
    ]
    await each_right_taken_away(job, worker, "enrich", cases, lambda n: job.write("raw", article(n), b"%d" % n))
    assert worker.stop() == 0
    every = {f"a{number}" for number in range(len(cases))}
    assert ids(await job.records(job.topic("enriched"), len(cases))) == every
    assert ids(await job.records(job.topic("hits"), len(cases)), "article_id") == every
    letters = await job.records(job.topic("dead-letters"), len(cases))
    assert {letter.value for letter in letters} == {b"%d" % number for number in range(len(cases))}


async def test_alert_without_one_right_waits_and_loses_nothing(job: Job) -> None:
    await job.prepare("alert")
    worker = job.start("alert")
    cases = [
        ("Read", "topic", job.topic("hits")),
        *(("Write", "topic", job.topic(role)) for role in ("alerts", "stories")),
        ("Read", "group", f"{job.prefix}-alert"),
    ]
    await each_right_taken_away(
        job, worker, "alert", cases, lambda n: job.write("hits", encode(hit(f"a{n}", desk=f"desk-{n}")))
    )
    assert worker.stop() == 0
    told = await job.records(job.topic("alerts"), len(cases))
    assert [json.loads(record.value)["desk"] for record in told] == [f"desk-{n}" for n in range(len(cases))]


async def test_deliver_without_one_right_waits_and_refuses_no_alert(job: Job) -> None:
    await job.prepare("deliver")
    worker = job.start("deliver")
    cases = [
        ("Read", "topic", job.topic("alerts")),
        ("Write", "topic", job.copy),
        ("Read", "group", f"{job.prefix}-deliver-copy"),
    ]
    await each_right_taken_away(
        job, worker, "deliver", cases, lambda n: job.write("alerts", encode(an_alert(number=n)))
    )
    assert worker.stop() == 0
    assert ids(await job.records(job.copy, len(cases)), "story_id") == {f"story-{n}" for n in range(len(cases))}
    assert await job.records(job.topic("dead-letters"), 0) == []
