"""The files under deploy/ agree with each other and with the code."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from workers import settings

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
PORT = 9464


def document(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = document("compose.yaml")["services"]
    return found


def test_images_of_others_are_pinned_by_digest(services: dict[str, Any]) -> None:
    images = {service["image"] for service in services.values()}
    others = {image for image in images if not image.startswith("${WIREWATCH_IMAGE")}
    assert others
    assert [image for image in others if not re.fullmatch(r"[^:@]+:[\w.]+@sha256:[0-9a-f]{64}", image)] == []


def test_nothing_in_compose_is_a_secret_or_open_to_the_network(services: dict[str, Any]) -> None:
    for service in services.values():
        assert not [name for name in service.get("environment", {}) if re.search("PASSWORD|SECRET|TOKEN", name)]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_all_of_ours_run_without_rights_or_a_place_to_write(services: dict[str, Any]) -> None:
    ours = {name for name, service in services.items() if service["image"].startswith("${WIREWATCH_IMAGE")}
    assert ours == {"topics", "check", "enrich", "alert", "deliver", "publisher"}
    for name in ours:
        service = services[name]
        assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])
        assert service["security_opt"] == ["no-new-privileges"]


def test_prometheus_scrapes_the_port_of_the_image() -> None:
    jobs = {job["job_name"]: job for job in document("prometheus/prometheus.yml")["scrape_configs"]}
    assert jobs["wirewatch"]["dns_sd_configs"][0]["port"] == PORT
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert f"WIREWATCH_PORT={PORT}" in dockerfile
    assert f"EXPOSE {PORT}" in dockerfile


def test_who_is_named_in_a_configuration_is_a_service(services: dict[str, Any]) -> None:
    files = ("prometheus/prometheus.yml", "grafana/provisioning/datasources/prometheus.yml", "wirewatch.toml")
    text = "".join((DEPLOY / file).read_text() for file in files)
    named = set(re.findall(r"\b([a-z][a-z-]+):\d{4,5}\b", text)) - {"localhost"}
    named |= set(document("prometheus/prometheus.yml")["scrape_configs"][0]["dns_sd_configs"][0]["names"])
    assert named >= {"kafka", "prometheus", "alertmanager", "enrich", "alert", "deliver"}
    assert named <= set(services)


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", ()) if mount.startswith("./")]
    assert mounts
    assert [mount for mount in mounts if not (DEPLOY / mount.split(":")[0]).exists()] == []


def test_grafana_finds_its_dashboards_where_they_are_mounted(services: dict[str, Any]) -> None:
    path = document("grafana/provisioning/dashboards/wirewatch.yml")["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{path}:ro" in services["grafana"]["volumes"]


def test_the_settings_of_compose_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_CONFIG", str(DEPLOY / "wirewatch.toml"))
    assert [route.name for route in settings.load().deliver.route] == ["log"]


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_the_image_has_the_versions_that_the_tests_have(lock: str) -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9._-]+==[^ ;\\]+)", path.read_text(), re.MULTILINE))

    ours = pins(DEPLOY / lock)
    assert ours
    assert ours <= pins(PROJECT / "requirements.lock")
    assert "://" not in (DEPLOY / lock).read_text()


def test_the_image_does_without_what_only_the_demo_and_development_need() -> None:
    text = (DEPLOY / "requirements.lock").read_text()
    assert not re.search(r"^(confluent-kafka|pytest|mypy|ruff|uv|hatchling)==", text, re.MULTILINE)


def test_the_image_has_all_that_the_project_says_it_depends_on() -> None:
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[<>=~! ;]", requirement)[0].lower() for requirement in needed}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (DEPLOY / "requirements.lock").read_text(), re.MULTILINE))
    assert names <= locked
