"""The report's button on the pages: asked for, watched, cancelled, failed, made; and the work that it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.evaluated_runs import evaluated, trained_run
from tests.reported import bring, finished_duel
from tests.test_data_page import click, every, seen, words
from tests.test_evaluate_page import Asked, work
from vision_core import background
from vision_core.data.library import Dataset
from vision_core.report.asked import report
from vision_core.report.page import MARKER
from vision_core.run_folder import STATUS, RunFolder

ROOT = Path(__file__).parent.parent
__all__ = ["work"]


@pytest.fixture
def squares(tmp_path: Path) -> Dataset:
    return bring(tmp_path / "squares")


def opened(page: str, *runs: RunFolder) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page(f"pages/{page}")
    app.query_params["run"] = [run.path.name for run in runs]
    return seen(app.run())


def labels(app: AppTest) -> list[str]:
    return [str(item.proto.label) for item in (*every(app, "download_button"), *every(app, "button"))]


def run_of(data: Dataset, name: str) -> RunFolder:
    run = trained_run(data, "detection", name)
    evaluated(run)
    return run


def asked_for(*runs: RunFolder) -> tuple[str, dict[str, Any]]:
    return "report", {"targets": [str(run.path.resolve()) for run in runs]}


@pytest.mark.parametrize("page", ["3_Train.py", "4_Evaluate.py"])
def test_a_runs_report_is_asked_for_watched_and_cancelled(page: str, squares: Dataset, work: Asked):
    run = run_of(squares, "Boxes")
    app = opened(page, run)
    assert "Model card" in labels(app)
    assert "Download the report" not in labels(app)
    app = click(app, "Make the report")
    assert asked_for(run) in work.started
    assert "Report\\: Evaluating: 3 of 9" in "".join(item.text for item in every(app, "progress"))
    click(app, "Cancel")
    assert work.cancelled


def test_a_comparisons_report_is_about_the_runs_that_are_chosen(squares: Dataset, work: Asked):
    runs = [run_of(squares, "One"), run_of(squares, "Other")]
    app = click(opened("4_Evaluate.py", *runs), "Make the report")
    ((what, arguments),) = [asked for asked in work.started if asked[0] == "report"]
    assert sorted(arguments["targets"]) == sorted(asked_for(*runs)[1]["targets"])
    assert "Model card" not in labels(app)
    assert what == "report"


def test_what_was_made_can_be_taken_away_and_made_anew(squares: Dataset, work: Asked, tmp_path: Path):
    run = run_of(squares, "Boxes")
    file = tmp_path / "made.html"
    file.write_text("made")
    work.state, work.found = "finished", {"file": str(file), "made_at": "2026-11-01T10:00:00+00:00"}
    work.start(*asked_for(run))
    assert {"Download the report", "Make it anew"} <= set(labels(opened("3_Train.py", run)))
    file.unlink()
    assert "Make the report" in labels(opened("3_Train.py", run))


def test_why_there_is_none_is_said(squares: Dataset, work: Asked):
    run = run_of(squares, "Boxes")
    work.state, work.error = "failed", "The *disk* is full."
    work.start(*asked_for(run))
    app = opened("3_Train.py", run)
    assert "The report was not made: The \\*disk\\* is full\\." in words(app)
    assert "Make the report" in labels(app)


def test_the_work_writes_the_report_into_the_workspace(workspace: Path, squares: Dataset):
    run = run_of(squares, "Boxes")
    stages: list[str] = []
    found = report({"targets": [str(run.path)]}, lambda stage, done, total: stages.append(stage))
    file = Path(found["file"])
    assert file.parent == workspace / "reports"
    assert MARKER in file.read_text()[:4096]
    assert found["bytes"] == file.stat().st_size
    assert report({"targets": [str(run.path)]}, lambda *_: None)["file"] == str(file)
    assert "Drawing pictures" in stages
    assert "report" in background.CALLS


def test_a_duels_report_is_asked_for_on_the_decide_page(workspace: Path, squares: Dataset, work: Asked):
    duel = finished_duel(workspace / "duels" / "mine", squares)
    duel.files.write(STATUS, {"state": "finished"})
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page("pages/6_Decide.py")
    app.query_params["duel"] = "mine"
    app = seen(app.run())
    assert "Model card" not in labels(app)
    click(app, "Make the report")
    assert ("report", {"targets": [str(duel.path.resolve())]}) in work.started
