"""Average precision of resamples, against scoring the resampled pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.coco_reference import NAMES, drawn, evaluated, results_of, twelve
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation import weighted_ap
from vision_core.evaluation.bootstrap_ap import ApTally, detection_intervals
from vision_core.evaluation.box_matching import match
from vision_core.evaluation.detection import coco_scores
from vision_core.evaluation.intervals import Drawing, drawings
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.weighted_ap import resample_ap

BOX, FAR = (50, 50, 100, 100), (150, 150, 300, 300)


def draws(pictures: int, resamples: int, seed: int) -> np.ndarray:
    """Weights of some resamples."""
    return np.concatenate(list(drawings(pictures, Drawing(100, seed))))[:resamples]


def anew(results: DetectionResults, weights: np.ndarray) -> DetectionResults:
    """The resampled pictures themselves."""
    return results.take(np.repeat(np.arange(len(results)), weights.astype(int)))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    digits=st.sampled_from([0, 1, 9]),
    crowds=st.sampled_from([0.0, 0.3]),
    grid_px=st.sampled_from([0.0, 32.0]),
)
def test_a_resample_is_scored_as_its_pictures_would_be(seed: int, digits: int, crowds: float, grid_px: float):
    """Also where scores tie within a picture that is drawn several times."""
    results = drawn(seed, 5, 6, 3, crowds, 200.0, digits, grid_px)
    weights = draws(len(results), 6, seed)
    samples, told = resample_ap(results, weights), ApTally(results, NAMES)(weights)
    assert told.keys() == set(NAMES)
    for row, times in enumerate(weights):
        theirs = coco_scores(anew(results, times))
        expected = theirs.precision[..., 0].mean(axis=1)
        np.testing.assert_allclose(samples.average_precision[row], expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(samples.recall[row], theirs.recall[:, :, 0], rtol=0, atol=1e-12)
        figures = theirs.figures()
        for name, values in told.items():
            assert values[row] == pytest.approx(figures.get(name, np.nan), abs=1e-12, nan_ok=True)


def test_a_resample_is_scored_as_pycocotools_would():
    results = drawn(8, pictures=25, score_digits=1)
    weights = draws(25, 3, 1)
    figures = ApTally(results)(weights)
    for row, times in enumerate(weights):
        theirs = twelve(evaluated(anew(results, times)))
        for name in ("map", "map50", "map75", "ar100"):
            assert figures[name][row] == pytest.approx(theirs[name], abs=1e-9)


@pytest.mark.parametrize("objects", [25, 50, 100, 300])
def test_recalls_that_fall_on_a_hundredth_are_reached(objects: int):
    """Where the last bit of a share decides."""
    random = np.random.default_rng(objects)
    truth = [(row, BOX, 0, False) for row in range(objects)]
    found = [(row, BOX if random.random() < 0.8 else FAR, float(random.random()), 0) for row in range(objects)]
    results, weights = results_of(truth, found, objects, classes=1), draws(objects, 5, 0)
    values = ApTally(results)(weights)["map50"]
    for row, times in enumerate(weights):
        assert values[row] == pytest.approx(coco_scores(anew(results, times)).figures()["map50"], abs=1e-12)


def test_tied_boxes_of_a_picture_drawn_twice_come_copy_by_copy():
    """Right, wrong, right, wrong: not right, right, wrong, wrong."""
    results = results_of([(0, BOX, 0, False), (1, BOX, 0, False)], [(0, BOX, 0.5, 0), (0, FAR, 0.5, 0)], 2)
    expected = (34 * 1.0 + 33 * (2 / 3) + 34 * 0.0) / 101
    assert ApTally(results)(np.array([[2, 1]]))["map50"][0] == pytest.approx(expected)


def test_portions_do_not_change_a_figure(monkeypatch: pytest.MonkeyPatch):
    results, weights = drawn(2, pictures=12), draws(12, 20, 3)
    whole = resample_ap(results, weights)
    monkeypatch.setattr(weighted_ap, "_CELLS", 50)
    parts = resample_ap(results, weights)
    np.testing.assert_allclose(parts.average_precision, whole.average_precision, rtol=0, atol=1e-14)


def test_only_what_is_asked_for_is_matched():
    results, weights = drawn(2, pictures=12), draws(12, 5, 3)
    half = ApTally(results, ["map50"])
    assert half.matches.iou_thresholds == (0.5,)
    np.testing.assert_array_equal(half(weights)["map50"], ApTally(results, matches=match(results))(weights)["map50"])


def test_classes_are_told_apart_where_that_is_asked_for():
    results = drawn(2, pictures=12)
    told = ApTally(results, ["map50", "ar_large"], by_class=True)(np.ones((1, 12)))
    rows = coco_scores(results).by_class()
    for row in rows:
        assert told[f"map50/{row['class']}"][0] == pytest.approx(row["map50"], abs=1e-12)
        assert told[f"ar_large/{row['class']}"][0] == pytest.approx(row["ar_large"], abs=1e-12)


def test_intervals_hold_the_figure_and_narrow_with_more_pictures():
    how = Drawing(200)
    few, many = (
        detection_intervals(drawn(1, pictures=20), how=how),
        detection_intervals(drawn(1, pictures=160), how=how),
    )
    assert set(few) == {"map", "map50", "map75", "ar100"}
    assert few["map"].value == pytest.approx(coco_scores(drawn(1, pictures=20)).figures()["map"], abs=1e-12)
    assert few["map"].low <= few["map"].value <= few["map"].high
    assert few["map"].method == "bca"
    assert many["map"].high - many["map"].low < (few["map"].high - few["map"].low) / 2


def test_what_cannot_be_told_has_no_interval():
    found = detection_intervals(results_of([], [(0, BOX, 0.5, 0)], 2), how=Drawing(100))
    assert found == {}
    one_class = results_of([(0, BOX, 0, False), (1, BOX, 0, False)], [(0, BOX, 0.5, 0)], 2)
    found = detection_intervals(one_class, ["map", "map_small"], Drawing(100), by_class=True)
    assert set(found) == {"map", "map/class 0"}


def test_an_interval_holds_the_true_figure_about_as_often_as_it_says():
    """Of 100 samples of 40 pictures out of 2,000, about 95 intervals should hold the figure of all 2,000."""
    population = drawn(12, pictures=2000, most=4, classes=1, score_digits=9, crowds=0.0)
    everyone = ApTally(population, ["map50"])(np.ones((1, 2000)))["map50"][0]
    random, held = np.random.default_rng(0), 0
    for number in range(100):
        sample = population.take(np.sort(random.choice(2000, 40, replace=False)))
        held += detection_intervals(sample, ["map50"], Drawing(300, number))["map50"].holds(everyone)
    assert 84 <= held <= 99


def test_what_cannot_be_resampled_is_refused():
    results = drawn(0, pictures=2)
    with pytest.raises(SettingsError, match="'map60' is no figure"):
        ApTally(results, ["map60"])
    with pytest.raises(SettingsError, match="2 pictures"):
        resample_ap(results, np.ones((1, 3)))
    for odd in (0.5, -1):
        with pytest.raises(SettingsError, match="whole number"):
            resample_ap(results, np.full((1, 2), odd))
    with pytest.raises(DataError, match="no pictures"):
        detection_intervals(results_of([], [], 0))


def test_progress_rises_to_the_end_and_may_stop_the_work():
    told: list[tuple[str, int, int]] = []
    detection_intervals(drawn(1), ["map", "map_large"], Drawing(100), progress=lambda *step: told.append(step))
    drawing = [(done, total) for stage, done, total in told if stage == "Drawing pictures again"]
    assert drawing == sorted(drawing)
    assert drawing[-1] == (107, 107)  # the figure itself, a hundred drawings, and without each of six pictures

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "Drawing pictures again":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        detection_intervals(drawn(1), progress=stop)
