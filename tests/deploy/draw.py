"""Draws the dashboards of a run into pictures: `python -m tests.deploy.draw RESULTS.json FOLDER`.

RESULTS is what `Prometheus.all_panels` found. The panels are Grafana's own components (page.jsx), in Chromium; a
Grafana server is not needed.
"""

import html
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.deploy import panels, tools

PAGE = Path(__file__).with_name("page.jsx")
WIDTH = 1616
ROW = 38
"""Pixels of a row of the grid, with its gap."""
PATIENCE = 20_000
"""Milliseconds of its own time that a page has until it is drawn."""


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """A picture of each dashboard. Raises ToolMissing without Node.js or Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise tools.ToolMissing("chromium is needed to draw dashboards")
    script = tools.bundled(PAGE)
    return [
        _picture(browser, script, name, page, results, folder / f"{name.removeprefix('wirewatch-')}.png")
        for name, page in panels.dashboards().items()
    ]


def _picture(
    browser: str, script: Path, name: str, page: dict[str, Any], results: dict[str, Any], picture: Path
) -> Path:
    found = {one["id"]: one["series"] for one in results["panels"] if one["dashboard"] == name}
    shown = {"page": page, "results": found} | {key: results[key] for key in ("from", "to", "step")}
    height = ROW * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in page["panels"]) + 16
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(
            f'<!doctype html><meta charset="utf-8"><title>{html.escape(page["title"])}</title>'
            f"<style>body {{ margin: 0 }} {script.with_suffix('.css').read_text()}</style>"
            '<div id="page" style="font-family: Inter, sans-serif"></div>'
            f"<script>window.SHOWN = {_script(shown)}</script><script>{script.read_text()}</script>"
        )
        done = subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(
                    "--enable-logging=stderr",
                    "--hide-scrollbars",
                    f"--window-size={WIDTH},{height}",
                    f"--virtual-time-budget={PATIENCE}",
                ),
                *(f"--user-data-dir={folder}/profile", f"--screenshot={picture.resolve()}", file.as_uri()),
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
    # A page that failed is a picture, too: of nothing.
    failed = [line for line in done.stderr.splitlines() if "Uncaught" in line]
    assert not failed, failed[0]
    return picture


def _script(value: Any) -> str:
    """As JavaScript that ends no script element."""
    return json.dumps(value).replace("</", r"<\/")


def main() -> None:
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for picture in draw(json.loads(Path(sys.argv[1]).read_text()), folder):
        print(picture)


if __name__ == "__main__":
    main()
