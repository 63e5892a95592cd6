"""Figures of an evaluation: the right numbers, cells and bars that can be clicked, and names that stay text."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from tests.answered_pictures import detected
from tests.test_charts import HOSTILE, strings
from vision_core.evaluation import box_charts, comparison_charts, confusion_charts, curve_charts, interval_charts
from vision_core.evaluation.curve_charts import Line, Mark
from vision_core.evaluation.detection import coco_scores
from vision_core.evaluation.interval_charts import Bar
from vision_core.evaluation.tide import break_down

COUNTS = np.array([[5, 1, 0], [0, 4, 2], [0, 0, 3]])


def test_every_cell_of_a_confusion_matrix_can_be_clicked_and_says_what_it_is() -> None:
    figure: Any = confusion_charts.confusion(COUNTS, ["cup", "fork", "pan"])
    cells = figure.data[1]
    assert [list(each) for each in cells.customdata] == [[a, b] for a in range(3) for b in range(3)]
    assert list(zip(cells.y, cells.x, strict=True)) == [(a, b) for a in range(3) for b in range(3)]
    assert "truth “fork”, answer “pan”:<br>2 of 6 (33.3 %)" in cells.hovertext
    shown = sorted(note.text for note in figure.layout.annotations)
    assert shown == ["1", "2", "3", "4", "5"]


def test_shares_are_of_the_row() -> None:
    figure: Any = confusion_charts.confusion(COUNTS, ["cup", "fork", "pan"], of_row=True)
    assert figure.data[0].z[1] == pytest.approx([0, 4 / 6, 2 / 6])
    assert "33 %" in [note.text for note in figure.layout.annotations]


def test_of_many_classes_the_most_mistaken_are_kept_with_their_own_numbers() -> None:
    counts = np.diag(np.full(60, 9))
    counts[58, 3] = 7
    kept = confusion_charts.most_mistaken(counts)
    assert len(kept) == 30
    assert {3, 58, 59} <= set(kept.tolist())
    figure: Any = confusion_charts.confusion(counts, [f"class {n}" for n in range(60)])
    assert [58, 3] in [list(each) for each in figure.data[1].customdata]
    assert "30 classes with fewer mistakes are left out" in figure.layout.xaxis.title.text


def test_lines_differ_by_dash_and_marks_say_what_they_are() -> None:
    x = np.array([0.0, 0.5, 1.0])
    figure: Any = curve_charts.lines(
        [Line("a", x, x), Line("b", x, 1 - x)], ("recall", "precision"), [Mark(0.4, "best: 0.40")]
    )
    assert list(figure.data[0].x) == [0, 50, 100]
    assert figure.data[0].line.dash != figure.data[1].line.dash
    assert figure.layout.shapes[0].x0 == pytest.approx(40)
    assert figure.layout.annotations[0].text == "best: 0.40"


def test_reliability_leaves_empty_bins_out() -> None:
    figure: Any = curve_charts.reliability(
        np.array([np.nan, 0.7]),
        np.array([np.nan, 0.6]),
        np.array([0, 9]),
        (np.array([0.3, 0.7]), np.array([np.nan, 0.65])),
    )
    assert list(figure.data[0].y) == pytest.approx([60])
    assert list(figure.data[1].y) == pytest.approx([65])


def test_a_row_that_cannot_say_is_never_a_zero() -> None:
    figure: Any = interval_charts.intervals([Bar("a", 0.5, 0.4, 0.7), Bar("b", None, says="no boxes")], "AP (%)", 0.45)
    assert list(figure.data[0].x) == [50]
    assert list(figure.data[0].error_x.array) == pytest.approx([20])
    assert list(figure.data[0].error_x.arrayminus) == pytest.approx([10])
    assert [note.text for note in figure.layout.annotations] == ["a  <b>50 %</b>", "b  <b>cannot say</b>"]
    assert figure.layout.annotations[1].hovertext == "b: no boxes"


def test_damage_starts_at_the_clean_figure() -> None:
    figure: Any = curve_charts.by_severity({"blur": [0.5, 0.4], "noise": [0.6, 0.1]}, 0.8, "AP")
    assert [list(line.y) for line in figure.data] == [[80, 50, 40], [80, 60, 10]]
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol


def test_bars_of_errors_are_what_tide_says() -> None:
    report = break_down(detected(seed=3))
    figure: Any = box_charts.error_bars(report)
    said = {name[0]: value for name, value in zip(figure.data[0].customdata, figure.data[0].x, strict=True)}
    for kind, gain in report.gains.items():
        if gain is not None:
            assert said[str(kind)] == pytest.approx(100 * gain)
    assert said["false_positives"] == pytest.approx(100 * report.false_positives)


def test_a_size_without_objects_says_so() -> None:
    rows = coco_scores(detected(seed=3)).by_size()
    figure: Any = box_charts.by_size(rows, "map", "AP")
    missing = sum("map" not in row for row in rows)
    assert len(figure.layout.annotations) == missing
    assert len(figure.data[0].x) == len(rows) - missing


def test_classes_where_runs_differ_most_come_first() -> None:
    values = {"one": np.array([0.5, 0.9, np.nan]), "two": np.array([0.6, 0.2, np.nan])}
    figure: Any = comparison_charts.by_class(values, ["a", "b", "c"], "AP (%)")
    assert list(figure.layout.yaxis.ticktext) == ["b", "a"]
    assert list(figure.data[0].x) == pytest.approx([90, 50])
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol


@pytest.mark.parametrize(
    ("places", "sides"),
    [((0.2, 0.5), ["left", "left"]), ((0.5, 0.31), ["left", "right"]), ((0.1, 0.9), ["left", "right"])],
)
def test_no_mark_crosses_the_text_of_another(places: tuple[float, float], sides: list[str]) -> None:
    x = np.array([0.0, 1.0])
    figure: Any = curve_charts.lines([Line("a", x, x)], ("x", "y"), [Mark(place, f"at {place}") for place in places])
    assert [note.xanchor for note in figure.layout.annotations] == sides


def test_runs_on_one_class_stand_beside_each_other_with_their_intervals() -> None:
    values = {"one": np.array([0.5, 0.9]), "two": np.array([0.6, 0.2])}
    ends = {"one": np.array([[0.4, 0.7], [np.nan, np.nan]]), "two": np.array([[0.55, 0.65], [0.1, 0.4]])}
    figure: Any = comparison_charts.by_class(values, ["a", "b"], "AP (%)", ends=ends)
    first, second = figure.data
    assert list(figure.layout.yaxis.ticktext) == ["b", "a"]
    assert list(first.error_x.array) == pytest.approx([0, 20])
    assert list(first.error_x.arrayminus) == pytest.approx([0, 10])
    assert list(second.error_x.array) == pytest.approx([20, 5])
    assert list(first.hovertext) == ["“b”: ", "“a” (95 %: 40 to 70 %): "]
    assert all(one < row < other for row, one, other in zip(range(2), first.y, second.y, strict=True))


def test_yes_and_no_of_each_class_can_be_clicked() -> None:
    figure: Any = confusion_charts.label_counts(
        np.array([[4, 1, 2], [3, 0, 0]]), ["a", "b"], ["right", "wrong", "missed"]
    )
    assert [list(bar.x) for bar in figure.data] == [[4, 3], [1, 0], [2, 0]]
    assert [list(each) for each in figure.data[1].customdata] == [[0, 1], [1, 1]]


def test_nothing_is_said_in_words() -> None:
    nothing = np.zeros((2, 2), int)
    for figure in (
        confusion_charts.confusion(nothing, ["a", "b"]),
        curve_charts.lines([], ("x", "y")),
        interval_charts.intervals([], "x"),
        curve_charts.by_severity({}, 0.5, "AP"),
        curve_charts.reliability(np.full(2, np.nan), np.full(2, np.nan), np.zeros(2, int)),
        comparison_charts.by_class({"a": np.full(2, np.nan)}, ["a", "b"], "AP"),
    ):
        assert len(figure.layout.annotations) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    x = np.array([0.0, 1.0])
    figures: list[Any] = [
        confusion_charts.confusion(COUNTS, [name, "b", "c"]),
        confusion_charts.label_counts(COUNTS, [name, "b", "c"], [name, "b", "c"]),
        curve_charts.lines([Line(name, x, x), Line("b", x, x)], ("x", "y"), [Mark(0.5, name)]),
        interval_charts.intervals([Bar(name, 0.5, says=name), Bar(name, None, says=name)], "x"),
        comparison_charts.by_class({name: np.array([0.5]), "b": np.array([0.2])}, [name], "x"),
    ]
    for piece in (piece for figure in figures for piece in strings(json.loads(figure.to_json()))):
        ours = re.sub(r"<extra>.*?</extra>|<br>|</?b>|%\{[^}]*\}", "", piece)
        assert not set(ours) & set("<>$"), piece


def test_marks_at_one_place_are_one() -> None:
    x = np.array([0.0, 1.0])
    figure: Any = curve_charts.lines(
        [Line("a", x, x)], ("x", "y"), [Mark(0.26, "best: 0.26"), Mark(0.26, "chosen: 0.26")]
    )
    assert [note.text for note in figure.layout.annotations] == ["best: 0.26, chosen"]
