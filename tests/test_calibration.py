"""Confidence against truth: torchmetrics and scikit-learn as references, a temperature against a plain optimiser."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint
from test_classification_figures import ONE, SEVERAL, one_class_each, several_classes
from torchmetrics.functional import classification as torch_reference

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.calibration import (
    HIGHEST,
    LOWEST,
    check_temperature,
    fit_temperature,
    gain_in_words,
    log_loss_gain,
    reliability,
)
from vision_core.evaluation.classification import figures
from vision_core.evaluation.records import ClassificationResults
from vision_core.training import metrics as training


def with_logits(results: ClassificationResults, logits: np.ndarray) -> ClassificationResults:
    return ClassificationResults(
        pictures=results.pictures,
        class_names=results.class_names,
        logits=logits.astype(np.float32),
        targets=results.targets,
        multi_label=results.multi_label,
    )


@settings(max_examples=15, deadline=None)
@given(results=st.one_of(ONE, SEVERAL), bins=st.sampled_from([1, 5, 15, 40]))
def test_the_error_is_torchmetrics(results: ClassificationResults, bins: int):
    scores, targets = torch.from_numpy(results.scores), torch.from_numpy(results.targets)
    found = reliability(results, bins)
    norms: tuple[tuple[Literal["l1", "max"], float], ...] = (("l1", found.ece), ("max", found.mce))
    for norm, ours in norms:
        if results.multi_label:
            expected = torch_reference.binary_calibration_error(
                scores.flatten(), targets.flatten().long(), bins, norm=norm
            )
        else:
            expected = torch_reference.multiclass_calibration_error(
                scores, targets, len(results.class_names), bins, norm=norm
            )
        assert ours == pytest.approx(float(expected), abs=1e-6)
    assert found.counts.sum() == (results.scores.size if results.multi_label else len(results))
    if bins == 15:
        assert found.ece == pytest.approx(figures(results, ["ece"])["ece"], abs=1e-12)


def test_bins_of_one_class_as_scikit_learn_has_them():
    results = several_classes(1, 500, 3)
    shown, scores = results.shown[:, 1], results.scores[:, 1]
    kinds: tuple[tuple[str, Literal["width", "count"]], ...] = (("uniform", "width"), ("quantile", "count"))
    for how, equal in kinds:
        expected, confidence = calibration_curve(shown, scores, n_bins=10, strategy=how)
        found = reliability(results, 10, class_id=1, equal=equal)
        if equal == "count":  # scikit-learn puts a score at the very edge into the bin below
            assert found.counts.tolist() == [50] * 10
            assert found.accuracy == pytest.approx(expected, abs=1 / 45)
            continue
        some = found.counts > 0
        assert found.accuracy[some] == pytest.approx(expected)
        assert found.confidence[some] == pytest.approx(confidence)
        low, high = proportion_confint(found.accuracy[some] * found.counts[some], found.counts[some], 0.05, "wilson")
        assert found.low[some] == pytest.approx(low)
        assert found.high[some] == pytest.approx(high)
        assert np.isnan(found.accuracy[~some]).all()


def test_answers_that_round_to_certainty_share_the_last_bin():
    """A score of exactly 1 belongs with 0.99; a bin of its own would hide errors that cancel each other."""
    results = one_class_each(0, 4, 2)
    logits = np.array([[100.0, 0.0], [0.0, 100.0], [3.5, 0.0], [0.0, 3.5]])
    targets = np.array([0, 0, 0, 1])
    results = ClassificationResults(
        pictures=results.pictures, class_names=results.class_names, logits=logits.astype(np.float32), targets=targets
    )
    found = reliability(results)
    assert found.counts.tolist() == [0] * 14 + [4]
    assert found.ece == pytest.approx((2 + 2 / (1 + np.exp(-3.5))) / 4 - 3 / 4)
    assert found.overconfidence == pytest.approx(found.ece)
    in_training = training.single(torch.from_numpy(results.scores).float(), torch.from_numpy(targets))
    assert in_training["ece"] == pytest.approx(found.ece, abs=1e-6)


def fitted_by_torch(results: ClassificationResults) -> float:
    """The temperature by LBFGS on its logarithm, as Guo et al. fit it."""
    logits, shown = torch.from_numpy(results.logits).double(), torch.from_numpy(results.shown).double()
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [log_temperature], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        scaled = logits / log_temperature.exp()
        loss = (
            torch.nn.functional.binary_cross_entropy_with_logits(scaled, shown)
            if results.multi_label
            else torch.nn.functional.cross_entropy(scaled, shown)
        )
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(log_temperature.detach().exp())


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_is_the_best_there_is(seed: int):
    several = several_classes(seed, 200, 4)
    for results in (one_class_each(seed, 200, 5), with_logits(several, several.logits + 2.0 * several.shown - 1)):
        found = fit_temperature(results)
        assert found.temperature == pytest.approx(fitted_by_torch(results), rel=1e-5)
        assert found.note == ""
        for nearby in (0.99, 1.01):
            elsewhere = figures(results.at_temperature(found.temperature * nearby), ["log_loss"])
            assert found.after["log_loss"] < elsewhere["log_loss"]
        assert found.before == pytest.approx(figures(results.at_temperature(1.0), list(found.before)))
        assert fit_temperature(results.at_temperature(3.0)) == found  # starts from the logits as they were trained


def test_a_temperature_undoes_what_sharpened_the_logits():
    """Scores drawn from the very softmax they are judged by need none; three times the logits need three."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 4)) * 2
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (scores.cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    like = one_class_each(0, 20_000, 4)
    true = ClassificationResults(
        pictures=like.pictures, class_names=like.class_names, logits=logits.astype(np.float32), targets=targets
    )
    assert fit_temperature(true).temperature == pytest.approx(1.0, abs=0.03)
    sharp = with_logits(true, logits * 3)
    found = fit_temperature(sharp)
    assert found.temperature == pytest.approx(3.0, abs=0.09)
    assert found.before["ece"] > 0.1 > 0.02 > found.after["ece"]
    assert (sharp.at_temperature(found.temperature).scores.argmax(axis=1) == sharp.logits.argmax(axis=1)).all()


def test_what_tells_no_temperature_says_so():
    results = one_class_each(0, 30, 3)
    right = with_logits(results, np.eye(3)[results.targets])
    found = fit_temperature(right)
    assert found.temperature == pytest.approx(LOWEST)
    assert "answered right" in found.note
    wrong = with_logits(results, -np.eye(3)[results.targets])
    found = fit_temperature(wrong)
    assert found.temperature == pytest.approx(HIGHEST)
    assert "guessing" in found.note
    for nothing in (results.take(np.arange(0)), one_class_each(0, 5, 2).take(np.arange(0))):
        with pytest.raises(DataError, match="at least two classes"):
            fit_temperature(nothing)
        with pytest.raises(DataError, match="no pictures"):
            reliability(nothing)
    with pytest.raises(SettingsError, match="at least one bin"):
        reliability(results, 0)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "2", None, True])
