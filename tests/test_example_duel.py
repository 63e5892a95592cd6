"""The duel that comes with the project: there on first start, really fought, small, without a trace of its machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from vision_core.data.library import Dataset, add_shelf
from vision_core.duel.again import decide, yardsticks
from vision_core.duel.examples import EXAMPLE, install_example_duel
from vision_core.duel.fight import fight
from vision_core.duel.folder import DuelFolder, list_duels
from vision_core.duel.shown import answers_to_one
from vision_core.duel.story import story
from vision_core.run_folder import BEST, list_run_folders
from vision_core.training.examples import install_examples


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATWHERE_HOME", str(tmp_path_factory.mktemp("home")))
        return add_shelf(300)


@pytest.fixture(autouse=True)
def home(shelf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATWHERE_HOME", str(shelf.folder.parent.parent))


def test_it_is_there_once_with_its_runs_and_a_removed_one_stays_removed(shelf: Dataset) -> None:
    install_examples(shelf)
    duel = install_example_duel(shelf)
    assert duel is not None
    assert [one.path for one in list_duels()] == [duel.path]
    assert set(duel.runs()) == {"pictures-100", "boxes-100", "crops-100"}
    assert len(list_run_folders()) == 5
    result = duel.result()
    assert (result["out"], result["state"]) == (str(duel.path), "finished")
    for one in result["contenders"]:
        assert one["costs"]["latency_ms_p50"] > 0
        assert all((Path(run) / BEST).is_file() for run in one["runs"])
    assert fight(duel) == result, "nothing of it is done again"
    shutil.rmtree(duel.path)
    assert install_example_duel(shelf) is None
    assert list_duels() == []
    (duel.path.parent / ".example").unlink()
    assert install_example_duel(shelf) is not None


def test_its_figures_and_verdict_follow_from_what_its_networks_said(shelf: Dataset) -> None:
    install_example_duel(shelf)
    duel = DuelFolder.open(list_duels()[0].path)
    sticks, result = yardsticks(duel), duel.result()
    for one in result["contenders"]:
        for name, value in one["figures"].items():
            assert sticks[one["task"]].figures[name] == (value if value is None else pytest.approx(value, abs=1e-12))
    verdict = decide(duel, sticks)
    assert (verdict.task, verdict.sentence) == (result["verdict"]["task"], result["verdict"]["sentence"])


def test_its_curves_rise_with_the_labels_and_it_tells_a_story_with_pictures(shelf: Dataset) -> None:
    install_example_duel(shelf)
    duel = list_duels()[0]
    for curve in duel.result()["curves"].values():
        found = [point["figures"]["presence_ap"] for point in curve["points"]]
        assert [point["share"] for point in curve["points"]] == [0.1, 0.25, 0.5, 1.0]
        assert found[-1] > found[0] + 0.05
    assert len(story(duel.result())) == 6
    views = answers_to_one(duel)
    assert [view.title for view in views] == ["What is there", "Classification", "Detection", "Detect-then-classify"]
    assert all(view.jpeg.startswith(b"\xff\xd8") for view in views)
    assert np.unique([view.jpeg for view in views]).size == 4
    assert "x " in views[0].words


def test_it_is_small_and_tells_nothing_of_the_machine_it_was_fought_on() -> None:
    assert sum(file.stat().st_size for file in EXAMPLE.rglob("*") if file.is_file()) < 22e6
    texts = [file.read_text(encoding="utf-8") for file in EXAMPLE.rglob("*.json*")]
    for file in EXAMPLE.rglob("*.safetensors"):
        with safe_open(file, "numpy") as tensors:
            texts.append(json.dumps(tensors.metadata()))
    for text in texts:
        assert "/tmp" not in text
        assert "/home" not in text
        assert '"host"' not in text
