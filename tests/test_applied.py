"""The threshold that is kept with a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.applied import applied_threshold, apply_threshold, counted_from, flattered, say_score
from vision_core.run_folder import RunFolder


def test_it_is_kept_and_forgotten_and_nothing_else_is_touched(tmp_path: Path) -> None:
    RunFolder(tmp_path).write("config.json", {"task": "detection"})
    assert applied_threshold(tmp_path) is None
    apply_threshold(tmp_path, 0.37)
    assert applied_threshold(tmp_path) == 0.37
    assert RunFolder(tmp_path).read("config.json")["task"] == "detection"
    apply_threshold(tmp_path, None)
    assert RunFolder(tmp_path).read("config.json") == {"task": "detection"}


@pytest.mark.parametrize("kept", ["0.5", True, 7, None, [1]])
def test_what_is_no_threshold_is_none(tmp_path: Path, kept: object) -> None:
    RunFolder(tmp_path).write("config.json", {"score_threshold": kept})
    assert applied_threshold(tmp_path) is None


def test_a_threshold_lies_between_0_and_1(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        apply_threshold(tmp_path / "gone", 0.5)
    RunFolder(tmp_path).write("config.json", {})
    with pytest.raises(SettingsError, match=r"1\.5"):
        apply_threshold(tmp_path, 1.5)
    assert applied_threshold(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("data", "split", "flatters"),
    [("shelf", "test", True), ("shelf", "", True), ("shelf", "val", False), ("others", "test", False)],
)
def test_a_threshold_chosen_on_the_pictures_judged_is_said_to_flatter(
    tmp_path: Path, data: str, split: str, flatters: bool
) -> None:
    run = RunFolder(tmp_path)
    run.write("config.json", {"task": "detection"})
    on: Any = SimpleNamespace(run=run, task="detection", data="shelf", split="test")
    judged: Any = SimpleNamespace(run=run, task="detection", data=data, split=split)
    assert flattered(judged) == ""
    apply_threshold(tmp_path, 0.26314, on)
    assert applied_threshold(tmp_path) == 0.26314
    assert bool(flattered(judged)) == flatters
    apply_threshold(tmp_path, 0.3)
    assert "Nobody knows" in flattered(judged)
    apply_threshold(tmp_path, None)
    assert run.read("config.json") == {"task": "detection"}


def test_thresholds_in_words() -> None:
    assert [say_score(score) for score in (0.4, 0.26, 0.2631)] == ["0.40", "0.26", "0.2631"]
    assert counted_from("detection", 0.26, True) == "counts boxes from score 0.26 on, chosen by you"
    assert "as nobody chose" in counted_from("detection", 0.4)
    assert counted_from("classification", 0.5) == "says yes above 0.50"
    assert "best class" in counted_from("classification", None)
