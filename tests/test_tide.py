"""The error breakdown against tidecv, box by box and digit for digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.coco_reference import Found, True_, drawn, results_of
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation import box_matching
from vision_core.evaluation.matching import KINDS, judge_boxes
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.tide import ERRORS, break_down, starts_from

BOX, NEAR, OFF, FAR = (50, 50, 100, 100), (50, 50, 100, 96), (70, 60, 120, 110), (150, 150, 300, 300)
SHORT = dict(zip(("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"), ERRORS, strict=True))
"""tidecv's names to ours."""


def reference(results: DetectionResults, iou: float = 0.5, background_iou: float = 0.1) -> Any:
    """tidecv's run of the same boxes."""
    from tidecv import TIDE, Data

    truth, found = Data("truth"), Data("found")
    found_box: Any = found.add_detection  # whose annotation says that scores are whole numbers
    for row in range(len(results)):
        for side in (truth, found):
            side.add_image(row, str(row))

    def box(edges: np.ndarray) -> list[float]:
        left, top, right, bottom = map(float, edges)
        return [left, top, right - left, bottom - top]

    for picture, edges, label, crowd in zip(*vars(results.truth).values(), strict=True):
        add = truth.add_ignore_region if crowd else truth.add_ground_truth
        add(int(picture), int(label), box(edges))
    for picture, edges, score, label in zip(*vars(results.found).values(), strict=True):
        found_box(int(picture), int(label), float(score), box(edges))
    tide = TIDE(iou, background_iou)
    run = tide.evaluate(truth, found, name="run")
    return run, tide.get_main_errors()["run"], tide.get_special_errors()["run"]


def agree(results: DetectionResults, iou: float = 0.5, background_iou: float = 0.1) -> None:
    run, main, special = reference(results, iou, background_iou)
    ours = break_down(results, iou, background_iou)
    kinds = {int(place): KINDS[kind] for place, kind in zip(ours.judged.place, ours.judged.kind, strict=True)}
    for error in run.errors:  # a box's place is its id, for both count from 0 in the same order
        name = SHORT[error.short_name]
        if name == "missed":
            assert ours.judged.missed[error.gt["_id"]]
        else:
            assert kinds.pop(error.pred["_id"]) == name
    assert set(kinds.values()) <= {"right"}
    assert ours.judged.missed.sum() == sum(error.short_name == "Miss" for error in run.errors)
    assert ours.average_precision == pytest.approx(run.ap / 100, abs=1e-12)
    assert ours.gains == pytest.approx({SHORT[name]: gain / 100 for name, gain in main.items()}, abs=1e-12)
    assert ours.false_positives == pytest.approx(special["FalsePos"] / 100, abs=1e-12)
    assert ours.false_negatives == pytest.approx(special["FalseNeg"] / 100, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(1, 5),
    most=st.integers(1, 8),
    crowds=st.sampled_from([0.0, 0.3]),
    largest_px=st.sampled_from([80.0, 300.0]),
    score_digits=st.sampled_from([1, 9]),
    grid_px=st.sampled_from([0.0, 16.0, 48.0]),
    overlaps=st.sampled_from([(0.5, 0.1), (0.75, 0.25)]),
)
def test_every_box_and_every_figure_is_tidecvs_own(
    seed: int,
    pictures: int,
    most: int,
    crowds: float,
    largest_px: float,
    score_digits: int,
    grid_px: float,
    overlaps: tuple[float, float],
):
    results = drawn(seed, pictures, most, 3, crowds, largest_px, score_digits, grid_px)
    assume(not results.truth.crowd.all())
    try:
        agree(results, *overlaps)
    except ZeroDivisionError:  # tidecv's, where mending leaves nothing to judge by
        report = break_down(results, *overlaps)
        assert None in (*report.gains.values(), report.false_negatives)


def test_only_a_hundred_boxes_of_a_picture_are_looked_at():
    agree(drawn(5, pictures=2, most=40, strays=300, copies=6, largest_px=300.0))


