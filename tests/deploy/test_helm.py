"""The chart: what it renders is what Kubernetes, KEDA and the Prometheus operator take, and wrong values are named."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import unavailable
from tests.deploy import tools

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "wirewatch"
VALUES = sorted((ROOT / "deploy" / "helm" / "values").glob("*.yaml"))
KUBERNETES = "1.31"
CUSTOM = ("ScaledObject", "ServiceMonitor", "PrometheusRule")

Render = Callable[..., list[dict[str, Any]]]


def tool(fetch: Callable[[], Path]) -> Path:
    try:
        return fetch()
    except tools.ToolMissing as error:
        unavailable(str(error))
        raise


@pytest.fixture(scope="module")
def helm() -> Path:
    return tool(tools.helm)


def run(helm: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(helm), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def template(helm: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def rendered(*flags: str) -> subprocess.CompletedProcess[str]:
        return run(helm, "template", "news", str(CHART), "--kube-version", f"{KUBERNETES}.0", *flags)

    return rendered


@pytest.fixture(scope="module")
def render(template: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    def objects(*flags: str) -> list[dict[str, Any]]:
        done = template(*flags)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return objects


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [found for found in objects if found["kind"] == kind]


def test_lint(helm: Path) -> None:
    for values in VALUES:
        done = run(helm, "lint", "--strict", str(CHART), "-f", str(values), "--kube-version", f"{KUBERNETES}.0")
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_every_object_is_one_that_the_cluster_takes(values: Path, render: Render, tmp_path: Path) -> None:
    objects = render("-f", str(values))
    own = [found for found in objects if found["kind"] not in CUSTOM]
    assert {"Deployment", "StatefulSet"} & {found["kind"] for found in own}
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(own))
    validate = tool(tools.kubernetes_validate)
    done = subprocess.run(
        [str(validate), "-k", KUBERNETES, "--strict", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "WARN" in done.stdout + done.stderr) == (0, False), done.stdout + done.stderr
    assert custom_problems([found for found in objects if found["kind"] in CUSTOM]) == ""


def custom_problems(objects: list[dict[str, Any]]) -> str:
    node = tool(tools.node_modules)
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "custom_resources.mjs"), str(node)],
        input="".join(json.dumps(found) + "\n" for found in objects),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_schemas_of_custom_resources_do_refuse(render: Render) -> None:
    (scaled, *_) = of_kind(render("-f", str(CHART.parent / "values" / "autoscaled.yaml")), "ScaledObject")
    unknown = scaled | {"spec": scaled["spec"] | {"coolDown": 3}}
    assert "coolDown" in custom_problems([unknown])
    without = scaled | {"spec": {name: value for name, value in scaled["spec"].items() if name != "triggers"}}
    assert "triggers" in custom_problems([without])


WRONG = {
    # a key that there is not
    "enrich.replica=3": "'/enrich': additional properties 'replica'",
    "enrih.enabled=true": "'enrih'",
    "kafka.broker=kafka:9092": "'/kafka': additional properties 'broker'",
    "enrich.autoscaling.groups[0]=news": "'/enrich/autoscaling': additional properties 'groups'",
    "enrich.resources.limits.memroy=2Gi": "'/enrich/resources/limits': additional properties 'memroy'",
    "securityContext.readOnlyRootFilesystm=true": "'/securityContext': additional properties 'readOnlyRootFilesystm'",
    "networkPolicy.egress[0].port=9092": "'/networkPolicy/egress/0': additional properties 'port'",
    "alert.affinity.podAfinity=x": "'/alert/affinity': additional properties 'podAfinity'",
    # a value that cannot be
    "enrich.replicas=many": "/enrich/replicas",
    "enrich.replicas=-1": "/enrich/replicas",
    "enrich.enabled=yes": "/enrich/enabled",
    "enrich.kind=DaemonSet": "/enrich/kind",
    "enrich.resources.limits.memory=2GiB": "/enrich/resources/limits/memory",
    "deliver.resources.requests.cpu=fast": "/deliver/resources/requests/cpu",
    "alert.terminationGracePeriodSeconds=5": "/alert/terminationGracePeriodSeconds",
    "enrich.autoscaling.cooldownPeriod=5": "/enrich/autoscaling/cooldownPeriod",
    "enrich.autoscaling.lagThreshold=0": "/enrich/autoscaling/lagThreshold",
    "enrich.nodeSelector.gpu=true": "/enrich/nodeSelector/gpu",
    "enrich.env.WIREWATCH_PORT=9465": "/enrich/env/WIREWATCH_PORT",
    "kafka.brokers=kafka": "/kafka/brokers",
    "image.digest=latest": "/image/digest",
    "image.pullPolicy=Sometimes": "/image/pullPolicy",
    "port=0": "/port",
    "podDisruptionBudget.maxUnavailable=lots": "/podDisruptionBudget/maxUnavailable",
    "serviceMonitor.interval=often": "/serviceMonitor/interval",
    "serviceMonitor.labels.release=1": "/serviceMonitor/labels/release",
    "lag.enrichGroup=": "/lag/enrichGroup",
    "existingWatchlists=Desk_Watchlists": "/existingWatchlists",
    "watchlists.trade\\.txt=x": "'/watchlists': additional properties 'trade.txt'",
    "secrets[0].variable=A,secrets[0].secret=b": "'/secrets/0': missing property 'key'",
    "secrets[0].variable=A-B,secrets[0].secret=b,secrets[0].key=c": "/secrets/0/variable",
    "mounts[0].name=tls,mounts[0].mountPath=/tls": "'/mounts/0': missing property 'secret'",
    "mounts[0].name=tls,mounts[0].mountPath=tls,mounts[0].secret=tls": "/mounts/0/mountPath",
    "mounts[0].name=tmp,mounts[0].mountPath=/t,mounts[0].secret=t": "/mounts/0/name",
    # values that do not go together
    "enrich.kind=StatefulSet,enrich.autoscaling.enabled=true": "expected kind Deployment with enrich.autoscaling",
    "enrich.autoscaling.enabled=true,enrich.autoscaling.minReplicas=9": "enrich.autoscaling.minReplicas: expected at",
    "deliver.enabled=true": "config: deliver.enabled: expected at least one [[deliver.route]]",
    "deliver.enabled=true,deliver.autoscaling.enabled=true": "deliver.autoscaling.groups: expected",
    "watchlists.a\\.yaml=x,existingWatchlists=desks": "existingWatchlists: watchlists are given, too",
}


@pytest.mark.parametrize("flag", WRONG)
def test_a_wrong_value_is_named(flag: str, template: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = template("--set", flag)
    assert done.returncode != 0
    assert WRONG[flag] in done.stderr


@pytest.mark.parametrize(
    "flag",
    [
        "deliver.enabled=true,deliver.env.WIREWATCH_DELIVER__ROUTE=[]",
        "deliver.enabled=true,secrets[0].variable=WIREWATCH_DELIVER__ROUTE,secrets[0].secret=a,secrets[0].key=b",
        "enrich.resources.limits.cpu=1.5,enrich.resources.limits.ephemeral-storage=1e9",
        "enrich.resources.limits.cpu=250m,enrich.resources.limits.example\\.com/gpu=1",
        "podDisruptionBudget.maxUnavailable=50%",
        "enrich.replicas=0",
    ],
)
def test_a_right_value_is_taken(flag: str, template: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = template("--set", flag)
    assert done.returncode == 0, done.stderr


def pod_specs(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found["spec"]["template"]["spec"] for found in objects if found["kind"] in ("Deployment", "StatefulSet")]


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_every_pod_is_confined_checked_first_and_given_time_to_drain(values: Path, render: Render) -> None:
    for spec in pod_specs(render("-f", str(values))):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        (check,) = spec["initContainers"]
        (worker,) = spec["containers"]
        assert check["args"] == ["check", "--worker", worker["name"]]
        drain = {"enrich": 20, "alert": 10, "deliver": 10}[worker["name"]]
        assert spec["terminationGracePeriodSeconds"] > drain + 5
        for container in (check, worker):
            confined = container["securityContext"]
            assert confined["readOnlyRootFilesystem"] is True
            assert confined["allowPrivilegeEscalation"] is False
            assert confined["capabilities"] == {"drop": ["ALL"]}
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= worker.keys()


def test_watchlists_are_a_folder_so_that_a_change_reaches_the_pod(render: Render) -> None:
    for spec in pod_specs(render("-f", str(CHART.parent / "values" / "secured.yaml"))):
        mount = next(m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "watchlists")
        assert "subPath" not in mount


def test_secrets_are_references_without_which_no_pod_starts(render: Render) -> None:
    objects = render("-f", str(CHART.parent / "values" / "secured.yaml"))
    assert not of_kind(objects, "Secret")
    for spec in pod_specs(objects):
        found = next(entry for entry in spec["containers"][0]["env"] if entry["name"] == "CHAT_URL")
        assert found["valueFrom"]["secretKeyRef"] == {"name": "wirewatch-chat", "key": "url", "optional": False}
        (volume,) = [volume for volume in spec["volumes"] if "secret" in volume]
        assert volume["secret"] == {"secretName": "wirewatch-kafka", "optional": False}


def test_static_members_are_named_after_their_pods(render: Render) -> None:
    (enrich, *_) = of_kind(render("-f", str(CHART.parent / "values" / "secured.yaml")), "StatefulSet")
    environment = enrich["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "WIREWATCH_KAFKA__CONSUMER", "value": '{"group_instance_id": "$(POD_NAME)"}'} in environment
    names = [entry["name"] for entry in environment]
    assert names.index("POD_NAME") < names.index("WIREWATCH_KAFKA__CONSUMER")
