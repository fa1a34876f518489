"""A bad night: what went wrong, who was told, what the dashboards showed, and the runbook, done to the letter."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from tests.deploy import panels
from tests.deploy.observed import Prometheus
from tests.image import feeding
from tests.image.building import PROJECT, podman
from tests.image.scaling import SCALED, scaled, scaled_rules
from tests.image.stack import Stack, until

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

    def told(self, alert: str, status: str, *, since: float, scaled: bool) -> bool:
        """Whether whoever is on call has heard that an alert fires, or is resolved."""
        return any(
            (one["labels"]["alertname"], one["status"]) == (alert, status) and (SCALED in one["labels"]) == scaled
            for call in self.calls()
            if call["at"] >= since
            for one in call["sent"]["alerts"]
        )

    def rings(self, alert: str, *, since: float, timeout: float, scaled: bool = True, status: str = "firing") -> None:
        """Until it was told; fails after `timeout` seconds."""
        until(lambda: self.told(alert, status, since=since, scaled=scaled), f"{alert} {status}", timeout)
        self.seen.append(Seen(alert, status, scaled, round(time.time() - since, 1)))
        print(f"{alert}{'' if scaled else ' (as shipped)'} {status} after {self.seen[-1].after:.0f} s")

    def falls_silent(self, alert: str, *, since: float, timeout: float = 150) -> None:
        """Until it was told that the alert is resolved."""
        self.rings(alert, since=since, timeout=timeout, status="resolved")

    def firing(self, alert: str, **labels: str) -> bool:
        """Whether Prometheus has the scaled alert with these labels."""
        wanted = {"alertname": alert, SCALED: "true"} | labels
        found = self.prometheus.ask("alerts")["alerts"]
        return any(one["state"] == "firing" and wanted.items() <= one["labels"].items() for one in found)

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
        """Run a command of an alert's part of the runbook, on this machine: its output, of both kinds.

        `places` are put for the words in capitals that the runbook has. Fails where it is not in the runbook.
        """
        assert f"`{command}`" in section(alert), f"{command} is not in the runbook's {alert}"
        return self.run(filled(command, places or {}))

    def inside(self, service: str, command: str) -> str:
        """Run a command of ours in a worker's container: what it writes."""
        return podman("exec", self.stack.container(service), *command.split(), check=False)

    def run(self, command: str, *, data: bytes = b"") -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.settings,
            env=self.env,
            input=data,
            capture_output=True,
            timeout=180,
            check=False,
        )
        said = done.stdout.decode() + done.stderr.decode()
        assert done.returncode in (0, 1), f"{command}: exit code {done.returncode}\n{said[-3000:]}"
        assert "Traceback" not in said, said[-3000:]
        return said

    @property
    def env(self) -> dict[str, str]:
        """Of commands on this machine: `wirewatch`, and the broker's port here."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PATH": path, "WIREWATCH_BROKERS": self.brokers, "PYTHONPATH": str(PROJECT)}

    @property
    def brokers(self) -> str:
        return f"localhost:{self.stack.ports['kafka']}"

    def publish(self, lines: Iterable[bytes], *flags: str) -> None:
        self.run(f"wirewatch publish - {' '.join(flags)}", data=b"".join(lines))

    # --- what is done to the stack

    def pid(self, service: str) -> int:
        """Of a container's first process, on this machine."""
        return int(self.stack.state(service)["Pid"])

    def children(self, service: str) -> list[int]:
        """Of its first process."""
        pid = self.pid(service)
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def podman(self, verb: str, service: str, *flags: str) -> None:
        podman(verb, *flags, self.stack.container(service))

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
        """What was seen, and all panels' data of the night, for tests/deploy/draw.py."""
        until_now = time.time()
        results = [
            panel._asdict() | {"series": self.prometheus.series(panel, self.began, until_now), "panel": None}
            for panel in panels.panels()
        ]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "seen.txt").write_text("".join(f"{one}\n" for one in self.seen))


def section(alert: str) -> str:
    """An alert's part of the runbook. Alerts that share one stand above it, each with a heading."""
    text = (DEPLOY / "RUNBOOK.md").read_text().split(f"### {alert}\n", 1)[1]
    return re.split(r"^##", re.sub(r"^(### \w+\n)+", "", text), maxsplit=1, flags=re.MULTILINE)[0]


def filled(command: str, places: Mapping[str, str]) -> str:
    """A command with these put for its words in capitals."""
    for name, value in places.items():
        assert name in command, f"{name} is not in {command}"
        command = command.replace(name, value)
    return command
