"""Apache Kafka's jars and the class archive that halves a broker's start: fetched and made once, then cached.

The cache is `.cache/kafka` in the project, or where `WIREWATCH_KAFKA_CACHE` says. It has a folder for each
version of the pom; a lock lets two test runs use it at once.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
PROJECT = POM.parents[2]
FETCH_TIMEOUT = 300.0
"""How long Maven may take, in seconds. 18 s on an empty machine."""


class KafkaUnavailable(Exception):
    """There is no Java, no Maven, or no way to get the jars. The message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """An installation. `archive` is where the class archive is, or belongs."""

    java: str
    libs: Path
    archive: Path

    def command(self, main: str, *arguments: str, heap: str = "256m", archive: bool = True) -> list[str]:
        """The command line of a Java program in the jars. C1 only and serial GC: quick to start, small."""
        flags = [f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        if archive and self.archive.exists():
            flags += [f"-XX:SharedArchiveFile={self.archive}", "-Xshare:auto"]
        flags.append("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return [self.java, *flags, "-cp", f"{self.libs}/*", main, *arguments]


def install() -> Kafka:
    """The installation, from the cache or by Maven. Raises KafkaUnavailable."""
    java = shutil.which("java")
    if java is None or _java_major(java) < 17:
        raise KafkaUnavailable("Java 17 and Maven are needed for the tests on Kafka: there is no java of 17 or later")
    folder = cache() / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    libs = folder / "libs"
    with locked():
        if not libs.exists():
            _fetch(libs)
    # An archive fits one Java and one place of the jars; with another, Java ignores it and starts slowly.
    fits = hashlib.sha256(f"{_java_version(java)}\n{libs}".encode()).hexdigest()[:12]
    return Kafka(java=java, libs=libs, archive=folder / f"app-{fits}.jsa")


def cache() -> Path:
    """The folder of everything that is kept between runs."""
    return Path(os.environ.get("WIREWATCH_KAFKA_CACHE") or PROJECT / ".cache" / "kafka").absolute()


@contextmanager
def locked() -> Iterator[None]:
    """Hold the cache for this process alone. Other test runs wait."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, also by a death
        yield


def _fetch(libs: Path) -> None:
    """Let Maven copy the jars: from its own store if they are there, else from its repository."""
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("Java 17 and Maven are needed for the tests on Kafka: there is no mvn")
    libs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=libs.parent) as folder:
        target = Path(folder) / "libs"
        arguments = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        for mode in (["-o"], []):
            done = _run([maven, "-B", "-ntp", "-q", *mode, "-f", str(POM), *arguments])
            if done.returncode == 0:
                target.rename(libs)  # whole or not at all
                return
    raise KafkaUnavailable(f"Maven could not fetch Kafka's jars:\n{done.stdout[-2000:]}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=FETCH_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise KafkaUnavailable(f"{command[0]} took longer than {FETCH_TIMEOUT:.0f} s") from None


def _java_version(java: str) -> str:
    return _run([java, "-version"]).stdout


def _java_major(java: str) -> int:
    """17 of `openjdk version "17.0.15"`; 0 where it cannot be told (macOS has a java that only asks for one)."""
    words = _java_version(java).partition('version "')[2]
    digits = words.split(".")[0].split('"')[0].split("-")[0]
    return int(digits) if digits.isdigit() else 0