@pytest.mark.parametrize("objects", [25, 50, 100, 200])
def test_recalls_that_fall_on_a_hundredth_are_read_as_tidecv_reads_them(objects: int):
    random = np.random.default_rng(objects)
    truth: list[True_] = [(row, BOX, 0, False) for row in range(objects)]
    found: list[Found] = [(row, BOX if random.random() < 0.7 else FAR, random.random(), 0) for row in range(objects)]
    agree(results_of(truth, found, objects))


CASES: dict[str, tuple[list[True_], list[Found]]] = {
    "nothing found of one class": ([(0, BOX, 0, False), (0, BOX, 1, False)], [(0, BOX, 0.5, 1)]),
    "right": ([(0, BOX, 0, False)], [(0, BOX, 0.5, 0)]),
    "wrong name": ([(0, BOX, 0, False)], [(0, NEAR, 0.5, 1)]),
    "wrong place": ([(0, BOX, 0, False)], [(0, OFF, 0.5, 0)]),
    "wrong name and place": ([(0, BOX, 0, False)], [(0, OFF, 0.5, 1)]),
    "twice": ([(0, BOX, 0, False)], [(0, NEAR, 0.5, 0), (0, BOX, 0.4, 0)]),
    "on nothing": ([(0, BOX, 0, False)], [(0, FAR, 0.5, 0)]),
    "in a picture with nothing": ([(0, BOX, 0, False)], [(1, BOX, 0.5, 0)]),
    "several wrong for one": (
        [(0, BOX, 0, False)],
        [(0, OFF, 0.5, 0), (0, NEAR, 0.9, 1), (0, NEAR, 0.9, 2), (0, OFF, 0.9, 0)],
    ),
    "wrong for one that another found": (
        [(0, BOX, 0, False)],
        [(0, OFF, 0.9, 0), (0, BOX, 0.8, 0), (0, NEAR, 0.9, 1)],
    ),
    "exactly half": ([(0, (0, 0, 20, 10), 0, False)], [(0, (0, 0, 10, 10), 0.5, 0)]),
    "half, and taken": (
        [(0, (0, 0, 20, 10), 0, False)],
        [(0, (0, 0, 20, 10), 0.9, 0), (0, (0, 0, 10, 10), 0.5, 0)],
    ),
    "exactly a tenth": ([(0, (0, 0, 100, 10), 0, False)], [(0, (0, 0, 10, 10), 0.5, 0), (0, (0, 0, 10, 10), 0.4, 1)]),
    "in a crowd": (
        [(0, BOX, 0, False), (0, FAR, 0, True)],
        [(0, (160, 160, 200, 200), 0.9, 0), (0, (160, 160, 200, 200), 0.9, 1), (0, BOX, 0.3, 0)],
    ),
    "misplaced, in a crowd": ([(0, BOX, 0, False), (0, OFF, 0, True)], [(0, OFF, 0.9, 0), (0, FAR, 0.9, 0)]),
    "scores tie": (
        [(0, BOX, 0, False), (1, BOX, 0, False)],
        [(0, FAR, 0.5, 0), (0, BOX, 0.5, 0), (1, BOX, 0.5, 0), (1, FAR, 0.5, 0)],
    ),
    "a class that is not there": ([(0, BOX, 0, False)], [(0, BOX, 0.5, 0), (0, FAR, 0.5, 2)]),
}


@pytest.mark.parametrize("name", CASES)
def test_awkward_cases_are_tidecvs_own(name: str):
    agree(results_of(*CASES[name], pictures=2))


def test_chunks_do_not_change_what_a_box_is(monkeypatch: pytest.MonkeyPatch):
    results = drawn(3, pictures=30, most=10)
    whole = judge_boxes(results)
    monkeypatch.setattr(box_matching, "PAIRS_AT_ONCE", 10)
    parts = judge_boxes(results)
    np.testing.assert_array_equal(parts.kind, whole.kind)
    np.testing.assert_array_equal(parts.about, whole.about)
    np.testing.assert_array_equal(parts.missed, whole.missed)


def test_a_gain_that_cannot_be_told_is_none():
    """Where nothing was found and the missed are no longer asked for, there is nothing left to judge by."""
    results = results_of([(0, BOX, 0, False)], [], 1)
    with pytest.raises(ZeroDivisionError):
        reference(results)
    report = break_down(results)
    assert (report.average_precision, report.false_positives, report.false_negatives) == (0.0, 0.0, None)
    assert report.gains["missed"] is None
    assert report.gains["location"] == 0.0