def test_a_temperature_is_a_number_above_0(value: object):
    with pytest.raises(SettingsError, match="above 0"):
        check_temperature(value)


@pytest.mark.parametrize("several", [False, True])
def test_a_gain_is_the_fall_of_the_log_loss_and_says_whether_it_is_sure(several: bool):
    random = np.random.default_rng(0)
    shown = np.eye(4)[random.integers(0, 4, 400)]
    logits = (12 * (2 * shown - 1) + random.normal(0, 14, shown.shape)).astype(np.float32)
    results = ClassificationResults(
        pictures=tuple(map(str, range(400))),
        class_names=tuple("abcd"),
        logits=logits,
        targets=shown if several else shown.argmax(axis=1),
        multi_label=several,
    )
    temperature = fit_temperature(results).temperature
    gain = log_loss_gain(results, temperature)
    fall = figures(results)["log_loss"] - figures(results.at_temperature(temperature))["log_loss"]
    assert gain.value == pytest.approx(fall)
    assert gain.low > 0
    assert gain_in_words(gain) == ""
    assert "worse" in gain_in_words(log_loss_gain(results.at_temperature(temperature), 1.0))
    few = results.take(np.arange(8)).at_temperature(temperature)
    assert "cannot tell" in gain_in_words(log_loss_gain(few, fit_temperature(few).temperature))
