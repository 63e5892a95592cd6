"""Server time of the pages that list runs, with 200 runs of 100 epochs in the workspace and with the 2 that ship.

Each page is opened by a real browser in a new tab, again and again; the script runs that follow are timed inside the
server: no browser, no network. The first visit of a server reads every run; the later ones are what people feel.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import shared
from benchmarks.server import TIMED, serve
from benchmarks.slider import Runs
from benchmarks.timed_server import LOG
from tests.browser import chromium, visit
from vision_core.data.library import add_shelf
from vision_core.data.staging import link_or_copy
from vision_core.run_folder import RunFolder
from vision_core.settings import settings
from vision_core.training.examples import EXAMPLES

PAGES = ("Train?show=Runs", "Evaluate")
VISITS = 6
QUIET_MS = 2500  # a page that polls starts another script run later; what it did until then belongs to the visit


def fill(runs: Path, count: int, epochs: int) -> None:
    """Copies of the example runs, each with so long a history and a name of its own; weights are links."""
    sources = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
    random = np.random.default_rng(0)
    for number in range(count):
        source = sources[number % len(sources)]
        run = RunFolder(runs / f"20261001-{number:06d}-{source.name}")
        shutil.copytree(source, run.path, copy_function=_link)
        records = run.history()
        longer = [records[-1] | {"epoch": epoch + 1, "best": epoch == epochs - 1} for epoch in range(epochs)]
        for record in longer:
            record["train"] = {name: float(value * random.uniform(0.9, 1.1)) for name, value in record["train"].items()}
        run.write_lines("metrics.jsonl", longer)
        run.write("config.json", run.read("config.json") | {"epochs": epochs})
        run.write("status.json", run.read("status.json") | {"epoch": epochs, "epochs": epochs})
        run.write("about.json", {"name": f"Run {number + 1}", "note": ""})


def _link(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        link_or_copy(Path(source), Path(target))
    else:
        shutil.copyfile(source, target)


def visits(home: Path) -> list[dict[str, Any]]:
    """Opens each page several times; one row a visit with all that its script runs took."""
    log = home / "runs.jsonl"
    rows = []
    with serve(home, TIMED, **{LOG: str(log), "WHATWHERE_SHELF_SCENES": "0"}) as address, chromium() as browser:
        for page in PAGES:
            for number in range(VISITS):
                before = len(Runs(log).all())
                with visit(browser) as tab:
                    tab.page.goto(f"{address}/{page}")
                    Runs(log).wait_for(before + 1)
                    tab.page.wait_for_timeout(QUIET_MS)
                done = [run for run in Runs(log).all()[before:] if not run["is_fragment"]]
                cost = {name: sum(run[name] for run in done) for name in ("wall_ms", "cpu_ms")}
                rows.append({"page": page.partition("?")[0], "first": number == 0, **cost})
    return rows


def measure(counts: list[int], epochs: int) -> list[dict[str, Any]]:
    """The visits with so many runs each."""
    rows = []
    for count in counts:
        with TemporaryDirectory() as folder:
            home = Path(folder)
            os.environ["WHATWHERE_HOME"] = folder
            add_shelf(4)
            fill(settings().home / "runs", count, epochs)
            rows += [{"runs": count, **row} for row in visits(home)]
    return rows


def report(rows: list[dict[str, Any]], epochs: int) -> tuple[dict[str, Any], str]:
    """The figures as JSON and as Markdown."""
    lines = []
    for page in dict.fromkeys(row["page"] for row in rows):
        for count in dict.fromkeys(row["runs"] for row in rows):
            mine = [row for row in rows if row["page"] == page and row["runs"] == count]
            first = next(row for row in mine if row["first"])
            later = [row for row in mine if not row["first"]]
            middle = [np.median([row[name] for row in later]) for name in ("wall_ms", "cpu_ms")]
            lines.append([page, count, *(f"{value:.0f}" for value in (first["wall_ms"], first["cpu_ms"], *middle))])
    head = ["page", "runs", "first visit, ms", "its own CPU, ms", "later visit (median), ms", "its own CPU, ms"]
    note = (
        f"Runs of {epochs} epochs each, copies of the two that ship. Server time of the script runs of a visit; the "
        "first one also imports what the page needs."
    )
    return {"visits": rows}, f"{shared.table(head, lines)}\n\n{note}"


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[2, 200])
    parser.add_argument("--epochs", type=int, default=100)
    asked = parser.parse_args()
    about = shared.context()
    figures, text = report(measure(asked.runs, asked.epochs), asked.epochs)
    shared.write("many_runs", about, figures, text)


if __name__ == "__main__":
    main()
