"""Two processes that share every batch learn what one learns from the whole of it, but for rounding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import new_run, photos
from safetensors.torch import load_file

from vision_core.run_folder import LAST, RunFolder
from vision_core.training.loop import train

ATOL = 1e-5
"""Gradients are sums in another order: float32 rounding, after four epochs of plain gradient descent."""
PROGRAM = """
import sys
from vision_core.run_folder import RunFolder
from vision_core.training.loop import train

for path in sys.argv[1:]:
    list(train(RunFolder.open(path)))
"""
CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "frozen": {"frozen_epochs": 4},
    "staged": {"frozen_epochs": 2, "layer_decay": 0.8, "clip_norm": 0.5},
    "weighted": {"balance": "weights", "label_smoothing": 0.1},
    "averaged, in portions": {"ema_decay": 0.9, "micro_batch": 2},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[RunFolder, RunFolder]]:
    """Every case, trained by one process and by two; starting processes costs more than training does."""
    folder = tmp_path_factory.mktemp("distributed")
    data = photos(folder / "data", {"train": 11, "val": 4})  # eleven: batches that two cannot divide evenly
    usual: dict[str, Any] = {"epochs": 4, "batch_size": 6, "optimizer": "sgd", "learning_rate": 0.05}
    made = {}
    for case, changes in CASES.items():
        made[case] = tuple(
            new_run(folder / f"{case} by {count}", data, "classification", "test_vit", **usual | changes)
            for count in ("one", "two")
        )
    (folder / "program.py").write_text(PROGRAM)
    launch = "accelerate.commands.accelerate_cli launch --cpu --num_processes 2 --num_machines 1 --mixed_precision no"
    command = [sys.executable, "-m", *launch.split(), "--dynamo_backend", "no", "--main_process_port", "0"]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    found = subprocess.run(
        [*command, str(folder / "program.py"), *(str(two.path) for _, two in made.values())],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path, "WHATWHERE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    for one, _ in made.values():
        list(train(one))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_learns(case: str, runs: dict[str, tuple[RunFolder, RunFolder]]):
    one, two = runs[case]
    first, second = load_file(one.path / LAST), load_file(two.path / LAST)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(
            first[name], second[name], atol=ATOL, rtol=0, msg=lambda text, n=name: f"{n}: {text}"
        )
    for ours, theirs in zip(one.history(), two.history(), strict=True):
        assert ours["train"]["loss"] == pytest.approx(theirs["train"]["loss"], abs=1e-4)
        assert ours["val"]["loss"] == pytest.approx(theirs["val"]["loss"], abs=1e-4)
        assert ours["metrics"] == pytest.approx(theirs["metrics"], abs=1e-4)
        assert ours["learning_rate"] == theirs["learning_rate"]


@pytest.mark.slow
def test_the_comparison_could_fail(runs: dict[str, tuple[RunFolder, RunFolder]]):
    """The cases differ from each other by far more than the tolerance."""
    full, weighted = (load_file(runs[case][0].path / LAST) for case in ("full", "weighted"))
    assert max(float((full[name] - weighted[name]).abs().max()) for name in full) > 100 * ATOL
