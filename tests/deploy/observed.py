"""A real Prometheus that scrapes real workers at their work, for the dashboards and rules to be asked of."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.deploy import panels
from tests.deploy.panels import Drawn
from tests.kafka.broker import free_ports, spawn
from tests.worker_processes import WorkerProcess

SCRAPE = 2
STEP = 2 * SCRAPE


class Prometheus:
    """A Prometheus process on loopback."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, **parameters: Any) -> Any:
        """The `data` of an answer of its HTTP API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=30) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return found["data"]

    def up(self) -> int:
        """Targets that answered the last scrape."""
        return sum(target["health"] == "up" for target in self.ask("targets")["activeTargets"])

    def firing(self) -> set[str]:
        """The names of alerts that fire."""
        return {found["labels"]["alertname"] for found in self.ask("alerts")["alerts"] if found["state"] == "firing"}

    def series(self, panel: Drawn, start: float, end: float) -> list[dict[str, Any]]:
        """What a panel shows: every series of all its queries, with its legend and labels."""
        found = []
        for expression, legend in panel.queries:
            data = self.ask("query_range", query=expression, start=start, end=end, step=STEP)
            found += [
                {
                    "query": expression,
                    "legend": _legend(legend, one["metric"]),
                    "labels": one["metric"],
                    "points": _finite(one["values"]),
                }
                for one in data["result"]
            ]
        return [one for one in found if one["points"]]

    def all_panels(self, start: float, end: float) -> dict[str, Any]:
        """What every panel shows, for `draw`. Times are in seconds."""
        found = [
            {
                "dashboard": panel.dashboard,
                "id": panel.panel["id"],
                "title": panel.title,
                "queries": panel.queries,
                "series": self.series(panel, start, end),
            }
            for panel in panels.panels()
        ]
        return {"from": start, "to": end, "step": STEP, "panels": found}


@contextmanager
def prometheus(folder: Path, workers: Sequence[WorkerProcess], rules: Path | None = None) -> Iterator[Prometheus]:
    """Scrapes the workers, a job for each kind, and evaluates rules. Raises RuntimeError where there is none."""
    binary = shutil.which("prometheus")
    if binary is None:
        raise RuntimeError("prometheus is needed (Debian: prometheus)")
    kinds: dict[str, list[str]] = {}
    for worker in workers:
        kinds.setdefault(worker.arguments[0], []).append(f"127.0.0.1:{worker.port}")
    config = {
        "global": {"scrape_interval": f"{SCRAPE}s", "evaluation_interval": f"{SCRAPE}s"},
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [
            {"job_name": f"wirewatch-{kind}", "static_configs": [{"targets": targets}]}
            for kind, targets in kinds.items()
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    command = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = spawn(command, folder / "prometheus.log", env=dict(os.environ))
    try:
        _wait_ready(port, folder / "prometheus.log")
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(20)


def _wait_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2):
                return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)


def _legend(form: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


def _finite(values: list[list[Any]]) -> list[list[Any]]:
    return [[at, value] for at, value in values if value not in ("NaN", "+Inf", "-Inf")]
