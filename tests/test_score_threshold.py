"""Precision, recall and F1 at every threshold, against matching anew at each and against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from tests.coco_reference import drawn, evaluated, results_of
from vision_core.errors import DataError
from vision_core.evaluation.box_matching import RIGHT, UNCOUNTED, match
from vision_core.evaluation.score_threshold import ThresholdSweep, sweep_thresholds

BOX, OTHER = (50, 50, 100, 100), (150, 150, 300, 300)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), digits=st.sampled_from([1, 9]), iou=st.sampled_from([0.3, 0.5, 0.75]))
def test_a_threshold_tells_what_matching_anew_would(seed: int, digits: int, iou: float):
    results = drawn(seed, pictures=4, score_digits=digits, crowds=0.15)
    if results.truth.crowd.all():
        return
    sweep = sweep_thresholds(results, iou)
    for score in [*sweep.scores[::5], 0.33, 1.5]:
        matches = match(replace(results, found=results.found.above(score)), (iou,), ("all",))
        verdict = matches.verdict[0, 0]
        point = sweep.at(float(score))
        right, shown = int((verdict == RIGHT).sum()), int((verdict != UNCOUNTED).sum())
        assert (point.right, point.shown) == (right, shown)
        assert point.precision == (right / shown if shown else None)
        assert point.f1 == pytest.approx(2 * right / (shown + point.wanted))


def test_precision_is_scikit_learns_and_recall_is_cocos():
    results = drawn(3, pictures=30, crowds=0.0)
    sweep = sweep_thresholds(results, class_name="class 1")
    matches = match(results, (0.5,), ("all",))
    mine = matches.of_class(1)
    precision, recall, scores = precision_recall_curve(matches.verdict[0, 0, mine] == RIGHT, matches.scores[mine])
    np.testing.assert_array_equal(sweep.scores, scores)
    np.testing.assert_allclose(sweep.precision, precision[:-1])
    found = sweep.right[0] / sweep.wanted  # scikit-learn knows nothing of those that nobody found
    np.testing.assert_allclose(sweep.recall, recall[:-1] * found)
    assert sweep.recall[0] == pytest.approx(evaluated(results).eval["recall"][0, 1, 0, -1], abs=1e-12)


def test_the_best_threshold_is_where_f1_is_highest():
    truth = [(0, BOX, 0, False), (1, BOX, 0, False)]
    found = [(0, BOX, 0.9, 0), (0, OTHER, 0.3, 0), (1, BOX, 0.6, 0), (1, OTHER, 0.5, 1)]
    sweep = sweep_thresholds(results_of(truth, found, 2))
    assert sweep.scores.tolist() == [0.3, 0.5, 0.6, 0.9]
    assert sweep.f1.tolist() == pytest.approx([4 / 6, 4 / 5, 1.0, 2 / 3])
    best = sweep.best
    assert best is not None
    assert (best.score, best.precision, best.recall, best.f1) == (0.6, 1.0, 1.0, 1.0)
    assert sweep_thresholds(results_of(truth, found, 2), class_name="class 0").at(0.2).shown == 3


def test_of_equally_good_thresholds_the_one_that_shows_fewest_boxes_is_best():
    truth = [(0, BOX, 0, False), (1, BOX, 0, False), (2, BOX, 0, False)]
    # F1: 2·1/(1+3) at .9; 2·1/(2+3) at .8; 2·2/(5+3) at .5, as good as at .9
    found = [(0, BOX, 0.9, 0), (0, OTHER, 0.8, 0), (1, OTHER, 0.5, 0), (1, BOX, 0.5, 0), (2, OTHER, 0.5, 0)]
    best = sweep_thresholds(results_of(truth, found, 3)).best
    assert best is not None
    assert (best.score, best.f1) == (0.9, 0.5)


@pytest.mark.parametrize(("below", "best", "short"), [(0.2, 0.26789, 0.26), (0.262, 0.2634, 0.263), (0.1, 0.3, 0.3)])
def test_the_best_threshold_is_said_in_few_digits_that_keep_it(below, best, short):
    scores, counts = np.array([below, best]), np.array([3, 1])
    sweep = ThresholdSweep(0.5, None, scores, counts, np.array([1, 1]), 1)
    assert sweep.best is not None
    assert sweep.best_score == short
    assert sweep.at(short).f1 == sweep.best.f1


def test_nothing_found_has_no_best_threshold():
    sweep = sweep_thresholds(results_of([(0, BOX, 0, False)], [], 1))
    assert sweep.best is None
    assert sweep.at(0.5).precision is None
    assert (sweep.at(0.5).recall, sweep.at(0.5).f1) == (0.0, 0.0)


def test_what_has_no_threshold_is_refused():
    results = results_of([(0, BOX, 0, False), (0, OTHER, 1, True)], [], 1)
    with pytest.raises(DataError, match="no true box of class 1"):
        sweep_thresholds(results, class_name="class 1")
    with pytest.raises(DataError, match="no class 'cup'"):
        sweep_thresholds(results, class_name="cup")


def test_a_chart_gets_fewer_thresholds_and_the_same_best_one():
    results = drawn(9, pictures=60, score_digits=9)
    sweep = sweep_thresholds(results, matches=match(results))
    thin = sweep.thinned(20)
    assert len(sweep.scores) > 100 > 20 >= len(thin.scores)
    assert thin.best == sweep.best
    assert (thin.scores[0], thin.scores[-1]) == (sweep.scores[0], sweep.scores[-1])
    assert thin.thinned(20) is thin
