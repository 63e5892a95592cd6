"""Which of two is better: McNemar against statsmodels, the paired bootstrap by simulation, and the words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference
from test_classification_figures import one_class_each, several_classes

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.classification import figures
from vision_core.evaluation.intervals import Drawing, distribution
from vision_core.evaluation.pairing import paired
from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, TrueBoxes
from vision_core.evaluation.significance import Figure, compare, compare_figures, compare_values, mcnemar

QUICK = Drawing(samples=400)


def split(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def answers(right: np.ndarray, classes: int = 2) -> ClassificationResults:
    """Pictures of the first class, answered so."""
    logits = np.zeros((len(right), classes), np.float32)
    logits[:, 0] = np.where(right, 1, -1)
    return ClassificationResults(
        pictures=tuple(map(str, range(len(right)))),
        class_names=tuple("abcdefg"[:classes]),
        logits=logits,
        targets=np.zeros(len(right), np.int64),
    )


@pytest.mark.parametrize(
    ("only_a", "only_b"), [(0, 0), (5, 0), (3, 9), (12, 12), (13, 11), (14, 11), (40, 61), (300, 9)]
)
@pytest.mark.parametrize("exact", [True, False])
def test_mcnemar_as_statsmodels_computes_it(only_a: int, only_b: int, exact: bool):
    a, b = split(20, only_a, only_b, 7)
    found = mcnemar(a, b, exact)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    if only_a + only_b:
        expected: Any = reference([[20, only_a], [only_b, 7]], exact=exact, correction=True)
        assert (found.statistic, found.chance) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)
    else:
        assert found.chance == 1.0
    assert mcnemar(a, b).exact == (only_a + only_b < 25)


def test_better_in_words():
    a, b = split(600, 30, 72, 298)
    found = compare(answers(a), answers(b), "top1", ("small", "large"), QUICK)
    assert found.better == "large"
    assert found.gap.value == pytest.approx(0.042)
    assert found.mcnemar is not None
    assert found.chance >= found.mcnemar.chance
    assert found.gap.low < 0.042 < found.gap.high
    assert found.words == (
        f"large is better by 4.2 points ({100 * found.gap.low:.1f} to {100 * found.gap.high:.1f}); were they equal, "
        "a gap like this would appear in 2 of 1,000 samples."
    )
    turned = compare(answers(b), answers(a), "top1", ("large", "small"), QUICK)
    assert turned.words == found.words
    assert found.more_pictures is None


def test_not_told_apart_in_words():
    a, b = split(80, 5, 8, 7)
    found = compare(answers(a), answers(b), "top1", ("A", "B"), QUICK)
    assert found.better == ""
    assert found.gap.holds(0)
    assert found.more_pictures is not None
    assert found.words == (
        "These data cannot tell them apart: the gap is 3.0 points, and were they equal, a gap like this would appear "
        f"in {round(found.chance * 1000)} of 1,000 samples; about 1,000 more pictures could, if the gap stays."
    ).replace("1,000 more", f"{round(found.more_pictures, -(len(str(found.more_pictures)) - 2)):,} more")
    same = compare(answers(a), answers(a), "top1", ("A", "B"), QUICK)
    assert same.words == "These data cannot tell them apart: they score the same on these 100 pictures."
    assert same.more_pictures is None


def test_a_figure_that_few_drawings_have_cannot_tell_them_apart():
    """One picture of two has the only box: many drawings leave it out."""
    boxes = DetectionResults(
        pictures=("a", "b"),
        class_names=("cup",),
        sizes_px=np.full((2, 2), 100),
        truth=TrueBoxes(np.zeros(1, int), np.array([[0.0, 0, 9, 9]]), np.zeros(1, int), np.zeros(1, bool)),
        found=FoundBoxes(np.zeros(1, int), np.array([[0.0, 0, 9, 9]]), np.ones(1), np.zeros(1, int)),
    )
    found = compare(boxes, boxes, "map50", ("A", "B"), QUICK)
    assert np.isnan(found.chance)
    assert found.words == "These data cannot tell them apart: too few pictures to tell this figure of both."


def test_few_pictures_that_differ_are_not_enough():
    """Five to nothing: the drawings are sure of it, but a coin falls five times on one side in 62 of 1,000 cases."""
    a, b = split(390, 0, 5, 5)
    found = compare(answers(a), answers(b), "top1", ("A", "B"), QUICK)
    assert found.chance == pytest.approx(0.0625)
    assert found.better == ""
    assert "62 of 1,000" in found.words
    a, b = split(390, 0, 12, 5)
    assert compare(answers(a), answers(b), "top1", ("A", "B"), QUICK).better == "B"


def test_one_always_right_and_one_never():
    none, every = np.zeros(40, bool), np.ones(40, bool)
    found = compare(answers(none), answers(every), "top1", ("A", "B"), QUICK)
    assert found.words == (
        "B is better by 100.0 points; were they equal, a gap like this would appear in fewer than 1 of 1,000 samples."
    )
    few = compare(answers(none[:4]), answers(every[:4]), "top1", ("A", "B"), QUICK)
    assert few.better == ""


def test_less_is_better_for_a_loss():
    results = one_class_each(2, 400, 6)
    blurred = replace(results, logits=results.logits * 0.2)
    for name, unit in (("log_loss", "nats"), ("brier", "points")):
        found = compare(results, blurred, name, ("sharp", "vague"), QUICK)
        better = "sharp" if figures(results)[name] < figures(blurred)[name] else "vague"
        assert found.better == better
        assert f"{better} is better by" in found.words
        assert f" {unit} (" in found.words
    objects = Figure("mae", lower_is_better=True, unit="objects a picture")
    random = np.random.default_rng(0)
    found = compare_values(random.poisson(3, 200), random.poisson(1, 200), objects, ("A", "B"), QUICK)
    assert found.better == "B"
    assert "objects a picture" in found.words


@pytest.mark.parametrize("figure", ["f1_macro", "map", "roc_auc", "kappa", "ece"])
def test_the_gap_is_that_of_the_figures(figure: str):
    a = one_class_each(1, 150, 4)
    b = replace(a, logits=a.logits + np.random.default_rng(3).normal(size=a.logits.shape).astype(np.float32))
    found = compare(a, b, figure, how=QUICK)
    assert (found.value_a, found.value_b) == pytest.approx((figures(a)[figure], figures(b)[figure]))
    assert found.gap.holds(0) == (found.chance > 0.05)
    assert found.mcnemar is None


def test_several_figures_are_what_each_is_alone():
    a, b = one_class_each(1, 60, 3), one_class_each(2, 60, 3)
    b = replace(b, pictures=a.pictures, class_names=a.class_names, targets=a.targets)
    asked = ("top1", "f1_macro", "log_loss")
    assert compare_figures(a, b, asked, how=QUICK) == {name: compare(a, b, name, how=QUICK) for name in asked}


def test_runs_are_paired_by_picture_and_class_name():
    a = one_class_each(1, 60, 3)
    order = np.random.default_rng(0).permutation(60)[:45]
    turned = np.array([2, 0, 1])
    b = replace(
        a, class_names=tuple(a.class_names[k] for k in turned), logits=a.logits[:, turned], targets=(a.targets + 1) % 3
    )
    left, right = paired(a, b.take(order))
    assert left.pictures == right.pictures == tuple(a.pictures[row] for row in sorted(order))
    found = compare(a, b.take(order), "f1_macro", how=QUICK)
    assert found.pictures == 45
    assert found.gap.value == 0
    assert "score the same on these 45 pictures" in found.words
    with pytest.raises(DataError, match="share no pictures"):
        compare(a, replace(a, pictures=tuple(f"other {n}" for n in range(60))), "top1")
    with pytest.raises(DataError, match="different answers"):
        compare(a, replace(a, targets=(a.targets + 1) % 3), "top1")
    with pytest.raises(DataError, match="comes twice"):
        compare(a, a.take(np.zeros(3, np.int64)), "top1")
    with pytest.raises(SettingsError, match="yardstick"):
        compare(a, several_classes(0, 60, 3), "top1")
    with pytest.raises(SettingsError, match="no figure"):
        compare(a, a, "top2")


def boxes(shift: float, seed: int) -> DetectionResults:
    """Sixty pictures of three squares, found a little beside where they are."""
    random = np.random.default_rng(0)
    corner = random.uniform(0, 60, size=(180, 2))
    truth = np.concatenate([corner, corner + 30], axis=1)
    moved = np.random.default_rng(seed).normal(scale=shift, size=(180, 4))
    picture = np.repeat(np.arange(60), 3)
    labels = np.tile(np.arange(3), 60)
    return DetectionResults(
        pictures=tuple(map(str, range(60))),
        class_names=("a", "b", "c"),
        sizes_px=np.full((60, 2), 100),
        truth=TrueBoxes(picture, truth, labels, np.zeros(180, bool)),
        found=FoundBoxes(picture, truth + moved, np.tile([0.9, 0.8, 0.7], 60), labels),
    )


def test_detectors_are_compared_by_their_boxes():
    found = compare(boxes(6.0, 1), boxes(2.0, 2), "map50", ("loose", "tight"), QUICK)
    assert found.better == "tight"
    same = compare(boxes(2.0, 2), boxes(2.0, 2), "map", how=QUICK)
    assert same.better == ""
    other = boxes(2.0, 2)
    changed = replace(other, truth=replace(other.truth, labels=other.truth.labels[::-1]))
    with pytest.raises(DataError, match="different answers"):
        compare(other, changed, "map")


def test_equals_are_told_apart_no_more_often_than_they_say():
    """Two networks as good as each other, 400 times 200 pictures: at most about 1 in 20 verdicts."""
    random = np.random.default_rng(5)
    verdicts = 0
    for _ in range(400):
        hard = random.random(200) < 0.3
        a, b = (random.random((2, 200)) > np.where(hard, 0.6, 0.05)).astype(float)
        found = compare_values(a, b, "share", how=Drawing(samples=200))
        verdicts += found.surely
        assert found.surely == (not found.gap.holds(0) if found.gap.known else found.chance < 0.05)
    assert verdicts <= 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95)


def test_as_many_more_pictures_do_show_the_gap():
    """With the pictures it asks for, the same true gap is found about four times in five."""
    random = np.random.default_rng(8)

    def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
        draw = random.random(count)
        return ((draw > 0.06) & (draw < 0.9)).astype(float), (draw < 0.9 - 0.03).astype(float)  # gap 0.03 of 0.09

    a, b = pictures(100_000)
    gap, deviation = (b - a).mean(), (b - a).std()
    like = compare_values(*pictures(150), "share", how=QUICK)
    exact = replace(
        like,
        gap=replace(like.gap, value=gap, low=gap - 1, high=gap + 1),
        chance=0.5,
        pictures=150,
        deviation=deviation / np.sqrt(150),
    )
    needed = 150 + (exact.more_pictures or 0)
    assert needed == pytest.approx(((1.959964 + 0.841621) * deviation / gap) ** 2, rel=0.01)
    shown = sum(compare_values(*pictures(needed), "share", how=Drawing(samples=200)).surely for _ in range(200))
    assert shown / 200 == pytest.approx(0.8, abs=0.1)


def test_drawings_are_of_both_together():
    """Two that err on the same pictures differ by less than two that err on others."""
    a, b = split(100, 10, 20, 70)
    gap = compare_values(a, b, "share", how=QUICK).gap
    apart = compare_values(a, np.random.default_rng(0).permutation(b), "share", how=QUICK).gap
    assert gap.high - gap.low < 0.7 * (apart.high - apart.low)
    means = distribution(lambda weights: {"gap": weights @ (b - 1.0 * a) / 200}, 200, QUICK)["gap"]
    assert gap.high - gap.value == pytest.approx(np.quantile(np.abs(means - 0.05), 0.95, method="higher"))
