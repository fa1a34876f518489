"""A bad night: what went wrong, who was told, what the dashboards showed, and the runbook, done to the letter."""

import asyncio
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any
from urllib.request import Request, urlopen

import yaml

from tests import runbook
from tests.deploy import panels
from tests.deploy.observed import Prometheus
from tests.image import feeding
from tests.image.building import PROJECT, podman, run
from tests.image.scaling import SCALED, scaled, scaled_rules
from tests.image.stack import Stack, until
from tests.kafka.broker import spawn
from workers.settings import Settings
from workers.stream import kafka

DEPLOY = PROJECT / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "wirewatch.yml"
FACTOR = 12
"""An hour of the rules is five minutes of the night."""
SETTINGS = """\
watchlists = ["watchlists"]
sources_file = "sources.yaml"
"""
ROUTE = """
[[deliver.route]]
name = "desk"
sink = {kind = "webhook", url = "http://desk:8080/"}
"""


def prepare(folder: Path) -> None:
    """The files that compose.night.yaml mounts: deploy/'s own, and what the night adds."""
    settings = folder / "settings"
    (settings / "watchlists").mkdir(parents=True)
    (settings / "wirewatch.toml").write_text(SETTINGS + (DEPLOY / "wirewatch.toml").read_text() + ROUTE)
    (settings / "watchlists" / "night.yaml").write_text(feeding.WATCHLIST)
    for desk, watchlist in feeding.OTHERS.items():
        (settings / "watchlists" / f"{desk}.yaml").write_text(watchlist)
    (settings / "sources.yaml").write_text(feeding.SOURCES)
    (settings / "articles.jsonl").write_bytes(b"".join(feeding.steady(20_000, rate=5)))
    shutil.copytree(DEPLOY / "prometheus", folder / "prometheus")
    rules = scaled_rules(yaml.safe_load(RULES.read_text()), FACTOR)
    (folder / "prometheus" / "rules" / "scaled.yml").write_text(yaml.safe_dump(rules))
    routed = scaled(yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text()), FACTOR)
    routed["receivers"][0]["webhook_configs"] = [{"url": "http://oncall:8080/", "send_resolved": True}]
    (folder / "alertmanager").mkdir()
    (folder / "alertmanager" / "alertmanager.yml").write_text(yaml.safe_dump(routed))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # the containers' users are others


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert that came to whoever is on call, `after` seconds."""

    alert: str
    status: str
    scaled: bool
    after: float


@dataclass
class Night:
    """The stack on the night of the tests. `began` is when, `seen` what came to pass."""

    stack: Stack
    folder: Path
    began: float = field(default_factory=time.time)
    seen: list[Seen] = field(default_factory=list)
    mends: list[tuple[str, float]] = field(default_factory=list)

    @property
    def settings(self) -> Path:
        return self.folder / "settings"

    @property
    def prometheus(self) -> Prometheus:
        return Prometheus(self.stack.ports["prometheus"])

    # --- who was told

    def calls(self, service: str = "oncall") -> list[dict[str, Any]]:
        """What a receiver was sent, oldest first."""
        found: list[dict[str, Any]] = self.stack.get(service, "/")
        return found

    def told(self, alert: str, status: str, *, since: float, scaled: bool = True, job: str = "") -> float | None:
        """When whoever is on call was first told since then that an alert fires, or is resolved."""
        for call in self.calls():
            for one in call["sent"]["alerts"] if call["at"] >= since else ():
                labels = one["labels"]
                found = (labels["alertname"], one["status"], SCALED in labels) == (alert, status, scaled)
                if found and job in labels.get("job", ""):
                    return float(call["at"])
        return None

    def rings(
        self, alert: str, *, since: float, timeout: float, scaled: bool = True, job: str = "", status: str = "firing"
    ) -> None:
        """Until it was told; fails after `timeout` seconds."""
        heard = partial(self.told, alert, status, since=since, scaled=scaled, job=job)
        until(lambda: heard() is not None, f"{alert} {job} {status}", timeout)
        self._note(f"{alert} {job}".strip(), status, (heard() or since) - since, scaled)

    def _note(self, what: str, status: str, after: float, scaled: bool = True) -> None:
        self.seen.append(Seen(what.split()[0], status, scaled, round(after, 1)))
        print(f"{what}{'' if scaled else ' (as shipped)'} {status} after {after:.0f} s")

    def mended(self, *alerts: str) -> None:
        """From now on these have nothing to ring for; `all_fall_silent` waits for it."""
        self.mends += [(alert, time.time()) for alert in alerts]

    def all_fall_silent(self, timeout: float) -> None:
        """Until the last that whoever is on call was told of each alert that was mended is that."""
        for alert, since in self.mends:
            until(partial(self._silent, alert), f"{alert} resolved", timeout)
            ended = self.told(alert, "resolved", since=since) or since
            self._note(alert, "resolved", ended - since)

    def _silent(self, alert: str) -> bool:
        """Whether of each thing that an alert, scaled, spoke of, it was said at last that it is well."""
        last: dict[str, str] = {}
        for call in self.calls():
            for one in call["sent"]["alerts"]:
                if one["labels"]["alertname"] == alert and SCALED in one["labels"]:
                    last[str(sorted(one["labels"].items()))] = one["status"]
        return "firing" not in last.values()

    def still_rings(self) -> set[str]:
        """The scaled alerts that fire now."""
        found = self.prometheus.ask("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing" and SCALED in one["labels"]}

    # --- what the dashboards show

    def shown(self, title: str, *, since: float, legend: str = "") -> list[float]:
        """Every value that a panel has had since then, of its series whose legend has this."""
        found = [panel for panel in panels.panels() if panel.title == title]
        assert found, f"no panel {title}"
        series = [one for panel in found for one in self.prometheus.series(panel, since, time.time())]
        return [float(value) for one in series if legend in one["legend"] for _, value in one["points"]]

    def shows(self, title: str, test: Callable[[float], bool], *, since: float, legend: str = "") -> None:
        """Until a panel shows such a value: Prometheus scrapes and Grafana asks every few seconds."""
        until(lambda: any(map(test, self.shown(title, since=since, legend=legend))), f"panel {title} shows it", 60)

    # --- the runbook

    def follow(self, alert: str, command: str, places: Mapping[str, str] | None = None) -> str:
        """Run a command of a part of the runbook, an alert's mostly, on this machine: its output, of both kinds.

        `places` are put for the words in capitals that the runbook has. Fails where it is not in the runbook.
        """
        return self.run(runbook.command(alert, command, places))

    def inside(self, service: str, command: str) -> str:
        """Run a command of ours in a worker's container: what it writes."""
        return podman("exec", self.stack.container(service), *command.split(), check=False)

    def run(self, command: str, *, data: bytes = b"") -> str:
        return runbook.run(command, cwd=self.settings, env=self.env, data=data)

    @property
    def env(self) -> dict[str, str]:
        """Of commands on this machine: `wirewatch`, and the broker's port here."""
        return os.environ | {"PATH": runbook.path(), "WIREWATCH_BROKERS": self.brokers, "PYTHONPATH": str(PROJECT)}

    @property
    def brokers(self) -> str:
        return f"localhost:{self.stack.ports['kafka']}"

    def publish(self, lines: Iterable[bytes]) -> None:
        self.run("wirewatch publish -", data=b"".join(lines))

    @contextmanager
    def publishing(self, lines: Iterable[bytes], rate: float) -> Iterator[None]:
        """So many a second, meanwhile."""
        file = self.folder / f"{time.time()}.jsonl"
        file.write_bytes(b"".join(lines))
        command = [sys.executable, "-m", "workers.cli", "publish", str(file), "--rate", str(rate)]
        process = spawn(command, self.folder / "publish.log", env=self.env)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    # --- what is done to the stack

    def pid(self, service: str) -> int:
        """Of a container's first process, on this machine."""
        return int(self.stack.state(service)["Pid"])

    def address(self, service: str) -> str:
        """Of a container, for this machine."""
        networks = json.loads(podman("inspect", self.stack.container(service)))[0]["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def processes(self, service: str, running: str) -> list[int]:
        """A container's, the first one aside, whose command has this."""
        threads = Path(f"/proc/{self.pid(service)}/task").glob("*/children")
        found = sorted(int(child) for thread in threads for child in thread.read_text().split())
        return [pid for pid in found if running in _command(pid)]

    async def delete_topic(self, topic: str) -> None:
        async with kafka.admin(Settings(brokers=self.brokers)) as admin:
            await admin.delete_topics([topic])
            async with asyncio.timeout(30):
                while topic in await admin.list_topics():  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.5)

    def podman(self, verb: str, service: str, *flags: str) -> None:
        podman(verb, *flags, self.stack.container(service))

    def kill(self, processes: Callable[[], list[int]]) -> None:
        """Kill these, and wait until there is another: of those in a pool, each is made anew when it is needed."""
        before = processes()
        assert before
        for pid in before:
            os.kill(pid, SIGKILL)
        until(lambda: set(processes()) - set(before) != set(), "another process")

    @contextmanager
    def another(self, service: str, name: str, *flags: str) -> Iterator[str]:
        """One more container of a worker's, which Prometheus finds beside the first: its address here.

        `flags` are of `podman run`.
        """
        name = f"{self.stack.project}_{service}_{name}"
        network = self.stack.network(service)
        mounts = (f"--volume={self.settings}:/etc/wirewatch:ro", "--tmpfs=/tmp", "--read-only", "--memory=3g")
        joined = (f"--network={network}", f"--network-alias={service}")
        podman("run", "--detach", f"--name={name}", *joined, *mounts, *flags, self.stack.image, service)
        try:
            yield str(json.loads(podman("inspect", name))[0]["NetworkSettings"]["Networks"][network]["IPAddress"])
        finally:
            logs = run(["podman", "logs", name], check=False)
            (self.folder / f"{name}.log").write_text(logs.stdout + logs.stderr)
            podman("rm", "--force", "--time=5", name)

    @contextmanager
    def hanging(self, processes: Callable[[], list[int]]) -> Iterator[None]:
        """Stop these, and whichever come in their place, as long as the block lasts."""
        ended = threading.Event()

        def stop() -> None:
            while not ended.wait(0.2):
                _signal(processes(), SIGSTOP)

        thread = threading.Thread(target=stop)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            _signal(processes(), SIGCONT)

    def answer(self, service: str, status: int) -> None:
        """What a receiver says from now on."""
        url = f"http://127.0.0.1:{self.stack.ports[service]}/"
        urlopen(Request(url, data=str(status).encode(), method="PUT"), timeout=10).close()

    def ready(self, *services: str) -> None:
        """Until these workers say so, to Prometheus."""
        expected = dict.fromkeys(services, 1.0)
        asked = f'max by (worker) (wirewatch_ready{{worker=~"{"|".join(services)}"}})'
        self.stack.wait(asked, expected, timeout=180)

    def save(self, folder: Path) -> None:
        """What was seen, all panels' data of the night for tests/deploy/draw.py, and the workers' logs."""
        results = self.prometheus.all_panels(self.began, time.time())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results))
        for service in ("enrich", "alert", "deliver"):
            logs = run(["podman", "logs", self.stack.container(service)], check=False)
            (folder / f"{service}.log").write_text(logs.stdout + logs.stderr)
        (folder / "seen.txt").write_text("".join(f"{one}\n" for one in self.seen))


def _signal(pids: Iterable[int], number: int) -> None:
    """To those of them that are there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _command(pid: int) -> str:
    """Of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
