"""The Train page's form: what it makes of starts, earlier runs, prices and data; and runs that look alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pages.parts.train import form, models, runs, start, watch
from tests import test_train_page as shared
from tests.test_data_page import click, said, seen, select, words
from tests.test_library import picture
from tests.test_train_charts import record
from tests.test_train_page import OpenPage, config, last_config, written
from vision_core.costs.prices import user_prices_path
from vision_core.data.library import Dataset, add_shelf, add_version, list_datasets
from vision_core.run_folder import BEST, RunFolder, discard_run, list_run_folders
from vision_core.training.estimate import Estimate
from vision_core.training.overview import overview, overviews

page, shelf = shared.page, shared.shelf


def learned(run: RunFolder) -> RunFolder:
    """The run with weights to go on from."""
    (run.path / BEST).parent.mkdir()
    (run.path / BEST).write_bytes(b"")
    return run


def test_a_folder_is_looked_at_once_and_the_form_goes_on(page: OpenPage, shelf: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    for number in range(48):
        split, name = ("train", "test")[number % 4 == 0], ("cat", "dog")[number % 2]
        picture(folder / split / name / f"{number}.png", number)
    app = page(config(shelf).changed(data=str(folder)))
    assert "to learn from" in words(app)
    for _ in range(2):
        assert "to learn from" in words(seen(app.run()))


def test_runs_of_one_name_are_told_apart(page: OpenPage, shelf: Dataset) -> None:
    first, second = (learned(written(config(shelf), "twin", "finished")) for _ in range(2))
    app = page(config(shelf, start=str(first.path)))
    options = select(app, "Go on from").options
    assert len(set(options)) == 2
    assert all(name.startswith("twin · ") for name in options)
    seen(select(app, "Go on from").set_value(str(second.path)).run())
    click(app, "Train$")
    assert last_config()["start"] == str(second.path)
    third = written(config(shelf), "other", "finished")
    app = page(show="Runs", run=third.path.name)
    assert {f"twin · {run.path.name}" for run in (first, second)} < set(app.multiselect[0].options)
    assert runs.labels(overviews([first, third])) == {first.path.name: "twin", third.path.name: "other"}


def test_runs_of_a_lesson_say_what_they_learn(page: OpenPage) -> None:
    large = add_shelf(40, seed=3)
    click(page(config(large, preset="balanced", epochs=2, labels_from="presence")), "Queue the five runs")
    names = {run.record().name for run in list_run_folders()}
    assert f"From scratch: EfficientNet-Lite0 on {large.name}" in names
    assert len(names) == 5


def test_a_lesson_is_queued_whole_or_not_at_all(page: OpenPage, shelf: Dataset) -> None:
    app = click(page(config(shelf, preset="balanced", epochs=2)), "Queue the five runs")
    assert said(app.error[0]).startswith("Transfer, 10% of the pictures: There are 1 labelled pictures")
    assert not list_run_folders()


def test_another_start_brings_its_own_numbers(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    usual, whole = (config(shelf, preset="instant", start=kind) for kind in ("pretrained", "scratch"))
    assert (usual.learning_rate, whole.learning_rate) == (1e-2, 1e-3), "a head's, and a whole network's"
    for kind, wanted in ((form.SCRATCH, whole), (form.PRETRAINED, usual), (form.SCRATCH, whole)):
        seen(app.button_group(key="train_start").set_value(kind).run())
        shown = app.number_input(key="train_epochs").value, app.number_input(key="train_rate").value
        assert shown == (wanted.epochs, wanted.learning_rate)
    click(app, "Train$")
    assert {name: last_config()[name] for name in whole.to_json()} == whole.to_json()


def test_what_was_typed_stays_with_another_start(page: OpenPage, shelf: Dataset) -> None:
    app = page()
    seen(app.number_input(key="train_epochs").set_value(77).run())
    seen(app.button_group(key="train_start").set_value(form.SCRATCH).run())
    assert app.number_input(key="train_epochs").value == 77


def test_a_clone_takes_the_next_networks_own_size(page: OpenPage, shelf: Dataset) -> None:
    run = written(config(shelf, preset="balanced", batch_size=6), "mine", "finished")
    run.extend_config(input_size_px=224)  # as a run writes down once it has started
    app = click(page(show="Runs"), "Clone with changes")
    assert app.session_state["train_overrides"] == {"batch_size": 6}
    run.extend_config(input_size_px=160)
    app = click(page(show="Runs"), "Clone with changes")
    assert app.session_state["train_overrides"] == {"batch_size": 6, "input_size_px": 160}


def test_only_runs_alike_tell_what_a_network_can_reach(shelf: Dataset) -> None:
    def reached(**about: Any) -> str:
        run = written(config(shelf, preset="balanced"), "mine", "finished")
        run.extend_config(**about)
        alike = models._alike("classification", overviews([run]), (shelf.id, shelf.name), "auto")
        return models._reached(models.get_spec("tf_efficientnet_lite0"), alike)

    assert reached() == "Accuracy (top 1) 60.0% on these pictures"
    for about in ({"data_fraction": 0.1}, {"labels_from": "crops"}, {"example": True}, {"data": "other"}):
        assert reached(**about) == ""
    several = written(config(shelf), "several", "finished")
    several.write_lines("metrics.jsonl", [record(1, 0.9, monitor="map", metrics={"map": 0.9})])
    found = overviews([written(config(shelf), "one", "finished"), several])
    alike = models._alike("classification", found, (shelf.id,), "auto")
    assert [one.record.name for one in alike] == ["one"], "as the newest run is judged"


def test_an_example_says_that_another_machine_trained_it(page: OpenPage, shelf: Dataset) -> None:
    run = written(config(shelf), "mine", "finished")
    assert "Pictures/s" in {metric.label for metric in page(show="Runs").metric}
    run.extend_config(example=True, environment={"device": "A big GPU"})
    app = page(show="Runs")
    assert not {metric.label for metric in app.metric} & {"Pictures/s", "Waiting for data", "Memory, GB", "Time"}
    assert "Trained on another machine (A big GPU)" in words(app)


def test_the_rate_of_a_run_that_is_over_is_the_one_it_was_told(page: OpenPage, shelf: Dataset) -> None:
    written(config(shelf, preset="balanced", learning_rate=0.25), "mine", "finished")
    figures = {metric.label: metric.value for metric in page(show="Runs").metric}
    assert figures["Learning rate"] == "0.25"


def test_first_weights_bring_their_buttons(shelf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = written(config(shelf), "mine", "running")
    known = overview(run)
    learned(run)

    class Again(Exception):
        pass

    def rerun() -> None:
        raise Again

    monkeypatch.setattr(watch.st, "rerun", rerun)
    with pytest.raises(Again):
        watch._live(known, known.record.state)


def test_an_estimate_is_of_one_version_of_the_data(shelf: Dataset) -> None:
    asked = start._asked(config(shelf))
    assert asked == start._asked(config(shelf))
    index = shelf.index()
    add_version(shelf, "again", lambda folder: index)
    assert list_datasets()[0].versions[-1].number == 2
    assert asked != start._asked(config(shelf))


@pytest.mark.parametrize(
    ("changes", "speed"),
    [
        ({"preset": "balanced"}, True),
        ({"preset": "instant"}, False),
        ({"preset": "balanced", "epochs": 1, "frozen_epochs": 1}, False),
        ({"preset": "balanced", "input_size_px": 96}, False),
        ({"preset": "balanced", "input_size_px": 224}, True),
    ],
)
def test_only_the_whole_network_tells_its_speed(
    page: OpenPage, shelf: Dataset, changes: dict[str, Any], speed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Estimate(7200, 240, 1234.5, 2_300_000_000)
    monkeypatch.setattr("vision_core.training.estimate.estimate", lambda config, progress=None: found)
    app = click(page(config(shelf, **changes)), "Estimate before starting")
    assert ("trains 1,234 pictures/s here" in words(app)) == speed


def test_broken_prices_leave_the_button(page: OpenPage, shelf: Dataset) -> None:
    user_prices_path().write_text("prices: [", encoding="utf-8")
    app = page()
    assert any("prices" in said(error) for error in app.error)
    click(app, "Train$")
    assert last_config()["data"] == shelf.id


def test_a_damaged_run_in_the_trash_can_be_seen(page: OpenPage, shelf: Dataset) -> None:
    kept, broken = (written(config(shelf), name, "finished") for name in ("kept", "broken"))
    gone = discard_run(broken)
    (gone / "status.json").write_text("{", encoding="utf-8")
    app = page(show="Runs", run=kept.path.name)
    assert any(item.label.startswith("Restore") for item in app.button)
    assert any(item.label == "Delete" for item in app.button)


def test_a_link_to_a_run_that_is_gone_says_so(page: OpenPage, shelf: Dataset) -> None:
    written(config(shelf), "mine", "finished")
    app = page(show="Runs", run="20200101-gone")
    assert "The run 20200101-gone of this address is not here any more" in words(app).replace("\\", "")
    assert "not here any more" not in words(page(show="Runs"))


def test_what_was_never_saved_starts_over(page: OpenPage, shelf: Dataset) -> None:
    run = written(config(shelf), "mine", "running")
    run.write("status.json", run.read("status.json") | {"pid": 2**22 + 1})
    app = page(show="Runs")
    assert "Start over trains it anew" in words(app)
    assert any(item.label == "Start over" for item in app.button)


def test_every_card_has_a_button_of_its_own(page: OpenPage, shelf: Dataset) -> None:
    labels = [item.label for item in page().button if (item.key or "").startswith("choose_")]
    assert len(labels) == len(set(labels)) > 2


def test_charts_tell_their_last_value(shelf: Dataset) -> None:
    one = overview(written(config(shelf), "mine", "finished"))
    assert watch._last(one, "metrics", "top1", say="{:.1%}".format) == "; 55.0% after the last one"
    assert watch._last(one, "val", "nothing", say=str) == watch._last(one, "a", "b", say=str) == ""
