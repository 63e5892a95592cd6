"""A benchmark from start to end for those who want to wait for it: scripts and notebooks.

rows = wait(start_bench(BenchPlan(("tf_efficientnet_lite0",)), "Mine"))      # it stands on the Costs page too
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vision_core.costs.bench_store import BenchFolder
from vision_core.errors import TrainingError

POLL_S = 0.2


def wait(bench: BenchFolder, progress: Callable[[str, int, int], None] | None = None) -> list[dict[str, Any]]:
    """Waits for the end of a benchmark and returns its rows; Ctrl-C leaves it to go on by itself.

    Args:
        progress: told of the cell in words, and how many of how many are measured.

    Raises:
        TrainingError: it failed or was cancelled, or its process is gone; what it had measured is in `bench.rows()`.
    """
    while True:
        status = bench.status()
        if progress is not None:
            progress(str(status["cell"] or status["stage"] or "waiting"), int(status["done"]), int(status["total"]))
        if status["state"] == "finished":
            return bench.rows()
        if status["state"] not in ("queued", "running"):
            why = status["error"] or "see its log"
            raise TrainingError(f"The benchmark {bench.name!r} has not come to its end: {status['state']}, {why}.")
        time.sleep(POLL_S)
