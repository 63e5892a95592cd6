"""The parts of a duel by themselves: its plan and folder, what it trains, its curves, thresholds and verdict."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from vision_core.duel import curves
from vision_core.duel.account import crops
from vision_core.duel.charts import in_words, learning_curves
from vision_core.duel.folder import DuelFolder, create_duel, list_duels
from vision_core.duel.judging import SCORES, Said, best_score, drawings
from vision_core.duel.parts import Part, parts
from vision_core.duel.plan import KINDS, DuelPlan
from vision_core.duel.two_stage import LEAST_SCORE, one_box_an_object
from vision_core.duel.verdict import Standing, verdict
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.intervals import ALL_ALIKE, Interval
from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, TrueBoxes
from vision_core.run_folder import create_run
from vision_core.training.config import make_config


def test_a_plan_comes_back_from_its_json():
    plan = DuelPlan(
        data="shelf", contenders=("detection", "classification"), shares=(1, 0.5), minutes=3, question="count"
    )
    assert plan.contenders == ("classification", "detection"), "in the usual order"
    assert plan.shares == (0.5, 1)
    assert DuelPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"preset": "quick"}, "'quick'"),
        ({"question": "why"}, "'why'"),
        ({"contenders": ("detection",)}, "two contenders"),
        ({"shares": (0.5,)}, r"\(0.5,\)"),
        ({"shares": (0.0, 1.0)}, r"\(0.0, 1.0\)"),
        ({"minutes": math.nan}, "minutes is nan"),
        ({"usd": -1.0}, "usd is -1.0"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(changes: dict[str, Any], named: str):
    with pytest.raises(SettingsError, match=named):
        DuelPlan(data="shelf", **changes)
    with pytest.raises(SettingsError, match=r"no setting 'sahres'.*shares"):
        DuelPlan.from_json({"data": "shelf", "sahres": [1]})


def test_the_same_plan_goes_on_with_a_folder_and_another_is_refused(tmp_path: Path):
    plan = DuelPlan(data="shelf")
    duel = DuelFolder.create(tmp_path / "duel", plan)
    assert DuelFolder.create(tmp_path / "duel", plan).id == duel.id
    with pytest.raises(SettingsError, match="has seed 0, not 1"):
        DuelFolder.create(tmp_path / "duel", DuelPlan(data="shelf", seed=1))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(DataError, match="already holds something"):
        DuelFolder.create(tmp_path / "other", plan)
    with pytest.raises(DataError, match=r"not a duel's folder"):
        DuelFolder.open(tmp_path / "other")


def test_the_workspace_lists_its_duels():
    assert list_duels() == []
    duel = create_duel(DuelPlan(data="shelf"))
    assert [one.id for one in list_duels()] == [duel.id]


def test_every_contender_gets_its_networks_and_shares_the_detector():
    names = [part.name for part in parts(DuelPlan(data="shelf", shares=(0.25, 1)))]
    assert names == ["pictures-100", "boxes-100", "crops-100", "pictures-25", "boxes-25", "crops-25"]
    assert [part.name for part in parts(DuelPlan(data="shelf", shares=(1,)), has_boxes=False)] == ["pictures-100"]


def test_a_run_that_is_given_is_taken_as_it_is_and_has_no_curve():
    run = create_run(make_config("shelf", "detection", "ssdlite_mobilenet_v2_coco"))
    plan = DuelPlan(data="shelf", detector=str(run.path), shares=(0.5, 1))
    assert [part.name for part in parts(plan)] == ["pictures-100", "boxes-100", "crops-100", "pictures-50"]
    assert Part("boxes", 1.0).given(plan) == run.path
    assert Part("boxes", 0.5).given(plan) is None


def test_parts_say_what_their_runs_learn_from():
    plan = DuelPlan(data="shelf", epochs=3, seed=7)
    configs = {part.name: part.config(plan, "shelf") for part in parts(plan)}
    assert (configs["pictures-100"].labels_from, configs["crops-10"].labels_from) == ("presence", "crops")
    assert (configs["boxes-25"].task, configs["boxes-25"].data_fraction, configs["boxes-25"].epochs) == (
        "detection",
        0.25,
        3,
    )
    assert {config.seed for config in configs.values()} == {7}
    assert Part("pictures", 1.0).config(plan, "shelf", has_boxes=False).labels_from == "labels"


@given(
    a=st.floats(0.05, 5),
    b=st.floats(0.05, 1.5),
    labels=st.lists(st.integers(2, 100_000), min_size=3, max_size=6, unique=True),
)
def test_a_power_law_is_found_again(a: float, b: float, labels: list[int]):
    errors = a * np.array(labels, float) ** -b
    if errors.min() < 2e-4:
        return
    law = curves.fit(labels, errors[None])
    assert law is not None
    assert law.a[0] == pytest.approx(a, rel=1e-6)
    assert law.b[0] == pytest.approx(b, rel=1e-6, abs=1e-9)
    assert law.at(2 * max(labels)).value == pytest.approx(a * (2.0 * max(labels)) ** -b, rel=1e-6)


def test_the_line_is_that_of_least_squares():
    random = np.random.default_rng(0)
    labels = [30, 75, 150, 300]
    for row in random.uniform(0.1, 0.9, (50, 4)):
        law = curves.fit(labels, row[None])
        assert law is not None
        slope, start = np.polyfit(np.log(labels), np.log(row), 1)
        assert law.b[0] == pytest.approx(-slope, abs=1e-9)
        assert law.a[0] == pytest.approx(np.exp(start), rel=1e-9)


def test_every_drawing_has_a_line_of_its_own_and_a_bad_fit_says_little():
    labels = np.array([30, 75, 150, 300])
    on_lines = np.array([[a * labels**-b for a, b in ((1.0, 0.3), (1.2, 0.2), (0.8, 0.4))]])[0]
    law = curves.fit(labels.tolist(), on_lines)
    assert law is not None
    assert law.b.tolist() == pytest.approx([0.3, 0.2, 0.4]), "nothing to turn about where points lie on their line"
    bent = labels**-0.3 * np.array([1.2, 0.8, 0.85, 1.15])
    widths = []
    for errors in (labels**-0.3, bent):
        law = curves.fit(labels.tolist(), np.repeat(errors[None], 200, axis=0))
        assert law is not None
        widths.append(law.gain(500).high - law.gain(500).low)
    assert widths[1] > 0.01 > widths[0]


def test_a_curve_tells_what_more_labels_would_buy_and_how_surely():
    labels = np.array([50, 100, 200, 400])
    noise = np.random.default_rng(1).normal(0, 0.02, (300, 4))
    law = curves.fit(
        labels.tolist(), np.concatenate([2 * labels**-0.5 * np.ones((1, 4)), 2 * labels**-0.5 * np.exp(noise)])
    )
    assert law is not None
    gain = law.gain(500)
    assert gain.value == pytest.approx(2 * 400**-0.5 - 2 * 900**-0.5)
    assert 0 < gain.low < gain.value < gain.high


def test_no_line_without_points_enough():
    assert curves.fit([10, 20], np.ones((1, 2))) is None
    assert curves.fit([10, 20, 40], np.array([[0.5, np.nan, 0.3]])) is None
    assert curves.fit([10, 10, 10], np.ones((1, 3))) is None
    with pytest.raises(DataError, match="above 0"):
        curves.fit([0, 10, 20], np.ones((1, 3)))


def test_overlapping_boxes_are_one_object_whatever_they_were_taken_for():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 0, 10, 10], [80, 80, 90, 90.0]])
    boxes = boxes[[0, 1, 2, 4, 3]]
    found = FoundBoxes(
        np.array([0, 0, 0, 0, 1]), boxes, np.array([0.4, 0.9, 0.3, LEAST_SCORE / 2, 0.8]), np.array([1, 2, 0, 0, 0])
    )
    kept, scores = one_box_an_object(found, 0)
    assert kept.tolist() == [[1, 0, 11, 10], [50, 50, 60, 60]]
    assert scores.tolist() == [0.9, 0.3]


def test_the_threshold_is_the_best_one_on_validation_pictures():
    random = np.random.default_rng(3)
    shown = random.random((80, 3)) < 0.4
    logits = (np.where(shown, 0.5, -1.5) + random.normal(0, 1, shown.shape)).astype(np.float32)
    names = tuple(f"{number}.jpg" for number in range(80))
    results = ClassificationResults(
        pictures=names, class_names=("a", "b", "c"), logits=logits, targets=shown, multi_label=True
    )
    chosen = best_score(Said("classification", 1.0, results, results), "count")
    means = {score: f1_score(shown, results.scores > score, average="macro") for score in SCORES}
    assert chosen is not None
    assert means[chosen] == pytest.approx(max(means.values()))
    assert best_score(Said("classification", 1.0, results), "presence") is None


def test_for_counting_the_threshold_is_the_one_that_counts_best():
    random = np.random.default_rng(4)
    truth = np.sort(random.integers(0, 30, 60))
    boxes = random.uniform(0, 50, (60, 4))
    boxes[:, 2:] += boxes[:, :2] + 1
    # Every object is found surely, and once more less surely: whoever counts those too counts double.
    scores = np.concatenate([random.uniform(0.6, 0.9, 60), random.uniform(0.2, 0.5, 60)])
    picture = np.concatenate([truth, truth])
    order = np.argsort(picture, kind="stable")
    labels = np.zeros(60, np.int64)
    results = DetectionResults(
        pictures=tuple(f"{number}.jpg" for number in range(30)),
        class_names=("cup",),
        sizes_px=np.full((30, 2), 100),
        truth=TrueBoxes(truth, boxes, labels, np.zeros(60, bool)),
        found=FoundBoxes(
            picture[order],
            np.concatenate([boxes, boxes])[order],
            scores[order],
            np.concatenate([labels, labels])[order],
        ),
    )
    assert best_score(Said("detection", 1.0, results, results), "count") in (0.5, 0.55, 0.6)
    assert best_score(Said("detection", 1.0, results, results), "presence") == SCORES[0], "all alike: the first"


def test_drawings_hold_as_many_pictures_as_there_are():
    drawn = drawings(43, 100, seed=2)
    assert drawn.shape == (101, 43)
    assert (drawn[0] == 1).all()
    assert (drawn.sum(axis=1) == 43).all()


def standing(kind: str, figure: float | None, latency_ms: float | None = 10.0) -> Standing:
    return Standing(kind, f"runs/{kind}", figure, latency_ms)


def apart(*pairs: tuple[str, str]) -> dict[tuple[str, str], Interval]:
    return {pair: Interval(0.1, 0.05, 0.15) for pair in pairs}


def test_the_quickest_wins_where_the_pictures_cannot_tell_them_apart():
    level = {("classification", "detection"): Interval(-0.02, -0.05, 0.01)}
    found = verdict([standing("classification", 0.90, 12), standing("detection", 0.92, 30)], "presence", level)
    assert (found.task, found.model) == ("classification", "runs/classification")
    assert "cannot tell apart" in found.sentence
    assert "92.0%" in found.sentence, "the better figure is not hidden"


def test_a_dear_one_wins_where_it_is_measurably_better():
    found = verdict(
        [standing("classification", 0.76, 12), standing("detection", 0.93, 30)],
        "presence",
        {("classification", "detection"): Interval(-0.17, -0.21, -0.12)},
    )
    assert (found.task, found.beaten) == ("detection", ("classification",))
    assert "Measurably worse: classification with 76.0%" in found.sentence


def test_who_cannot_say_is_named_and_does_not_win():
    found = verdict([standing("classification", None, 5), standing("detection", 0.47, 30)], "count", {})
    assert (found.task, found.silent) == ("detection", ("classification",))
    assert "Classification cannot say." in found.sentence
    with pytest.raises(DataError, match="None of the contenders answers 'How many\\?'"):
        verdict([standing("classification", None)], "count", {})


def test_a_gap_that_no_drawing_changes_is_no_tie():
    same = Interval(-1.0, math.nan, math.nan, note=ALL_ALIKE)
    found = verdict(
        [standing("classification", 0.0, 5), standing("detection", 1.0, 50)],
        "where",
        {("classification", "detection"): same},
    )
    assert (found.task, found.beaten) == ("detection", ("classification",))
    assert "measurably the best" in found.sentence


def test_fewer_objects_counted_wrong_are_better():
    found = verdict(
        [standing("detection", 0.9, 5), standing("two-stage", 0.4, 50)], "count", apart(("detection", "two-stage"))
    )
    assert (found.task, found.beaten) == ("two-stage", ("detection",))


@pytest.mark.parametrize("kind", KINDS)
def test_without_costs_the_best_figure_decides_among_equals(kind: str):
    standings = [standing(one, 0.9 if one == kind else 0.8, None) for one in KINDS]
    assert verdict(standings, "presence", {}).task == kind


def curved(kinds: tuple[str, ...] = ("classification", "detection")) -> dict[str, Any]:
    """A duel's result as far as its curves go: errors that fall with the root of the labels."""
    points = []
    for pictures in (20, 50, 100, 200):
        value, boxes = 1 - 2 * (6 * pictures) ** -0.5, 6 * pictures
        point = {"share": pictures / 200, "pictures": pictures, "labels": 0, "boxes": boxes, "hours": pictures / 50}
        figures = {"presence_ap": value, "count_mae": 2 - value, "ap50": value}
        points.append(point | {"figures": figures, "intervals": {"presence_ap": [value - 0.05, value + 0.04]}})
    fit = {"a": 2.0, "b": 0.5, "most": 1200, "more": 500, "gain": 0.009, "low": -0.001, "high": 0.012}
    unticked = [point | {"labels": point["boxes"] // 2, "boxes": 0} for point in points]
    every = {"classification": unticked, "detection": points, "two-stage": points}
    return {"curves": {kind: {"points": every[kind], "fits": {"presence_ap": fit}} for kind in kinds}}


@pytest.mark.parametrize("axis", ["pictures", "marks", "hours"])
def test_learning_curves_stand_over_what_the_labels_took(axis: str):
    chart = learning_curves(curved(), "presence_ap", axis)
    traces: Any = chart.data
    layout: Any = chart.layout
    measured = [trace for trace in traces if trace.mode == "lines+markers"]
    assert [trace.name for trace in measured] == ["Classification", "Detection"]
    wanted = {"pictures": [20, 50, 100, 200], "marks": [120, 300, 600, 1200], "hours": [0.4, 1, 2, 4]}[axis]
    assert list(measured[1].x) == pytest.approx(wanted)
    assert list(measured[1].error_y.arrayminus) == pytest.approx([5] * 4)
    laws = [trace for trace in traces if trace.mode == "lines"]
    assert laws[1].x[0] == pytest.approx(wanted[0])
    assert laws[1].x[-1] == pytest.approx(wanted[-1] * 1700 / 1200)
    assert laws[1].y[0] == pytest.approx(100 * (1 - 2 * 120**-0.5))
    assert layout.xaxis.title.text
    assert "%" in layout.yaxis.title.text


def test_a_curve_nobody_can_draw_is_a_sentence():
    assert not learning_curves(curved(), "pointing").data
    assert not learning_curves({"curves": {}}, "presence_ap").data
    with pytest.raises(SettingsError, match="'speed'"):
        learning_curves(curved(), "speed")


def test_what_more_labels_would_buy_is_said_with_its_doubt():
    classifier, detector = in_words(curved(), "presence_ap")
    assert (
        classifier == "Classification: 500 more labels would gain about 0.9 points (-0.1 to 1.2, so perhaps nothing)."
    )
    assert "500 more boxes" in detector


def test_only_boxes_that_can_count_are_named_and_paid_for():
    """A box's score is the detector's times that of its name: below the threshold the name cannot help it."""
    none = np.zeros(0, np.int64)
    judged = DetectionResults(
        pictures=("a.png", "b.png"),
        class_names=("thing",),
        sizes_px=np.full((2, 2), 100),
        truth=TrueBoxes(none, np.zeros((0, 4)), none, np.zeros(0, bool)),
        found=FoundBoxes(none, np.zeros((0, 4)), np.zeros(0), none),
    )
    said = Said("two-stage", 1.0, judged, candidates=np.array([0.9, 0.8, 0.6, 0.5, 0.5, 0.2, 0.1]))
    at = {0.5: 2, 0.05: 4, 0.95: 1}  # 5 and 7 boxes in two pictures (2.5 rounds to 2, 3.5 to 4); never none at all
    for threshold, count in at.items():
        whole: Any = {"two-stage": SimpleNamespace(answers=SimpleNamespace(threshold=threshold))}
        assert crops([said], whole) == count
    assert crops([], {}) == 1
