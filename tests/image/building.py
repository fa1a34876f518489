"""Containers without a registry: a base image by debootstrap, ours on it by buildah, and podman to run them.

Everything is kept in `.cache/image` of the project, or where `WIREWATCH_IMAGE_CACHE` says: a storage of its own, so
that the machine's images are left alone, and built layers serve the next run.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("WIREWATCH_IMAGE_CACHE") or PROJECT / ".cache" / "image").resolve()
TOOLS = CACHE / "tools" / "bin"
"""Where hadolint and podman-compose are; `tests/image/install` puts them there."""
DEBIAN = "bookworm"
BASE = f"localhost/wirewatch-base:{DEBIAN}"
IMAGE = "localhost/wirewatch:test"
_PACKAGES = "python3,python3-venv,ca-certificates,wget"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
log_driver = "k8s-file"
[network]
network_backend = "netavark"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{cache}/storage"
runroot = "/run/wirewatch-image-test"
"""


class ImageUnavailable(Exception):
    """This machine cannot build or run images. The message says what it lacks."""


def require(*programs: str) -> None:
    """Raises ImageUnavailable for the first program that is not there, and without root."""
    missing = [program for program in programs if not shutil.which(program, path=search_path())]
    if missing:
        raise ImageUnavailable(f"the image's tests need {', '.join(missing)}: tests/image/install installs them")
    if os.geteuid() != 0:
        raise ImageUnavailable("the image's tests build and run containers as root")


def search_path() -> str:
    return f"{TOOLS}:{os.environ['PATH']}:/usr/sbin:/sbin"


def environment() -> dict[str, str]:
    """Of podman, buildah and podman-compose: our own storage, and what runs where nothing but them is installed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    containers, storage = CACHE / "containers.conf", CACHE / "storage.conf"
    containers.write_text(_CONTAINERS)
    here = _STORAGE.format(cache=CACHE)
    if storage.exists() and storage.read_text() != here:
        # The folder was moved. podman would go on at the old place, which its own books name.
        shutil.rmtree(CACHE / "storage" / "libpod", ignore_errors=True)
    storage.write_text(here)
    ours = {"CONTAINERS_CONF": str(containers), "CONTAINERS_STORAGE_CONF": str(storage), "PATH": search_path()}
    return os.environ | ours


def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, check: bool = True, timeout: float = 600
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end. With `check`, fails with what it wrote."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=env or environment(),
        cwd=PROJECT,
    )
    if check and done.returncode != 0:
        said = (done.stdout + done.stderr)[-4000:]
        raise AssertionError(f"{' '.join(command)[:300]}: exit code {done.returncode}\n{said}")
    return done


def podman(*arguments: str, check: bool = True, timeout: float = 120) -> str:
    """Run podman; what it writes to standard output."""
    return run(["podman", *arguments], check=check, timeout=timeout).stdout


def base() -> str:
    """The base image: Debian with Python, made at the first use. Raises ImageUnavailable."""
    if run(["podman", "image", "exists", BASE], check=False).returncode == 0:
        return BASE
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = f"{folder}/root"
        done = run(
            ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", DEBIAN, root], check=False, timeout=900
        )
        if done.returncode != 0:
            raise ImageUnavailable(f"debootstrap could not make a base image:\n{(done.stdout + done.stderr)[-2000:]}")
        for folder_of_packages in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(f"{root}/{folder_of_packages}")
        archive = f"{folder}/root.tar"
        run(["tar", "-C", root, "-cf", archive, "."])
        podman("import", "-q", archive, BASE)
    return BASE


def build(context: Path = PROJECT, *, tag: str = IMAGE, **arguments: str) -> str:
    """Build our image from a copy of the project, with the Dockerfile's `arguments`. Returns the tag."""
    named = {"BASE": base()} | arguments
    mounts: list[str] = []
    if _CERTIFICATES.exists():
        mounts = ["-v", f"{_CERTIFICATES}:/run/ca.pem:ro"]
        named["PIP_CERT"] = "/run/ca.pem"
    given = [argument for name, value in named.items() for argument in ("--build-arg", f"{name}={value}")]
    command = ["buildah", "bud", "--format", "docker", "--layers", "--isolation", "chroot", "--pull-never"]
    run([*command, *mounts, *given, "-f", str(context / "deploy" / "Dockerfile"), "-t", tag, str(context)], timeout=900)
    return tag
