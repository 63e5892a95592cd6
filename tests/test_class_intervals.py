"""Intervals of each class of a classifier: against scikit-learn on the drawn pictures, and of classes that are rare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference
from test_classification_figures import one_class_each, several_classes

from vision_core.evaluation.classification import per_class
from vision_core.evaluation.classification_intervals import classification_intervals
from vision_core.evaluation.intervals import Drawing, drawings, wilson
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import OF_CLASS, Tally, said_classes

FIELDS = {"precision": "precision", "recall": "recall", "f1": "f1", "map": "average_precision", "roc_auc": "roc_auc"}
HOW = Drawing(samples=400)
Make = Callable[..., ClassificationResults]


def expected(results: ClassificationResults, rows: np.ndarray, label: int) -> dict[str, float]:
    """What scikit-learn says of one class of the pictures that were drawn; NaN where it has nothing to count of."""
    there = results.shown[rows, label]
    said, scores = said_classes(results)[rows, label], results.scores[rows, label]
    missing: dict[str, Any] = {"zero_division": np.nan}
    found = {
        "precision": reference.precision_score(there, said, **missing),
        "recall": reference.recall_score(there, said, **missing),
        "f1": reference.f1_score(there, said, **missing),
        "map": reference.average_precision_score(there, scores) if there.any() else np.nan,
        "roc_auc": reference.roc_auc_score(there, scores) if 0 < there.sum() < len(rows) else np.nan,
    }
    return found if said.any() or there.any() else found | {"f1": np.nan}


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("make", [one_class_each, several_classes])
def test_each_class_of_a_drawing_is_what_scikit_learn_says_of_the_drawn_pictures(make: Make, coarse: bool):
    """Few pictures of many classes, so that drawings lack some."""
    results = make(5, 24, 5, coarse)
    if results.multi_label:
        results.targets[1:, 0] = False
    else:
        results.targets[:] = np.append(0, results.targets[1:].clip(1))
    weights = np.concatenate(list(drawings(24, Drawing(samples=100))))[:12]
    told = Tally(results, [], by_class=True)(weights)
    assert set(told) == {f"{name}/{each}" for name in OF_CLASS for each in results.class_names}
    lacking = 0
    for drawing, times in enumerate(weights):
        rows = np.repeat(np.arange(24), times.astype(int))
        for label, name in enumerate(results.class_names):
            lacking += not results.shown[rows, label].any()
            for figure, value in expected(results, rows, label).items():
                assert told[f"{figure}/{name}"][drawing] == pytest.approx(value, abs=1e-12, nan_ok=True), figure
    assert lacking


@pytest.mark.parametrize("make", [one_class_each, several_classes])
def test_intervals_of_classes_are_about_the_figures_of_the_table(make: Make):
    results = make(1, 300, 6)
    whole, found = classification_intervals(results, how=HOW), classification_intervals(results, how=HOW, by_class=True)
    assert {name: each for name, each in found.items() if "/" not in name} == whole
    for row in per_class(results):
        for figure, field in FIELDS.items():
            one = found[f"{figure}/{row.name}"]
            assert one.value == pytest.approx(getattr(row, field), abs=1e-12)
            assert one.known
            assert 0 <= one.low < one.value + 1e-12 < one.high + 2e-12 <= 1 + 1e-9


def test_few_right_or_wrong_pictures_have_wilsons_ends():
    """Class 0 is always right, which drawing again would give no width at all."""
    targets = np.repeat([0, 1, 2], [20, 40, 40])
    logits = np.eye(3, dtype=np.float32)[targets]
    logits[20:35] = np.eye(3)[2]  # fifteen of class 1 are said to be class 2
    results = ClassificationResults(
        pictures=tuple(map(str, range(100))), class_names=("a", "b", "c"), logits=logits, targets=targets
    )
    found = classification_intervals(results, [], HOW, by_class=True)
    low, high = (float(end[0]) for end in wilson(np.array([20]), np.array([20])))
    for figure in ("precision", "recall"):
        assert (found[f"{figure}/a"].low, found[f"{figure}/a"].high) == pytest.approx((low, high))
    assert (found["f1/a"].value, found["f1/a"].low) == pytest.approx((1, 2 * low / (1 + low)))
    assert found["f1/a"].method == "wilson"
    assert (found["recall/b"].method, found["precision/b"].method) == ("bca", "wilson")  # 25 of 40, and 25 of 25
    assert found["f1/b"].method == "bca"
    assert not found["map/a"].known
    assert "gives the same" in found["map/a"].note


def test_a_class_that_many_drawings_lack_says_so():
    results = several_classes(3, 60, 3)
    targets = results.targets.copy()
    targets[:, 0], targets[0, 0], targets[:, 1] = False, True, False
    rare = ClassificationResults(
        pictures=results.pictures, class_names=results.class_names, logits=results.logits, targets=targets,
        multi_label=True,
    )  # fmt: skip
    found = classification_intervals(rare, how=HOW, by_class=True)
    assert not found["map/class 0"].known
    assert "too few pictures" in found["map/class 0"].note
    assert found["recall/class 0"].known  # of one picture, and as wide as that
    assert found["recall/class 0"].high - found["recall/class 0"].low > 0.5
    assert not {"map/class 1", "recall/class 1", "roc_auc/class 1"} & found.keys()  # nobody shows it


def test_pictures_that_belong_together_are_drawn_together():
    results = one_class_each(4, 200, 4)
    alone = classification_intervals(results, [], HOW, by_class=True)["recall/class 1"]
    pairs = np.repeat(np.arange(200), 2)
    twice = results.take(pairs)
    groups = Drawing(samples=400, groups=pairs)
    together = classification_intervals(twice, [], groups, by_class=True)["recall/class 1"]
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_intervals_of_a_class_hold_the_truth_about_as_often_as_they_say():
    """Of 120 samples of 100 pictures out of 5,000, about 95 % should hold each figure of all 5,000."""
    population = several_classes(11, 5000, 3)
    truth = {f"{name}/{row.name}": getattr(row, FIELDS[name]) for row in per_class(population) for name in OF_CLASS}
    random, held = np.random.default_rng(0), dict.fromkeys(truth, 0)
    for number in range(120):
        sample = population.take(random.choice(5000, 100, replace=False))
        found = classification_intervals(sample, [], Drawing(300, number), by_class=True)
        for name, value in truth.items():
            held[name] += name in found and found[name].holds(value)
    assert all(0.86 <= times / 120 <= 1 for times in held.values()), held
    assert np.mean(list(held.values())) / 120 == pytest.approx(0.94, abs=0.025)
