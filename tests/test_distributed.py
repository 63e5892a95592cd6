"""Two processes that share every batch learn what one learns from the whole of it, but for rounding."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import CLASSIFIER, DETECTOR, new_run, photos, scenes
from safetensors.torch import load_file

from vision_core.models import get_spec
from vision_core.run_folder import LAST, STATUS, RunFolder
from vision_core.training import checkpoints, peers, worker
from vision_core.training.loop import train

ATOL = 1e-5
"""Gradients are sums in another order: float32 rounding, after four epochs of plain gradient descent."""
PROGRAM = """
import json
import sys
from accelerate import PartialState
from vision_core.run_folder import RunFolder
from vision_core.training import loop, peers

judge = loop._judge


def judged(session):
    verdict = judge(session)
    with open(session.run.path / f"verdicts-{PartialState().process_index}.jsonl", "a") as file:
        file.write(json.dumps({"losses": verdict.losses, "metrics": verdict.metrics}) + chr(10))
    return verdict


loop._judge = judged
for path in sys.argv[1:]:
    list(loop.train(RunFolder.open(path)))
    assert PartialState().num_processes == 2
peers.part()
"""
CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "frozen": {"frozen_epochs": 4},
    "staged": {"frozen_epochs": 2, "layer_decay": 0.8, "clip_norm": 0.5},
    "weighted": {"balance": "weights", "label_smoothing": 0.1},
    "averaged, in portions": {"ema_decay": 0.9, "micro_batch": 2},
    "augmented": {"augmentation": "light"},
    "features of views": {"views": 3, "start": "WEIGHTS", "augmentation": "light"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[RunFolder, RunFolder]]:
    """Every case, trained by one process and by two; starting processes costs more than training does."""
    folder, monkeypatch = tmp_path_factory.mktemp("distributed"), pytest.MonkeyPatch()
    data = photos(folder / "data", {"train": 11, "val": 4})  # eleven: batches that two cannot divide evenly
    usual: dict[str, Any] = {"epochs": 4, "batch_size": 6, "optimizer": "sgd", "learning_rate": 0.05}
    monkeypatch.setenv("WHATWHERE_HOME", str(folder / "home"))
    torch.manual_seed(3)
    checkpoints.save_weights(folder / "weights.safetensors", get_spec(CLASSIFIER).build(7), {})
    made = {}
    for case, changes in CASES.items():
        if "start" in changes:
            changes = changes | {"start": str(folder / "weights.safetensors")}
        made[case] = tuple(
            new_run(folder / f"{case} by {count}", data, "classification", CLASSIFIER, **usual | changes)
            for count in ("one", "two")
        )
    boxed = scenes(folder / "boxed", {"train": 8, "val": 4})
    detector = new_run(folder / "detector", boxed, "detection", DETECTOR, **usual | {"input_size_px": 64, "epochs": 2})
    made["detector"] = (detector, detector)
    (folder / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    found = subprocess.run(
        [*command, str(folder / "program.py"), *(str(two.path) for _, two in made.values())],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    for case in CASES:
        list(train(made[case][0]))
    monkeypatch.undo()
    return made


@pytest.fixture
def follower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run that this process, the second of two, waits for."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    return new_run(tmp_path / "run", tmp_path, "classification", CLASSIFIER)


def status(state: str, age_s: float = 0.0) -> dict[str, Any]:
    """What a main process that is gone has left behind."""
    gone = {"pid": 0, "pid_started": 0.0, "host": socket.gethostname()}
    return {"state": state, "heartbeat": time.time() - age_s, "stage": "Starting", **gone}


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled", "running"])
def test_a_follower_leaves_when_the_run_has_ended(state: str, follower: RunFolder):
    follower.write(STATUS, status(state))
    assert worker.work(follower, None) == {}


@pytest.mark.parametrize("state", ["failed", "cancelled", "running"])
def test_a_follower_waits_after_a_former_attempt_until_a_signal_comes(state: str, follower: RunFolder):
    follower.write(STATUS, status(state, age_s=30))
    timer = threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        worker.work(follower, None)
    timer.join()


def test_a_child_is_told_nothing_of_the_launcher(monkeypatch: pytest.MonkeyPatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "GROUP_RANK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("WHATWHERE_HOME", "kept")
    theirs = peers.lone_environment()
    assert theirs["WHATWHERE_HOME"] == "kept"
    assert not [name for name in theirs if "RANK" in name or "WORLD" in name or "MASTER" in name or "ELASTIC" in name]


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
@pytest.mark.parametrize("case", [*CASES, "detector"])
def test_all_processes_come_to_the_same_verdicts(case: str, runs: dict[str, tuple[RunFolder, RunFolder]]):
    run = runs[case][1]
    first, second = ((run.path / f"verdicts-{rank}.jsonl").read_text().splitlines() for rank in range(2))
    assert first == second
    assert [json.loads(line)["metrics"] for line in first] == [record["metrics"] for record in run.history()]


@pytest.mark.slow
def test_a_detector_whose_loss_sums_over_processes_comes_to_its_end(runs: dict[str, tuple[RunFolder, RunFolder]]):
    for record in runs["detector"][1].history():
        assert math.isfinite(record["train"]["loss"])
        assert math.isfinite(record["val"]["loss"])


@pytest.mark.slow
def test_the_comparison_could_fail(runs: dict[str, tuple[RunFolder, RunFolder]]):
    """The cases differ from each other by far more than the tolerance."""
    full, weighted = (load_file(runs[case][0].path / LAST) for case in ("full", "weighted"))
    assert max(float((full[name] - weighted[name]).abs().max()) for name in full) > 100 * ATOL
