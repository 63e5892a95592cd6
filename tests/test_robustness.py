"""Runs on spoilt pictures: the same figures as of pictures spoilt beforehand, kept, resumed and stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from painted_data import CLASSIFIER, DETECTOR, learn, new_run, photos, scenes
from PIL import Image

from vision_core.errors import SettingsError
from vision_core.evaluation import robustness as module
from vision_core.evaluation.corruptions import SEVERITIES
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.robustness import Robustness, kept_robustness, robustness, spoiler
from vision_core.evaluation.store import Evaluation, evaluate_run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("robust")


@pytest.fixture(scope="module")
def evaluation(home: Path) -> Evaluation:
    """Of a classifier that has learned little, on twelve pictures."""
    data = photos(home / "data", {"train": 8, "val": 4, "test": 12})
    run = new_run(home / "run", data, "classification", CLASSIFIER)
    learn(run)
    return evaluate_run(run.path)


def spoilt_copy(source: Path, target: Path, kind: str, severity: int, rows: dict[str, int]) -> Path:
    """The test pictures, spoilt one by one into files."""
    spoil = spoiler(kind, severity, 0, 640)
    for file in (source / "test").rglob("*.png"):
        path = target / file.relative_to(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        spoil(Image.open(file).convert("RGB"), rows[file.relative_to(source).as_posix()]).save(path)
    return target


def test_figures_are_those_of_pictures_spoilt_beforehand(evaluation: Evaluation, home: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = robustness(evaluation, ("gaussian_noise",), progress=lambda *step: told.append(step))
    assert found.clean == pytest.approx(evaluation.figures)
    rows = {path: int(row) for path, row in zip(evaluation.results.pictures, evaluation.rows, strict=True)}
    for severity in (1, 5):
        copy = spoilt_copy(home / "data", home / f"noise-{severity}", "gaussian_noise", severity, rows)
        expected = evaluate_run(evaluation.run.path, str(copy)).figures
        assert found.spoilt["gaussian_noise"][severity] == pytest.approx(expected)
    assert found.spoilt["gaussian_noise"][5]["log_loss"] != pytest.approx(found.clean["log_loss"])
    assert told[0][0] == "Pictures as they are"
    assert told[-1][0] == "noise, step 5 of 5"
    assert told[-1][1:] == (72, 72)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_what_was_done_is_kept_and_never_done_twice(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    first = robustness(evaluation, ("darkness",))
    monkeypatch.setattr(module, "_answers", None)  # any work now fails
    assert robustness(evaluation, ("darkness",)) == first
    kept = kept_robustness(evaluation, ("darkness",))
    assert kept == first
    assert kept is not None
    assert list(kept.curve("top1")) == ["darkness"]
    assert len(kept.curve("top1")["darkness"]) == len(SEVERITIES)
    other = replace(evaluation, about={**evaluation.about, "weights": "others"})
    assert kept_robustness(other) is None


def test_stopped_half_way_it_goes_on_where_it_was(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    def stop(stage: str, done: int, _total: int) -> None:
        if stage.endswith("step 3 of 5"):
            raise Stopped

    with pytest.raises(Stopped):
        robustness(evaluation, ("contrast",), progress=stop)
    half = kept_robustness(evaluation, ("contrast",))
    assert half is not None
    assert list(half.spoilt["contrast"]) == [1, 2]
    assert half.curve("top1") == {}
    steps: list[tuple[str, int]] = []
    answers = module._answers

    def counted(*arguments: object) -> object:
        steps.append(arguments[2:4])  # type: ignore[arg-type]
        return answers(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_answers", counted)
    whole = robustness(evaluation, ("contrast",))
    assert steps == [("contrast", 3), ("contrast", 4), ("contrast", 5)]
    assert list(whole.curve("top1")) == ["contrast"]


def test_fewer_pictures_are_drawn_by_the_seed(evaluation: Evaluation) -> None:
    found = robustness(evaluation, (), pictures=5, seed=1)
    assert (found.pictures, found.of, dict(found.spoilt)) == (5, 12, {})
    document = json.loads(evaluation.file.with_suffix(".robustness.json").read_text())
    assert len(set(document["pictures"])) == 5
    damaged = evaluation.file.with_suffix(".robustness.json")
    damaged.write_text("{")
    assert kept_robustness(evaluation) is None
    assert robustness(evaluation, (), pictures=None).pictures == 12


def test_a_detectors_boxes_stay_in_the_pictures_own_pixels(home: Path) -> None:
    data = scenes(home / "scenes", {"train": 4, "val": 2, "test": 3})
    run = new_run(home / "detector", data, "detection", DETECTOR, epochs=1)
    learn(run)
    evaluation = evaluate_run(run.path)
    again = module._answers(evaluation, np.array([0, 2]), "", 0, 0, None)
    assert again.task == "detection"
    before = evaluation.results.take(np.array([0, 2]))
    assert isinstance(again, DetectionResults)
    assert isinstance(before, DetectionResults)
    np.testing.assert_allclose(again.found.boxes_xyxy, before.found.boxes_xyxy, atol=1e-4)
    np.testing.assert_array_equal(again.found.picture, before.found.picture)
    np.testing.assert_array_equal(again.found.labels, before.found.labels)


def test_large_pictures_are_spoilt_at_a_common_size_and_small_ones_as_they_are() -> None:
    random = np.random.default_rng(0)
    small = Image.fromarray(random.integers(0, 256, (60, 80, 3), np.uint8))
    np.testing.assert_array_equal(np.asarray(spoiler("", 0, 0, 640)(small, 0)), np.asarray(small))
    large = Image.new("RGB", (1280, 800), (128, 128, 128))
    noisy = np.asarray(spoiler("gaussian_noise", 5, 0, 640)(large, 0)).astype(float)
    assert noisy.shape == (800, 1280, 3)
    fine = np.abs(np.diff(noisy, axis=1)).mean()  # noise of 640 pixels enlarged: neighbours are alike
    assert fine < 0.6 * np.abs(np.diff(noisy[:, ::4], axis=1)).mean()
    first, other = (np.asarray(spoiler("gaussian_noise", 1, 0, 640)(small, row)) for row in (0, 1))
    assert (first != other).any()


def test_the_kept_share_is_the_mean_over_the_steps() -> None:
    steps = {severity: {"map": 0.5 - 0.1 * severity} for severity in SEVERITIES}
    found = Robustness(10, 10, {"map": 0.5}, {"darkness": steps, "contrast": {1: {"map": 0.4}}})
    assert found.kept_share("map") == {"darkness": pytest.approx(0.4)}
    assert found.kept_share("map50") == {}


def test_an_unknown_kind_is_refused(evaluation: Evaluation) -> None:
    with pytest.raises(SettingsError, match="spoilt by 'rain'"):
        robustness(evaluation, ("rain",))
