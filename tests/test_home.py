"""Home: what is going on, what to do next, the doors, and the tour of a finished duel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.data import shelf
from pages.parts.data.shelf import Painting
from vision_core.data.library import add_shelf, import_dataset
from vision_core.duel.examples import EXAMPLE
from vision_core.duel.folder import DuelFolder, create_duel, duels_folder
from vision_core.duel.plan import FIGURE_OF, WORDS, DuelPlan
from vision_core.duel.story import labelling_chart, story
from vision_core.errors import DataError
from vision_core.run_folder import create_run
from vision_core.training.config import make_config
from vision_core.training.pulse import identity
from vision_core.whats_next import look_around, next_step

HOME = str(Path(__file__).parent.parent / "app.py")


def home() -> AppTest:
    app = AppTest.from_file(HOME, default_timeout=120).run()
    assert not app.exception, app.exception
    return app


def told(app: AppTest) -> str:
    return "\n".join(str(item.value) for item in (*app.markdown, *app.caption))


def mine(folder: Path) -> DuelFolder:
    from tests.training_processes import paint_boxed

    dataset = import_dataset(paint_boxed(folder / "photos", train=12), "Photos")
    return create_duel(DuelPlan(data=dataset.id))


def test_an_empty_workspace_is_told_to_bring_pictures() -> None:
    state = look_around()
    assert (state.own_data, state.runs, state.duels, state.at_work) == ({}, 0, {}, ())
    assert next_step(state).page == "pages/2_Data.py"
    add_shelf(2)
    assert next_step(look_around()).page == "pages/2_Data.py", "Fashion Shelf is nobody's own"


def test_the_next_step_follows_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.training_processes import paint_boxed

    dataset = import_dataset(paint_boxed(tmp_path / "photos", train=12), "Photos")
    step = next_step(look_around())
    assert (step.page, step.address) == ("pages/6_Decide.py", {"show": "New duel", "data": dataset.id})
    with monkeypatch.context() as patch:
        patch.setattr("vision_core.data.library._now", lambda: "2999-01-01T00:00:00+00:00")
        newer = import_dataset(tmp_path / "photos", "Another")
    assert next_step(look_around()).address["data"] == newer.id, "the newest, whatever it is called"
    duel = create_duel(DuelPlan(data=dataset.id))
    duel.files.write("status.json", {"state": "failed", "error": "out of memory"})
    assert "failed" in next_step(look_around()).sentence
    duel.files.write("status.json", {"state": "finished"})
    assert "has an answer" in next_step(look_around()).sentence
    assert next_step(look_around()).address == {"duel": duel.path.name}
    run = create_run(make_config("Photos", "detection", "yolov9t"), "Mine")
    import time

    run.write("status.json", {"state": "running", "heartbeat": time.time(), **identity()})
    state = look_around()
    assert [(one.kind, one.name, one.address) for one in state.at_work] == [("run", "Mine", {"run": run.path.name})]
    assert "Mine" in next_step(state).sentence


def test_home_has_three_doors_and_says_what_goes_on(tmp_path: Path) -> None:
    duel = mine(tmp_path)
    duel.files.write("status.json", {"state": "failed", "error": "x"})
    words = told(home())
    for door in ("Explore a photo", "Decide with your own data", "Teach"):
        assert door in words
    assert "failed" in words
    assert "Nothing is going on" in words


def result() -> dict[str, Any]:
    """As a duel has it, with two contenders."""

    def one(task: str, title: str, count: float | None, presence: float, boxes: int, latency: float) -> dict[str, Any]:
        figures = {"presence_ap": presence, "presence_f1": 0.5, "count_mae": count, "pointing": 0.5, "ap50": None}
        return {
            "task": task,
            "title": title,
            "figures": figures,
            "intervals": {name: [value - 0.01, value + 0.01] for name, value in figures.items() if value is not None},
            "unanswered": {"count_mae": "It says what, not how many."} if count is None else {},
            "costs": {"latency_ms_p50": latency},
            "labels": {"pictures": 40, "labels": 0 if boxes else 90, "boxes": boxes, "hours": 1.25},
            "runs": [],
        }

    return {
        "question": "count",
        "pictures": 43,
        "data": "Fashion [Shelf](x)",
        "made_at": "2026-11-24T00:00:00+00:00",
        "contenders": [
            one("classification", "Classification", None, 0.7, 0, 20.0),
            one("detection", "Detection", 0.4, 0.8, 300, 60.0),
        ],
        "curves": {},
        "verdict": {"sentence": "Choose detection."},
    }


def test_the_story_tells_the_duels_own_numbers() -> None:
    scenes = story(result())
    assert [scene.shows for scene in scenes] == ["picture", "labels", "answers", "curves", "costs", "verdict"]
    words = {scene.shows: " ".join(scene.words) for scene in scenes}
    assert "43 pictures" in words["picture"]
    assert "90 ticks" in words["labels"]
    assert "300 boxes" in words["labels"]
    assert "It says what, not how many." in words["answers"]
    assert "3.0 times as long" in words["costs"]
    assert words["verdict"].startswith("Choose detection.")
    bars: Any = labelling_chart(result()).data[0]
    assert list(bars.x) == [1.25, 1.25]
    for question, figure in FIGURE_OF.items():
        told = story(result() | {"question": question})
        assert WORDS[question] in told[2].title
        assert figure
    with pytest.raises(DataError, match="no result yet"):
        story({})


def test_the_tour_leads_through_all_scenes_and_ends() -> None:
    from vision_core.duel.examples import EXAMPLE

    duel = DuelFolder.create(Path(create_duel(DuelPlan(data="x")).path.parent / EXAMPLE.name), DuelPlan(data="x"))
    duel.files.write("result.json", result())
    app = home()
    app.button(key="tour_start").click().run()
    for scene in story(result()):
        words = told(app)
        assert scene.title.replace(",", "") in re.sub(r"[\\,]", "", words)
        if scene.shows == "labels":
            assert "](x)" not in words, "a data set's name is no link"
        if scene.shows != "verdict":
            app.button(key="tour_next").click().run()
    assert not [button for button in app.button if button.key == "tour_next"]
    app.button(key="tour_end").click().run()
    assert "Scene" not in told(app)
    assert json.loads((duel.path / "result.json").read_text())["verdict"]["sentence"] == "Choose detection."


def test_the_first_visit_begins_to_paint_the_pictures_that_the_tour_comes_with(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Painting] = []

    def painting() -> Painting:
        asked.append(Painting(scenes=300, done=30))
        return asked[-1]

    monkeypatch.setattr(shelf, "painting", painting)
    app = home()
    assert len(asked) == 1
    assert any("30 of 300 scenes" in str(bar.proto.text) for bar in app.get("progress"))


def test_a_damaged_example_leaves_the_rest_of_the_page_as_it_is() -> None:
    folder = DuelFolder.create(duels_folder() / EXAMPLE.name, DuelPlan(data="shelf"))
    (folder.path / "result.json").write_text("{", encoding="utf-8")
    assert "Explore a photo" in told(home())
