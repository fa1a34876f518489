"""The embedded broker: librdkafka's in-process one, which speaks Kafka's protocol on a port of 127.0.0.1.

It is for the demo and for smoke tests. What it does not do: share a group between two members, make topics when
asked over the wire, compact, delete by age, find offsets by time, transactions, and keep anything for the next start.
It keeps `PARTITION_BYTES` a partition and forgets the oldest batches beyond that, consumed or not: whoever publishes
waits for the readers (`backlog.py`).
"""

import ctypes
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from topics.errors import ConfigError

PARTITION_BYTES = 5 * 1024 * 1024
"""What a partition keeps, in bytes of batches as they came (compressed, headers included). Measured with librdkafka
2.16.1, which has no setting for it."""
PARTITION_BATCHES = 100_000
"""Likewise, in batches."""
LARGEST_BATCH = PARTITION_BYTES // 2
"""A larger batch is lost on arrival where all that the partition held has to make room for it. Also measured."""
REBALANCE_DELAY_MS = 100
"""How long the first join of a group waits for others. librdkafka's default is 3 s, and there is only one member."""
SESSION_TIMEOUT = 6.0
"""For the readers' settings, in seconds. Who joins a group that had a member waits a session less 1 s, and after a
death up to twice that: with the usual 30 s a restarted worker would stand still for a minute. All that ever read for
a group need the same value: who joins with a shorter one than was in use before hangs until its request times out."""

_PRODUCER = 0  # rd_kafka_type_t
_LIBRARIES = ("confluent_kafka.libs/librdkafka*.so*", "confluent_kafka/.dylibs/librdkafka*.dylib")
"""Where the wheels for Linux and macOS keep the library, beside or in the package."""


class EmbeddedBroker:
    """A broker on a free port, for as long as the context lasts; `topics` are names and numbers of partitions.

    Its threads are the library's own: it serves other processes while this one computes. Raises ConfigError where
    the extra that brings the library is not installed.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._topics = dict(topics)
        self._library: ctypes.CDLL | None = None
        self._client: int | None = None
        self._cluster: int | None = None
        self.bootstrap = ""

    def __enter__(self) -> Self:
        try:
            self._start(load())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; connections are cut. Nothing when it does not run."""
        if self._library is None:
            return
        if self._cluster is not None:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        if self._client is not None:
            self._library.rd_kafka_destroy(self._client)
        self._library = self._client = self._cluster = None

    def _start(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._client = _new_client(library)
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise OSError("the embedded broker could not open a port on 127.0.0.1")
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, REBALANCE_DELAY_MS)
        for name, partitions in self._topics.items():
            if partitions < 1 or library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1):
                raise ConfigError(f"{name}: the embedded broker cannot make this topic with {partitions} partitions")
        self.bootstrap = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()


def load() -> ctypes.CDLL:
    """The library that the wheel `confluent-kafka` bundles. Raises ConfigError that names the extra."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise ConfigError("the embedded broker needs the extra `demo`: pip install 'wirewatch[demo]'")
    packages = Path(spec.origin).parents[1]
    found = [path for pattern in _LIBRARIES for path in packages.glob(pattern)]
    if not found:
        raise ConfigError(f"the embedded broker needs librdkafka, which {packages / 'confluent_kafka'} does not bring")
    return _declared(ctypes.CDLL(str(found[0])))


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, (result, arguments) in {
        "rd_kafka_conf_new": (pointer, ()),
        "rd_kafka_conf_set": (number, (pointer, text, text, text, ctypes.c_size_t)),
        "rd_kafka_new": (pointer, (number, pointer, text, ctypes.c_size_t)),
        "rd_kafka_destroy": (None, (pointer,)),
        "rd_kafka_mock_cluster_new": (pointer, (pointer, number)),
        "rd_kafka_mock_cluster_destroy": (None, (pointer,)),
        "rd_kafka_mock_cluster_bootstraps": (text, (pointer,)),
        "rd_kafka_mock_topic_create": (number, (pointer, text, number, number)),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (pointer, ctypes.c_int32)),
    }.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _new_client(library: ctypes.CDLL) -> int:
    """The client that the library wants to hang its broker on; it connects nowhere and logs nothing."""
    reason = ctypes.create_string_buffer(512)
    configuration = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(configuration, b"log_level", b"0", reason, len(reason))
    client: int | None = library.rd_kafka_new(_PRODUCER, configuration, reason, len(reason))
    if not client:
        raise OSError(f"the embedded broker did not start: {reason.value.decode()}")
    return client