def test_no_true_box_breaks_nothing_down():
    with pytest.raises(DataError, match="no true box"):
        break_down(results_of([(0, BOX, 0, True)], [(0, BOX, 0.5, 0)], 1))


def test_true_boxes_of_a_class_without_a_name_count_nowhere():
    found: list[Found] = [(0, BOX, 0.9, 0), (0, FAR, 0.8, 1)]
    named = break_down(results_of([(0, BOX, 0, False)], found, 1))
    unnamed = break_down(results_of([(0, BOX, 0, False), (0, FAR, -1, False), (0, OFF, -1, False)], found, 1))
    assert (unnamed.gains, unnamed.counts) == (named.gains, named.counts)
    with pytest.raises(DataError, match="no true box"):
        break_down(results_of([(0, FAR, -1, False)], found, 1))


def test_overlaps_out_of_order_are_refused():
    with pytest.raises(SettingsError, match=r"0.5 for background and 0.5"):
        judge_boxes(drawn(0), background_iou=0.5)


def test_pictures_stand_behind_every_kind():
    truth = [(0, BOX, 0, False), (0, FAR, 1, False), (1, BOX, 0, False), (2, BOX, 0, False), (2, FAR, 2, True)]
    found = [
        (0, BOX, 0.9, 0),
        (0, NEAR, 0.8, 0),  # duplicate
        (0, (400, 400, 450, 450), 0.7, 2),  # background
        (1, OFF, 0.9, 0),  # location
        (1, (400, 400, 450, 450), 0.6, 1),
        (1, (500, 400, 550, 450), 0.6, 1),
        (2, NEAR, 0.9, 1),  # class
        (2, OFF, 0.8, 1),  # both
        (2, (160, 160, 200, 200), 0.5, 2),  # in a crowd
        (2, BOX, 0.05, 0),  # below the score
    ]
    results = results_of(truth, found, 3)
    judged = judge_boxes(results, score=0.1)
    assert judged.counts() == {
        "right": 1, "class": 1, "location": 1, "both": 1, "duplicate": 1, "background": 3, "crowd": 1, "missed": 1,
    }  # fmt: skip
    assert judged.pictures("background") == [(1, 2), (0, 1)]
    assert judged.pictures("missed") == [(0, 1)]
    assert judged.of_kind("missed").tolist() == [1]
    assert results.found.scores[judged.of_kind("class")].tolist() == [0.9]
    first, last = judged.in_picture(0), judged.in_picture(2)
    assert first.found_kinds == ("right", "duplicate", "background")
    assert first.about.tolist() == [0, 0, -1]
    assert first.truth_kinds == ("found", "missed")
    assert last.found_kinds == ("class", "both", "crowd")
    assert last.truth_kinds == ("mistaken", "crowd")
    assert last.truth.tolist() == [3, 4]
    with pytest.raises(SettingsError, match="'odd'"):
        judged.of_kind("odd")  # type: ignore[arg-type]


def test_progress_is_told_and_may_stop_the_work():
    told: list[tuple[str, int, int]] = []
    break_down(drawn(1, pictures=4), progress=lambda *step: told.append(step))
    assert told[-1] == ("Judging boxes", 4, 4)

    def stop(stage: str, done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        break_down(drawn(1), progress=stop)


def test_it_says_why_its_average_precision_is_not_cocos() -> None:
    right, absent = (0, BOX, 0.9, 0), (0, FAR, 0.8, 1)
    report = break_down(results_of([(0, BOX, 0, False)], [right, absent], 1))
    assert report.average_precision == pytest.approx(0.5)
    said = starts_from(report, 1.0)
    assert "50.0 % here, not COCO's 100.0 %" in said
    assert "1 class that was found but not there as 0 %" in said
    assert starts_from(report, 0.5) == starts_from(report, None) == "AP50 is 50.0 %."
    assert "rules of its own" in starts_from(break_down(results_of([(0, BOX, 0, False)], [right], 1)), 0.9)
