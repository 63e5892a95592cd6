"""The threshold that is kept with a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.applied import applied_threshold, apply_threshold
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
