"""The Train page by Streamlit's own test runner: the form, what it refuses, the list of runs, and what one can do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.train import all_settings, form, start
from tests.test_data_page import click, every, said, seen, select, words
from tests.test_train_charts import HISTORY
from vision_core.data.library import Dataset, add_shelf
from vision_core.errors import SettingsError
from vision_core.run_folder import STATUS, RunFolder, create_run, list_run_folders, list_trash
from vision_core.training import jobs, lesson
from vision_core.training.config import TrainConfig, make_config
from vision_core.training.estimate import Estimate
from vision_core.training.finder import Finder
from vision_core.training.pulse import identity

ROOT = Path(__file__).parent.parent
HOSTILE = "**bold** $x$ <b>:red[x]"
OpenPage = Callable[..., AppTest]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Opens the page; `fill` is what its form shows at first."""
    start._measured.clear()
    monkeypatch.setattr(jobs, "submit", lambda config, name="", parent="": written(config, name, "queued", parent))

    def open_page(fill: TrainConfig | None = None, **address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page("pages/3_Train.py")
        for name, value in address.items():
            app.query_params[name] = value
        if fill is not None:
            app.session_state["train_fill"] = fill.to_json()
        return seen(app.run())

    return open_page


@pytest.fixture
def shelf() -> Dataset:
    return add_shelf(16, seed=3)


def config(shelf: Dataset, **changes: Any) -> TrainConfig:
    return make_config(shelf.id, "classification", "tf_efficientnet_lite0", **changes)


def written(asked: TrainConfig, name: str, state: str, parent: str = "", **status: Any) -> RunFolder:
    """A run in the workspace that no process works on; a queued or running one claims to be this process."""
    run = create_run(asked, name, parent)
    run.write(STATUS, {"state": state, "epochs": asked.epochs, "heartbeat": time.time(), **identity(), **status})
    if state not in ("queued",):
        run.write_lines("metrics.jsonl", HISTORY)
    return run


def last_config() -> dict[str, Any]:
    """Of the run that was started."""
    return next(run for run in list_run_folders() if run.record().state == "queued").read("config.json")


def button(app: AppTest, label: str) -> Any:
    return next(item for item in app.button if item.label == label)


def test_an_empty_workspace_leads_to_the_data_page(page: OpenPage) -> None:
    app = page()
    assert "There is no data set to learn from yet" in words(app)
    assert button(app, "To the Data page")


def test_the_form_says_what_would_be_learned_from(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    assert select(app, "Data set").value == shelf.id
    assert "to learn from" in words(app)
    assert "**10** classes" in words(app)
    assert [box.label for box in app.radio] == ["How thoroughly?"]
    assert not button(app, "Train").disabled


def test_train_starts_what_the_form_says_and_shows_it(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    seen(select(app, "A classifier learns").set_value("crops").run())
    seen(app.number_input(key="train_epochs").set_value(4).run())
    app = click(app, "Train$")
    asked = last_config()
    assert (asked["data"], asked["labels_from"], asked["epochs"], asked["preset"], asked["frozen_epochs"]) == (
        shelf.id, "crops", 4, "instant", 0,
    )  # fmt: skip
    assert f"EfficientNet-Lite0 on {shelf.name}, instant" in {run.record().name for run in list_run_folders()}
    assert app.query_params["run"] == list_run_folders()[0].path.name
    assert "Waits for its turn" in words(app)


def test_a_preset_brings_its_own_numbers(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    for name in ("instant", "thorough", "balanced"):
        seen(app.radio[0].set_value(name).run())
        usual = make_config(shelf.id, "classification", "tf_efficientnet_lite0", name)
        shown = app.number_input(key="train_epochs").value, app.number_input(key="train_rate").value
        assert shown == (usual.epochs, usual.learning_rate)


def test_all_settings_reach_the_run(page: OpenPage, shelf: Dataset) -> None:
    app = page(config(shelf, preset="balanced", batch_size=5, label_smoothing=0.2, seed=9, learning_rate=None))
    assert app.toggle(key="train_find").value
    click(app, "Train$")
    asked = last_config()
    assert (asked["batch_size"], asked["label_smoothing"], asked["seed"], asked["learning_rate"]) == (5, 0.2, 9, None)


def test_the_form_is_still_there_after_a_look_at_the_runs(page: OpenPage, shelf: Dataset) -> None:
    app = page(config(shelf, preset="thorough", epochs=7, batch_size=3, start="scratch"))
    written(config(shelf), "earlier", "finished")
    for place in ("Runs", "New run"):
        app.session_state["train_section"] = place
        seen(app.run())
    click(app, "Train$")
    asked = last_config()
    assert (asked["preset"], asked["epochs"], asked["batch_size"], asked["start"]) == ("thorough", 7, 3, "scratch")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_size": 1}, "batch norm, which cannot learn from one picture"),
        ({"data": "gone"}, "There is no data set"),
        ({"model": "resnet18"}, "WHATWHERE_OFFLINE is set"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    page: OpenPage, shelf: Dataset, changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATWHERE_OFFLINE", "1")
    app = page(config(shelf, preset="balanced").changed(**changes))
    assert reason in said(app.error[0])
    assert button(app, "Train").disabled
    assert button(app, "Queue the five runs").disabled


def test_settings_of_another_task_can_be_forgotten(page: OpenPage, shelf: Dataset) -> None:
    app = page(config(shelf, preset="balanced"))
    app.session_state["train_overrides"] = {"mix": "mosaic"}
    seen(app.run())
    assert "is not for classification" in said(app.error[0])
    click(app, "Forget what was changed")
    assert not app.error


def test_an_earlier_run_or_own_weights_can_be_gone_on_from(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    app.session_state["train_start"] = form.RUN
    assert "No earlier run of this network" in said(seen(app.run()).error[0])
    earlier = written(config(shelf), HOSTILE, "finished")
    (earlier.checkpoints).mkdir()
    (earlier.checkpoints / "best.safetensors").write_bytes(b"")
    seen(app.run())
    assert select(app, "Go on from").value == str(earlier.path)
    click(app, "Train$")
    assert json.loads(json.dumps(last_config()["start"])) == str(earlier.path)
    app.session_state["train_section"], app.session_state["train_start"] = "New run", form.FILE
    assert "Drop a .safetensors" in said(seen(app.run()).error[0])


def test_an_edited_text_is_checked(shelf: Dataset) -> None:
    text = json.dumps(config(shelf).to_json())
    assert all_settings._parsed(text) == config(shelf)
    for broken, reason in (
        ("{", "This is not JSON"),
        ("[]", "must be named"),
        (text.replace('"epochs"', '"epocs"'), "Did you mean epochs"),
        (text.replace('"epochs": 12', '"epochs": 0'), "allowed is 1"),
        (text.replace(shelf.id, "/etc"), "disabled"),
    ):
        with pytest.raises(SettingsError, match=reason):
            all_settings._parsed(broken)
    assert "epochs: times every training picture is seen." in all_settings._meanings()


def test_an_estimate_tells_time_memory_and_money(
    page: OpenPage, shelf: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(config: TrainConfig, progress: Any = None) -> Estimate:
        progress("Measuring steps", 1, 2)
        return Estimate(7200, 240, 1234.5, 2_300_000_000, notes=("From four steps.",))

    monkeypatch.setattr("vision_core.training.estimate.estimate", fake)
    app = click(page(config(shelf, preset="balanced")), "Estimate before starting")
    assert "trains 1,234 pictures/s here" in words(app)
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures == {"Time": "2 h 0 min", "An epoch": "4 min", "Pictures/s": "1,234", "Memory, GB": "2.3"}
    assert "From four steps" in words(app).replace("\\", "")
    prices = select(app, "At the price of")
    seen(prices.set_value(prices.options[1]).run())
    assert "Money, USD" in {metric.label for metric in app.metric}


def test_the_search_suggests_a_rate(page: OpenPage, shelf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finder((1e-5, 1e-4, 1e-3), (2.0, 1.5, 9.0), 3.7e-5)
    monkeypatch.setattr("vision_core.training.finder.find_learning_rate", lambda config, progress=None: found)
    app = click(page(), "Look for the learning rate now")
    assert len(every(app, "plotly_chart")) == 1
    app = click(app, "Use 3.7e-05")
    assert app.number_input(key="train_rate").value == 3.7e-5


def test_the_lesson_queues_five_runs_and_overlays_them(page: OpenPage) -> None:
    asked = config(add_shelf(40, seed=3), preset="balanced", epochs=2, labels_from="presence")
    app = click(page(asked), "Queue the five runs")
    runs = [run.read("config.json") for run in list_run_folders()]
    assert len(runs) == 5
    assert len({run["parent"] for run in runs}) == 1
    assert sorted((run["start"], run["data_fraction"]) for run in runs) == [
        ("pretrained", 0.1), ("pretrained", 0.25), ("pretrained", 0.5), ("pretrained", 1.0), ("scratch", 1.0),
    ]  # fmt: skip
    assert len(app.query_params["beside"]) == 4
    assert lesson.WHAT_TO_SEE in words(app)


STATE_WORDS = {
    "running": "Epoch 3 of 12, step 3 of 9: about 2 min left",
    "finished": "finished",
    "failed": "The loss became nan",
    "cancelled": "stopped",
}


@pytest.mark.parametrize("state", STATE_WORDS)
def test_every_state_has_its_words_and_buttons(page: OpenPage, shelf: Dataset, state: str) -> None:
    status = {"epoch": 3, "step": 3, "steps": 9, "seconds_left": 130, "loss": 1.5, "images_per_second": 41.0}
    error = {"error": "The loss became nan."} if state == "failed" else {}
    written(config(shelf, preset="balanced"), "mine", state, **status, **error)
    app = page(show="Runs")
    bars = " ".join(item.text for item in every(app, "progress"))
    assert STATE_WORDS[state] in (words(app).replace("\\", "") + bars)
    labels = {item.label for item in app.button}
    assert ({"Stop", "Stop and keep the best"} <= labels) == (state == "running")
    assert ("Start over" in labels) == (state in ("failed", "cancelled"))
    assert ("Delete" in labels) == (state != "running")
    assert len(every(app, "plotly_chart")) == 2


def test_while_layers_are_frozen_the_time_left_is_the_least_it_can_be(page: OpenPage, shelf: Dataset) -> None:
    status: dict[str, Any] = {"epoch": 2, "step": 3, "steps": 9, "seconds_left": 130}
    written(config(shelf, preset="balanced"), "mine", "running", **status)
    assert "at least 2 min left" in " ".join(item.text for item in every(page(show="Runs"), "progress"))


def test_a_run_whose_process_is_gone_can_be_resumed(
    page: OpenPage, shelf: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = written(config(shelf), "mine", "running")
    run.write("status.json", run.read("status.json") | {"pid": 2**22 + 1})
    (run.checkpoints).mkdir()
    (run.checkpoints / "resume.pt").write_bytes(b"")
    resumed: list[RunFolder] = []
    monkeypatch.setattr(jobs, "resume", resumed.append)
    app = page(show="Runs")
    assert "Its process is gone" in words(app)
    click(app, "Resume")
    assert resumed == [run]


def test_stop_and_keep_reach_the_run(page: OpenPage, shelf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = written(config(shelf), "mine", "running", heartbeat=time.time())
    asked: list[tuple[str, RunFolder]] = []
    monkeypatch.setattr(jobs, "cancel", lambda run: asked.append(("cancel", run)))
    monkeypatch.setattr(jobs, "finish", lambda run: asked.append(("finish", run)))
    app = click(page(show="Runs"), "Stop$")
    click(app, "Stop and keep the best")
    assert asked == [("cancel", run), ("finish", run)]


def test_waiting_runs_change_places(page: OpenPage, shelf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [written(config(shelf), f"number {number}", "queued") for number in range(2)]
    moved: list[tuple[RunFolder, int]] = []
    monkeypatch.setattr(jobs, "queue", lambda: runs)
    monkeypatch.setattr(jobs, "move", lambda run, places: moved.append((run, places)))
    app = page(show="Runs")
    assert app.button(key=f"move_-1_{runs[0].path.name}").disabled
    seen(app.button(key=f"move_-1_{runs[1].path.name}").click().run())
    assert moved == [(runs[1], -1)]


def test_a_clone_fills_the_form(page: OpenPage, shelf: Dataset) -> None:
    written(config(shelf, preset="balanced", epochs=3, batch_size=6), "mine", "finished")
    app = click(page(show="Runs"), "Clone with changes")
    assert app.number_input(key="train_epochs").value == 3
    click(app, "Train$")
    assert last_config()["batch_size"] == 6


def test_names_and_notes_are_shown_letter_by_letter(page: OpenPage, shelf: Dataset) -> None:
    run = written(config(shelf), "mine", "finished")
    app = page(show="Runs")
    app.text_input[0].set_value(HOSTILE)
    app.text_area[0].set_value(HOSTILE)
    click(app, "Save")
    assert (run.record().name, run.record().note) == (HOSTILE, HOSTILE)
    shown = [said(item) for item in app.markdown if "\\" in item.value]
    assert f"### {HOSTILE}" in shown
    assert HOSTILE in shown


def test_a_deleted_run_can_be_taken_back_until_the_trash_is_emptied(page: OpenPage, shelf: Dataset) -> None:
    run = written(config(shelf), "mine", "finished")
    app = click(page(show="Runs"), "Delete")
    assert not list_run_folders()
    assert len(list_trash()) == 1
    app = click(app, "Undo")
    assert list_run_folders() == [run]
    app = click(app, "Delete")
    click(app, "Empty the trash for good")
    assert not list_trash()


def test_code_and_settings_are_one_click_away(page: OpenPage, shelf: Dataset) -> None:
    written(config(shelf), "mine", "finished")
    app = page(show="Runs")
    code = "\n".join(item.value for item in every(app, "code"))
    assert "from vision_core.training.jobs import execute" in code
    assert {item.label for item in every(app, "download_button")} >= {"As a notebook", "config.json"}
    assert json.loads(every(app, "json")[0].value)["data"] == shelf.id


def test_a_damaged_run_does_not_take_the_page_with_it(page: OpenPage, shelf: Dataset) -> None:
    written(config(shelf), "mine", "finished")
    broken = written(config(shelf), "broken", "finished")
    (broken.path / "config.json").write_text("{", encoding="utf-8")
    assert "mine" in words(page(show="Runs"))
