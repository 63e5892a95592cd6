"""The runs that come with the project: there on first start, small, really trained, usable like any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from vision_core.boxes import box_iou
from vision_core.data.library import Dataset, add_shelf
from vision_core.data.shelf import CLASS_NAMES, scene
from vision_core.evaluation.store import list_evaluations
from vision_core.predict import load_classifier, load_detector
from vision_core.run_folder import BEST, RunFolder, list_run_folders
from vision_core.runs import list_runs
from vision_core.training.examples import EXAMPLES, install_examples
from vision_core.training.overview import known_speeds, overviews


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("WHATWHERE_HOME", str(tmp_path / "home"))
    return add_shelf(2)


def test_one_of_each_task_is_there_with_its_history(shelf: Dataset) -> None:
    added = install_examples(shelf)
    assert {spec.task for spec in list_runs()} == {"classification", "detection"}
    assert {path.name for path in added} == {run.path.name for run in list_run_folders()}
    for path in added:
        run = RunFolder.open(path)
        record, history = run.record(), run.history()
        assert (record.state, record.config["data"]) == ("finished", "Fashion Shelf")
        assert [one["epoch"] for one in history] == list(range(1, record.config["epochs"] + 1))
        assert len(run.previews()) == len(history)
        assert history[-1]["val"]["loss"] < history[0]["val"]["loss"]
        assert run.read("evaluation.json")["split"] == "test"
        (kept,) = list_evaluations(path)
        assert kept.figures == pytest.approx(run.read("evaluation.json")["metrics"])
        assert len(kept.results) == 43


def test_weights_are_small_and_nothing_tells_of_the_machine_they_were_made_on() -> None:
    assert sum(file.stat().st_size for file in EXAMPLES.rglob("*.safetensors")) < 25e6
    texts = [file.read_text(encoding="utf-8") for file in EXAMPLES.rglob("*.json*")]
    for file in EXAMPLES.rglob("evaluations/*"):
        with safe_open(file, "numpy") as tensors:
            texts.append(json.dumps(tensors.metadata()))
    for text in texts:
        assert "/tmp" not in text
        assert "/home" not in text
        assert "host" not in text


def test_a_removed_example_stays_removed_and_none_is_overwritten(shelf: Dataset) -> None:
    removed, kept = install_examples(shelf)
    shutil.rmtree(removed)
    RunFolder.open(kept).rename("mine")
    assert install_examples(shelf) == []
    assert not removed.exists()
    assert RunFolder.open(kept).record().name == "mine"


def test_their_speed_is_not_taken_for_this_machines(shelf: Dataset) -> None:
    runs = overviews(RunFolder.open(path) for path in install_examples(shelf))
    assert len(runs) == 2
    assert known_speeds(runs) == {}


def test_the_detector_finds_products_in_a_scene_it_never_saw(shelf: Dataset) -> None:
    install_examples(shelf)
    detector = load_detector(next(spec.name for spec in list_runs("detection")))
    found = wanted = 0
    for number in range(1000, 1006):
        truth = scene(1, number)
        said = detector.predict([Image.fromarray(truth.pixels)])[0].above(0.3).suppress(0.5)
        wanted += len(truth.boxes_xyxy)
        if len(said) and len(truth.boxes_xyxy):
            overlaps = box_iou(truth.boxes_xyxy, said.boxes_xyxy)
            same = truth.class_ids[:, None] == said.class_ids[None]
            found += int(((overlaps > 0.5) & same).any(axis=1).sum())
    assert wanted > 20
    assert found > 0.6 * wanted


def test_the_classifier_says_what_a_scene_holds(shelf: Dataset) -> None:
    install_examples(shelf)
    classifier = load_classifier(next(spec.name for spec in list_runs("classification")))
    assert classifier.class_names == CLASS_NAMES
    right = []
    for number in range(1000, 1010):
        truth = scene(1, number)
        said = classifier.predict([Image.fromarray(truth.pixels)])[0]
        assert said.multi_label
        shown = np.isin(np.arange(len(CLASS_NAMES)), truth.class_ids)
        right.append(((said.scores > 0.5) == shown).mean())
    assert np.mean(right) > 0.65  # always saying the commoner answer is right for about half


def test_weights_are_those_of_the_package(shelf: Dataset) -> None:
    for path in install_examples(shelf):
        assert (path / BEST).read_bytes() == (EXAMPLES / path.name / BEST).read_bytes()
