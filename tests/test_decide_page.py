"""The Decide page by Streamlit's own test runner: the form, every state of a duel, and what is read off a result."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.duel_cases import HOSTILE, contender, finished, made, result
from tests.test_data_page import click, every, seen, select, words
from tests.test_train_page import button
from tests.training_processes import paint_labelled
from vision_core.data.library import Dataset, add_shelf, import_dataset
from vision_core.duel import jobs
from vision_core.duel.folder import DuelFolder, create_duel, list_duels
from vision_core.duel.plan import SHARES, DuelPlan
from vision_core.run_folder import BEST, STATUS, create_run
from vision_core.training.config import make_config
from vision_core.training.pulse import identity

ROOT = Path(__file__).parent.parent
OpenPage = Callable[..., AppTest]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Opens the page; what it starts is made but not fought."""
    monkeypatch.setattr("vision_core.duel.jobs.start_duel", lambda plan, name="": begun(create_duel(plan, name)))
    monkeypatch.setattr("vision_core.duel.jobs.resume_duel", begun)

    def open_page(**address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page("pages/6_Decide.py")
        for name, value in address.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


def begun(duel: DuelFolder) -> DuelFolder:
    duel.files.write(STATUS, {"state": "queued", **identity(), "heartbeat": time.time()})
    return duel


@pytest.fixture
def shelf() -> Dataset:
    return add_shelf(8)


def html(app: AppTest) -> str:
    """What is written as HTML."""
    return " ".join(item.proto.body for item in every(app, "html"))


def axes(app: AppTest) -> list[str]:
    """What the x axis of each chart shows."""
    layouts = [json.loads(chart.proto.spec)["layout"] for chart in every(app, "plotly_chart")]
    return [layout.get("xaxis", {}).get("title", {}).get("text", "") for layout in layouts]


def test_an_empty_workspace_says_what_to_do(page: OpenPage) -> None:
    app = page(show="Result")
    assert "No duel has been fought here yet" in words(app)
    click(app, "To a new duel")
    assert app.query_params["show"] in ("New duel", ["New duel"])
    assert "There is no data set to fight over yet" in words(app)


def test_the_form_starts_what_it_says_and_shows_it(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    assert "12 networks" in words(app)
    seen(next(item for item in app.radio if item.label == "What must be answered?").set_value("count").run())
    seen(app.toggle[0].set_value(False).run())
    assert "3 networks" in words(app)
    assert "--question count --shares 1 --out" in words(app).replace("\n", " ") + " ".join(
        item.value for item in app.code
    )
    app = click(app, "Start the duel")
    (duel,) = list_duels()
    plan = duel.plan()
    assert (plan.data, plan.question, plan.shares, plan.minutes) == (shelf.id, "count", (1.0,), 0)
    assert duel.name == f"How many? {shelf.name}"
    assert "Its process is starting" in words(app)
    assert button(app, "Stop")


def test_a_budget_of_time_or_money_reaches_the_plan(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    budget = next(item for item in every(app, "button_group") if item.label == "Budget of each network")
    seen(budget.set_value("Time").run())
    seen(next(item for item in app.number_input if item.label == "Minutes").set_value(3.0).run())
    click(app, "Start the duel")
    assert list_duels()[0].plan().minutes == 3
    app = page(show="New duel")
    budget = next(item for item in every(app, "button_group") if item.label == "Budget of each network")
    seen(budget.set_value("Money").run())
    seen(next(item for item in app.number_input if item.label == "US dollars").set_value(0.5).run())
    click(app, "Start the duel")
    plan = list_duels()[0].plan()
    assert (plan.usd, plan.shares, bool(plan.price)) == (0.5, SHARES, True)


def test_what_cannot_be_is_said_on_the_spot_and_cannot_be_started(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    contenders = next(item for item in every(app, "button_group") if item.label == "Contenders, two or three")
    seen(contenders.set_value(["detection"]).run())
    assert "takes two contenders or more" in words(app)
    assert button(app, "Start the duel").disabled
    assert list_duels() == []


def test_data_without_boxes_say_what_can_be_compared(page: OpenPage, tmp_path: Path) -> None:
    colours = import_dataset(paint_labelled(tmp_path / "data"), "Colours")
    assert "knows none of their classes (blue, green, red)" in words(page(data=colours.id)).replace("\\", "")
    assert button(page(data=colours.id), "Start the duel").disabled
    (tmp_path / "data" / "train" / "red").rename(tmp_path / "data" / "train" / "cat")
    (tmp_path / "data" / "val" / "red").rename(tmp_path / "data" / "val" / "cat")
    pets = import_dataset(tmp_path / "data", "Pets")
    app = page(data=pets.id)
    said = words(app)
    assert "What cannot:" in said
    assert "knows **'cat'**, but not 'blue', 'green'." in said.replace("\\", "")
    assert "1 network" in said
    assert not button(app, "Start the duel").disabled
    seen(next(item for item in app.radio if item.label == "What must be answered?").set_value("count").run())
    assert "Without boxes only “Is it there?” can be answered" in words(app)
    assert button(app, "Start the duel").disabled


def test_the_form_is_still_there_after_a_look_at_other_sections(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    seen(next(item for item in app.text_input if item.label == "Name of the duel").set_value("Mine").run())
    for show in ("Result", "New duel"):
        app.session_state["duel_section"] = show
        seen(app.run())
    assert next(item for item in app.text_input if item.label == "Name of the duel").value == "Mine"


def test_an_estimate_says_time_and_money(page: OpenPage, shelf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from vision_core.training import estimate
    from vision_core.training.estimate import Estimate

    monkeypatch.setattr(estimate, "estimate", lambda config, progress=None: Estimate(600.0, 30.0, 1.0, 0))
    app = click(page(), "Estimate before starting")
    said = words(app).replace("\\", "")
    assert "About **56 min** of training" in said, "three networks of 10 min, and 85 % of that for the shares"
    assert "USD as" in said


def test_while_it_goes_on_parts_progress_and_stop_are_there(page: OpenPage) -> None:
    duel = made("running", part=0, parts=13, title="Classifier", stage="Training", done=2, total=5, seconds=61.0)
    run = create_run(make_config("shelf", "classification", "tf_efficientnet_lite0"))
    duel.add_run("pictures-100", run)
    run.write(STATUS, {"state": "running", **identity(), "heartbeat": time.time(), "epoch": 2, "epochs": 5})
    app = page()
    said = words(app).replace("\\", "")
    assert "0 of 12 networks ready" in every(app, "progress")[0].text
    assert "Classifier: Training: 2 of 5" in said
    assert "training" in said
    assert "Setting side by side" in said
    assert any(link.proto.label == "Classifier" and run.path.name in link.proto.query_string for link in links(app))
    click(app, "Stop")
    assert duel.files.asked() == "cancel"


def links(app: AppTest) -> list[Any]:
    return list(every(app, "page_link"))


ENDED = {"failed": "No space.", "cancelled": "was stopped", "interrupted": "was interrupted"}


@pytest.mark.parametrize("state", list(ENDED))
def test_one_that_ended_early_says_why_and_can_go_on(page: OpenPage, state: str) -> None:
    duel = made(state, error="No space." if state == "failed" else "")
    (duel.path / "log.txt").write_text("Killed\n")
    app = page()
    assert ENDED[state] in words(app).replace("\\", "")
    assert "0 of 12 networks are ready" in words(app)
    assert any("Killed" in item.value for item in app.code)
    app = click(app, "Go on")
    assert jobs.duel_status(duel)["state"] == "queued"
    assert button(app, "Stop")


def test_removing_asks_first_and_leaves_the_others(page: OpenPage) -> None:
    kept = finished("Kept")
    gone = finished("Gone")
    app = page(duel=gone.path.name)
    click(app, "Remove it")
    assert [duel.path for duel in list_duels()] == [kept.path]


def test_the_verdict_the_table_and_the_charts_are_there(page: OpenPage) -> None:
    finished()
    app = page()
    assert "choose detection" in html(app)
    table = html(app)
    assert "cannot say" in table
    assert "95 %: 80.0 to 89.0 %" in table
    assert "measurably worse" in table
    assert "level with the best" in table
    assert "no RAPL counter" in table
    said = words(app).replace("\\", "")
    assert "Detection is better than Classification by 6 points (95 %: 4 to 8)." in said
    assert "cannot be told apart" in said
    assert "500 more boxes would gain about 0.9 points" in said
    assert "A note of the duel." in said
    assert [title for title in axes(app) if "hours" in title]
    assert len(every(app, "plotly_chart")) == 5


def test_figures_and_axes_are_switched(page: OpenPage) -> None:
    finished()
    app = page()
    over = next(item for item in every(app, "button_group") if item.label == "Over")
    seen(over.set_value("pictures").run())
    assert "labelled training pictures" in axes(app)
    seen(select(app, "How good").set_value("count_mae").run())
    assert "Not drawn, since it cannot say: Classification" in words(app)
    seen(select(app, "How dear").set_value("usd_per_million").run())
    assert any("a million pictures" in title for title in axes(app))
    assert len(every(app, "dataframe")) == 1


def test_names_that_would_be_markup_stay_text(page: OpenPage) -> None:
    finished(HOSTILE)
    app = page()
    assert HOSTILE.partition(" **")[0] not in html(app)
    assert "&lt;img src=x" in html(app)


def test_numbers_lead_to_runs_that_are_here_and_only_to_those(page: OpenPage) -> None:
    run = create_run(make_config("shelf", "detection", "ssdlite_mobilenet_v2_coco"))
    run.checkpoints.mkdir()
    (run.path / BEST).touch()
    finished(contenders=[contender("classification"), contender("detection", f"/else/where/{run.path.name}")])
    addresses = set(re.findall(r'href="([^"]+)"', html(page())))
    assert addresses == {f"Evaluate?run={run.path.name}"}


def test_a_duel_without_curves_costs_or_intervals_still_shows_its_figures(page: OpenPage) -> None:
    bare = [
        contender(kind) | {"costs": {}, "intervals": {}, "labels": None, "training_seconds": 0.0}
        for kind in ("classification", "detection")
    ]
    finished(contenders=bare, gaps=[], curves={}, notes=[])
    app = page()
    assert "78.0 %" in html(app)
    said = words(app)
    assert "has no learning curves" in said
    assert "Nothing was measured of what these contenders cost" in said
    assert "cannot be added up" in said


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("duel.json", "{", "duel.json cannot be read"),
        ("result.json", "{", "result.json cannot be read"),
        ("result.json", '{"verdict": {}}', "is damaged"),
        ("result.json", "{}", "has no result yet"),
        ("result.json", json.dumps(result() | {"contenders": [{"task": "x"}]}), "is damaged"),
    ],
)
def test_a_damaged_duel_is_one_sentence_and_can_be_removed(page: OpenPage, file: str, text: str, sentence: str) -> None:
    duel = finished()
    (duel.path / file).write_text(text)
    app = page()
    assert sentence in words(app).replace("\\", "")
    click(app, "Remove it")
    assert list_duels() == []


def test_an_address_of_a_duel_that_is_gone_says_so(page: OpenPage) -> None:
    duel = finished()
    app = page(duel="another")
    assert "is not here any more" in words(app)
    assert app.query_params["duel"] in (duel.path.name, [duel.path.name])


def test_what_the_table_holds_can_be_taken_away(page: OpenPage) -> None:
    finished()
    labels = {item.proto.label for item in every(page(), "download_button")}
    assert {"JSON", "CSV"} <= labels


def test_a_plan_that_asks_for_another_classifier_is_shown_as_a_command(page: OpenPage) -> None:
    duel = made("finished", DuelPlan(data="shelf", classifier="resnet18", seed=4))
    duel.files.write("result.json", result())
    assert any("--classifier resnet18 --seed 4" in item.value for item in page().code)
