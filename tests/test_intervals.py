"""Intervals against scipy and statsmodels, and whether they hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from test_classification_figures import one_class_each, several_classes

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.classification import figures
from vision_core.evaluation.classification_intervals import calibration_interval, classification_intervals
from vision_core.evaluation.intervals import (
    Drawing,
    distribution,
    drawings,
    endpoints,
    interval,
    jackknife,
    mean_interval,
    one_by_one,
    proportion_interval,
    wilson,
)
from vision_core.evaluation.tallies import Tally

SKEWED = np.random.default_rng(4).lognormal(size=40)


def weighted_mean(weights: np.ndarray) -> np.ndarray:
    return weights @ SKEWED / weights.sum(axis=1)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
@pytest.mark.parametrize("statistic", ["mean", "std"])
def test_the_ends_are_scipys_on_the_same_drawings(method: str, statistic: str):
    of = {"mean": np.mean, "std": np.std}[statistic]
    expected = stats.bootstrap((SKEWED,), of, method=method, n_resamples=999, rng=np.random.default_rng(0))
    without = np.array([of(np.delete(SKEWED, at)) for at in range(len(SKEWED))])
    how = Drawing(method="bca" if method == "BCa" else "percentile")
    found = endpoints(float(of(SKEWED)), expected.bootstrap_distribution, how, without)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), rel=1e-12)
    assert found.method == method.lower()


def test_drawing_by_weights_is_drawing_pictures():
    expected = stats.bootstrap((SKEWED,), np.mean, method="BCa", n_resamples=9999, rng=np.random.default_rng(1))
    found = interval(weighted_mean, len(SKEWED), Drawing(samples=9999))
    spread = float(expected.standard_error)
    assert found.value == pytest.approx(SKEWED.mean())
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.08 * spread)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.15 * spread)
    assert found == mean_interval(SKEWED, Drawing(samples=9999))
    slowly = interval(one_by_one(lambda row: float(row @ SKEWED / row.sum())), 40, Drawing(samples=9999))
    assert (slowly.low, slowly.high) == pytest.approx((found.low, found.high))


def test_each_drawing_holds_as_many_pictures_as_there_are():
    weights = np.concatenate(list(drawings(30, Drawing(samples=500, seed=3))))
    assert weights.shape == (500, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert weights.var() == pytest.approx(29 / 30, rel=0.05)  # of the multinomial distribution
    again = np.concatenate(list(drawings(30, Drawing(samples=500, seed=3))))
    assert (weights == again).all()
    assert (weights != np.concatenate(list(drawings(30, Drawing(samples=500, seed=4))))).any()


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch):
    how, told = Drawing(samples=230), []
    whole = interval(weighted_mean, 40, how)
    monkeypatch.setattr("vision_core.evaluation.intervals._CHUNK_CELLS", 40 * 100)
    found = distribution(
        lambda weights: {"mean": weighted_mean(weights)}, 40, how, lambda _, done, total: told.append((done, total))
    )
    assert len(found["mean"]) == 230
    assert told == [(100, 230), (200, 230), (230, 230)]
    assert interval(weighted_mean, 40, how) == whole


def test_pictures_of_one_group_are_drawn_together():
    groups = np.repeat(np.arange(10), 5)
    for weights in drawings(50, Drawing(samples=100, groups=groups)):
        assert (weights.reshape(-1, 10, 5).std(axis=2) == 0).all()
    values = np.repeat(np.random.default_rng(0).normal(size=10), 5)  # ten scenes, five pictures alike of each
    alone, together = mean_interval(values), mean_interval(values, Drawing(groups=groups))
    assert together.high - together.low > 2 * (alone.high - alone.low)
    with pytest.raises(DataError, match="50 groups do not go with 49 pictures"):
        mean_interval(values[1:], Drawing(groups=groups))


def test_the_jackknife_leaves_out_each_picture_in_turn():
    found = jackknife(lambda weights: {"mean": weighted_mean(weights)}, 40)["mean"]
    assert found == pytest.approx(np.array([np.delete(SKEWED, at).mean() for at in range(40)]))
    many = np.random.default_rng(0).lognormal(size=3000)
    parts = jackknife(lambda weights: {"mean": weights @ many / weights.sum(axis=1)}, 3000)["mean"]
    assert len(parts) == 500
    assert parts.mean() == pytest.approx(many.mean(), rel=1e-3)


@pytest.mark.parametrize(("right", "count"), [(0, 12), (12, 12), (3, 40), (95, 100), (500, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_shares_as_statsmodels_has_them(right: int, count: int, confidence: float):
    low, high = wilson(np.array([right]), np.array([count]), confidence)
    expected = proportion_confint(right, count, 1 - confidence, "wilson")
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-12)
    found = proportion_interval(right, count, Drawing(confidence=confidence))
    assert found.method == ("wilson" if min(right, count - right) < 10 else "bca")
    assert (found.low, found.high) == pytest.approx(expected, abs=0.012)


def test_what_nobody_can_tell_has_no_ends():
    same = interval(lambda weights: np.full(len(weights), 0.7), 20)
    assert (same.known, same.method) == (False, "")
    assert "gives the same" in same.note
    rare = np.zeros(30)
    rare[4] = 1
    seldom = interval(lambda weights: np.where(weights @ rare > 0, 0.5, np.nan), 30)
    assert not seldom.known
    assert "too few pictures" in seldom.note
    with pytest.raises(DataError, match="no pictures"):
        interval(weighted_mean, 0)
    with pytest.raises(SettingsError, match="at least 100 drawings"):
        Drawing(samples=10)


def test_a_classifiers_intervals_are_about_its_figures():
    results = one_class_each(1, 300, 7)
    found = classification_intervals(results, how=Drawing(samples=400))
    expected = figures(results)
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected)
    assert all(each.low <= each.value <= each.high for each in found.values())
    only = classification_intervals(results, ["top1", "kappa"], Drawing(samples=400))
    assert only == {name: found[name] for name in ("top1", "kappa")}
    several = classification_intervals(several_classes(2, 200, 4), how=Drawing(samples=400))
    assert several.keys() == figures(several_classes(2, 200, 4)).keys()
    assert several["exact_match"].known


def test_all_answers_right_is_no_certainty():
    results = one_class_each(0, 60, 3)
    logits = np.eye(3, dtype=np.float32)[results.targets] * 9
    sure = type(results)(
        pictures=results.pictures, class_names=results.class_names, logits=logits, targets=results.targets
    )
    found = classification_intervals(sure)
    assert (found["top1"].low, found["top1"].high) == pytest.approx(proportion_confint(60, 60, 0.05, "wilson"))
    assert not found["f1_macro"].known


def test_intervals_hold_the_truth_as_often_as_they_say():
    """200 samples of 120 pictures from a network whose true figures are known. One in 20 may miss, and no more."""
    random = np.random.default_rng(11)
    how = Drawing(samples=300)
    names = ["top1", "f1_macro", "log_loss", "kappa"]

    def answers(count: int):
        targets = random.choice(3, size=count, p=[0.5, 0.3, 0.2])
        logits = random.normal(size=(count, 3))
        logits[np.arange(count), targets] += 1.4
        like = one_class_each(0, count, 3)
        return type(like)(
            pictures=like.pictures,
            class_names=like.class_names,
            logits=(2.5 * logits).astype(np.float32),
            targets=targets,
        )

    truth = figures(answers(300_000), [*names, "ece"])
    held = dict.fromkeys(truth, 0)
    for _ in range(200):
        results = answers(120)
        for name, found in classification_intervals(results, names, how).items():
            held[name] += found.holds(truth[name])
        held["ece"] += calibration_interval(results, how).holds(truth["ece"])
    assert held.pop("ece") >= 0.95 * 200
    for name, times in held.items():  # 3 standard deviations of a binomial count around 95 %
        assert abs(times / 200 - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 200), name


def test_weights_of_the_tally_are_what_intervals_draw():
    results = one_class_each(3, 50, 4)
    drawn = distribution(Tally(results, ["f1_macro"]), 50, Drawing(samples=100))["f1_macro"]
    weights = next(iter(drawings(50, Drawing(samples=100))))
    rows = np.repeat(np.arange(50), weights[7].astype(int))
    assert drawn[7] == pytest.approx(figures(results.take(rows))["f1_macro"])
