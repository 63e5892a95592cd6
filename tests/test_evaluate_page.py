"""The Evaluate page by Streamlit's own test runner: the table, one run in every part, several side by side, states."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.data.shelf import Painting
from tests.evaluated_runs import evaluated, trained_run
from tests.test_data_page import click, every, seen, words
from vision_core import background
from vision_core.data.library import Dataset, add_shelf
from vision_core.evaluation.applied import applied_threshold
from vision_core.run_folder import CONFIG, STATUS, RunFolder
from vision_core.training.pulse import identity

ROOT = Path(__file__).parent.parent
LABELS = ("Overview", "Confusion", "Worst pictures", "Confidence", "Curves and threshold", "Slices", "Robustness")
BOXES = ("Overview", "Errors", "Threshold", "Curves", "Confusion", "Slices", "Robustness")
HOSTILE = "**bold** $x$ <b>:red[x]"
OpenPage = Callable[..., AppTest]


class Asked:
    """Stands in for work in the background: remembers what was asked for, and is in the state it is given."""

    def __init__(self, state: str = "running", result: dict[str, Any] | None = None, error: str = "") -> None:
        self.state, self.found, self.error, self.cancelled = state, result or {}, error, False
        self.started: list[tuple[str, dict[str, Any]]] = []

    def start(self, what: str, arguments: Any) -> Asked:
        self.started.append((what, dict(arguments)))
        return self

    def find(self, what: str, arguments: Any) -> Asked | None:
        return self if any(asked == what for asked, _ in self.started) else None

    def status(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "stage": "Evaluating",
            "done": 3,
            "total": 9,
            "seconds_left": 40,
            "error": self.error,
        }

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")

    def result(self) -> dict[str, Any]:
        return self.found if self.state == "finished" else {}

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(background, "start", asked.start)
    monkeypatch.setattr(background, "find", asked.find)
    return asked


@pytest.fixture
def page(work: Asked) -> OpenPage:
    def open_page(*runs: RunFolder, **address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page("pages/4_Evaluate.py")
        if runs:
            app.query_params["run"] = [run.path.name for run in runs]
        for name, value in address.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


@pytest.fixture
def shelf() -> Dataset:
    return add_shelf(24, seed=3)


def plain_words(app: AppTest) -> str:
    return re.sub(r"\\(.)", r"\1", words(app))


def titles(app: AppTest) -> str:
    return "\n".join(item.value for item in app.markdown if item.value.startswith("#####"))


def test_an_empty_workspace_leads_to_training(page: OpenPage) -> None:
    app = page()
    assert "no trained run" in words(app)
    assert "To the Train page" in [button.label for button in app.button]


def test_while_fashion_shelf_is_painted_its_runs_are_announced(page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.parts.data.shelf.painting", lambda: Painting(300, done=20))
    said = plain_words(page())
    assert "Two example runs" in said
    assert "no trained run" not in said


def test_a_run_that_was_not_evaluated_is_evaluated_in_the_background(
    page: OpenPage, shelf: Dataset, work: Asked
) -> None:
    run = trained_run(shelf, "detection", HOSTILE)
    app = page(run)
    assert f"Not evaluated on these pictures yet: {HOSTILE}" in plain_words(app)
    app = click(app, "Evaluate$")
    assert work.started == [("evaluate", {"run": str(run.path), "split": "test"})]
    assert "Evaluating: 3 of 9, about 40 s left" in "".join(item.text for item in every(app, "progress"))
    click(app, "Cancel")
    assert work.cancelled


@pytest.mark.parametrize(("state", "said"), [("failed", "The pictures are gone."), ("cancelled", "cancelled")])
def test_what_went_wrong_is_said_and_can_be_tried_again(
    page: OpenPage, shelf: Dataset, work: Asked, state: str, said: str
) -> None:
    run = trained_run(shelf, "detection", "mine")
    work.start("evaluate", {})
    work.state, work.error = state, "The pictures are gone."
    app = page(run)
    assert said in plain_words(app)
    click(app, "Evaluate$")
    assert len(work.started) == 2


@pytest.mark.parametrize("labels_from", ["crops", "presence"])
def test_every_part_of_a_classifier_is_drawn(page: OpenPage, shelf: Dataset, labels_from: str) -> None:
    run = trained_run(shelf, "classification", "mine", labels_from=labels_from)
    evaluated(run)
    evaluated(run, "val")
    app = page(run)
    assert "95 %:" in plain_words(app)
    assert "guessing: " in plain_words(app)
    assert "What is good" in words(app)
    for part in LABELS[1:]:
        app.session_state["evaluate_part_classification"] = part
        seen(app.run())
        assert not app.error, part
        assert every(app, "plotly_chart") or part in ("Worst pictures", "Robustness")
        assert app.query_params["part"] in (part, [part])


def test_a_class_that_no_picture_shows_has_no_best_threshold(page: OpenPage) -> None:
    run = trained_run(add_shelf(14, seed=3), "classification", "mine", labels_from="presence")
    one = evaluated(run)
    absent = int(np.flatnonzero(~one.results.shown.any(axis=0))[0])  # type: ignore[union-attr]
    app = page(run, part="Curves and threshold")
    assert "where F1 is best" in plain_words(app)
    app.session_state[f"evaluate_threshold_class_{one.key}"] = absent
    seen(app.run())
    assert not app.error
    assert "no picture shows it" in plain_words(app)
    assert "nan" not in " ".join(item.value for item in every(app, "metric"))


def test_every_part_of_a_detector_is_drawn(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "detection", "mine")
    evaluated(run)
    app = page(run)
    for part in BOXES[1:]:
        app.session_state["evaluate_part_detection"] = part
        seen(app.run())
        assert not app.error, part
        assert every(app, "plotly_chart") or part == "Robustness"


def test_what_spoils_pictures_already_is_found_by_another_visitor(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "detection", "mine")
    one = evaluated(run)
    folder = RunFolder(background.ensure_folder(background.settings().home / "work" / "robustness-asked"))
    asked = {"file": str(one.file), "key": one.key, "kinds": ["contrast"], "pictures": 300}
    folder.write(background.ASKED, {"what": "robustness", "arguments": asked})
    status = {"stage": "contrast, step 2 of 5", "done": 3, "total": 9, "heartbeat": time.time(), **identity()}
    folder.write(STATUS, {"state": "running", **status})
    app = page(run, part="Robustness")
    assert "contrast, step 2 of 5: 3 of 9" in "".join(item.text for item in every(app, "progress"))
    assert "Measure" not in [button.label for button in every(app, "button")]
    folder.write(STATUS, {**status, "state": "failed", "error": "A picture is gone."})
    seen(app.run())
    assert "A picture is gone." in plain_words(app)
    assert "Measure" in [button.label for button in every(app, "button")]


def test_every_kind_of_error_opens_its_pictures(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "detection", "mine")
    evaluated(run)
    app = page(run, part="Errors")
    assert "Bars: boxes of all scores, as published" in plain_words(app)
    kinds = next(box for box in app.selectbox if box.label == "Pictures of")
    for kind, said in (("false_positives", "All false boxes: "), ("false_negatives", "All misses: ")):
        app = seen(kinds.set_value(kind).run())
        assert said in titles(app)


def test_every_class_has_intervals(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "classification", "mine", labels_from="presence")
    evaluated(run, sure=0.4)
    for part in ("Overview", "Curves and threshold"):
        app = page(run, part=part)
        table = next(each.value for each in app.dataframe if "F1, 95 %" in each.value)
        for figure in ("precision", "recall", "F1", "AP"):
            for value, ends in zip(table[figure], table[f"{figure}, 95 %"], strict=True):
                low, high = map(float, ends.split(" to ")) if ends else (value, value)
                assert low <= value <= high


def test_intervals_of_boxes_come_from_the_background(page: OpenPage, shelf: Dataset, work: Asked) -> None:
    run = trained_run(shelf, "detection", "mine")
    evaluated(run)
    app = page(run)
    assert [what for what, _ in work.started] == ["intervals"]
    assert "Intervals" in "".join(item.text for item in every(app, "progress"))
    work.state, work.found = "finished", {"ends": {"map50": [0.25, 0.75]}}
    assert "95 %: 25.0 to 75.0 %" in plain_words(seen(app.run()))


def test_the_best_threshold_is_kept_with_a_click(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "detection", "mine")
    evaluated(run)
    app = page(run, part="Threshold")
    best = next(button for button in app.button if button.label.startswith("Use the best"))
    app = seen(best.click().run())
    assert applied_threshold(run.path) == float(best.label.rpartition(" ")[2])
    assert "Compare starts with it" in plain_words(app)
    assert "was chosen on the pictures judged here" in plain_words(app)
    assert next(button for button in app.button if button.label == best.label).disabled
    click(app, "Forget it")
    assert applied_threshold(run.path) is None


def test_a_temperature_is_fitted_on_validation_pictures_and_kept(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "classification", "mine", labels_from="crops")
    evaluated(run, sure=0.4)
    app = page(run, part="Confidence")
    assert "never on those that judge it" in words(app)
    assert "Save it with the run" not in [button.label for button in app.button]
    evaluated(run, "val", sure=0.4)
    app = click(page(run, part="Confidence"), "Save it with the run")
    assert run.read(CONFIG)["temperature"] > 1
    click(app, "Back to 1")
    assert "temperature" not in run.read(CONFIG)


def test_several_runs_of_both_tasks_stand_on_one_yardstick(page: OpenPage, shelf: Dataset, work: Asked) -> None:
    classifier = trained_run(shelf, "classification", "names", labels_from="presence")
    detector = trained_run(shelf, "detection", "boxes")
    evaluated(classifier, sure=0.3)
    evaluated(detector, sure=4.0)
    app = page(classifier, detector)
    said = plain_words(app)
    for question in ("Is it there?", "How many?", "Where?"):
        assert question in said
    assert "A classifier says what is there, not how many." in said
    assert "is better by" in said
    assert "counts boxes from score 0.40 on, as nobody chose" in said
    click(app, "Ask where the classifier looks")
    assert [what for what, _ in work.started] == ["points"]


def test_an_address_opens_the_one_run_of_several(page: OpenPage, shelf: Dataset) -> None:
    runs = [trained_run(shelf, "detection", f"run {number}", seed=number) for number in range(2)]
    for run in runs:
        evaluated(run)
    app = page(*runs, one=runs[1].path.name, part="Threshold")
    assert "Use the best" in " ".join(button.label for button in app.button)
    assert "Which of two is better?" not in words(app)


def test_another_data_set_is_asked_for_by_name(page: OpenPage, shelf: Dataset, work: Asked) -> None:
    run = trained_run(shelf, "detection", "mine")
    evaluated(run)
    app = page(run, data=shelf.id, split="val")
    click(app, "Evaluate$")
    assert work.started == [("evaluate", {"run": str(run.path), "split": "val", "data": shelf.id})]
    evaluated(run, "val", shelf.id)
    assert "the split" not in plain_words(page(run, data=shelf.id, split="val")).partition("pictures")[0]


def test_a_folder_of_the_server_is_judged_where_that_is_allowed(
    page: OpenPage, shelf: Dataset, work: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_run(shelf, "detection", "mine")
    assert "A folder on the server" not in page(run).selectbox(key="evaluate_data").options
    (tmp_path / "open").mkdir()
    monkeypatch.setenv("WHATWHERE_FOLDERS", str(tmp_path / "open"))
    app = page(run, data="folder")
    assert not [button for button in app.button if button.label == "Evaluate"]  # no folder is named yet
    app.text_input(key="evaluate_folder").input(str(tmp_path / "open" / "new")).run()
    click(app, "Evaluate$")
    assert work.started[-1][1]["data"] == str(tmp_path / "open" / "new")
    assert work.started[-1][1]["split"] == "all"
    app = page(run, data="folder", folder=str(tmp_path / "closed"))
    assert "outside the folders users may open" in app.error[0].value.replace("\\", "")


def test_weights_that_changed_since_are_said(page: OpenPage, shelf: Dataset) -> None:
    run = trained_run(shelf, "detection", "mine")
    evaluated(run)
    (run.path / "checkpoints" / "best.safetensors").write_bytes(b"others")
    app = page(run)
    assert "weights have changed since" in words(app)
    assert "Evaluate again" in [button.label for button in app.button]
