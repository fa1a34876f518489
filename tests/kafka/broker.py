"""Real Kafka brokers in KRaft mode, each a process on 127.0.0.1 with its data in a folder that is thrown away.

Everything here is synchronous, for fixtures; a test with a running event loop calls it by `asyncio.to_thread`.
"""

import atexit
import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kafka import probe
from tests.kafka.jars import Kafka, locked

START_TIMEOUT = 90.0
"""How long a broker may take until it answers, in seconds. It takes about 2 on an idle machine."""
STOP_TIMEOUT = 30.0
PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, so that a broker's is still free when it restarts."""
_GIVEN: set[int] = set()

COMMON = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Small: these two take 120 MB off each broker.
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.index.size.max.bytes": "1048576",
    "log.cleaner.threads": "1",
    "log.cleaner.backoff.ms": "500",
    # Nothing is deleted under a test's feet.
    "log.retention.check.interval.ms": "3600000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
}
QUICK_FAILOVER = {
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
    "controller.quorum.election.timeout.ms": "500",
    "replica.lag.time.max.ms": "3000",
}
"""A dead or frozen broker is replaced within 3 to 4 s instead of 11, and counted in as soon after a restart."""

# PR_SET_PDEATHSIG acts when the *thread* that started the process ends: one thread that lives as long as we do
# starts them all. The small program in between is there because code between fork and exec is not safe with threads.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-starter")
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the tests are gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class BrokerError(Exception):
    """A broker did not start or did not answer. The message has the end of its log."""


class Broker:
    """One broker: a process that can be stopped, killed, frozen, and started again on the same port and data."""

    def __init__(self, kafka: Kafka, folder: Path, *, node_id: int, port: int, properties: Mapping[str, str]) -> None:
        self.node_id = node_id
        self.port = port
        self.folder = folder
        self.log = folder / "broker.log"
        self._kafka = kafka
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "server.properties"
        folder.mkdir(parents=True)
        lines = {"node.id": str(node_id), "log.dirs": str(folder / "data")} | dict(properties)
        self._config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process, or None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def format(self, cluster_id: str) -> subprocess.Popen[bytes]:
        """Begin to write the data folder's first records: `wait_formatted` waits for the end."""
        command = self._kafka.command(
            "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(self._config), heap="128m"
        )
        return spawn(command, self.log)

    def launch(self, *, flags: Sequence[str] = ()) -> None:
        """Start the process and return at once. `flags` go to Java."""
        if self.pid is not None:
            raise BrokerError(f"broker {self.node_id} runs already")
        command = self._kafka.command("kafka.Kafka", str(self._config), archive=not flags)
        self._process = spawn([command[0], *flags, *command[1:]], self.log)

    def start(self) -> None:
        """Start, and wait until the cluster counts this broker in and it answers."""
        self.launch()
        self.wait_ready(1)

    restart = start

    def wait_ready(self, brokers: int) -> None:
        """Until the port is open and the broker knows itself and `brokers` in all. Raises BrokerError."""
        deadline = time.monotonic() + START_TIMEOUT
        self._poll(lambda: probe.port_open(self.port), deadline, "open its port")
        seen = probe.Metadata(self.bootstrap)
        self._poll(lambda: self.node_id in seen.brokers() and len(seen.brokers()) >= brokers, deadline, "join")

    def stop(self) -> None:
        """SIGTERM, and wait; killed after `STOP_TIMEOUT`. Nothing when it does not run."""
        if self.pid is None or self._process is None:
            return
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, also while it is frozen."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None:
            raise BrokerError(f"broker {self.node_id} does not run")
        os.kill(self.pid, number)

    def _poll(self, ready: Callable[[], bool], deadline: float, what: str) -> None:
        while not ready():
            if self.pid is None:
                raise BrokerError(f"broker {self.node_id} ended before it could {what}:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"broker {self.node_id} did not {what} within {START_TIMEOUT:.0f} s:\n{tail(self.log)}"
                )
            time.sleep(0.02)  # nothing to wait on: the broker only answers or does not


