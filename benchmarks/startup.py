"""From the command to the first usable page, cold and warm; and how long importing the package and `--help` take.

*Cold*: `streamlit run` starts a server, a waiting browser opens the Compare page, and the results of all three columns
for the default sample are on screen. *Warm*: a new visitor of that server. Files are in the system's page cache, the
browser is already running and has nothing cached.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from benchmarks import shared
from benchmarks.server import ROOT, serve
from tests.browser import chromium, visit

_RESULTS_SHOWN = """() => {
  const columns = document.querySelectorAll('.st-key-contenders [data-testid="stColumn"]');
  const shown = (column, what) =>
    [...column.querySelectorAll(what)].some(part => part.getBoundingClientRect().height > 9);
  const drawn = column => [...column.querySelectorAll('img')].some(image => image.complete && image.naturalWidth > 0);
  return columns.length === 3 && [...columns].every(drawn)
    && shown(columns[0], '.js-plotly-plot .barlayer') && shown(columns[1], '[data-testid="stDataFrame"]')
    && shown(columns[2], '[data-testid="stDataFrame"]');
}"""  # the activation map and the bars; boxes and a table; boxes and a table with labels
_STAGES = ("title_s", "results_s", "costs_s")
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import vision_core": ["-c", "import vision_core"],
    "python -m vision_core --help": ["-m", "vision_core", "--help"],
}


def open_page(browser: Browser, address: str, started: float) -> dict[str, float]:
    """Seconds since `started` until the title, all results and all costs are on screen."""
    with visit(browser) as tab:
        tab.page.goto(f"{address}/Compare")
        tab.page.get_by_role("heading", name="Compare").first.wait_for()
        title = time.perf_counter() - started
        tab.page.wait_for_function(_RESULTS_SHOWN, timeout=120_000)
        results = time.perf_counter() - started
        tab.measured()
        return {"title_s": title, "results_s": results, "costs_s": time.perf_counter() - started}


def cold_and_warm(browser: Browser, visits: int) -> tuple[dict[str, float], list[dict[str, float]]]:
    """One server: what its first visitor waits from the command on, and what each later visitor waits."""
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        with serve(Path(folder)) as address:
            ready = time.perf_counter() - started
            cold = {"server_s": ready, **open_page(browser, address, started)}
            return cold, [open_page(browser, address, time.perf_counter()) for _ in range(visits)]


def command_seconds(arguments: list[str]) -> float:
    """Wall time of a fresh Python with these arguments."""
    call = [sys.executable, *arguments]
    return shared.timed_ms(lambda: subprocess.run(call, cwd=ROOT, check=True, capture_output=True)) / 1000


def median(rows: list[dict[str, float]], field: str) -> str:
    """Median with the range."""
    values = [row[field] for row in rows]
    return f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def report(cold: list[dict[str, float]], warm: list[dict[str, float]], commands: Any) -> tuple[dict[str, Any], str]:
    """The figures as JSON and as Markdown."""
    figures = {
        "cold_s": cold,
        "warm_s": warm,
        "commands_ms": {name: shared.spread(values) for name, values in commands.items()},
    }
    pages = [
        ["cold", len(cold), *(median(cold, field) for field in ("server_s", *_STAGES))],
        ["warm", len(warm), "—", *(median(warm, field) for field in _STAGES)],
    ]
    rows = [[f"`{name}`", shared.with_spread(values)] for name, values in commands.items()]
    text = "\n\n".join(
        [
            "Seconds from the command (cold) or the click (warm), median and range:",
            shared.table(
                ["start", "times", "server answers", "title", "all three results", "all costs measured"], pages
            ),
            "Cold is a fresh server process whose files are in the page cache; the browser runs already, with nothing "
            "cached. Warm is a new visitor of the same server. Results are those of the default sample.",
            "Fresh processes, milliseconds:",
            shared.table(["command", "ms, median with quartiles"], rows),
        ]
    )
    return figures, text


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=3, help="cold starts")
    parser.add_argument("--visits", type=int, default=3, help="warm visits of each server")
    args = parser.parse_args()
    about = shared.context()
    contestants = {name: lambda rest=rest: command_seconds(rest) * 1000 for name, rest in COMMANDS.items()}
    commands = shared.take_turns(contestants, seconds=10, warmup=1)
    cold: list[dict[str, float]] = []
    warm: list[dict[str, float]] = []
    with chromium() as browser:
        open_nothing(browser)
        for _ in range(args.servers):
            first, later = cold_and_warm(browser, args.visits)
            cold.append(first)
            warm += later
    shared.write("startup", about, *report(cold, warm, commands))


def open_nothing(browser: Browser) -> None:
    """Lets the browser start its processes before any clock runs."""
    with visit(browser) as tab:
        tab.page.goto("about:blank")


if __name__ == "__main__":
    main()
