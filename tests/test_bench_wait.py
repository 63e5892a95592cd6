"""Waiting for a benchmark's end: its rows, or why there are none."""

from __future__ import annotations

import os
import time

import pytest

from vision_core.costs import bench_store
from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_store import BenchFolder
from vision_core.costs.bench_wait import wait
from vision_core.errors import TrainingError


def kept(state: str, error: str = "") -> BenchFolder:
    bench = BenchFolder(bench_store.benches_folder() / f"a-{state}")
    bench.path.mkdir(parents=True)
    bench.files.write("plan.json", BenchPlan(("resnet18",)).to_json())
    bench.files.write_lines(bench_store.ROWS, [{"model": "resnet18"}])
    about = {"state": state, "error": error, "done": 1, "total": 2, "heartbeat": time.time()}
    bench.files.write("status.json", about | bench_store._identity(os.getpid()))
    return bench


def test_what_ended_gives_its_rows_and_says_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    assert wait(kept("finished"), lambda *said: told.append(said)) == [{"model": "resnet18"}]
    assert told == [("waiting", 1, 2)]


def test_what_failed_says_why() -> None:
    with pytest.raises(TrainingError, match="no room"):
        wait(kept("failed", "There is no room."))
    with pytest.raises(TrainingError, match="cancelled"):
        wait(kept("cancelled"))
