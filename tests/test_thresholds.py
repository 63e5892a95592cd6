"""Curves and thresholds of a classifier against scikit-learn, and against answers counted one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from test_classification_figures import ONE, SEVERAL, one_class_each, several_classes

from vision_core.errors import DataError
from vision_core.evaluation.classification import figures
from vision_core.evaluation.ranking import areas, precision_recall, roc
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.thresholds import best_threshold, best_thresholds, refusals, sweep

RANKED = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=40)


def apart(ranked: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([shown for shown, _ in ranked]), np.array([score for _, score in ranked]) / 8


@settings(max_examples=25, deadline=None)
@given(ranked=RANKED)
def test_curves_as_scikit_learn_draws_them(ranked: list[tuple[bool, int]]):
    shown, scores = apart(ranked)
    curve, circle = precision_recall(shown, scores), roc(shown, scores)
    if shown.any():
        precision, recall, thresholds = reference.precision_recall_curve(shown, scores)
        assert curve.precision.tolist() == pytest.approx(precision[-2::-1].tolist())
        assert curve.recall.tolist() == pytest.approx(recall[-2::-1].tolist())
        assert curve.thresholds.tolist() == thresholds[::-1].tolist()
        assert curve.average_precision == pytest.approx(reference.average_precision_score(shown, scores))
    else:
        assert np.isnan(curve.average_precision)
        assert curve.best is None
    if shown.any() and not shown.all():
        alarms, hits, thresholds = reference.roc_curve(shown, scores, drop_intermediate=False)
        assert circle.false_positive_rate.tolist() == pytest.approx(alarms.tolist())
        assert circle.true_positive_rate.tolist() == pytest.approx(hits.tolist())
        assert circle.thresholds.tolist() == thresholds.tolist()
        assert circle.area == pytest.approx(reference.roc_auc_score(shown, scores))
    else:
        assert np.isnan(circle.area)


@settings(max_examples=20, deadline=None)
@given(ranked=RANKED, seed=st.integers(0, 1000))
def test_areas_of_drawings_as_scikit_learn_weighs_them(ranked: list[tuple[bool, int]], seed: int):
    shown, scores = apart(ranked)
    weights = np.random.default_rng(seed).integers(0, 4, size=(4, len(shown))).astype(np.float64)
    precise, area = areas(shown, scores, weights)
    for number, drawn in enumerate(weights):
        if (drawn * shown).any():
            expected = reference.average_precision_score(shown, scores, sample_weight=drawn)
            assert precise[number] == pytest.approx(expected)
        else:
            assert np.isnan(precise[number])
        if (drawn * shown).any() and (drawn * ~shown).any():
            kept = drawn > 0
            expected = reference.roc_auc_score(shown[kept], scores[kept], sample_weight=drawn[kept])
            assert area[number] == pytest.approx(expected)
        else:
            assert np.isnan(area[number])


@settings(max_examples=20, deadline=None)
@given(ranked=RANKED)
def test_no_threshold_is_better_than_the_best(ranked: list[tuple[bool, int]]):
    shown, scores = apart(ranked)
    best = precision_recall(shown, scores).best
    if best is None:
        return
    said = scores > best.threshold
    assert said.tolist() == (scores >= best.threshold).tolist() or best.threshold == 0
    if best.threshold > 0:
        assert reference.f1_score(shown, said) == pytest.approx(best.f1)
        assert reference.precision_score(shown, said) == pytest.approx(best.precision)
        assert reference.recall_score(shown, said) == pytest.approx(best.recall)
    assert all(reference.f1_score(shown, scores >= t) <= best.f1 + 1e-12 for t in np.unique(scores))


def test_the_best_threshold_lies_between_two_scores():
    best = precision_recall(np.array([True, True, False]), np.array([0.9, 0.7, 0.3])).best
    assert best is not None
    assert (best.threshold, best.f1) == (0.5, 1.0)


@settings(max_examples=6, deadline=None)
@given(results=SEVERAL)
def test_a_sweep_holds_the_figures_of_every_threshold(results: ClassificationResults):
    grid = np.array([0.0, 0.1, 0.3, 0.5, 0.75, 1.0])
    swept = sweep(results, grid)
    names = ["f1_micro", "precision_micro", "recall_micro", "f1_macro", "exact_match"]
    for at, threshold in enumerate(grid):
        expected = figures(results, names, float(threshold))
        found = {name: getattr(swept, name)[at] for name in names}
        assert {name: value for name, value in found.items() if not np.isnan(value)} == pytest.approx(expected)
        said = results.scores > threshold
        assert swept.said_a_picture[at] == pytest.approx(said.sum(axis=1).mean())
        one = swept.of_class(0)
        assert (one.said[at], one.right[at]) == (said[:, 0].sum(), (said & results.shown)[:, 0].sum())
    if results.shown.any():
        assert sweep(results).best == pytest.approx(0.5, abs=0.5)


def test_best_thresholds_serve_the_figures():
    results = several_classes(5, 300, 4)
    best = best_thresholds(results)
    assert figures(results, threshold=best)["f1_macro"] >= figures(results)["f1_macro"]
    each = [precision_recall(results.shown[:, k], results.scores[:, k]).best for k in range(4)]
    assert figures(results, threshold=best)["f1_macro"] == pytest.approx(np.mean([one.f1 for one in each if one]))


@settings(max_examples=6, deadline=None)
@given(results=ONE)
def test_answers_that_are_refused(results: ClassificationResults):
    found = refusals(results)
    right = results.scores.argmax(axis=1) == results.targets
    for at in (0, 40, 77, 100):
        given_ = results.scores.max(axis=1) > found.thresholds[at]
        assert found.answered[at] == pytest.approx(given_.mean())
        if given_.any():
            assert found.accuracy[at] == pytest.approx(right[given_].mean())
        else:
            assert np.isnan(found.accuracy[at])


def test_what_has_no_threshold_says_so():
    with pytest.raises(DataError, match="one class each"):
        refusals(several_classes(0, 5, 2))
    with pytest.raises(DataError, match="no pictures"):
        sweep(one_class_each(0, 5, 2).take(np.arange(0)))
    with pytest.raises(DataError, match="do not go with"):
        roc(np.array([True]), np.array([0.5, 0.2]))


def test_a_class_without_an_example_has_no_best_threshold():
    results = several_classes(5, 40, 3)
    shown = results.shown.copy()
    shown[:, 1] = False
    without = replace(results, targets=shown)
    assert best_threshold(without, 1) is None
    assert best_threshold(without, 0) == best_thresholds(without)[0] == best_thresholds(results)[0]
    assert best_thresholds(without)[1] == 0.5
    assert np.isfinite(list(figures(without, threshold=best_thresholds(without)).values())).all()
    nothing = replace(results, targets=np.zeros_like(shown))
    assert sweep(nothing).best is None
    assert best_thresholds(nothing).tolist() == [0.5, 0.5, 0.5]
    assert best_thresholds(results.take(np.arange(0))).tolist() == [0.5, 0.5, 0.5]
