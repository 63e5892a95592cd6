"""The confusion matrix of boxes, against a plain reading of its rules and against precision and recall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.coco_reference import drawn, results_of
from vision_core.boxes import box_iou
from vision_core.errors import SettingsError
from vision_core.evaluation.box_confusion import BACKGROUND, confuse_boxes
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.score_threshold import sweep_thresholds

BOX, NEAR, FAR = (50, 50, 100, 100), (50, 50, 100, 96), (150, 150, 300, 300)


def plainly(results: DetectionResults, score: float, iou: float) -> np.ndarray:
    """The same rules, box by box, for data without crowds."""
    classes = len(results.class_names)
    counts = np.zeros((classes + 1, classes + 1), int)
    for picture in range(len(results)):
        truth = np.flatnonzero(results.truth.picture == picture)
        found = np.flatnonzero((results.found.picture == picture) & (results.found.scores >= score))
        found = found[np.argsort(-results.found.scores[found], kind="stable")]
        overlap = box_iou(results.found.boxes_xyxy[found], results.truth.boxes_xyxy[truth])
        same = results.found.labels[found][:, None] == results.truth.labels[truth][None]
        free = np.ones(len(truth), bool)
        left = []
        for row in range(len(found)):
            able = np.where(free & same[row] & (overlap[row] >= iou), overlap[row], -1)
            if len(able) and able.max() >= 0:
                place = len(able) - 1 - int(np.argmax(able[::-1]))
                free[place] = False
                counts[results.truth.labels[truth[place]], results.found.labels[found[row]]] += 1
            else:
                left.append(row)
        pairs = [(-overlap[r, c], r, c) for r in left for c in np.flatnonzero(free) if overlap[r, c] >= iou]
        for _, row, column in sorted(pairs):
            if row in left and free[column]:
                left.remove(row)
                free[column] = False
                counts[results.truth.labels[truth[column]], results.found.labels[found[row]]] += 1
        for row in left:
            counts[classes, results.found.labels[found[row]]] += 1
        for column in np.flatnonzero(free):
            counts[results.truth.labels[truth[column]], classes] += 1
    return counts


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), score=st.sampled_from([0.0, 0.4]), iou=st.sampled_from([0.1, 0.5, 0.9]))
def test_it_follows_its_rules(seed: int, score: float, iou: float):
    results = drawn(seed, pictures=4, crowds=0.0, score_digits=3)
    np.testing.assert_array_equal(confuse_boxes(results, score, iou).counts, plainly(results, score, iou))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), score=st.sampled_from([0.0, 0.25, 0.6]))
def test_it_adds_up_to_precision_and_recall(seed: int, score: float):
    results = drawn(seed, pictures=4, crowds=0.2)
    confusion = confuse_boxes(results, score)
    counts, truth = confusion.counts, results.truth
    wanted = np.bincount(truth.labels[~truth.crowd], minlength=3)
    np.testing.assert_array_equal(counts[:-1].sum(axis=1), wanted)
    assert counts[-1, -1] == 0
    for label, name in enumerate(results.class_names):
        if wanted[label]:
            point = sweep_thresholds(results, 0.5, name).at(score)
            assert counts[label, label] == point.right
            assert counts[:, label].sum() == point.shown
    for row, column in np.argwhere(counts).tolist():
        assert len(confusion.cell(row, column)) == counts[row, column]


def test_a_cell_names_the_boxes_behind_it():
    truth = [(0, BOX, 0, False), (0, FAR, 2, True), (1, BOX, 0, False), (2, BOX, 1, False)]
    found = [
        (0, NEAR, 0.3, 1),
        (0, NEAR, 0.9, 0),
        (0, (160, 160, 200, 200), 0.9, 2),  # on a crowd
        (1, NEAR, 0.8, 1),
        (1, FAR, 0.7, 2),
        (2, BOX, 0.1, 1),
    ]
    results = results_of(truth, found, 3)
    confusion = confuse_boxes(results, score=0.2)
    assert confusion.names == ("class 0", "class 1", "class 2", BACKGROUND)
    assert confusion.counts.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]]
    wrong = confusion.cell(0, 1)
    assert (wrong.picture.tolist(), wrong.truth.tolist()) == ([1], [2])
    assert results.found.scores[wrong.found].tolist() == [0.8]
    missed = confusion.cell(1, 3)
    assert (missed.picture.tolist(), missed.truth.tolist(), missed.found.tolist()) == ([2], [3], [-1])
    false = confusion.cell(3, 2)
    assert (false.truth.tolist(), results.found.scores[false.found].tolist()) == ([-1], [0.7])


def test_the_right_class_comes_before_the_greater_overlap():
    truth = [(0, BOX, 0, False), (0, NEAR, 1, False)]
    confusion = confuse_boxes(results_of(truth, [(0, BOX, 0.9, 1)], 1))
    assert confusion.counts[1, 1] == 1
    assert confusion.counts[0, 3] == 1


def test_shares_add_up_to_one_or_are_unknown():
    confusion = confuse_boxes(drawn(1, pictures=8, classes=2), 0.2)
    by_true, by_found = confusion.normalised(), confusion.normalised("found")
    np.testing.assert_allclose(by_true.sum(axis=1), 1)
    np.testing.assert_allclose(by_found.sum(axis=0), 1)
    empty = confuse_boxes(results_of([], [(0, BOX, 0.9, 0)], 1))
    assert np.isnan(empty.normalised()[0]).all()
    with pytest.raises(SettingsError, match="'rows'"):
        empty.normalised("rows")


def test_nothing_at_all_confuses_nothing():
    assert confuse_boxes(results_of([], [], 0)).counts.sum() == 0
