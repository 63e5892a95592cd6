"""Temperatures and score thresholds chosen by an evaluation: what is kept, by what, and what changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.evaluated_runs import evaluated, trained_run
from vision_core.__main__ import app
from vision_core.data.library import add_shelf
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.applied import applied_threshold
from vision_core.evaluation.calibration import fit_temperature
from vision_core.evaluation.classification import figures
from vision_core.evaluation.keeping import forget, keep_temperature, keep_threshold
from vision_core.evaluation.records import ClassificationResults, DetectionResults
from vision_core.evaluation.score_threshold import sweep_thresholds
from vision_core.evaluation.store import Evaluation, evaluate_run
from vision_core.run_folder import RunFolder

SURE = 0.8


@pytest.fixture
def crops(workspace: Path) -> Evaluation:
    """A classifier of crops on its test pictures, evaluated on its validation pictures too."""
    run = trained_run(add_shelf(24, seed=3), "classification", "Crops", labels_from="crops")
    evaluated(run, "val", sure=SURE, seed=1)
    return evaluated(run, sure=SURE)


@pytest.fixture
def boxes(workspace: Path) -> Evaluation:
    run = trained_run(add_shelf(24, seed=3), "detection", "Boxes")
    evaluated(run, "val", sure=1.5, seed=1)
    return evaluated(run, sure=1.5)


def validation(judged: Evaluation) -> Any:
    return evaluate_run(judged.run.path, split="val").results


def said(*arguments: object) -> tuple[dict[str, Any], str]:
    """What a command that succeeds says as JSON, and for people once that is done."""
    words = [str(argument) for argument in arguments]
    answer, plain = (CliRunner().invoke(app, [*words, *more]) for more in (["--json"], []))
    assert (answer.exit_code, plain.exit_code) == (0, 0), answer.output + plain.output
    return json.loads(answer.stdout), plain.stdout


def refused(run: RunFolder, *arguments: object) -> str:
    with pytest.raises((DataError, SettingsError)) as caught:
        CliRunner().invoke(app, ["evaluate", str(run.path), *map(str, arguments)], catch_exceptions=False)
    return str(caught.value)


def test_a_temperature_is_fitted_on_validation_pictures_and_told_on_those_judged(crops: Evaluation) -> None:
    expected = fit_temperature(validation(crops)).temperature
    kept = keep_temperature(crops)
    assert (kept.was, kept.now) == (1.0, expected)
    assert kept.chosen_on is not None
    assert (kept.chosen_on["split"], kept.chosen_on["images"]) == ("val", len(validation(crops)))
    again = evaluate_run(crops.run.path)
    assert isinstance(again.results, ClassificationResults)
    assert again.results.temperature == expected
    assert kept.before == figures(crops.results, list(kept.before))  # type: ignore[arg-type]
    assert kept.after == pytest.approx(figures(again.results, list(kept.after)))
    assert forget(crops.run.path) == ["temperature"]
    assert forget(crops.run.path) == []
    assert evaluate_run(crops.run.path).figures == crops.figures


def test_a_temperature_judged_on_what_it_was_fitted_to_is_said_to_flatter(crops: Evaluation) -> None:
    assert "fitted to the pictures judged here" in keep_temperature(evaluate_run(crops.run.path, split="val")).warning


def test_the_best_threshold_is_that_of_validation_pictures(boxes: Evaluation) -> None:
    assert isinstance(boxes.results, DetectionResults)
    best = sweep_thresholds(validation(boxes)).best_score
    kept = keep_threshold(boxes)
    assert (kept.was, kept.now, applied_threshold(boxes.run.path)) == (None, best, best)
    sweep = sweep_thresholds(boxes.results)
    assert kept.before["f1"] == sweep.at(0.4).f1
    assert kept.after == {name: getattr(sweep.at(kept.now), name) for name in ("precision", "recall", "f1")}
    assert kept.warning == ""
    own = keep_threshold(evaluate_run(boxes.run.path, split="val"))
    assert own.was == best
    assert "chosen on the pictures judged here" in own.warning
    assert own.after["f1"] >= own.before["f1"]  # type: ignore[operator]
    assert forget(boxes.run.path) == ["score_threshold"]
    assert applied_threshold(boxes.run.path) is None


def test_a_threshold_of_ones_own_was_chosen_on_nobody_knows_what(boxes: Evaluation) -> None:
    kept = keep_threshold(boxes, 0.999)
    assert (kept.now, kept.chosen_on, applied_threshold(boxes.run.path)) == (0.999, None, 0.999)
    assert kept.after["recall"] == 0 or kept.after["precision"] is not None
    assert "Nobody knows" in kept.warning
    with pytest.raises(SettingsError, match=r"between 0 and 1, not 1\.5"):
        keep_threshold(boxes, 1.5)
    assert applied_threshold(boxes.run.path) == 0.999


def test_what_cannot_be_kept_is_refused_and_nothing_is_kept(crops: Evaluation) -> None:
    before = crops.run.read("config.json")
    with pytest.raises(DataError, match="classifies: a score threshold"):
        keep_threshold(crops)
    right = np.eye(10)[validation(crops).targets] * 40 - 20
    evaluation = evaluate_run(crops.run.path, split="val")
    sure = ClassificationResults(**{**vars(evaluation.results), "logits": right.astype(np.float32)})
    with pytest.raises(DataError, match="No temperature is kept"):
        keep_temperature(Evaluation(evaluation.file, evaluation.about, sure))
    assert crops.run.read("config.json") == before


def test_the_command_line_keeps_and_forgets_a_temperature(crops: Evaluation) -> None:
    run = crops.run
    found, plain = said("evaluate", run.path, "--keep-temperature")
    kept = found["kept"]["temperature"]
    assert run.read("config.json")["temperature"] == kept["now"] == fit_temperature(validation(crops)).temperature
    assert kept["chosen_on"] == {"data": crops.data, "split": "val", "images": len(validation(crops))}
    assert found["ece"] == pytest.approx(kept["after"]["ece"])
    assert kept["before"]["ece"] == pytest.approx(crops.figures["ece"])
    assert run.read("evaluation.json")["metrics"]["ece"] == pytest.approx(found["ece"])
    assert f"{kept['now']:.4g} is kept (it was {kept['now']:.4g})" in plain  # the second command
    found, plain = said("evaluate", run.path, "--forget")
    assert found["forgotten"] == ["temperature"]
    assert "nothing was kept" in plain
    assert found["ece"] == pytest.approx(crops.figures["ece"])
    assert "classifies" in refused(run, "--keep-threshold", "best")


def test_the_command_line_keeps_a_threshold(boxes: Evaluation) -> None:
    best, plain = said("evaluate", boxes.run.path, "--keep-threshold", "best")
    assert best["kept"]["score_threshold"]["chosen_on"]["split"] == "val"
    assert "chosen on" in plain
    assert best["map"] == boxes.figures["map"]
    given, plain = said("evaluate", boxes.run.path, "--keep-threshold", "0.37")
    assert given["kept"]["score_threshold"]["was"] == best["kept"]["score_threshold"]["now"]
    assert given["kept"]["score_threshold"]["chosen_on"] is None
    assert "0.37 is kept" in plain
    assert "as given" in plain
    assert "takes best or a score" in refused(boxes.run, "--keep-threshold", "high")
    assert "between 0 and 1" in refused(boxes.run, "--keep-threshold", "nan")
    assert "detects" in refused(boxes.run, "--keep-temperature")
    assert applied_threshold(boxes.run.path) == 0.37