class Cluster:
    """Brokers that are each controller too; of three, every topic has three replicas and needs two in sync."""

    def __init__(
        self,
        kafka: Kafka,
        folder: Path,
        *,
        brokers: int = 1,
        properties: Mapping[str, str] | None = None,
        more: Mapping[str, int] | None = None,
    ) -> None:
        """`properties` are added to ours; `more` are further listeners of the one broker, name -> port."""
        self.folder = folder
        self._kafka = kafka
        ports = free_ports(2 * brokers)
        voters = ",".join(f"{n + 1}@127.0.0.1:{ports[2 * n + 1]}" for n in range(brokers))
        shared = COMMON | replication(brokers) | {"controller.quorum.voters": voters} | dict(properties or {})
        self.brokers = tuple(
            Broker(
                kafka,
                folder / f"broker-{n + 1}",
                node_id=n + 1,
                port=ports[2 * n],
                properties=shared | listeners(ports[2 * n], ports[2 * n + 1], more or {}),
            )
            for n in range(brokers)
        )

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self) -> None:
        """Format, start all brokers, and wait until each answers and consumer groups have a coordinator."""
        self._format()
        try:
            for broker in self.brokers:
                broker.launch()
            for broker in self.brokers:
                broker.wait_ready(len(self.brokers))
            probe.wait_coordinator(self.bootstrap, timeout=START_TIMEOUT)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every broker and delete its data. What a test wanted to keep, it has read."""
        for broker in self.brokers:
            broker.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """SIGTERM to all, data kept."""
        for broker in self.brokers:
            broker.stop()

    async def create_topics(self, prefix: str, partitions: int = 4, **roles: int) -> dict[str, str]:
        """Make every topic of the catalogue under a prefix; `roles` (`raw=8`) differ from `partitions`.

        Returns the names by role. The topics have leaders when this returns.
        """
        return await probe.create_catalog(self.bootstrap, prefix, partitions, min(3, len(self.brokers)), roles)

    async def create_topic(self, name: str, partitions: int = 1, **config: str) -> str:
        """Make one topic; `config` with underscores for dots. Returns the name."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        replicas = min(3, len(self.brokers))
        await probe.create_topics(self.bootstrap, [probe.new_topic(name, partitions, replicas, settings)])
        return name

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        jobs = [(broker, broker.format(cluster_id)) for broker in self.brokers]
        for broker, job in jobs:
            if job.wait(START_TIMEOUT) != 0:
                raise BrokerError(f"broker {broker.node_id} could not be formatted:\n{tail(broker.log)}")


@contextlib.contextmanager
def running(
    kafka: Kafka,
    folder: Path,
    *,
    brokers: int = 1,
    properties: Mapping[str, str] | None = None,
    more: Mapping[str, int] | None = None,
) -> Iterator[Cluster]:
    """A started cluster, ended whatever happens. `folder` must not exist; it is gone afterwards."""
    ensure_archive(kafka)
    cluster = Cluster(kafka, folder, brokers=brokers, properties=properties, more=more)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def ensure_archive(kafka: Kafka) -> None:
    """Make the class archive if there is none yet: a broker starts and ends once, in 10 s or so."""
    with locked():
        if kafka.archive.exists():
            return
        making = kafka.archive.with_suffix(".making")
        with tempfile.TemporaryDirectory(dir=kafka.archive.parent) as folder:
            cluster = Cluster(kafka, Path(folder) / "cluster")
            cluster._format()
            broker = cluster.brokers[0]
            try:
                broker.launch(flags=[f"-XX:ArchiveClassesAtExit={making}"])
                broker.wait_ready(1)
                probe.wait_coordinator(broker.bootstrap, timeout=START_TIMEOUT)
                broker.stop()
            finally:
                broker.kill()
            if not making.exists():
                raise BrokerError(f"Java made no class archive:\n{tail(broker.log)}")
            making.rename(kafka.archive)  # whole or not at all


def replication(brokers: int) -> dict[str, str]:
    """Replicas of topics, ours and Kafka's own, for a number of brokers."""
    replicas, in_sync = str(min(3, brokers)), str(2 if brokers >= 3 else 1)
    own = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    settings = {f"{topic}.replication.factor": replicas for topic in own}
    settings |= {f"{topic}.min.isr": in_sync for topic in own[1:]}
    return settings | {"default.replication.factor": replicas, "min.insync.replicas": in_sync}


def listeners(port: int, controller: int, more: Mapping[str, int]) -> dict[str, str]:
    """Where one broker listens, as broker and as controller, and by listeners of other names."""
    ports = {"PLAINTEXT": port, "CONTROLLER": controller, **more}
    places = ",".join(f"{name}://127.0.0.1:{number}" for name, number in ports.items())
    return {"listeners": places, "advertised.listeners": places}


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, and that this process was not given before."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < number:
            taken = held.enter_context(socket.socket())
            try:
                port = secrets.choice(PORTS)
                if port in _GIVEN:  # to one that does not listen yet, maybe
                    continue
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        _GIVEN.update(ports)
        return ports


def spawn(command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one, its output appended to a file, out of reach of our Ctrl-C."""
    if sys.platform == "linux":
        command = [sys.executable, "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
    with log.open("ab") as output:
        process = _STARTER.submit(
            subprocess.Popen,
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=env,
        ).result()
    atexit.register(process.kill)
    return process


def tail(log: Path, characters: int = 4000) -> str:
    """The end of a log file, for an error message."""
    return log.read_text(errors="replace")[-characters:] if log.exists() else "(no log)"
