"""COCO's figures against pycocotools and faster-coco-eval, digit for digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.coco_reference import Found, True_, drawn, evaluated, results_of, twelve
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation import box_matching
from vision_core.evaluation.box_matching import RIGHT, UNCOUNTED, WRONG, match, pair_iou, xywh
from vision_core.evaluation.detection import CocoScores, coco_scores, figures
from vision_core.evaluation.records import DetectionResults

SMALL, MEDIUM, LARGE = (10, 10, 30, 30), (50, 50, 100, 100), (150, 150, 300, 300)


def agree(results: DetectionResults, library: str = "pycocotools") -> CocoScores:
    """Checks every number that the library counts, not only the twelve."""
    theirs = evaluated(results, library)  # type: ignore[arg-type]
    ours = coco_scores(results)
    known = np.nan_to_num(ours.precision, nan=-1)
    np.testing.assert_allclose(known, theirs.eval["precision"][..., -1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.nan_to_num(ours.recall, nan=-1), theirs.eval["recall"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.nan_to_num(ours.score, nan=-1), theirs.eval["scores"][..., -1], rtol=0, atol=1e-12)
    assert ours.figures() == pytest.approx(twelve(theirs), abs=1e-9)
    return ours


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(1, 5),
    most=st.integers(0, 7),
    crowds=st.sampled_from([0.0, 0.3, 1.0]),
    largest_px=st.sampled_from([25.0, 80.0, 200.0]),
    score_digits=st.sampled_from([0, 1, 9]),
    grid_px=st.sampled_from([0.0, 8.0, 32.0]),
)
def test_every_number_is_pycocotools_own(
    seed: int, pictures: int, most: int, crowds: float, largest_px: float, score_digits: int, grid_px: float
):
    """With scores and overlaps that tie, crowds, pictures with nothing, areas at the ends of their ranges."""
    agree(drawn(seed, pictures, most, 3, crowds, largest_px, score_digits, grid_px))


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_faster_coco_evals_own(seed: int):
    agree(drawn(seed, pictures=20, most=12, crowds=0.2), "faster")


def test_only_a_hundred_boxes_of_a_picture_and_class_are_looked_at():
    agree(drawn(5, pictures=3, most=60, classes=2, strays=400, copies=6, largest_px=300.0))


@pytest.mark.parametrize("objects", [25, 50, 100, 300])
def test_recalls_that_fall_on_a_hundredth_are_read_alike(objects: int):
    """Where the last bit of a share decides."""
    random = np.random.default_rng(objects)
    truth: list[True_] = [(row, MEDIUM, 0, False) for row in range(objects)]
    found: list[Found] = [
        (row, MEDIUM if random.random() < 0.8 else LARGE, float(random.random()), 0) for row in range(objects)
    ]
    agree(results_of(truth, found, objects, classes=1))


CASES: dict[str, tuple[list[True_], list[Found]]] = {
    "nothing found": ([(0, SMALL, 0, False)], []),
    "nothing there": ([], [(0, SMALL, 0.5, 0)]),
    "nothing at all": ([], []),
    "only crowds": ([(0, LARGE, 0, True)], [(0, MEDIUM, 0.5, 0), (0, LARGE, 0.4, 0)]),
    "a crowd takes many": (
        [(0, LARGE, 0, True), (0, MEDIUM, 0, False)],
        [(0, (160, 160, 200, 200), 0.9, 0), (0, (200, 200, 260, 280), 0.8, 0), (0, MEDIUM, 0.1, 0)],
    ),
    "a crowd within a box of the same class": (
        [(0, MEDIUM, 0, True), (0, MEDIUM, 0, False)],
        [(0, MEDIUM, 0.9, 0), (0, MEDIUM, 0.8, 0)],
    ),
    "found twice": ([(0, MEDIUM, 0, False)], [(0, MEDIUM, 0.9, 0), (0, MEDIUM, 0.9, 0)]),
    "two alike, found once": ([(0, MEDIUM, 0, False), (0, MEDIUM, 0, False)], [(0, MEDIUM, 0.9, 0)]),
    "exactly half": ([(0, (0, 0, 20, 10), 0, False)], [(0, (0, 0, 10, 10), 0.9, 0)]),
    "exactly at IoU 1": ([(0, (0, 0, 20, 10), 0, False)], [(0, (0, 0, 20, 10), 0.9, 0)]),
    "on the edge of small and medium": ([(0, (0, 0, 32, 32), 0, False)], [(0, (0, 0, 32, 32), 0.9, 0)]),
    "on the edge of medium and large": ([(0, (0, 0, 96, 96), 0, False)], [(0, (0, 0, 97, 97), 0.9, 0)]),
    "a small one near a medium one": (
        [(0, (0, 0, 31, 31), 0, False), (0, (0, 0, 34, 34), 0, False)],
        [(0, (0, 0, 33, 33), 0.9, 0), (0, (0, 0, 32, 32), 0.8, 0)],
    ),
    "wrong class": ([(0, MEDIUM, 0, False)], [(0, MEDIUM, 0.9, 1)]),
    "wrong picture": ([(0, MEDIUM, 0, False)], [(1, MEDIUM, 0.9, 0)]),
    "all scores the same": (
        [(0, SMALL, 0, False), (1, MEDIUM, 0, False)],
        [(0, LARGE, 0.5, 0), (0, SMALL, 0.5, 0), (1, MEDIUM, 0.5, 0), (1, LARGE, 0.5, 0)],
    ),
    "no area": ([(0, (5, 5, 5, 25), 0, False), (0, MEDIUM, 0, False)], [(0, (5, 5, 5, 25), 0.9, 0)]),
    "turned inside out": ([(0, MEDIUM, 0, False)], [(0, (100, 100, 50, 50), 0.9, 0), (0, MEDIUM, 0.8, 0)]),
    "larger than COCO's largest": ([(0, (0, 0, 2e5, 1e5), 0, False)], [(0, (0, 0, 2e5, 1e5), 0.9, 0)]),
    "outside of the picture": ([(0, SMALL, 0, False)], [(0, (-30, -30, -5, -5), 0.9, 0)]),
}


@pytest.mark.parametrize("name", CASES)
def test_awkward_cases_are_pycocotools_own(name: str):
    agree(results_of(*CASES[name], pictures=2))


def test_boxes_that_contend_for_objects_settle_in_order_of_score():
    """Many found boxes over many true ones: each choice depends on all before it."""
    random = np.random.default_rng(7)
    truth: list[True_] = []
    found: list[Found] = []
    for number in range(60):
        corner = random.uniform(0, 40, 2)
        box = (*corner, *(corner + random.uniform(60, 120, 2)))
        truth.append((0, box, 0, number % 13 == 0))
        found.append((0, (np.array(box) + random.normal(0, 6, 4)).tolist(), round(random.random(), 1), 0))
    agree(results_of(truth, found, 1, classes=1))


def test_chunks_do_not_change_a_figure(monkeypatch: pytest.MonkeyPatch):
    results = drawn(3, pictures=30, most=10)
    whole = coco_scores(results)
    monkeypatch.setattr(box_matching, "PAIRS_AT_ONCE", 10)
    parts = coco_scores(results)
    np.testing.assert_array_equal(parts.precision, whole.precision)
    np.testing.assert_array_equal(parts.recall, whole.recall)


def test_a_figure_that_cannot_be_told_is_absent():
    found = figures(results_of([(0, LARGE, 0, False)], [(0, LARGE, 0.9, 0)], 1))
    assert found == pytest.approx(
        dict.fromkeys(("map", "map50", "map75", "map_large", "ar1", "ar10", "ar100", "ar_large"), 1.0)
    )
    assert figures(results_of([], [(0, LARGE, 0.9, 0)], 1)) == {}
    assert figures(results_of([], [], 0)) == {}


def test_a_class_has_its_own_twelve():
    results = drawn(11, pictures=12, most=8)
    theirs = evaluated(results).eval["precision"][:, :, :, 0, -1]
    rows = coco_scores(results).by_class()
    assert [row["class"] for row in rows] == list(results.class_names)
    for label, row in enumerate(rows):
        assert row["map"] == pytest.approx(theirs[:, :, label].mean(), abs=1e-12)
        assert row["map50"] == pytest.approx(theirs[0, :, label].mean(), abs=1e-12)
        assert row["boxes"] == ((results.truth.labels == label) & ~results.truth.crowd).sum()
    empty = coco_scores(results_of([(0, LARGE, 0, False)], [], 1)).by_class()[1]
    assert empty == {"class": "class 1", "boxes": 0}


def test_a_size_has_its_own_figures():
    results = drawn(2, pictures=30, most=9, largest_px=200.0)
    scores = coco_scores(results)
    rows = {row["size"]: row for row in scores.by_size()}
    assert list(rows) == ["all", "small", "medium", "large"]
    told = scores.figures()
    for size in ("small", "medium", "large"):
        assert rows[size]["map"] == told[f"map_{size}"]
        assert rows[size]["ar100"] == told[f"ar_{size}"]
    assert rows["all"]["map50"] == told["map50"]
    assert rows["small"]["to_px2"] == rows["medium"]["from_px2"] == 1024
    assert rows["large"]["to_px2"] is None
    assert rows["all"]["boxes"] <= sum(rows[size]["boxes"] for size in ("small", "medium", "large"))


def test_curves_are_those_that_average_precision_is_the_mean_of():
    results = drawn(4, pictures=20, most=8)
    scores = coco_scores(results)
    theirs = evaluated(results).eval
    one = scores.curve(0.75, "class 1")
    np.testing.assert_allclose(one.precision, theirs["precision"][5, :, 1, 0, -1], atol=1e-12)
    assert one.average_precision == pytest.approx(scores.by_class()[1]["map75"], abs=1e-12)
    reached = one.precision > 0
    np.testing.assert_allclose(one.score[reached], theirs["scores"][5, reached, 1, 0, -1], atol=1e-12)
    assert np.isnan(one.score[~reached]).all()
    assert scores.curve(0.5).average_precision == pytest.approx(scores.figures()["map50"], abs=1e-12)
    assert scores.curve(None).average_precision == pytest.approx(scores.figures()["map"], abs=1e-12)
    assert scores.curve(None, size="large").average_precision == pytest.approx(scores.figures()["map_large"])


def test_what_has_no_curve_is_refused():
    scores = coco_scores(results_of([(0, LARGE, 0, False)], [(0, LARGE, 0.9, 0)], 1))
    with pytest.raises(DataError, match="no class 'cup'"):
        scores.curve(0.5, "cup")
    with pytest.raises(DataError, match="no true box of class 1"):
        scores.curve(0.5, "class 1")
    with pytest.raises(SettingsError, match=r"0\.33"):
        scores.curve(0.33)
    with pytest.raises(SettingsError, match="above 0"):
        match(drawn(0), iou_thresholds=(0.0,))


def test_each_box_knows_what_became_of_it():
    truth = [(0, MEDIUM, 0, False), (0, LARGE, 0, True)]
    found = [(0, (50, 50, 100, 99), 0.9, 0), (0, MEDIUM, 0.8, 0), (0, (160, 160, 200, 200), 0.7, 0)]
    matches = match(results_of(truth, found, 1))
    half = matches.at(0.5)
    assert matches.found.tolist() == [0, 1, 2]
    assert matches.verdict[0, half].tolist() == [RIGHT, WRONG, UNCOUNTED]
    assert matches.partner[half].tolist() == [0, -1, 1]
    assert matches.rank.tolist() == [0, 1, 2]
    assert matches.wanted[0].tolist() == [1, 0, 1, 0]


def test_overlaps_are_pycocotools_own_to_the_last_bit():
    from pycocotools import mask

    random = np.random.default_rng(0)
    corners = random.uniform(0, 50, (2, 300, 2))
    boxes = np.concatenate([corners, corners + random.uniform(-2, 40, (2, 300, 2))], axis=2)
    boxes[:, ::7] = np.round(boxes[:, ::7])
    crowd = random.random(300) < 0.3
    found, true = xywh(boxes[0]), xywh(boxes[1])
    theirs = np.diag(mask.iou(found.copy(), true.copy(), crowd.astype(np.uint8).tolist()))  # type: ignore[arg-type]
    ours = pair_iou(found, true, crowd)
    np.testing.assert_array_equal(ours, theirs)
    assert np.isfinite(ours).all()


def test_progress_is_told_and_may_stop_the_work():
    told: list[tuple[str, int, int]] = []
    coco_scores(drawn(1, pictures=4), progress=lambda *step: told.append(step))
    assert told[0][:2] == ("Matching boxes", 0)
    assert ("Matching boxes", 4, 4) in told
    assert told[-1] == ("Scoring classes", 3, 3)

    def stop(stage: str, done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        figures(drawn(1), stop)


def test_a_box_of_a_class_without_a_name_counts_for_nothing():
    truth: list[True_] = [(0, MEDIUM, 0, False), (0, LARGE, -1, False), (0, LARGE, 7, False)]
    found: list[Found] = [(0, MEDIUM, 0.9, 0), (0, LARGE, 0.8, 7)]
    agree(results_of(truth, found, 1))
    assert figures(results_of(truth, found, 1))["map"] == pytest.approx(1.0)
