"""A record that no client library lets one send: the name of one of its headers is no UTF-8."""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchPy as Layout
from aiokafka.record.util import calc_crc32c

BAD_NAME = b"\xff\xfeno utf-8\xff"


async def send_odd_header(bootstrap: str, topic: str, values: Sequence[bytes]) -> None:
    """A batch whose second record has a header whose name is no UTF-8, which no client library lets one send."""
    placeholder = "x" * len(BAD_NAME)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        batch = producer.create_batch()
        for number, value in enumerate(values):
            batch.append(key=None, value=value, timestamp=None, headers=[(placeholder, b"v")] if number == 1 else [])
        batch.close()
        data = bytearray(bytes(batch._build()).replace(placeholder.encode(), BAD_NAME))
        crc = calc_crc32c(bytes(data[Layout.ATTRIBUTES_OFFSET :]))
        data[Layout.CRC_OFFSET : Layout.CRC_OFFSET + 4] = crc.to_bytes(4, "big")
        batch._buffer = data
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
