"""The common yardstick: every figure against one computed by hand, and what happens where runs do not fit together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from answered_pictures import NAMES, detected, paths, presence, single
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, mean_absolute_error, precision_score, recall_score

from tests.training_processes import paint_boxed
from vision_core.data.formats import read_dataset
from vision_core.data.index import IndexBuilder
from vision_core.data.tasks import as_classification
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation import classification, detection
from vision_core.evaluation.ground import common_ground, with_boxes
from vision_core.evaluation.intervals import Drawing, drawings
from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, TrueBoxes
from vision_core.evaluation.store import open_evaluation
from vision_core.evaluation.yardstick import (
    FIGURES,
    LOWER_IS_BETTER,
    QUESTIONS,
    Yardstick,
    differences,
    side_by_side,
)
from vision_core.training.examples import EXAMPLES

SEEDS = range(4)


def one(results: DetectionResults | ClassificationResults, **how: object) -> Yardstick:
    return side_by_side([results], **how)[0]  # type: ignore[arg-type]


def asked_points(truth: DetectionResults, seed: int = 5) -> np.ndarray:
    """Where a classifier might point: in the middle of a true box of the class, or anywhere, or nowhere."""
    random = np.random.default_rng(seed)
    points = random.uniform(0, 200, (len(truth), len(truth.class_names), 2))
    boxes = truth.truth
    for place in np.flatnonzero(random.random(len(boxes)) < 0.5).tolist():
        box = boxes.boxes_xyxy[place]
        points[boxes.picture[place], boxes.labels[place]] = (box[:2] + box[2:]) / 2
    points[random.random(points.shape[:2]) < 0.1] = np.nan
    return points


class ByHand:
    """The figures in plain loops, from the definition of each."""

    def __init__(self, truth: DetectionResults, score: float) -> None:
        self.names, self.pictures, self.score = truth.class_names, range(len(truth)), score
        self.true: dict[tuple[int, int], list[tuple[np.ndarray, bool]]] = {}
        for picture, box, label, crowd in zip(
            truth.truth.picture, truth.truth.boxes_xyxy, truth.truth.labels, truth.truth.crowd, strict=True
        ):
            self.true.setdefault((int(picture), int(label)), []).append((box, bool(crowd)))
        self.found: dict[tuple[int, int], list[tuple[float, np.ndarray]]] = {}
        for picture, box, value, label in zip(
            truth.found.picture, truth.found.boxes_xyxy, truth.found.scores, truth.found.labels, strict=True
        ):
            self.found.setdefault((int(picture), int(label)), []).append((float(value), box))

    def shown(self, label: int) -> list[bool]:
        return [(picture, label) in self.true for picture in self.pictures]

    def surest(self, label: int) -> list[float]:
        return [max((v for v, _ in self.found.get((picture, label), [])), default=0.0) for picture in self.pictures]

    def said(self, picture: int, label: int) -> int:
        return sum(value >= self.score for value, _ in self.found.get((picture, label), []))

    def ap(self) -> float | None:
        values = [average_precision_score(self.shown(k), self.surest(k)) for k in self.labels() if any(self.shown(k))]
        return float(np.mean(values)) if values else None

    def f1(self) -> float | None:
        values = []
        for label in self.labels():
            shown, said = self.shown(label), [self.said(picture, label) > 0 for picture in self.pictures]
            if any(shown) or any(said):
                values.append(f1_score(shown, said))
        return float(np.mean(values)) if values else None

    def mae(self) -> float | None:
        values = []
        for label in self.labels():
            errors, asked = [], False
            for picture in self.pictures:
                boxes = self.true.get((picture, label), [])
                said = self.said(picture, label)
                asked |= bool(boxes) or said > 0
                if not any(crowd for _, crowd in boxes):
                    errors.append(abs(said - len(boxes)))
            if asked and errors:
                values.append(np.mean(errors))
        return float(np.mean(values)) if values else None

    def pointing(self, points: np.ndarray | None = None) -> float | None:
        values = []
        for label in self.labels():
            hits = []
            for picture in self.pictures:
                if (picture, label) not in self.true:
                    continue
                if points is not None:
                    x, y = points[picture, label]
                else:
                    found = self.found.get((picture, label), [])
                    x, y = np.nan, np.nan
                    if found:
                        box = max(found, key=lambda pair: pair[0])[1]
                        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
                boxes = [box for box, _ in self.true[picture, label]]
                hits.append(any(a <= x <= c and b <= y <= d for a, b, c, d in boxes))
            if hits:
                values.append(np.mean(hits))
        return float(np.mean(values)) if values else None

    def labels(self) -> range:
        return range(len(self.names))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("score", [0.1, 0.4, 0.75])
def test_a_detectors_figures_are_those_computed_by_hand(seed: int, score: float) -> None:
    results = detected(seed=seed, crowds=0.1)
    hand, figures = ByHand(results, score), one(results, scores=[score]).figures
    assert figures["presence_ap"] == pytest.approx(hand.ap(), abs=1e-12)
    assert figures["presence_f1"] == pytest.approx(hand.f1(), abs=1e-12)
    assert figures["count_mae"] == pytest.approx(hand.mae(), abs=1e-12)
    assert figures["pointing"] == pytest.approx(hand.pointing(), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_of_boxes_is_cocos(seed: int) -> None:
    results = detected(seed=seed, crowds=0.1)
    assert one(results).figures["ap50"] == pytest.approx(detection.figures(results)["map50"], abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_classifiers_figures_are_scikit_learns(seed: int) -> None:
    boxes = detected(seed=seed)
    results = presence(boxes, seed)
    points = asked_points(boxes, seed)
    _, stick = side_by_side([boxes, results], points_xy=[None, points])
    shown = results.targets
    assert stick.figures["presence_ap"] == pytest.approx(
        average_precision_score(shown, results.scores, average="macro"), abs=1e-12
    )
    said = results.scores > 0.5
    for name, reference in (("presence_f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        expected = reference(shown, said, average=None)  # pyright: ignore[reportArgumentType]
        np.testing.assert_allclose(stick.by_class[name], expected, atol=1e-12)
    assert stick.figures["pointing"] == pytest.approx(ByHand(boxes, 0.4).pointing(points), abs=1e-12)
    assert stick.figures["count_mae"] is None
    assert stick.figures["ap50"] is None
    assert "how many" in stick.unanswered["count_mae"]


@pytest.mark.parametrize("seed", SEEDS)
def test_of_labels_derived_from_boxes_it_gives_what_the_classifiers_own_figures_are(seed: int) -> None:
    results = presence(detected(seed=seed), seed)
    own, figures = classification.figures(results), one(results).figures
    assert figures["presence_ap"] == pytest.approx(own["map"], abs=1e-12)
    assert figures["presence_f1"] == pytest.approx(own["f1_macro"], abs=1e-12)


def test_a_classifier_of_one_class_a_picture_says_its_best_class_or_what_passes_the_threshold() -> None:
    boxes = detected()
    results = single(boxes)
    _, best = side_by_side([boxes, results])
    assert (best.answers.there.sum(axis=1) == 1).all()
    assert (best.answers.there.argmax(axis=1) == results.logits.argmax(axis=1)).all()
    assert best.answers.threshold is None
    _, passed = side_by_side([boxes, results], scores=[None, 0.3])
    np.testing.assert_array_equal(passed.answers.there, results.scores > 0.3)
    np.testing.assert_array_equal(best.ground.shown, presence(boxes).targets)  # the truth is that of the boxes


def test_alone_a_single_label_classifier_is_judged_by_its_labels() -> None:
    results = single(detected())
    stick = one(results)
    shown, said = results.shown, np.eye(len(NAMES), dtype=bool)[results.logits.argmax(axis=1)]
    assert stick.figures["presence_f1"] == pytest.approx(f1_score(shown, said, average="macro"), abs=1e-12)
    assert {name for name, value in stick.figures.items() if value is None} == {"count_mae", "pointing", "ap50"}
    assert all("drawn boxes" in reason for reason in stick.unanswered.values())


def test_counts_leave_out_what_a_crowd_hides_and_tell_what_guessing_would_give() -> None:
    truth = TrueBoxes(
        np.array([0, 0, 1, 1]), np.tile([0.0, 0, 9, 9], (4, 1)), np.zeros(4, int), np.array([0, 0, 1, 0], bool)
    )
    found = FoundBoxes(np.array([0, 1, 2]), np.tile([0.0, 0, 9, 9], (3, 1)), np.full(3, 0.9), np.zeros(3, int))
    results = DetectionResults(
        pictures=paths(3), class_names=("cup",), sizes_px=np.full((3, 2), 20), truth=truth, found=found
    )
    stick = one(results)
    assert stick.figures["count_mae"] == pytest.approx((1 + 1) / 2)  # picture 1 has a crowd
    assert stick.by_class["count_mae_guess"][0] == 1  # 2 and 0 objects
    assert stick.by_class["objects"][0] == 3
    assert stick.by_class["pictures"][0] == 2


def test_what_knowing_nothing_gives_is_told_by_class() -> None:
    boxes = detected(pictures=9, seed=6, most=6)
    whole = replace(boxes.truth, boxes_xyxy=boxes.truth.boxes_xyxy.round() * 1.2 - 10)  # some reach over the border
    whole = replace(whole, boxes_xyxy=whole.boxes_xyxy.round())
    stick = one(replace(boxes, truth=whole))
    shares = np.full(stick.ground.shown.shape, np.nan)
    for picture, label in zip(*np.nonzero(stick.ground.shown), strict=True):
        painted = np.zeros((200, 200), bool)
        mine = (whole.picture == picture) & (whole.labels == label)
        for x0, y0, x1, y1 in whole.boxes_xyxy[mine].astype(int).clip(0, 200):
            painted[y0:y1, x0:x1] = True
        shares[picture, label] = painted.mean()
    np.testing.assert_allclose(stick.by_class["pointing_guess"], np.nanmean(shares, axis=0), atol=1e-12)
    np.testing.assert_allclose(stick.by_class["presence_ap_guess"], stick.ground.shown.mean(axis=0))


@pytest.mark.parametrize("kind", ["detector", "labels", "label"])
def test_drawn_pictures_give_what_computing_anew_gives(kind: str) -> None:
    boxes = detected(seed=3)
    results = {"detector": boxes, "labels": presence(boxes), "label": single(boxes)}[kind]
    stick = one(results)
    weights = next(drawings(len(results), Drawing(samples=100)))[:12]
    drawn = stick.resampled(weights, by_class=True)
    assert {f"presence_ap/{name}" for name in stick.ground.class_names} <= drawn.keys()
    for place, counts in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(len(results)), counts)
        again = results.take(rows)
        again = replace(again, pictures=paths(len(rows)))
        anew = one(again).resampled(np.ones((1, len(rows))), by_class=True)
        for name, values in drawn.items():
            assert values[place] == pytest.approx(anew[name][0], abs=1e-12, nan_ok=True), name


def test_intervals_of_classes_come_from_the_same_drawings() -> None:
    stick = one(detected(pictures=40, seed=4))
    ends = stick.intervals(samples=200, by_class=True)
    assert {name: pair for name, pair in ends.items() if "/" not in name} == stick.intervals(samples=200)
    for figure in FIGURES:
        for label, name in enumerate(stick.ground.class_names):
            low, high = ends[f"{figure}/{name}"]
            assert low <= stick.by_class[figure][label] <= high, (figure, name)


def test_means_over_counts_and_points_lie_in_intervals_as_theory_has_them() -> None:
    results = detected(pictures=400, seed=1, class_names=("cup",), crowds=0)
    stick = one(results)
    low, high = stick.intervals(samples=2000)["count_mae"]
    counts = np.asarray(stick.ground.counts)[:, 0]
    errors = np.abs(np.asarray(stick.answers.counts)[:, 0] - counts)
    assert stick.figures["count_mae"] == pytest.approx(
        mean_absolute_error(counts, np.asarray(stick.answers.counts)[:, 0])
    )
    half = 1.96 * errors.std() / np.sqrt(len(errors))
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert low < errors.mean() < high


def test_a_run_differs_from_itself_by_nothing_and_from_a_worse_one_surely() -> None:
    boxes = detected(pictures=120, seed=2)
    sure, unsure = presence(boxes, 1, noise=0.6), presence(boxes, 2, noise=3.0)
    _, good, bad = side_by_side([boxes, sure, unsure])
    same = differences(good, good)
    assert all(gap.value == 0 and not gap.known for gap in same.values())
    gap = differences(good, bad)["presence_ap"]
    assert gap.value == pytest.approx(good.figures["presence_ap"] - bad.figures["presence_ap"])  # type: ignore[operator]
    assert 0 < gap.low < gap.value < gap.high
    assert "count_mae" not in differences(good, bad)


def test_only_common_pictures_and_classes_count_and_what_is_left_out_is_said() -> None:
    boxes = detected(pictures=20)
    fewer = presence(boxes).take(np.arange(5, 20)[::-1])
    fewer = replace(fewer, class_names=("cup", "Spoons", "bowl", "fork"))
    both = side_by_side([boxes, fewer])
    ground = both[0].ground
    assert ground.pictures == boxes.pictures[5:]
    assert ground.class_names == ("cup", "spoon", "fork")  # a plural is the same thing; "bowl" is not "plate"
    assert len(ground.notes) == 2
    assert "5 pictures left out" in ground.notes[0]
    assert "plate" in ground.notes[1]
    np.testing.assert_array_equal(both[1].answers.scores, fewer.scores[::-1][:, [0, 1, 3]])
    part = boxes.take(np.arange(5, 20))
    kept = np.isin(part.truth.labels, [0, 1, 3])
    assert len(ground.boxes or ()) == kept.sum()


def test_truth_comes_from_the_data_set_where_only_classifiers_are_compared() -> None:
    boxes = detected(pictures=12, seed=4, crowds=0.1)
    builder = IndexBuilder(("nothing", *NAMES))
    builder.add_image("test/unsearched.png", (200, 200))
    for row, path in reversed(list(enumerate(boxes.pictures))):
        mine = boxes.truth.picture == row
        told = zip(boxes.truth.labels[mine], boxes.truth.boxes_xyxy[mine], boxes.truth.crowd[mine], strict=True)
        builder.add_image(path, (200, 200), boxes=[(int(k) + 1, *box.tolist(), bool(crowd)) for k, box, crowd in told])
    index = builder.finish(Path("/nowhere"), "coco")
    expected, given = common_ground([boxes]), common_ground([single(boxes)], index)
    order = [given.pictures.index(path) for path in expected.pictures]
    names = [given.class_names.index(name) for name in expected.class_names]
    np.testing.assert_array_equal(given.shown[np.ix_(order, names)], expected.shown)
    np.testing.assert_array_equal(np.asarray(given.counts)[np.ix_(order, names)], expected.counts)
    np.testing.assert_array_equal(np.asarray(given.countable)[np.ix_(order, names)], expected.countable)


def test_what_cannot_be_compared_is_refused_with_the_reason() -> None:
    boxes = detected()
    elsewhere = replace(presence(boxes), pictures=tuple(f"crops/{path}" for path in boxes.pictures))
    with pytest.raises(DataError, match="not judged on the same pictures"):
        side_by_side([boxes, elsewhere])
    with pytest.raises(DataError, match="no class in common"):
        side_by_side([boxes, replace(presence(boxes), class_names=("a", "b", "c", "d"))])
    with pytest.raises(DataError, match="at least one run"):
        side_by_side([])
    with pytest.raises(SettingsError, match="different pictures"):
        differences(one(boxes), one(boxes.take(np.arange(10))))
    with pytest.raises(SettingsError, match="confidence"):
        one(boxes).intervals(confidence=95)
    with pytest.raises(SettingsError, match="at least 100"):
        one(boxes).intervals(samples=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 3))
def test_figures_of_few_and_empty_pictures_are_those_computed_by_hand(
    seed: int, pictures: int, classes: int, most: int
) -> None:
    results = detected(pictures, seed, NAMES[:classes], crowds=0.3, most=most)
    hand, figures = ByHand(results, 0.4), one(results).figures
    expected = {"presence_ap": hand.ap, "presence_f1": hand.f1, "count_mae": hand.mae, "pointing": hand.pointing}
    for name, compute in expected.items():
        value = compute()
        assert figures[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


def test_pictures_in_which_nothing_is_there_tell_what_they_can() -> None:
    results = detected(4, 0, most=0)
    assert not len(results.truth)
    found = one(results)
    assert (found.by_class["objects"] == 0).all()
    assert np.isnan(found.by_class["pointing_guess"]).all()
    assert found.figures["presence_ap"] is None


def test_every_figure_belongs_to_a_question() -> None:
    assert set(FIGURES) == {name for names in QUESTIONS.values() for name in names}
    assert set(FIGURES) >= LOWER_IS_BETTER


def test_the_example_runs_stand_side_by_side_as_their_own_evaluations_say() -> None:
    files = [next(EXAMPLES.glob(f"*-{task}/evaluations/*.safetensors")) for task in ("classifier", "detector")]
    told, found = (open_evaluation(file) for file in files)
    labels, boxes = side_by_side([told.results, found.results])
    assert len(labels.ground) == len(told.results) == 43
    assert labels.ground.notes == ()
    assert labels.figures["presence_ap"] == pytest.approx(told.figures["map"], abs=1e-9)
    assert labels.figures["presence_f1"] == pytest.approx(told.figures["f1_macro"], abs=1e-9)
    assert boxes.figures["ap50"] == pytest.approx(found.figures["map50"], abs=1e-9)
    np.testing.assert_array_equal(labels.ground.shown, told.results.shown)  # type: ignore[union-attr]
    gap = differences(boxes, labels, samples=300)["presence_ap"]
    assert gap.low > 0, "the detector knows better what is there"


def test_pictures_that_were_cut_out_do_not_stand_on_the_boxes_of_the_whole_ones(tmp_path: Path) -> None:
    whole = read_dataset(paint_boxed(tmp_path / "data"))
    evaluation = SimpleNamespace(
        index=as_classification(whole, "crops", tmp_path / "crops"), data=str(tmp_path / "data"), results=None
    )
    evaluation.results = SimpleNamespace(pictures=tuple(evaluation.index.images["path"].to_pylist()))
    assert with_boxes(cast(Any, evaluation)) is None
    evaluation.results = SimpleNamespace(pictures=tuple(whole.images["path"].to_pylist()[:1]))
    found = with_boxes(cast(Any, evaluation))
    assert found is not None
    assert found.has_boxes
