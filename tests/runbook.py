"""deploy/RUNBOOK.md, followed to the letter: its parts, and its commands with their places filled in."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[1]
RUNBOOK = PROJECT / "deploy" / "RUNBOOK.md"
_BEGINS = ("### {}\n", "\n**{}.**", "\n{}:\n")
"""An alert's part, one of “By hand”, and what is to be done first."""


def section(part: str) -> str:
    """A part of the runbook, by its title. Two alerts may share one."""
    text = RUNBOOK.read_text()
    begins = [begin for form in _BEGINS if (begin := form.format(part)) in text]
    assert begins, f"the runbook has no part {part}"
    rest = re.sub(r"^(### \w+\n)+", "", text.split(begins[0], 1)[1])
    return re.split(r"^(?:##|\*\*)", rest, maxsplit=1, flags=re.MULTILINE)[0]


def commands(part: str) -> list[str]:
    """The commands that stand on lines of their own, in their order, without what is said of them."""
    lines = (line.strip() for line in section(part).splitlines() if line.startswith("    "))
    return [re.split(r"\s{2,}# ", line, maxsplit=1)[0] for line in lines]


def command(part: str, said: str, places: Mapping[str, str] | None = None) -> str:
    """A command that a part has, in a sentence or on a line of its own, with its places filled in.

    Fails where the part does not have it.
    """
    assert f"`{said}`" in section(part) or said in commands(part), f"{said} is not in the runbook's {part}"
    return filled(said, places or {})


def filled(command: str, places: Mapping[str, str]) -> str:
    """A command with these put for its words in capitals."""
    for name, value in places.items():
        assert name in command, f"{name} is not in {command}"
        command = command.replace(name, value)
    return command


def path(*folders: Path) -> str:
    """A PATH that has `wirewatch`, and before it these folders."""
    return ":".join([*map(str, folders), str(Path(sys.executable).parent), os.environ["PATH"]])


def run(command: str, *, cwd: Path, env: Mapping[str, str], data: bytes = b"", timeout: float = 180) -> str:
    """Run a command as somebody in a terminal would: its output, of both kinds. 1 is no failure: problems found."""
    done = subprocess.run(
        ["bash", "-c", command], cwd=cwd, env=dict(env), input=data, capture_output=True, timeout=timeout, check=False
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode in (0, 1), f"{command}: exit code {done.returncode}\n{said[-3000:]}"
    assert "Traceback" not in said, said[-3000:]
    return said
