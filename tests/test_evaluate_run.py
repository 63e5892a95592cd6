"""A run judged on other pictures than its own: what cannot be judged is counted, not passed over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painted_data import CLASSIFIER, DETECTOR, learn, new_run, photos, scenes
from PIL import Image
from safetensors.torch import load_file, save_file

import vision_core.training.evaluate as training_evaluate
from vision_core.data.index import DatasetIndex
from vision_core.errors import DataError
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.robustness import robustness
from vision_core.evaluation.store import evaluate_run, list_evaluations, open_evaluation, why_outdated
from vision_core.run_folder import BEST
from vision_core.training.evaluate import Subject


@pytest.mark.usefixtures("workspace")
def test_pictures_without_an_answer_are_counted(tmp_path: Path):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(run)
    other = scenes(tmp_path / "other", {"test": 6}, objects=1)
    whole = evaluate_run(run.path, str(other)).summary()
    assert (whole["split"], whole["images"], whole["left_out"]) == ("test", 6, 0)
    path = other / "test" / "_annotations.coco.json"
    document = json.loads(path.read_text())
    document["annotations"] = [one for one in document["annotations"] if one["image_id"] != 1]
    path.write_text(json.dumps(document))
    found = evaluate_run(run.path, str(other)).summary()
    assert (found["images"], found["left_out"]) == (5, 1)


@pytest.mark.usefixtures("workspace")
def test_a_run_that_was_halved_is_judged_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER, batch_size=8)
    records = learn(run)
    expected = evaluate_run(run.path).summary()
    run.write_lines("metrics.jsonl", [record | {"micro_batch": 2} for record in records])
    from timm.models.vision_transformer import VisionTransformer

    forward, sizes = VisionTransformer.forward, set()

    def small(self: VisionTransformer, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        sizes.add(len(x))
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x, *rest)

    monkeypatch.setattr(VisionTransformer, "forward", small)
    assert evaluate_run(run.path, again=True).summary()["metrics"] == pytest.approx(expected["metrics"])
    assert sizes == {1, 2}


@pytest.mark.usefixtures("workspace")
def test_an_evaluation_is_kept_until_weights_or_pictures_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(run)
    judged: list[int] = []
    honest = training_evaluate.judge

    def counted(of: Subject, progress: Any = None) -> Any:
        judged.append(len(of.rows))
        return honest(of, progress)

    monkeypatch.setattr(training_evaluate, "judge", counted)
    first = evaluate_run(run.path)
    assert (len(judged), why_outdated(first)) == (1, "")
    again = evaluate_run(run.path)
    assert len(judged) == 1
    np.testing.assert_array_equal(first.results.logits, again.results.logits)  # type: ignore[union-attr]
    assert run.read("evaluation.json")["metrics"] == first.figures

    os.utime(first.path(0))  # the same picture, touched
    assert why_outdated(first) == ""
    evaluate_run(run.path)
    assert len(judged) == 1
    picture = Image.open(first.path(0)).convert("RGB")
    pixels = np.array(picture)
    pixels[:4] = 255 - pixels[:4]
    Image.fromarray(pixels).save(first.path(0))
    assert "pictures" in why_outdated(first)
    changed = evaluate_run(run.path)
    assert len(judged) == 2
    assert changed.key != first.key
    assert why_outdated(changed) == ""

    weights = load_file(run.path / BEST)
    save_file({name: tensor * 1.01 for name, tensor in weights.items()}, run.path / BEST)
    assert "weights" in why_outdated(changed)
    evaluate_run(run.path)
    assert len(judged) == 3


@pytest.mark.usefixtures("workspace")
def test_evaluations_of_several_splits_and_data_stand_side_by_side(tmp_path: Path):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(run)
    own, everything = evaluate_run(run.path), evaluate_run(run.path, split="all")
    other = evaluate_run(run.path, str(scenes(tmp_path / "other", {"test": 6}, objects=1)))
    assert {one.file for one in list_evaluations(run.path)} == {own.file, everything.file, other.file}
    assert (own.split, everything.split, other.is_own) == ("val", "", False)
    assert len(everything.results) == len(everything.index)
    assert [one.name for one in (other.path(0), other.path(5))] == [Path(p).name for p in other.results.pictures[::5]]
    assert run.read("evaluation.json")["split"] == "val"  # the other two are not the run's own figures
    more = evaluate_run(run.path, str(photos(tmp_path / "more", {"test": 6})))
    more.path(0).unlink()  # the rows of all others move
    with pytest.raises(DataError, match="came or went"):
        open_evaluation(more.file).path(3)
    with pytest.raises(DataError, match="Evaluate the run again first"):
        robustness(more, ("contrast",))
    more.file.unlink()
    other.file.write_bytes(other.file.read_bytes()[:-10])
    assert len(list_evaluations(run.path)) == 2
    with pytest.raises(DataError, match="evaluate the run again"):
        open_evaluation(other.file)
    assert evaluate_run(run.path, other.data).figures == other.figures


@pytest.mark.usefixtures("workspace")
def test_a_detector_s_boxes_are_kept_with_what_is_true(tmp_path: Path):
    run = new_run(tmp_path / "run", scenes(tmp_path / "data", {"train": 6, "val": 4}), "detection", DETECTOR)
    learn(run)
    results = evaluate_run(run.path).results
    assert isinstance(results, DetectionResults)
    record = DatasetIndex.load(run.path / "data").record(int(evaluate_run(run.path).rows[2]))
    of_third = results.truth.picture == 2
    np.testing.assert_array_equal(results.truth.boxes_xyxy[of_third], record.boxes_xyxy)
    names = [results.class_names[label] for label in results.truth.labels[of_third]]
    assert names == [DatasetIndex.load(run.path / "data").class_name(int(one)) for one in record.class_ids]
    for number in range(len(results)):
        scores = results.found.scores[results.found.picture == number]
        assert (np.diff(scores) <= 0).all()
    np.testing.assert_array_equal(results.sizes_px[0], Image.open(evaluate_run(run.path).path(0)).size)


def test_nothing_is_kept_of_an_evaluation_that_is_given_up(tmp_path: Path, workspace: Path):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(run)

    def give_up(stage: str, done: int, total: int) -> None:
        if stage == "Evaluating":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_run(run.path, progress=give_up)
    assert not list(run.path.rglob("*.part"))
    assert list_evaluations(run.path) == []


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("task", ["classification", "detection"])
def test_figures_are_those_that_training_saw(task: Any, tmp_path: Path):
    """The evaluation counts anew, with more figures; where both have one, it is the same."""
    paint, model = (photos, CLASSIFIER) if task == "classification" else (scenes, DETECTOR)
    splits = {"train": 6, "val": 6}
    run = new_run(tmp_path / "run", paint(tmp_path / "data", splits), task, model)
    seen = next(record for record in reversed(learn(run)) if record["best"])["metrics"]
    found = evaluate_run(run.path, split="val").figures
    assert seen.keys() <= found.keys()
    assert {name: found[name] for name in seen} == pytest.approx(seen, abs=1e-6)
