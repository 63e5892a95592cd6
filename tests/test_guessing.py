"""What guessing gives, against scikit-learn's figures of somebody who guesses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from vision_core.evaluation.classification import figures
from vision_core.evaluation.guessing import guessing, guessing_of_classes
from vision_core.evaluation.records import ClassificationResults


def guessed(targets: np.ndarray, logits: np.ndarray) -> ClassificationResults:
    return ClassificationResults(
        pictures=tuple(map(str, range(len(targets)))),
        class_names=tuple(f"class {k}" for k in range(logits.shape[1])),
        logits=logits,
        targets=targets,
        multi_label=targets.ndim == 2,
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 8))
def test_of_several_labels_it_is_what_always_yes_would_get(seed: int, pictures: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    targets = random.random((pictures, classes)) < random.random(classes)
    results = guessed(targets, np.ones((pictures, classes)))
    found, real = guessing(results), figures(results)
    for name in ("f1_macro", "f1_micro", "map"):
        assert found.get(name, np.nan) == pytest.approx(real.get(name, np.nan), nan_ok=True)
    for label in np.flatnonzero(targets.any(axis=0)):
        expected = metrics.average_precision_score(targets[:, label], np.ones(pictures))
        assert guessing_of_classes(results).average_precision[label] == pytest.approx(expected)
        assert guessing_of_classes(results).f1[label] == pytest.approx(
            metrics.f1_score(targets[:, label], np.ones(pictures))
        )
    shares = np.clip(targets.mean(axis=0), 1e-300, 1)
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        constant = guessed(targets, np.tile(np.clip(np.log(shares / (1 - shares)), -700, 700), (pictures, 1)))
    assert found["log_loss"] == pytest.approx(figures(constant)["log_loss"], abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 8))
def test_of_one_label_it_is_what_the_commonest_class_would_get(seed: int, pictures: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    targets = random.choice(classes, pictures, p=random.dirichlet(np.ones(classes)))
    shares = np.bincount(targets, minlength=classes) / pictures
    with np.errstate(divide="ignore"):
        logits = np.tile(np.maximum(np.log(shares), -700), (pictures, 1))
    found, real = guessing(guessed(targets, logits)), figures(guessed(targets, logits))
    for name in ("top1", "f1_weighted", "balanced_accuracy", "log_loss", "map"):
        assert found[name] == pytest.approx(real[name]), name
    assert found["f1_macro"] == pytest.approx(real["f1_macro"])
    if classes > 5:
        assert found["top5"] == pytest.approx(real["top5"])


def test_no_pictures_no_guess() -> None:
    results = guessed(np.zeros((0, 3)), np.zeros((0, 3)))
    assert guessing(results) == {}
    assert np.isnan(guessing_of_classes(results).f1).all()
