"""The command line's `evaluate` and `compare`, on runs of both tasks that learned from the same scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from painted_data import CLASSIFIER, DETECTOR, learn, new_run, scenes
from typer.testing import CliRunner

from vision_core.__main__ import app
from vision_core.comparison_commands import _yardsticks
from vision_core.errors import SettingsError
from vision_core.evaluation.applied import apply_threshold
from vision_core.evaluation.store import evaluate_run
from vision_core.run_folder import RunFolder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """A classifier and a detector that hardly learned anything."""
    folder = tmp_path_factory.mktemp("runs")
    data = scenes(folder / "data", {"train": 6, "val": 6}, objects=1)
    made = []
    for task, model in (("classification", CLASSIFIER), ("detection", DETECTOR)):
        changes = {"labels_from": "presence"} if task == "classification" else {"input_size_px": 64}
        run = new_run(folder / task, data, task, model, epochs=1, **changes)  # type: ignore[arg-type]
        learn(run)
        made.append(run)
    return made[0], made[1]


def said(*arguments: Any) -> tuple[Any, str]:
    """The JSON of a command that succeeds, and what it prints for people."""
    words = [str(argument) for argument in arguments]
    plain, answer = CliRunner().invoke(app, words), CliRunner().invoke(app, [*words, "--json"])
    assert (plain.exit_code, answer.exit_code) == (0, 0), plain.output
    assert answer.stdout.count("\n") == 1
    return json.loads(answer.stdout), plain.stdout


@pytest.mark.usefixtures("workspace")
def test_details_of_a_detector(runs: tuple[RunFolder, RunFolder]) -> None:
    found, shown = said("evaluate", runs[1].path, "--details")
    assert {"run", "state", "map", "map50", "split", "images", "data", "losses"} <= found.keys()
    assert found["errors"].keys() == {"class", "location", "both", "duplicate", "background", "missed"}
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high or name == "ece"
    assert {"by", "name", "f1", "pictures"} <= found["slices"][0].keys()
    assert "AP50 to be gained" in shown
    assert [row["class"] for row in found["classes"]] == ["red", "blue"]
    assert all({"boxes", "map", "map50", "intervals"} <= row.keys() for row in found["classes"])
    assert "class 'red', " in shown


@pytest.mark.usefixtures("workspace")
def test_details_of_the_classes_of_a_classifier(runs: tuple[RunFolder, RunFolder]) -> None:
    found, shown = said("evaluate", runs[0].path, "--details")
    for row in found["classes"]:
        assert 0 <= row["recall"] <= 1
        low, high = row["intervals"]["recall"]
        assert low <= row["recall"] <= high
        assert f"class '{row['class']}', {row['examples']} examples" in shown


@pytest.mark.usefixtures("workspace")
def test_pictures_of_other_splits_are_not_passed_over_in_silence(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    other = scenes(tmp_path / "other", {"train": 4, "test": 2}, objects=1)
    command = ["evaluate", str(runs[1].path), "--data", str(other)]
    assert "2 of 6 pictures are of the split 'test'; --split all" in CliRunner().invoke(app, command).stderr
    every = CliRunner().invoke(app, [*command, "--split", "all", "--json"])
    assert json.loads(every.stdout)["images"] == 6
    assert "--split all" not in every.stderr


@pytest.mark.usefixtures("workspace")
def test_both_tasks_on_one_yardstick(runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    found, shown = said("compare", *(run.path for run in runs))
    classifier, detector = found["runs"]
    assert (classifier["task"], detector["task"], classifier["images"]) == ("classification", "detection", 6)
    assert classifier["figures"]["count_mae"] is None
    assert "not how many" in classifier["unanswered"]["count_mae"]
    assert 0 <= classifier["figures"]["pointing"] <= 1
    assert set(found["classes"]) == {"red", "blue"}
    (pair,) = found["pairs"]
    gap = pair["gaps"].get("presence_ap")
    difference = classifier["figures"]["presence_ap"] - detector["figures"]["presence_ap"]
    assert gap is None or gap["gap"] == pytest.approx(difference)
    assert pair["figure"] == "presence_ap"
    assert pair["words"] in shown
    assert "cannot say" in shown
    with pytest.raises(SettingsError, match="two runs at least"):
        CliRunner().invoke(app, ["compare", str(runs[0].path)], catch_exceptions=False)


@pytest.mark.usefixtures("workspace")
def test_two_runs_of_one_task_by_its_main_figure(runs: tuple[RunFolder, RunFolder]) -> None:
    """Twice the same run, so that there is nothing to tell apart."""
    for run, figure in zip(runs, ("top1", "map50"), strict=True):
        (pair,) = said("compare", run.path, run.path)[0]["pairs"]
        assert pair["figure"] == figure
        assert "cannot tell them apart" in pair["words"]


@pytest.mark.usefixtures("workspace")
def test_a_kept_threshold_holds_on_the_yardstick(runs: tuple[RunFolder, RunFolder]) -> None:
    found = [evaluate_run(run.path) for run in runs]
    apply_threshold(runs[1].path, 0.77)
    try:
        assert [one.answers.threshold for one in _yardsticks(found)] == [None, 0.77]
    finally:
        apply_threshold(runs[1].path, None)


@pytest.mark.usefixtures("workspace")
def test_a_threshold_chosen_on_the_pictures_compared_is_said_to_flatter(runs: tuple[RunFolder, RunFolder]) -> None:
    detector = runs[1]
    command = ["compare", *(run.path for run in runs)]
    found, _ = said(*command)
    assert [(row["score_threshold"], row["flattered"]) for row in found["runs"]] == [(None, ""), (None, "")]
    apply_threshold(detector.path, 0.25, evaluate_run(detector.path))
    try:
        found, shown = said(*command)
        flattered = found["runs"][1]["flattered"]
        assert "Score 0.25 was chosen on the pictures judged here" in flattered
        assert found["runs"][1]["score_threshold"] == 0.25
        assert f"detection: {flattered}" in shown
        assert found["runs"][0]["flattered"] == ""
    finally:
        apply_threshold(detector.path, None)
