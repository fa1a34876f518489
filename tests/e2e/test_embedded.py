"""The embedded broker, as the demo uses it, and the limits that the demo has to keep to."""

import asyncio
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from topics.errors import ConfigError
from workers.sections import Kafka
from workers.settings import Settings
from workers.stream import embedded
from workers.stream import kafka as clients
from workers.stream.backlog import Backlog
from workers.stream.embedded import LARGEST_BATCH, PARTITION_BYTES, EmbeddedBroker

READER = """
import asyncio, sys
from workers.settings import Settings
from workers.stream import kafka as clients

async def main(brokers, group, topic):
    async with clients.running(clients.consumer(Settings(brokers=brokers), group)) as consumer:
        consumer.subscribe([topic])
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    print(record.partition, record.offset, record.key.decode(), len(record.value), flush=True)
            await consumer.commit()

asyncio.run(main(*sys.argv[1:]))
"""


def settings(broker: EmbeddedBroker) -> Settings:
    return Settings(brokers=broker.bootstrap, kafka=Kafka(session_timeout=embedded.SESSION_TIMEOUT))


async def publish(producer: AIOKafkaProducer, topic: str, values: Iterable[bytes]) -> None:
    """One batch a record, to the first partition."""
    for value in values:
        await producer.send_and_wait(topic, value, partition=0)


async def kept(broker: EmbeddedBroker, topic: str) -> list[int]:
    """The sizes of the values that the first partition still holds, from its beginning to its end."""
    partition = TopicPartition(topic, 0)
    async with clients.running(clients.consumer(settings(broker))) as consumer:
        consumer.assign([partition])
        start = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        async with asyncio.timeout(30):
            return [len((await consumer.getone()).value) for _ in range(end - start)]


async def start_reader(
    broker: EmbeddedBroker, group: str, topic: str, session: float = embedded.SESSION_TIMEOUT
) -> asyncio.subprocess.Process:
    """A worker's stand-in: a process of its own that prints what it reads and then commits it."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", READER, broker.bootstrap, group, topic),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"WIREWATCH_KAFKA__SESSION_TIMEOUT": str(session)},
    )


async def lines(process: asyncio.subprocess.Process, number: int) -> list[list[str]]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().split() for _ in range(number)]


async def test_a_publisher_that_waits_for_the_reader_loses_nothing(prefix: str) -> None:
    """3,000 records of 3 kB: nearly twice what the partition keeps."""
    number, value, ahead = 3000, b"x" * 3000, 200
    assert number * len(value) > 1.5 * PARTITION_BYTES
    with EmbeddedBroker({prefix: 1}) as broker:
        reader = await start_reader(broker, prefix, prefix)
        try:
            reading = asyncio.create_task(lines(reader, number))
            async with (
                clients.running(clients.producer(settings(broker))) as producer,
                Backlog(broker.bootstrap, {prefix: [prefix]}) as behind,
                asyncio.timeout(120),
            ):
                for n in range(number):
                    if n % ahead == 0:
                        await behind.wait(at_most=ahead)
                    await producer.send(prefix, value, key=b"%d" % n)
                read = await reading
                await behind.wait()
        finally:
            reader.kill()
            await reader.wait()
    assert [key for _, _, key, _ in read] == [str(n) for n in range(number)]
    assert {size for *_, size in read} == {"3000"}


async def test_a_partition_keeps_so_many_bytes_and_forgets_the_oldest(prefix: str) -> None:
    """The measure that the publisher's waiting rests on: a library that keeps less would lose records."""
    value = 10_000
    with EmbeddedBroker({prefix: 1}) as broker:
        async with clients.running(clients.producer(settings(broker), linger_ms=0)) as producer:
            await publish(producer, prefix, [bytes(value)] * (2 * PARTITION_BYTES // value))
        held = len(await kept(broker, prefix)) * value
    assert 0.98 * PARTITION_BYTES < held <= PARTITION_BYTES


async def test_the_largest_batch_is_kept_after_another_like_it(prefix: str) -> None:
    value = LARGEST_BATCH - 1000
    with EmbeddedBroker({prefix: 1}) as broker:
        async with clients.running(clients.producer(settings(broker))) as producer:
            await publish(producer, prefix, [bytes(value)] * 5)
        assert await kept(broker, prefix) == [value, value]


async def test_a_larger_batch_may_be_lost_at_once(prefix: str) -> None:
    """Should this fail, the library has got better, and LARGEST_BATCH may grow."""
    value = LARGEST_BATCH + 1000
    with EmbeddedBroker({prefix: 1}) as broker:
        async with clients.running(clients.producer(settings(broker))) as producer:
            await publish(producer, prefix, [bytes(value)] * 2)
        assert await kept(broker, prefix) == []


async def test_a_reader_that_was_killed_is_replaced(prefix: str) -> None:
    session = 2.0  # it takes two of them
    with EmbeddedBroker({prefix: 2}) as broker:
        first = await start_reader(broker, prefix, prefix, session)
        second = None
        try:
            async with clients.running(clients.producer(settings(broker))) as producer:
                await producer.send_and_wait(prefix, b"to the first", key=b"1", partition=0)
                async with asyncio.timeout(20):
                    assert await lines(first, 1) == [["0", "0", "1", "12"]]
                first.kill()
                await producer.send_and_wait(prefix, b"to the second", key=b"2", partition=1)
                second = await start_reader(broker, prefix, prefix, session)
                async with asyncio.timeout(30):
                    while (await lines(second, 1))[0][2] != "2":
                        pass  # the first may have had no time to commit
        finally:
            for process in filter(None, (first, second)):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def test_the_topics_are_there_with_their_partitions_and_no_others(prefix: str) -> None:
    async def partitions(broker: EmbeddedBroker) -> dict[str, int]:
        async with clients.running(AIOKafkaConsumer(*wanted, bootstrap_servers=broker.bootstrap)) as consumer:
            return {name: len(consumer.partitions_for_topic(name)) for name in await consumer.topics()}

    wanted = {f"{prefix}.raw": 4, f"{prefix}.watchlists": 1}
    with EmbeddedBroker(wanted) as broker:
        assert asyncio.run(partitions(broker)) == wanted


def test_the_end_of_the_context_frees_the_port_and_a_second_end_does_nothing(prefix: str) -> None:
    async def connect(bootstrap: str) -> None:
        host, port = bootstrap.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()

    with EmbeddedBroker({prefix: 1}) as broker:
        asyncio.run(connect(broker.bootstrap))
    with pytest.raises(OSError):
        asyncio.run(connect(broker.bootstrap))
    broker.close()


def test_a_topic_without_partitions_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match="no-partitions"), EmbeddedBroker({"no-partitions": 0}):
        pass


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"wirewatch\[demo\]"), EmbeddedBroker({"topic": 1}):
        pass


def test_ctrl_c_reaches_the_process_that_holds_the_broker(tmp_path: Path) -> None:
    """The library's threads take no signals and keep no process alive."""
    program = (
        "import signal\n"
        "from workers.stream.embedded import EmbeddedBroker\n"
        "with EmbeddedBroker({'topic': 1}):\n"
        "    print('up', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
