"""A container whose surroundings are not right: a secret that is missing ends it, a broker that is away does not."""

import json
from pathlib import Path

import pytest

from tests.demo_process import eventually
from tests.kafka.broker import free_ports
from tests.worker_processes import Workers

WORKERS = ("enrich", "alert", "deliver")
BASE = {
    "WIREWATCH_MODEL": "none",
    "WIREWATCH_ENRICH__PROCESSES": "1",
    "CHAT_URL": "http://127.0.0.1:9/",
    "WIREWATCH_DELIVER__ROUTE": json.dumps([{"name": "chat", "sink": {"kind": "webhook", "url_env": "CHAT_URL"}}]),
}
PASSWORD = {"mechanism": "SCRAM-SHA-512", "username": "u", "password_file": "/run/secrets/none/kafka"}
MISSING = [
    *[("deliver", {"CHAT_URL": value}, "deliver.route chat: sink.url_env:") for value in ("", "not an address")],
    *[(w, {"WIREWATCH_KAFKA__SECURITY": json.dumps(PASSWORD)}, PASSWORD["password_file"]) for w in WORKERS],
    *[(w, {"WIREWATCH_SECRETS_DIR": "/run/secrets/none"}, "WIREWATCH_SECRETS_DIR: /run/secrets/none") for w in WORKERS],
]


@pytest.mark.parametrize(("worker", "env", "named"), MISSING)
def test_a_missing_secret_ends_a_worker_with_a_line_that_names_it(
    worker: str, env: dict[str, str], named: str, tmp_path: Path
) -> None:
    with Workers("127.0.0.1:1", "news", tmp_path, BASE | env) as workers:
        (started,) = workers.start(worker)
        assert eventually(lambda: not started.running, 60)
        assert started.stop() == 78
        log = started.log.read_text()
        (said,) = [line for line in log.splitlines() if not line.startswith("{")]
        assert named in said, log


@pytest.mark.parametrize("worker", WORKERS)
def test_while_no_broker_can_be_reached_a_worker_lives_is_not_ready_and_says_why(worker: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Workers(f"127.0.0.1:{port}", "news", tmp_path, BASE) as workers:
        (started,) = workers.start(worker)
        started.wait_up()
        assert eventually(lambda: f"127.0.0.1:{port}: connection refused" in started.asked("readyz")[1], 60)
        assert started.asked("readyz")[0] == 503
        assert started.asked("livez") == (200, "ok\n")
        assert (started.total("wirewatch_ready"), started.total("wirewatch_restarts_total")) == (0, 0)
        assert started.stop() == 0
        assert "Traceback" not in started.log.read_text()
