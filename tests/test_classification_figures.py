"""Figures of a classifier against scikit-learn and torchmetrics, for pictures and for drawings of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from torchmetrics.functional import classification as torch_reference

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation import classification as ours
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import NAMES, Tally, losses
from vision_core.training import metrics as training


def one_class_each(
    seed: int, count: int, classes: int, coarse: bool = False, temperature: float = 1.0
) -> ClassificationResults:
    """Answers that are better than guessing; `coarse` makes many scores equal."""
    random = np.random.default_rng(seed)
    targets = random.integers(classes, size=count)
    logits = random.normal(size=(count, classes)) * random.uniform(0.3, 3)
    logits[np.arange(count), targets] += random.uniform(0, 2)
    if coarse:
        logits = np.round(logits)
    pictures = tuple(f"{n}.jpg" for n in range(count))
    names = tuple(f"class {k}" for k in range(classes))
    return ClassificationResults(
        pictures=pictures,
        class_names=names,
        logits=logits.astype(np.float32),
        targets=targets,
        temperature=temperature,
    )


def several_classes(seed: int, count: int, classes: int, coarse: bool = False) -> ClassificationResults:
    random = np.random.default_rng(seed)
    targets = random.random((count, classes)) < random.uniform(0.05, 0.6)
    logits = random.normal(size=(count, classes)) * random.uniform(0.3, 3) + targets
    if coarse:
        logits = np.round(logits) + 0.25
    return ClassificationResults(
        pictures=tuple(f"{n}.jpg" for n in range(count)),
        class_names=tuple(f"class {k}" for k in range(classes)),
        logits=logits.astype(np.float32),
        targets=targets,
        multi_label=True,
    )


ONE = st.builds(
    one_class_each,
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 50),
    classes=st.integers(2, 9),
    coarse=st.booleans(),
    temperature=st.sampled_from([0.5, 1.0, 2.5]),
)
SEVERAL = st.builds(
    several_classes,
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 50),
    classes=st.integers(1, 7),
    coarse=st.booleans(),
)


def expected_one(results: ClassificationResults, weights: np.ndarray | None = None) -> dict[str, float]:
    """What scikit-learn says, with `weights` as its sample weights."""
    targets, scores = results.targets, results.scores
    guessed, every = results.logits.argmax(axis=1), np.arange(len(results.class_names))
    some = weights if weights is not None else np.ones(len(targets))
    used = np.union1d(targets[some > 0], guessed[some > 0])
    how: dict[str, Any] = {"labels": used, "zero_division": 0, "sample_weight": weights}
    found = {
        "top1": reference.accuracy_score(targets, guessed, sample_weight=weights),
        "log_loss": reference.log_loss(targets, scores, labels=every, sample_weight=weights),
        "f1_macro": reference.f1_score(targets, guessed, average="macro", **how),
        "f1_weighted": reference.f1_score(targets, guessed, average="weighted", **how),
        "precision_macro": reference.precision_score(targets, guessed, average="macro", **how),
        "recall_macro": reference.recall_score(targets, guessed, average="macro", **how),
        "brier": np.average(((scores - np.eye(len(every))[targets]) ** 2).sum(axis=1), weights=weights),
    }
    there = np.unique(targets[some > 0])
    examples: dict[str, Any] = how | {"labels": there}
    found["balanced_accuracy"] = reference.recall_score(targets, guessed, average="macro", **examples)
    if len(used) > 1:
        found["kappa"] = reference.cohen_kappa_score(targets, guessed, sample_weight=weights)
    shown = targets[:, None] == every
    found["map"] = np.mean(
        [reference.average_precision_score(shown[:, k], scores[:, k], sample_weight=weights) for k in there]
    )
    if len(there) > 1:
        found["roc_auc"] = np.mean(
            [reference.roc_auc_score(shown[:, k], scores[:, k], sample_weight=weights) for k in there]
        )
    return found


@settings(max_examples=12, deadline=None)
@given(results=ONE)
def test_one_class_a_picture_as_scikit_learn_counts_it(results: ClassificationResults):
    found, expected = ours.figures(results), expected_one(results)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12, rel=1e-12)
    assert set(found) - set(expected) <= {"top5", "ece"}
    assert ("top5" in found) == (len(results.class_names) > 5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 50), classes=st.integers(6, 9))
def test_the_first_five_as_scikit_learn_counts_them(seed: int, count: int, classes: int):
    results = one_class_each(seed, count, classes)
    expected = reference.top_k_accuracy_score(results.targets, results.scores, k=5, labels=np.arange(classes))
    assert ours.figures(results)["top5"] == pytest.approx(expected, abs=1e-12)


def test_of_equal_scores_the_first_classes_count():
    logits = np.zeros((7, 7), np.float32)
    results = ClassificationResults(
        pictures=tuple("abcdefg"), class_names=tuple("abcdefg"), logits=logits, targets=np.arange(7)
    )
    assert ours.figures(results, ["top1", "top5"]) == pytest.approx({"top1": 1 / 7, "top5": 5 / 7})


@settings(max_examples=12, deadline=None)
@given(results=SEVERAL)
def test_several_classes_a_picture_as_scikit_learn_counts_them(results: ClassificationResults):
    shown, scores = results.shown, results.scores
    said, found = scores > 0.5, ours.figures(results)
    used = np.flatnonzero(shown.any(axis=0) | said.any(axis=0))
    expected = {
        "log_loss": np.mean([reference.log_loss(a, b, labels=[0, 1]) for a, b in zip(shown.T, scores.T, strict=True)]),
        "brier": reference.brier_score_loss(shown.ravel(), scores.ravel()),
        "exact_match": reference.accuracy_score(shown, said) if shown.shape[1] > 1 else np.mean(shown == said),
    }
    quiet: dict[str, Any] = {"zero_division": 0}
    for name, score in (
        ("f1", reference.f1_score),
        ("precision", reference.precision_score),
        ("recall", reference.recall_score),
    ):
        if len(used):
            each = [score(shown[:, k], said[:, k], **quiet) for k in used]
            expected[f"{name}_macro"] = np.mean(each)
        if {"f1": shown.any() or said.any(), "precision": said.any(), "recall": shown.any()}[name]:
            expected[f"{name}_micro"] = score(shown.ravel(), said.ravel())
    if there := np.flatnonzero(shown.any(axis=0)).tolist():
        support = shown.sum(axis=0)
        each = [reference.f1_score(shown[:, k], said[:, k]) for k in there]
        expected["f1_weighted"] = np.average(each, weights=support[there])
        expected["map"] = np.mean([reference.average_precision_score(shown[:, k], scores[:, k]) for k in there])
        some = shown.any(axis=1)
        expected["top1"] = shown[some, scores[some].argmax(axis=1)].mean()
    if both := [k for k in there if not shown[:, k].all()]:
        expected["roc_auc"] = np.mean([reference.roc_auc_score(shown[:, k], scores[:, k]) for k in both])
    assert found.pop("ece") >= 0
    assert found == pytest.approx(expected, abs=1e-12, rel=1e-12)


def test_torchmetrics_agrees():
    results = one_class_each(3, 400, 8)
    scores, targets = torch.from_numpy(results.scores), torch.from_numpy(results.targets)
    expected = {
        "f1_macro": torch_reference.multiclass_f1_score(scores, targets, 8, average="macro"),
        "f1_weighted": torch_reference.multiclass_f1_score(scores, targets, 8, average="weighted"),
        "precision_macro": torch_reference.multiclass_precision(scores, targets, 8, average="macro"),
        "balanced_accuracy": torch_reference.multiclass_accuracy(scores, targets, 8, average="macro"),
        "kappa": torch_reference.multiclass_cohen_kappa(scores, targets, 8),
        "roc_auc": torch_reference.multiclass_auroc(scores, targets, 8, average="macro"),
        "map": torch_reference.multiclass_average_precision(scores, targets, 8, average="macro"),
        "ece": torch_reference.multiclass_calibration_error(scores, targets, 8, n_bins=15),
    }
    found = ours.figures(results, list(expected))
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("make", [one_class_each, several_classes])
def test_what_training_reports_is_the_same(make: Callable[[int, int, int], ClassificationResults], seed: int):
    results = make(seed, 5 + 7 * seed, 2 + seed)
    scores, targets = torch.from_numpy(results.scores).float(), torch.from_numpy(results.targets)
    expected = (training.multi_label if results.multi_label else training.single)(scores, targets)
    found = ours.figures(results)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@settings(max_examples=8, deadline=None)
@given(results=st.one_of(ONE, SEVERAL), seed=st.integers(0, 1000))
def test_a_drawing_counts_as_the_pictures_drawn(results: ClassificationResults, seed: int):
    drawn = np.random.default_rng(seed).integers(len(results), size=(3, len(results)))
    weights = np.stack([np.bincount(rows, minlength=len(results)) for rows in drawn]).astype(np.float64)
    found = Tally(results)(weights)
    for number, rows in enumerate(drawn):
        one = {name: value[number] for name, value in found.items() if not np.isnan(value[number])}
        assert one == pytest.approx(ours.figures(results.take(rows)), abs=1e-9)
    if not results.multi_label:
        expected = expected_one(results, weights[0])
        assert {name: found[name][0] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_a_sure_mistake_costs_what_it_should():
    """Scores of 0 and 1 would make it infinite, or whatever the library clips at."""
    logits = np.array([[200.0, -200.0], [-1000.0, 1000.0]], np.float32)
    how: dict[str, Any] = {"pictures": ("a", "b"), "class_names": ("x", "y"), "logits": logits}
    one = ClassificationResults(**how, targets=np.array([1, 1]))
    assert losses(one).tolist() == [400.0, 0.0]
    several = ClassificationResults(**how, targets=np.array([[0, 0], [1, 1]]), multi_label=True)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(logits).double(), torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double(), reduction="none"
    )
    assert losses(several) == pytest.approx(expected.mean(dim=1).numpy())
    numbers, worst = ours.top_losses(one, 1)
    assert (numbers.tolist(), worst.tolist()) == ([0], [400.0])


def test_what_cannot_be_told_is_absent():
    nothing = ClassificationResults(
        pictures=(), class_names=("x", "y"), logits=np.zeros((0, 2), np.float32), targets=np.zeros(0, np.int64)
    )
    assert ours.figures(nothing) == {}
    assert all(row.precision is row.f1 is row.roc_auc is None for row in ours.per_class(nothing))
    same = ClassificationResults(
        pictures=("a",), class_names=("x", "y"), logits=np.array([[1.0, 0.0]], np.float32), targets=np.array([0])
    )
    found = ours.figures(same)
    assert "kappa" not in found
    assert "roc_auc" not in found
    assert found["balanced_accuracy"] == 1.0
    with pytest.raises(SettingsError, match=r"f1_makro.*Did you mean f1_macro"):
        ours.figures(same, ["f1_makro"])


def test_a_single_class_is_always_right():
    logits = np.array([[1.0], [-3.0]], np.float32)
    results = ClassificationResults(
        pictures=("a", "b"), class_names=("x",), logits=logits, targets=np.zeros(2, np.int64)
    )
    found = ours.figures(results)
    expected = {"top1": 1.0, "log_loss": 0.0, "brier": 0.0, "f1_macro": 1.0, "ece": 0.0, "map": 1.0}
    assert {name: found[name] for name in expected} == expected


@settings(max_examples=8, deadline=None)
@given(results=st.one_of(ONE, SEVERAL), threshold=st.sampled_from([0.2, 0.5, 0.8]))
def test_each_class_as_scikit_learn_counts_it(results: ClassificationResults, threshold: float):
    shown = results.shown
    if results.multi_label:
        said = results.scores > threshold
    else:
        said = results.logits.argmax(axis=1)[:, None] == np.arange(shown.shape[1])
    for row in ours.per_class(results, threshold):
        k = row.class_id
        assert (row.support, row.said) == (shown[:, k].sum(), said[:, k].sum())
        assert row.accuracy == pytest.approx((shown[:, k] == said[:, k]).mean())
        there, answers = shown[:, k], said[:, k]
        assert row.precision == (reference.precision_score(there, answers) if answers.any() else None)
        assert row.recall == (reference.recall_score(there, answers) if there.any() else None)
        assert row.f1 == (pytest.approx(reference.f1_score(there, answers)) if (there | answers).any() else None)
        if row.support:
            area = reference.average_precision_score(shown[:, k], results.scores[:, k])
            assert row.average_precision == pytest.approx(area)
        else:
            assert row.average_precision is None


@settings(max_examples=8, deadline=None)
@given(results=ONE)
def test_the_confusion_matrix_and_the_pictures_behind_it(results: ClassificationResults):
    classes = len(results.class_names)
    counts = ours.confusion(results)
    guessed = results.logits.argmax(axis=1)
    assert (counts == reference.confusion_matrix(results.targets, guessed, labels=np.arange(classes))).all()
    seen: list[int] = []
    for shown in range(classes):
        for said in range(classes):
            numbers = ours.pictures_of(results, shown, said)
            assert len(numbers) == counts[shown, said]
            assert (np.diff(results.scores[numbers, said]) <= 0).all()
            seen += numbers.tolist()
    assert sorted(seen) == list(range(len(results)))
    rows = ours.normalised(counts)
    assert rows[counts.sum(axis=1) > 0].sum(axis=1) == pytest.approx(1.0)
    assert np.isnan(rows[counts.sum(axis=1) == 0]).all()
    pairs = ours.most_confused(results, 3)
    assert [pair.count for pair in pairs] == sorted((counts - np.diag(counts.diagonal())).ravel(), reverse=True)[
        : len(pairs)
    ]
    assert all(pair.shown != pair.said and pair.count == counts[pair.shown, pair.said] for pair in pairs)


@settings(max_examples=8, deadline=None)
@given(results=SEVERAL)
def test_the_yes_and_no_of_each_class_and_the_pictures_behind_it(results: ClassificationResults):
    counts = ours.label_confusion(results)
    for k in range(len(results.class_names)):
        expected = reference.confusion_matrix(results.shown[:, k], results.scores[:, k] > 0.5, labels=[False, True])
        assert (counts[k] == expected).all()
        for shown in (False, True):
            for said in (False, True):
                numbers = ours.pictures_where(results, k, shown, said)
                assert len(numbers) == counts[k, int(shown), int(said)]
    with pytest.raises(DataError, match="several classes"):
        ours.confusion(results)


def test_every_name_is_told_by_some_results():
    found = set(ours.figures(one_class_each(0, 60, 7))) | set(ours.figures(several_classes(0, 60, 4)))
    assert found == set(NAMES)
    assert set(NAMES) >= ours.LOWER_IS_BETTER
