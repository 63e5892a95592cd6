"""Whole duels: judged twice, killed and gone on with, on data of every kind; as processes where that is the point."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training_processes import command, exit_status, kill, paint_boxed, paint_labelled
from vision_core.data.library import add_shelf
from vision_core.duel.again import yardsticks
from vision_core.duel.fight import fight
from vision_core.duel.folder import DuelFolder
from vision_core.duel.plan import DuelPlan
from vision_core.duel.preflight import check_unseen
from vision_core.duel.two_stage import two_stage
from vision_core.errors import DataError, ModelError, SettingsError
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.store import evaluate_run, list_evaluations
from vision_core.run_folder import create_run, list_run_folders
from vision_core.runs import read_run
from vision_core.training.config import make_config
from vision_core.training.examples import install_examples
from vision_core.training.prepare import prepare

ROOT = Path(__file__).parent.parent
KILLS = int(os.environ.get("WHATWHERE_KILLS", "10"))
QUICK = ("--shares", "1", "--epochs", "1", "--device", "cpu")


def recounted(file: Path, threshold: float) -> dict[str, float]:
    """By a script that knows nothing of the package."""
    script = [sys.executable, str(ROOT / "tests" / "duel_recount.py"), str(file), str(threshold)]
    done = subprocess.run(script, capture_output=True, text=True, check=True, cwd=file.parent)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_runs_that_are_there_duel_without_training_and_the_figures_are_those_of_a_second_count(tmp_path: Path):
    shelf = add_shelf(40)
    runs = {path.name: path for path in install_examples(shelf)}
    classifier, detector = runs["fashion-shelf-classifier"], runs["fashion-shelf-detector"]
    plan = DuelPlan(
        data=shelf.id,
        classifier=str(classifier),
        detector=str(detector),
        contenders=("classification", "detection"),
        question="count",
        device="cpu",
    )
    result = fight(DuelFolder.create(tmp_path / "duel", plan))
    assert len(list_run_folders()) == 2, "nothing was trained"
    assert result["verdict"]["task"] == "detection"
    assert result["verdict"]["cannot_say"] == ["classification"]
    for one, run in zip(result["contenders"], (classifier, detector), strict=True):
        (judged,) = [kept for kept in list_evaluations(run) if not kept.is_own and kept.split == "test"]
        for name, value in recounted(judged.file, one["threshold"]).items():
            assert one["figures"][name] == pytest.approx(value, abs=1e-12), name
        assert one["costs"]["latency_ms_p50"] > 0
        assert one["labels"]["pictures"] > 0
    (pair,) = result["gaps"]
    low, high = (pair["figures"]["presence_ap"][end] for end in ("low", "high"))
    assert low <= pair["figures"]["presence_ap"]["gap"] <= high
    assert json.loads((tmp_path / "duel" / "result.json").read_text()) == json.loads(json.dumps(result))
    shutil.rmtree(detector)
    assert fight(DuelFolder(tmp_path / "duel"))["verdict"] == result["verdict"], "what is done is not done again"


def figures(result: dict[str, Any]) -> list[Any]:
    return [(one["task"], one["figures"], one["threshold"], one["labels"]) for one in result["contenders"]]


def duel(data: Path, out: Path, *more: str) -> tuple[str, ...]:
    return ("duel", "--data", str(data), "--out", str(out), *QUICK, *more)


@pytest.mark.slow
def test_a_duel_killed_at_random_moments_ends_as_one_that_was_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = paint_boxed(tmp_path / "data")
    said = tmp_path / "said"
    said.mkdir()
    long: dict[str, Any] = {"said": said, "patience_s": 900.0}
    assert exit_status(*duel(data, tmp_path / "whole", "--json"), **long) == 0, (said / "err").read_text()
    whole = json.loads((said / "out").read_text())
    assert [one["task"] for one in whole["contenders"]] == ["classification", "detection", "two-stage"]
    assert all(one["costs"]["latency_ms_p50"] > 0 for one in whole["contenders"])
    assert {"task", "model", "sentence"} <= whole["verdict"].keys()
    assert whole["out"] == str(tmp_path / "whole")

    arguments, chance, killed = duel(data, tmp_path / "often", "--json"), random.Random(5), 0
    trained: dict[str, int] = {}
    for _ in range(KILLS):
        with command(*arguments) as process:
            process.join(chance.uniform(1, 9))
            killed += process.is_alive()
            kill(process)
        kept = DuelFolder(tmp_path / "often")
        finished = {name: run for name, run in runs_of(kept).items() if state(run) == "finished"}
        for name, run in finished.items():
            written = (run / "checkpoints" / "last.safetensors").stat().st_mtime_ns
            assert trained.setdefault(name, written) == written, "what is done is not done again"
    assert exit_status("duel", "--out", tmp_path / "often", "--json", **long) == 0, (said / "err").read_text()
    assert killed >= 3, "the others came too late to hit anything"
    again = json.loads((said / "out").read_text())
    assert figures(again) == figures(whole)
    assert again["notes"] == whole["notes"]

    assert exit_status(*arguments[:-1], "--seed", "1", said=said) == 2
    assert "has seed 0, not 1" in (said / "err").read_text()


def runs_of(kept: DuelFolder) -> dict[str, Path]:
    return kept.runs() if (kept.path / "parts.json").is_file() else {}


def state(run: Path) -> str:
    file = run / "status.json"
    return json.loads(file.read_text())["state"] if file.is_file() else ""


@pytest.mark.slow
def test_without_boxes_a_pretrained_detector_stands_against_the_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = paint_labelled(tmp_path / "data", a_class=4)
    for split in ("train", "val"):  # names that the detector knows, whatever the pictures show
        for mine, theirs in (("red", "cat"), ("green", "dog"), ("blue", "bird")):
            (data / split / mine).rename(data / split / theirs)
    plan = DuelPlan(data=str(data), epochs=1, shares=(1,), device="cpu")
    duel = DuelFolder.create(tmp_path / "duel", plan)
    result = fight(duel)
    with monkeypatch.context() as patch:  # nobody is asked again
        patch.setattr("vision_core.predict.load_detector", None)
        sticks = yardsticks(duel)
    assert {one["task"]: one["figures"] for one in result["contenders"]} == {
        kind: dict(stick.figures) for kind, stick in sticks.items()
    }
    assert [one["task"] for one in result["contenders"]] == ["classification", "detection"]
    assert any("boxes" in note for note in result["notes"])
    for one in result["contenders"]:
        assert one["figures"]["presence_ap"] is not None
        assert [one["figures"][name] for name in ("count_mae", "pointing", "ap50")] == [None] * 3
    assert any("3 of 3" in note for note in result["notes"])
    strange = paint_labelled(tmp_path / "strange", a_class=4)
    with pytest.raises(SettingsError, match=r"knows none of their classes \(blue, green, red\)"):
        fight(DuelFolder.create(tmp_path / "third", DuelPlan.from_json(plan.to_json() | {"data": str(strange)})))
    with pytest.raises(SettingsError, match="nobody can tell 'count'"):
        fight(DuelFolder.create(tmp_path / "other", DuelPlan.from_json(plan.to_json() | {"question": "count"})))


def test_data_without_splits_are_brought_in_so_that_all_learn_from_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from vision_core.data.library import list_datasets
    from vision_core.duel import fight as module

    data = paint_boxed(tmp_path / "data", train=12) / "train"
    asked = []
    monkeypatch.setattr(module._Fight, "_train", lambda self, part, data, index: asked.append((part.name, data)))
    monkeypatch.setattr(module._Fight, "_said", lambda self, boxes: [])
    monkeypatch.setattr(module, "account", lambda *given: {})
    folder = DuelFolder.create(tmp_path / "duel", DuelPlan(data=str(data), shares=(1,)))
    settle, unkept = DuelFolder.settle_data, []
    monkeypatch.setattr(DuelFolder, "settle_data", lambda self, *said: unkept.append(said))  # killed before it wrote
    fight(folder)
    monkeypatch.setattr(DuelFolder, "settle_data", settle)
    for _ in range(2):
        (folder.path / "status.json").unlink()
        fight(folder)
    assert unkept
    assert len(list_datasets()) == 1, "not brought in twice"
    (dataset,) = {name for _, name in asked}
    from vision_core.data.library import get_dataset

    assert set(get_dataset(dataset).index().splits) == {"train", "val", "test"}


def test_a_wish_to_stop_is_granted_and_a_second_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from filelock import FileLock

    from vision_core.duel import fight as module

    data = paint_boxed(tmp_path / "data")
    folder = DuelFolder.create(tmp_path / "duel", DuelPlan(data=str(data)))

    def stop(self: Any, part: Any, data: str, index: Any) -> None:
        self.duel.files.ask("cancel")
        self.tell("Training")

    monkeypatch.setattr(module._Fight, "_train", stop)
    assert fight(folder)["state"] == "cancelled"
    assert folder.files.read("status.json")["state"] == "cancelled"
    with FileLock(folder.path / ".lock"), pytest.raises(SettingsError, match="Another process"):
        fight(folder)


def test_a_run_that_was_made_before_anybody_could_say_whose_it_is_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from vision_core.duel import fight as module

    data = paint_boxed(tmp_path / "data")
    monkeypatch.setattr(module._Fight, "_execute", lambda self, run: None)
    monkeypatch.setattr(module._Fight, "_said", lambda self, boxes: [])
    monkeypatch.setattr(module, "account", lambda *given: {})
    folder = DuelFolder.create(tmp_path / "duel", DuelPlan(data=str(data), shares=(1,)))
    fight(folder)
    before = folder.runs()
    for name in ("parts.json", "status.json"):
        (folder.path / name).unlink()
    fight(folder)
    assert folder.runs() == before
    assert len(list_run_folders()) == len(before)


def test_pictures_that_changed_meanwhile_end_a_duel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from vision_core.duel import fight as module

    data = paint_boxed(tmp_path / "data")
    monkeypatch.setattr(module._Fight, "_train", lambda self, part, data, index: None)
    monkeypatch.setattr(module._Fight, "_said", lambda self, boxes: [])
    monkeypatch.setattr(module, "account", lambda *given: {})
    folder = DuelFolder.create(tmp_path / "duel", DuelPlan(data=str(data), shares=(1,)))
    fight(folder)
    (folder.path / "status.json").unlink()
    fight(folder)
    (folder.path / "status.json").unlink()
    truth = data / "train" / "_annotations.coco.json"
    coco = json.loads(truth.read_text())
    coco["annotations"][0]["category_id"] = (coco["annotations"][0]["category_id"] + 1) % 3
    truth.write_text(json.dumps(coco))
    with pytest.raises(DataError, match="changed since this duel began"):
        fight(folder)


def test_a_given_run_that_learned_from_the_judged_pictures_is_refused(tmp_path: Path):
    data = paint_boxed(tmp_path / "data")
    index = prepare(make_config(str(data), "detection", "yolov9t")).index
    run = create_run(make_config(str(data), "detection", "yolov9t"))
    index.save(run.path / "data")
    check_unseen(run, index)
    shutil.copytree(data, tmp_path / "copy")  # the same pictures elsewhere, taught to it
    shutil.copy(tmp_path / "copy" / "val" / "1.png", tmp_path / "copy" / "train" / "5.png")
    taught = create_run(make_config(str(tmp_path / "copy"), "detection", "yolov9t"))
    prepare(taught.config(), taught.path / "data")
    with pytest.raises(SettingsError, match=r"learned from 1 of the 2 pictures.*'1.png'"):
        check_unseen(taught, index)


@pytest.mark.slow
def test_a_first_stage_of_its_own_finds_objects_whatever_they_are(tmp_path: Path):
    data = paint_boxed(tmp_path / "data")
    plan = DuelPlan(
        data=str(data),
        contenders=("detection", "two-stage"),
        first_stage="class-agnostic",
        shares=(1,),
        epochs=1,
        device="cpu",
        question="count",
    )
    folder = DuelFolder.create(tmp_path / "duel", plan)
    result = fight(folder)
    runs = folder.runs()
    assert set(runs) == {"boxes-100", "objects-100", "crops-100"}
    assert read_run(runs["objects-100"])[1] == ("object",)
    both = result["contenders"]
    assert [one["task"] for one in both] == ["detection", "two-stage"]
    assert both[1]["runs"] == [str(runs["objects-100"]), str(runs["crops-100"])]
    assert both[0]["labels"]["boxes"] == both[1]["labels"]["boxes"]
    objects, file = evaluate_run(runs["objects-100"]), folder.path / "two-stage-100-val.safetensors"
    kept = two_stage(objects, runs["crops-100"], file, data=str(data))
    aware = evaluate_run(runs["boxes-100"]).results
    assert isinstance(aware, DetectionResults)
    assert kept.class_names == aware.class_names
    for name in ("picture", "boxes_xyxy", "labels", "crowd"):
        assert np.array_equal(getattr(kept.truth, name), getattr(aware.truth, name)), "judged by the same truth"
    assert both[1]["figures"]["count_mae"] is not None


@pytest.mark.slow
def test_a_lesson_with_too_few_labels_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from vision_core.duel import fight as module

    data = paint_boxed(tmp_path / "data")
    monkeypatch.setattr(module._Fight, "_execute", lambda self, run: None)
    monkeypatch.setattr(module._Fight, "_said", lambda self, boxes: [])
    monkeypatch.setattr(module, "account", lambda *given: {})
    result = fight(DuelFolder.create(tmp_path / "duel", DuelPlan(data=str(data), shares=(0.1, 1))))
    assert any("left out" in note for note in result["notes"])
    assert np.isin(["boxes-100", "crops-100", "pictures-100"], list(DuelFolder(tmp_path / "duel").runs())).all()


def test_what_would_end_it_late_is_refused_before_it_begins(tmp_path: Path):
    data = paint_boxed(tmp_path / "data")
    empty = create_run(make_config(str(data), "classification", "tf_efficientnet_lite0"))
    for number, (changes, kind, sentence) in enumerate(
        (
            ({"detector": "yolov9tt"}, ModelError, "yolov9tt"),
            ({"detector": "resnet18"}, ModelError, "does classification, not detection"),
            ({"classifier": str(empty.path)}, ModelError, "class_names|no weights"),
            ({"price": "a castle"}, SettingsError, "a castle"),
            ({"device": "abacus"}, SettingsError, "abacus"),
        )
    ):
        duel = DuelFolder.create(tmp_path / f"duel-{number}", DuelPlan.from_json({"data": str(data)} | changes))
        with pytest.raises(kind, match=sentence):
            fight(duel)
        assert duel.files.read("status.json")["state"] == "failed"
    assert len(list_run_folders()) == 1, "nothing was begun"


def test_a_budget_of_minutes_leaves_fewer_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from vision_core.duel import fight as module
    from vision_core.training import estimate
    from vision_core.training.estimate import Estimate

    data = paint_boxed(tmp_path / "data")
    monkeypatch.setattr(estimate, "estimate", lambda config, progress=None: Estimate(240.0, 30.0, 1.0, 0))
    monkeypatch.setattr(module._Fight, "_execute", lambda self, run: None)
    monkeypatch.setattr(module._Fight, "_said", lambda self, boxes: [])
    monkeypatch.setattr(module, "account", lambda *given: {})
    folder = DuelFolder.create(tmp_path / "duel", DuelPlan(data=str(data), shares=(1,), minutes=1.0))
    fight(folder)
    epochs = {name: json.loads((run / "config.json").read_text())["epochs"] for name, run in folder.runs().items()}
    assert epochs == {"pictures-100": 3, "boxes-100": 2, "crops-100": 3}


def test_bad_arguments_are_one_line_and_leave_no_folder(tmp_path: Path):
    said = tmp_path / "said"
    said.mkdir()
    data = paint_boxed(tmp_path / "data")
    for arguments, sentence in (
        (("--contenders", "classification,segmentation"), "'segmentation' is none"),
        (("--shares", "half,1"), "'half,1' is not a list of shares"),
        (("--preset", "fast"), "preset is 'fast'"),
    ):
        status = exit_status("duel", "--data", data, "--out", tmp_path / "duel", *arguments, said=said)
        assert status == 2
        assert sentence in (said / "err").read_text()
        assert not (tmp_path / "duel").exists()
    assert exit_status("duel", "--out", tmp_path / "nothing", said=said) == 2
    assert "give --data to begin one" in (said / "err").read_text()
    assert exit_status("duel", "--out", tmp_path / "nothing", "--seed", "2", said=said) == 2
    assert "give --data too" in (said / "err").read_text()
