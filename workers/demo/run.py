"""`wirewatch demo`: the whole stream in one terminal, on an embedded broker or on a cluster."""

import asyncio
import json
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from aiokafka.errors import KafkaConnectionError, KafkaError
from rich.console import Console

from alerts import watchlist as lists
from topics.catalog import TOPICS
from topics.errors import ConfigError
from workers.commands import admin
from workers.commands.articles import raw_values
from workers.demo.children import Children
from workers.demo.demo import PARTITIONS, Choice, Demo, Failed
from workers.demo.seen import SHOWN
from workers.demo.show import Screen
from workers.security_section import Security
from workers.settings import Settings
from workers.stream import kafka
from workers.stream.embedded import SESSION_TIMEOUT, EmbeddedBroker

PORTS = {"enrich": 9464, "alert": 9465, "deliver": 9466}
"""Where the workers' metrics are, unless something else is there already."""
FIRST = 9463
"""Which of several demos has these ports is known before its workers listen: the one that holds this port."""
CLEAN_UP_TIMEOUT = 15.0
INTERRUPTED = 130
_OLDEST = 10**12  # seconds: a user's own articles alert however old they are
_FETCH_WAIT_MS = 20
"""The embedded broker answers a fetch that found nothing only when its time is over, whatever comes meanwhile."""


class Stop:
    """What SIGINT and SIGTERM do: the first ends the demo in order, a second one at once."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.children: Children | None = None
        self._preparing = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    def prepared(self) -> None:
        """From now on whoever works watches `event`."""
        self._preparing = None

    def _signalled(self) -> None:
        if self.event.is_set() and self.children is not None:
            self.children.kill()
        elif self._preparing is not None and not self.event.is_set():
            self._preparing.cancel()
        self.event.set()


async def demo(settings: Settings, choice: Choice) -> int:
    """Run the demo: the exit code. Raises ConfigError, and KafkaError for a cluster that cannot be reached."""
    lists.load_all(settings.watchlists)  # what is wrong with them is said before anything starts
    if choice.articles is not None and not any(True for _ in raw_values(choice.articles)):
        raise ConfigError(f"{choice.articles}: no articles in it")
    stop = Stop()
    try:
        return await _run(settings, choice, stop)
    except asyncio.CancelledError:
        return INTERRUPTED


async def _run(settings: Settings, choice: Choice, stop: Stop) -> int:
    code = 0
    async with AsyncExitStack() as stack:
        urls = stack.enter_context(metrics_urls())
        screen = Screen(Console(), urls=urls)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wirewatch-demo-")))
        settings = await stack.enter_async_context(_brokers(settings, choice))
        stack.enter_context(screen)
        children = Children(folder, _environment(settings, choice), say=screen.say)
        stop.children = await stack.enter_async_context(children)
        stop.prepared()
        demo = Demo(settings, choice, screen=screen, children=children, urls=urls, stopping=stop.event)
        for worker, url in urls.items():
            await children.start(worker, ["--port", str(_port(url))])
        try:
            await demo.run()
        except Failed as error:
            screen.say(str(error))
            code = 1
        count = demo.refresh("stopping")
    screen.summary(stopped=not demo.finished)
    if code == 0 and choice.once:
        code = INTERRUPTED if not demo.finished else int(count.open != 0)
    return code


@asynccontextmanager
async def _brokers(settings: Settings, choice: Choice) -> AsyncIterator[Settings]:
    """The settings with brokers that run and topics that are there. Those on a cluster are removed in the end."""
    if not choice.own_cluster:
        names = {settings.topic(role): topic.partitions or PARTITIONS for role, topic in TOPICS.items()}
        with EmbeddedBroker(names | {f"{settings.prefix}.{SHOWN}": 1}) as broker:
            open_to_all = settings.kafka.model_copy(update={"security": Security()})
            yield settings.model_copy(update={"brokers": broker.bootstrap, "kafka": open_to_all})
        return
    own = f"{settings.prefix}-demo-{secrets.token_hex(3)}"
    settings = settings.model_copy(update={"prefix": own, "group": own})
    reachable = True
    try:
        await admin.create(settings, partitions=PARTITIONS, more={SHOWN: 1})
        yield settings
    except KafkaConnectionError:
        reachable = False
        raise
    finally:
        if reachable:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(_removed(settings), CLEAN_UP_TIMEOUT)


async def _removed(settings: Settings) -> None:
    # The groups' offsets go with the topics, and then the brokers forget the groups.
    async with kafka.admin(settings) as client:
        await client.delete_topics([*map(settings.topic, TOPICS), f"{settings.prefix}.{SHOWN}"])


def _environment(settings: Settings, choice: Choice) -> dict[str, str]:
    """What the workers are told, beside their flags; it wins over the user's own environment and file."""
    route = {"name": "demo", "sink": {"kind": "kafka", "topic": f"{settings.prefix}.{SHOWN}"}}
    found = {
        "BROKERS": settings.brokers,
        "PREFIX": settings.prefix,
        "GROUP": settings.group,
        "INPUT": "[]",
        "MODEL": settings.model,
        "WATCHLISTS": json.dumps([str(path.absolute()) for path in settings.watchlists]),
        "HOST": "127.0.0.1",
        "LOG_FORMAT": "text",
        "DELIVER__ROUTE": json.dumps([route]),
        "ENRICH__PROCESSES": str(settings.enrich.processes or max(1, min(4, (os.cpu_count() or 1) // 2))),
        "START": "earliest",
        "ENRICH__BRAKE__ENABLED": "false",  # a file that is bad through and through is shown as such
        "ENRICH__COMMIT_INTERVAL": "0.2",
        "DELIVER__COMMIT_INTERVAL": "0.2",
    }
    if not choice.own_cluster:
        found["KAFKA__SECURITY"] = Security(protocol="PLAINTEXT").model_dump_json()
        found["KAFKA__SESSION_TIMEOUT"] = str(SESSION_TIMEOUT)
        found["KAFKA__CONSUMER"] = json.dumps(settings.kafka.consumer | {"fetch_max_wait_ms": _FETCH_WAIT_MS})
        # With the demo its broker is gone: there is nothing to drain into.
        found |= {f"{worker}__DRAIN": "2" for worker in ("ENRICH", "ALERT", "DELIVER")}
    if choice.articles is not None:
        found["ENRICH__MAX_ALERT_AGE"] = str(_OLDEST)
    return {f"WIREWATCH_{name}": value for name, value in found.items()}


@contextmanager
def metrics_urls() -> Iterator[Mapping[str, str]]:
    """Where each worker's metrics are. Of demos that run at once the first has the ports by name."""
    with socket.socket() as first:
        try:
            first.bind(("127.0.0.1", FIRST))  # nobody listens there: it is held until this demo ends
            ports = PORTS
        except OSError:
            ports = dict.fromkeys(PORTS, 0)
        with ExitStack() as taken:
            at = {worker: taken.enter_context(bound(port)).getsockname()[1] for worker, port in ports.items()}
        yield {worker: f"http://127.0.0.1:{port}/metrics" for worker, port in at.items()}


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def bound(port: int) -> socket.socket:
    """At the port if nobody else is, else at one that the system chooses."""
    for candidate in (port, 0):
        taken = socket.socket()
        try:
            taken.bind(("127.0.0.1", candidate))
        except OSError:
            taken.close()
        else:
            return taken
    raise ConfigError("no port is free on 127.0.0.1")
