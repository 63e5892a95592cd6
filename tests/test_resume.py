"""A run ends with the same weights, to the bit, however often it was stopped, and survives damaged files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painted_data import CLASSIFIER, DETECTOR, learn, new_run, photos, same, scenes, starter

from vision_core.errors import TrainingError
from vision_core.run_folder import BEST, RunFolder
from vision_core.training.clock import Progress
from vision_core.training.loop import Stop, train

CASES: dict[str, dict[str, Any]] = {
    "plain": {"augmentation": "light", "clip_norm": 0.0},
    "staged": {"frozen_epochs": 1, "layer_decay": 0.7, "label_smoothing": 0.1},
    "averaged and mixed": {"ema_decay": 0.9, "mix": "mixup_cutmix", "epochs": 4, "augmentation": "strong"},
    "drawn": {"balance": "sampling", "micro_batch": 3, "optimizer": "sgd"},
    "weighted": {"balance": "weights", "model": "test_efficientnet"},
    "views": {"views": 2, "start": "WEIGHTS", "augmentation": "light"},
    "detector": {"task": "detection", "model": "ssdlite_mobilenet_v2_coco", "augmentation": "light", "batch_size": 2},
    "detector staged, mixed and averaged": {
        "task": "detection",
        "model": DETECTOR,
        "mix": "mosaic",
        "ema_decay": 0.9,
        "frozen_epochs": 1,
        "balance": "sampling",
        "batch_size": 2,
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    photos(folder / "classification", {"train": 9, "val": 4})
    scenes(folder / "detection", {"train": 4, "val": 2})
    return folder


@pytest.fixture
def start(tmp_path: Path, data: Path) -> Callable[..., RunFolder]:
    return starter(tmp_path, data)


WALL_CLOCK = (
    "images_per_second",
    "data_wait",
    "seconds",
    "judging_seconds",
    "peak_memory_bytes",
    "cpu_share",
    "events",
)


def told(run: RunFolder) -> list[dict[str, Any]]:
    """The history without what the clock says."""
    return [{key: value for key, value in one.items() if key not in WALL_CLOCK} for one in run.history()]


def stop_at(count: int) -> Callable[[Progress], None]:
    """Cancels after so many steps."""
    seen = 0

    def step(progress: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            raise Stop("cancel")

    return step


@pytest.mark.parametrize("case", CASES)
def test_a_run_stopped_after_every_single_step_ends_with_the_same_weights(case: str, start: Callable[..., RunFolder]):
    whole, pieces = start("whole", **CASES[case]), start("pieces", **CASES[case])
    steps = sum(1 for _ in _steps(whole))
    for _ in range(steps):
        with pytest.raises(Stop):
            learn(pieces, stop_at(1))
    learn(pieces)
    assert same(whole, pieces)
    assert same(whole, pieces, BEST)
    assert told(whole) == told(pieces)
    assert whole.previews() == pieces.previews()


def _steps(run: RunFolder) -> list[int]:
    seen: list[int] = []
    learn(run, lambda progress: seen.append(progress.step))
    return seen


@pytest.mark.parametrize("case", ["staged", "views", "averaged and mixed", "detector staged, mixed and averaged"])
def test_a_run_left_after_every_epoch_ends_with_the_same_weights(case: str, start: Callable[..., RunFolder]):
    """Between two epochs a stage may begin, with an optimiser of its own."""
    whole, pieces = start("whole", **CASES[case]), start("pieces", **CASES[case])
    epochs = len(learn(whole))
    for number in range(epochs):
        records = train(pieces)
        assert next(records)["epoch"] == number + 1
        records.close()
    assert learn(pieces) == []
    assert same(whole, pieces)
    assert told(whole) == told(pieces)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(start: Callable[..., RunFolder]):
    runs = [start(f"run {number}", seed=seed, augmentation="light") for number, seed in enumerate((0, 0, 1))]
    for run in runs:
        learn(run)
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_checkpoints_rotate_and_a_damaged_one_is_passed_over(start: Callable[..., RunFolder]):
    run, reference = start(epochs=4, keep_checkpoints=3), start("reference", epochs=4)
    learn(reference)
    records = train(run)
    for _ in range(3):
        next(records)
    records.close()
    names = ["resume.pt", "resume-1.pt", "resume-2.pt"]
    assert sorted(path.name for path in run.checkpoints.glob("resume*")) == sorted(names)
    for name in names[:2]:
        content = (run.checkpoints / name).read_bytes()
        (run.checkpoints / name).write_bytes(content[: len(content) // 2])
    again = learn(run)
    assert [record["epoch"] for record in again] == [2, 3, 4]
    assert [event for event in again[0]["events"] if "damaged" in event]
    assert same(run, reference)


def test_when_every_checkpoint_is_damaged_it_says_so(start: Callable[..., RunFolder]):
    run = start()
    learn(run)
    for path in run.checkpoints.glob("resume*.pt"):
        path.write_bytes(b"\0" * 100)
    with pytest.raises(Exception, match=r"Every checkpoint .* is damaged"):
        learn(run)


def test_a_picture_that_vanishes_ends_the_run_and_its_return_mends_it(
    tmp_path: Path, data: Path, start: Callable[..., RunFolder]
):
    reference = start("reference", epochs=3)
    learn(reference)
    copy = shutil.copytree(data / "classification", tmp_path / "copy")
    run = new_run(tmp_path / "run", copy, "classification", CLASSIFIER, epochs=3)
    records = train(run)
    next(records)
    records.close()
    lost = copy / "train" / "red" / "0.png"
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(TrainingError, match=r"cannot be read any more.*resume"):
        learn(run)
    lost.write_bytes(content)
    learn(run)
    assert same(run, reference)


def test_pictures_that_changed_since_are_told_of(tmp_path: Path, data: Path):
    copy = shutil.copytree(data / "classification", tmp_path / "copy")
    run = new_run(tmp_path / "run", copy, "classification", CLASSIFIER, epochs=2)
    records = train(run)
    assert not any("changed" in event for event in next(records)["events"])
    records.close()
    shutil.copy(copy / "train" / "blue" / "1.png", copy / "train" / "red" / "0.png")
    with open(copy / "train" / "red" / "0.png", "ab") as file:
        file.write(b"more")
    assert any("changed" in event for event in learn(run)[0]["events"])
