"""What the chart is held against, fetched at the first use into `.cache/deploy` and never into the environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "deploy"
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
KUBERNETES_VALIDATE = "kubernetes-validate==1.37.0"
CHECK_JSONSCHEMA = "check-jsonschema==0.39.0"
ASYNCAPI_PARSER = "@asyncapi/parser@3.6.6"
GRAFANA_SDK = "grafana-foundation-sdk==0.0.21"
GRAFANA_UI = (
    "@grafana/ui@13.2.2",
    "@grafana/data@13.2.3",
    "@grafana/schema@13.2.3",
    "react@19",
    "react-dom@19",
    "esbuild@0.25",
)
NODE = ("@kubernetes-models/keda@2.0.0", "@kubernetes-models/prometheus-operator@6.0.0", "typescript@5")


class ToolMissing(Exception):
    """A tool of the machine's (go, npm) that is needed to fetch one of ours is not there."""


def helm() -> Path:
    """The `helm` command. Building it takes minutes, once."""
    binary = CACHE / "bin" / "helm"
    if not binary.exists():
        _run("go", "install", HELM, env={"GOBIN": str(binary.parent)})
    return binary


def kubernetes_validate() -> Path:
    """The `kubernetes-validate` command."""
    return python_of("kubernetes", KUBERNETES_VALIDATE).parent / "kubernetes-validate"


def python_of(name: str, *requirements: str) -> Path:
    """The Python of an environment of its own that has these packages, wherever the checkout was moved to."""
    venv = CACHE / f"venv-{name}"
    installed, wanted = venv / ".installed", "\n".join(requirements)
    if not installed.exists() or installed.read_text() != wanted:
        _run(sys.executable, "-m", "uv", "venv", "-q", "--clear", "--relocatable", str(venv))
        _run(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(venv), *requirements)
        installed.write_text(wanted)
    return venv / "bin" / "python"


def node_modules() -> Path:
    """A folder with the schemas of KEDA's and the Prometheus operator's resources, and TypeScript."""
    return node_of("node", *NODE)


def node_of(name: str, *packages: str) -> Path:
    """A folder with these packages of npm's in its `node_modules`."""
    folder = CACHE / name
    if not (folder / ".installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        flags = ("--no-save", "--no-package-lock", "--ignore-scripts", "--legacy-peer-deps")
        _run("npm", "install", "--prefix", str(folder), *flags, *packages)
        (folder / ".installed").touch()
    return folder


def check_jsonschema() -> Path:
    """The `check-jsonschema` command."""
    return python_of("jsonschema", CHECK_JSONSCHEMA).parent / "check-jsonschema"


def asyncapi_parser() -> Path:
    """A folder with AsyncAPI's parser."""
    return node_of("asyncapi", ASYNCAPI_PARSER)


def bundled(page: Path) -> Path:
    """A script for the browser of a page's source, with the components of Grafana's that it uses."""
    folder = node_of("grafana-ui", *GRAFANA_UI)
    source, script = folder / page.name, folder / f"{page.stem}.js"
    source.write_text(page.read_text())  # beside its node_modules
    _run(
        str(next(folder.glob("node_modules/@esbuild/*/bin/esbuild"))),
        *(str(source), f"--outfile={script}", "--bundle", "--minify", "--format=iife", "--jsx=automatic"),
        *('--define:process.env.NODE_ENV="production"', "--loader:.svg=dataurl", "--loader:.ttf=empty"),
        "--log-level=error",
    )
    return script


def _run(command: str, *arguments: str, env: dict[str, str] | None = None) -> None:
    if shutil.which(command) is None:
        raise ToolMissing(f"{command} is needed to fetch {arguments[-1]}")
    done = subprocess.run(
        [command, *arguments], env=os.environ | (env or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolMissing(f"{command} {' '.join(arguments)}: {(done.stderr or done.stdout)[-1000:]}")


if __name__ == "__main__":
    subprocess.run([str(python_of("grafana", GRAFANA_SDK)), *sys.argv[1:]], check=True)
