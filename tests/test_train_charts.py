"""Charts of runs, and what a list knows of them: every trace named, in units, whatever the histories hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vision_core.run_folder import RunFolder
from vision_core.training import charts, lesson
from vision_core.training.charts import Curve
from vision_core.training.config import TrainConfig, make_config
from vision_core.training.finder import Finder
from vision_core.training.overview import (
    duration,
    known_speeds,
    metric_help,
    metric_title,
    money,
    overview,
    overviews,
    read_history,
    read_log,
)

HOSTILE = "<b>$x$ %{y} & a name that no legend on any phone would ever have room for"


def record(epoch: int, figure: float, **more: Any) -> dict[str, Any]:
    """What the loop yields after an epoch."""
    return {
        "epoch": epoch,
        "train": {"loss": 2 / epoch},
        "val": {"loss": 3 / epoch},
        "metrics": {"top1": figure, "f1_macro": figure / 2},
        "monitor": "top1",
        "best": True,
        "learning_rate": 1e-3 / epoch,
        "frozen": False,
        "images_per_second": 40.0 + epoch,
        "data_wait": 0.02,
        "seconds": 2.0,
        "peak_memory_bytes": 1_500_000_000,
        "events": [],
    } | more


HISTORY = [record(1, 0.4), record(2, 0.6), record(3, 0.55, best=False)]


def config(**changes: Any) -> TrainConfig:
    return make_config("photos", "classification", "resnet18", **changes)


def written(path: Path, history: list[dict[str, Any]], status: dict[str, Any], parent: str = "", **changes: Any) -> Any:
    run = RunFolder.create(path, config(**changes), path.name, parent)
    run.write_lines("metrics.jsonl", history)
    run.write("status.json", status)
    return run


def test_training_is_dotted_validation_solid() -> None:
    figure: Any = charts.losses([Curve("mine", HISTORY)])
    assert [(trace.name, trace.line.dash) for trace in figure.data] == [("training", "dot"), ("validation", "solid")]
    assert list(figure.data[1].y) == [3, 1.5, 1]
    assert figure.layout.xaxis.title.text == "epoch"
    assert figure.layout.yaxis.title.text == "loss"


def test_the_metric_is_in_percent_and_the_kept_epoch_has_a_ring() -> None:
    figure: Any = charts.metric([Curve("mine", HISTORY)], "top1", "classification")
    assert list(figure.data[0].y) == pytest.approx([40, 60, 55])
    ring = figure.data[1]
    assert (list(ring.x), list(ring.y), ring.marker.symbol) == ([2], [60], "circle-open")
    assert figure.layout.yaxis.title.text == "Accuracy (top 1), %"


def test_a_run_keeps_its_colour_while_another_has_no_record() -> None:
    alone: Any = charts.losses([Curve("waiting", []), Curve("mine", HISTORY)])
    together: Any = charts.losses([Curve("waiting", HISTORY), Curve("mine", HISTORY)])
    assert alone.data[0].line.color == together.data[2].line.color
    assert alone.data[0].name == "mine"
    assert [trace.showlegend for trace in together.data] == [False, True, False, True]


def test_a_small_gain_does_not_fill_the_axis() -> None:
    figure: Any = charts.metric([Curve("mine", [record(1, 0.90), record(2, 0.91)])], "top1", "classification")
    low, high = figure.layout.yaxis.range
    assert high - low >= 14
    assert low < 90
    assert 91 < high <= 102


@pytest.mark.parametrize(("longest", "step"), [(1, 1), (10, 1), (11, 2), (30, 5), (100, 10), (900, 100)])
def test_ticks_are_whole_epochs_and_few(longest: int, step: int) -> None:
    figure: Any = charts.learning_rate([Curve("mine", [record(epoch, 0.5) for epoch in range(1, longest + 1)])])
    assert figure.layout.xaxis.dtick == step


@pytest.mark.parametrize(
    "draw", [charts.losses, charts.learning_rate, charts.speed, charts.data_wait, charts.memory, charts.device_use]
)
def test_nothing_to_draw_is_said(draw: Any) -> None:
    figure: Any = draw([Curve("mine", [])])
    assert not figure.data
    assert "first epoch" in figure.layout.annotations[0].text.replace("<br>", " ")


def test_no_gpu_no_curve() -> None:
    assert not charts.device_use([Curve("mine", HISTORY)]).data
    busy: Any = charts.device_use([Curve("mine", [record(1, 0.5, gpu_share=0.9)])])
    assert busy.data[0].y == (90,)


def test_names_are_escaped_and_cut() -> None:
    figure: Any = charts.losses([Curve(HOSTILE, HISTORY), Curve("b", HISTORY)])
    assert "<b>" not in figure.data[0].name
    assert len(figure.data[0].name) < 80
    bars: Any = charts.class_counts([(HOSTILE, 3), ("cat", 5)])
    assert bars.data[0].customdata[0] == ["cat"]
    assert "<b>" not in bars.data[0].customdata[1][0]


def test_curves_of_one_name_differ_in_the_legend() -> None:
    long = "EfficientNet-Lite0 on Fashion Shelf"
    runs = [Curve(name, HISTORY) for name in (f"{long}, instant", f"{long}, balanced", "twin", "twin", "short")]
    for figure in (charts.losses(runs), charts.metric(runs, "top1", "classification"), charts.speed(runs)):
        legend = [trace.name for trace in figure.data if trace.showlegend is not False]  # type: ignore[attr-defined]
        assert legend == [
            "EfficientNet-L… Shelf, instant",
            "EfficientNet-L…Shelf, balanced",
            "twin (1)",
            "twin (2)",
            "short",
        ]


def test_a_slow_network_has_a_plain_speed() -> None:
    figure: Any = charts.speed([Curve("slow", [record(1, 0.5, images_per_second=0.5)])])
    assert ".3~s" not in figure.data[0].hovertemplate, "0.5 would be 500m"


def test_a_metric_is_called_by_its_task() -> None:
    assert metric_title("map", "detection") == "AP (COCO)"
    assert metric_title("map", "classification") == "Mean AP over labels"
    assert metric_title("new", "detection") == "new"
    names = ("top1", "f1_macro", "f1_micro", "ece", "map", "map50", "map75", "map_small", "ar100")
    helps = [metric_help(name, task) for name in names for task in ("classification", "detection")]
    assert all(said.endswith(".") for said in helps)
    assert len(set(helps)) == len(names) + 1
    figure: Any = charts.metric([Curve("mine", [record(1, 0.4, metrics={"map": 0.2})])], "map", "classification")
    assert figure.layout.yaxis.title.text == "Mean AP over labels, %"


@pytest.mark.parametrize(("usd", "said"), [(0, "0.00"), (0.002, "under 0.01"), (0.126, "0.13"), (1234.5, "1,234.50")])
def test_money_is_in_plain_digits(usd: float, said: str) -> None:
    assert money(usd) == said


def test_rare_classes_are_left_out_and_that_is_said() -> None:
    figure: Any = charts.class_counts([(f"class {number}", number) for number in range(40)])
    assert len(figure.data[0].x) == 30
    assert "10 rarer" in figure.layout.xaxis.title.text


def test_the_search_marks_its_suggestion() -> None:
    found = Finder((1e-5, 1e-4, 1e-3, 1e-2), (2.3, 2.0, 1.5, 9.0), 3e-4)
    figure: Any = charts.search(found)
    assert figure.layout.xaxis.type == "log"
    assert "0.0003" in figure.layout.annotations[0].text
    assert figure.layout.annotations[0].x == pytest.approx(-3.52, abs=0.01), "a logarithmic axis: powers of ten"
    assert figure.layout.yaxis.range[1] < 9, "what explodes must not flatten the rest"


def test_an_overview_tells_best_and_share(tmp_path: Path) -> None:
    run = written(tmp_path / "mine", HISTORY, {"state": "finished", "epochs": 12, "epoch": 4, "step": 5, "steps": 10})
    one = overview(run)
    assert (one.best, one.best_epoch, one.monitor) == (0.6, 2, "top1")
    assert one.share == pytest.approx(3.5 / 12)
    assert one.seconds == 6
    assert not one.has_weights
    run.write("evaluation.json", {"split": "test", "metrics": {"top1": 0.5}, "images": 1234})
    assert overview(run).tested == "Accuracy (top 1) 50.0% on 1,234 pictures that it never saw."


def test_a_history_is_read_again_when_it_grows(tmp_path: Path) -> None:
    run = written(tmp_path / "mine", HISTORY[:1], {"state": "finished"})
    assert read_history(run) is read_history(run)
    run.write_lines("metrics.jsonl", HISTORY)
    assert len(read_history(run)) == 3


def test_a_damaged_run_is_left_out(tmp_path: Path) -> None:
    good = written(tmp_path / "good", HISTORY, {"state": "finished"})
    bad = written(tmp_path / "bad", HISTORY, {"state": "finished"})
    (bad.path / "status.json").write_text("{", encoding="utf-8")
    assert [one.run for one in overviews([bad, good])] == [good]


def test_speeds_are_of_whole_networks(tmp_path: Path) -> None:
    frozen = written(tmp_path / "frozen", [record(1, 0.5, frozen=True, images_per_second=9e3)], {"state": "finished"})
    whole = written(tmp_path / "whole", HISTORY, {"state": "finished"})
    assert known_speeds(overviews([frozen])) == {}
    assert known_speeds(overviews([frozen, whole])) == {"resnet18": 43}


def test_the_log_is_cut_at_a_line(tmp_path: Path) -> None:
    run = written(tmp_path / "mine", [], {})
    assert read_log(run) == ""
    (run.path / "log.txt").write_text("".join(f"line {n}\n" for n in range(100)), encoding="utf-8")
    assert read_log(run, 20).splitlines() == ["line 98", "line 99"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0.2, "1 s"), (80, "80 s"), (600, "10 min"), (7300, "2 h 2 min")]
)
def test_durations(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_the_lesson_changes_only_start_and_share() -> None:
    asked = config(preset="balanced", epochs=7, seed=3, patience=4)
    runs = lesson.lesson(asked)
    assert [lesson.title(run) for run in runs] == [
        "Transfer, all pictures",
        "From scratch",
        "Transfer, 50% of the pictures",
        "Transfer, 25% of the pictures",
        "Transfer, 10% of the pictures",
    ]
    assert {(run.model, run.seed, run.epochs, run.patience, run.batch_size) for run in runs} == {
        ("resnet18", 3, 7, 0, asked.batch_size)
    }
    assert (runs[1].frozen_epochs, runs[1].layer_decay, runs[1].views) == (0, 1.0, 0)
    assert runs[0].layer_decay == asked.layer_decay


def test_the_lesson_of_an_instant_run_trains_all_of_the_network_from_scratch() -> None:
    asked = config(preset="instant", epochs=9, seed=3)
    transfer, scratch, *_ = runs = lesson.lesson(asked)
    assert [run.views for run in runs] == [4, 0, 4, 4, 4]
    usual = config(preset="balanced", start="scratch")
    for name in ("learning_rate", "weight_decay", "batch_size"):
        assert getattr(transfer, name) == getattr(asked, name)
        assert getattr(scratch, name) == getattr(usual, name) != getattr(asked, name)
    assert (scratch.epochs, scratch.patience, scratch.seed) == (9, 0, 3)
    assert lesson.lesson(asked.changed(batch_size=5))[1].batch_size == 5, "what was chosen stays"


def test_runs_of_one_lesson_find_each_other(tmp_path: Path) -> None:
    parent = f"{lesson.MARK}1"
    made = [
        written(tmp_path / str(number), HISTORY, {"state": "finished"}, parent, **changes)
        for number, changes in enumerate(({"data_fraction": 0.1}, {"start": "scratch"}, {}))
    ]
    other = written(tmp_path / "other", HISTORY, {"state": "finished"})
    every = overviews([*made, other])
    assert [mate.record.id for mate in lesson.mates(every[0], every)] == ["2", "1"]
    assert lesson.mates(every[3], every) == []
    assert lesson.summary(every[:3]) == (
        "Accuracy (top 1) at its best: transfer with all pictures 60%, from scratch 60%, with 10% of them 60%."
    )
    assert lesson.summary(every[:1]) == ""
    assert json.loads((made[0].path / "config.json").read_text())["parent"] == parent
