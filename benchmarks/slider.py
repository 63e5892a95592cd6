"""Server time of a slider move on the Compare page with a 12-megapixel photo, moved by a real browser.

The photo is uploaded once; networks and costs run once. Then each slider is moved a step at a time, and the server's
script run that follows is timed inside the server: no browser, no network.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from playwright.sync_api import Page

from benchmarks import shared
from benchmarks.server import TIMED, serve
from benchmarks.timed_server import LOG
from tests.browser import Tab, chromium, visit

SLIDERS = ("Least score", "Overlap allowed (IoU)", "Labels shown", "Activation map")
SIZE_PX = (4000, 3000)
STEPS = ["ArrowLeft"] * 3 + ["ArrowRight"] * 6 + ["ArrowLeft"] * 3  # ends where it began
WAIT_S = 60


class Runs:
    """The script runs that the server has logged so far."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def all(self) -> list[dict[str, Any]]:
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, count: int) -> dict[str, Any]:
        """The last run once there are at least `count`."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if len(runs := self.all()) >= count:
                return runs[-1]
            time.sleep(0.01)
        raise RuntimeError(f"the server did not run its script for the {count}th time")


def move(page: Page, slider: str, runs: Runs) -> list[dict[str, Any]]:
    """Moves one slider step by step, each after the run before has ended; one row a move."""
    rows = []
    for key in STEPS:
        before = len(runs.all())
        page.get_by_role("slider", name=slider).press(key)
        rows.append({"slider": slider, **runs.wait_for(before + 1)})
        page.wait_for_timeout(300)  # the browser draws the answer meanwhile, and would disturb the next clock
    return rows


def upload(tab: Tab, address: str) -> None:
    """Opens the page, drops the photo in, and waits until everything about it is on screen."""
    tab.page.goto(f"{address}/Compare?source=Upload")
    photo = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": shared.photo(*SIZE_PX)}
    tab.page.locator("input[type=file]").set_input_files([photo])  # type: ignore[list-item]
    tab.measured()
    tab.page.wait_for_timeout(1000)


def percentiles(rows: list[dict[str, Any]], field: str) -> dict[str, float]:
    """p50 and p95, interpolated linearly."""
    low, high = np.percentile([row[field] for row in rows], [50, 95])
    return {"p50": float(low), "p95": float(high)}


def report(moves: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """The figures as JSON and as Markdown."""
    groups = {name: [row for row in moves if row["slider"] == name] for name in SLIDERS}
    figures: dict[str, Any] = {"moves": moves, "summary": {}}
    lines = []
    for name, rows in {**groups, "all": moves}.items():
        wall, cpu = percentiles(rows, "wall_ms"), percentiles(rows, "cpu_ms")
        figures["summary"][name] = {"wall_ms": wall, "cpu_ms": cpu, "moves": len(rows)}
        lines.append([name, len(rows), *(f"{value:.0f}" for value in (*wall.values(), *cpu.values()))])
    head = ["slider", "moves", "p50, ms", "p95, ms", "p50 of own CPU, ms", "p95 of own CPU, ms"]
    text = (
        f"{shared.table(head, lines)}\n\nA {SIZE_PX[0]} x {SIZE_PX[1]} JPEG, three columns (classification, detection, "
        "detect-then-classify with the embedded models). Server time of the script run that follows a move, wall clock "
        "and the script thread's own CPU time; on a busy machine the second is the one to read."
    )
    return figures, text


def main() -> None:
    """Measures and writes the result."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    about = shared.context()
    moves: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        log = Path(folder) / "runs.jsonl"
        with serve(Path(folder), TIMED, **{LOG: str(log)}) as address, chromium() as browser, visit(browser) as tab:
            upload(tab, address)
            for slider in SLIDERS:
                moves += move(tab.page, slider, Runs(log))
    figures, text = report(moves)
    shared.write("slider", about, figures, text)


if __name__ == "__main__":
    main()
