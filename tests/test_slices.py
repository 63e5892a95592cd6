"""Slices: every count against one by hand, the order, the intervals' coverage, and what pictures are told apart by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answered_pictures import NAMES, detected, paths, presence, single
from PIL import Image, ImageFilter
from sklearn.metrics import f1_score, precision_score, recall_score

from vision_core.boxes import box_iou
from vision_core.data.index import IndexBuilder
from vision_core.errors import DataError
from vision_core.evaluation.intervals import Drawing
from vision_core.evaluation.records import ClassificationResults, DetectionResults
from vision_core.evaluation.slice_columns import (
    MOST_NAMES,
    OTHERS,
    UNKNOWN,
    Column,
    grouped,
    index_columns,
    light_columns,
    light_of,
)
from vision_core.evaluation.slices import LEAST_PICTURES, Slice, judged, slices
from vision_core.samples import open_sample

QUICK = Drawing(samples=200, method="percentile")


def by(found: list[Slice], title: str) -> dict[str, Slice]:
    return {one.name: one for one in found if one.by == title}


def matched_by_hand(results: DetectionResults, score: float) -> list[tuple[str, int, int, float]]:
    """Kind, picture, class and area of every answer: greedy by falling score within a picture and class."""
    found, truth, answers = results.found, results.truth, []
    for picture in range(len(results)):
        for label in range(len(results.class_names)):
            mine = np.flatnonzero((found.picture == picture) & (found.labels == label) & (found.scores >= score))
            true = np.flatnonzero((truth.picture == picture) & (truth.labels == label))
            free = set(true[~truth.crowd[true]].tolist())
            for box in mine[np.argsort(-found.scores[mine], kind="stable")]:
                overlap = {one: box_iou(found.boxes_xyxy[[box]], truth.boxes_xyxy[[one]])[0, 0] for one in free}
                best = max(overlap, key=lambda one: overlap[one], default=None)
                if best is not None and overlap[best] >= 0.5:
                    free.discard(best)
                    answers.append(("right", picture, label, area(truth.boxes_xyxy[best])))
                else:
                    answers.append(("wrong", picture, label, area(found.boxes_xyxy[box])))
            answers += [("missed", picture, label, area(truth.boxes_xyxy[one])) for one in free]
    return answers


def area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def f1_of(answers: list[tuple[str, int, int, float]]) -> float:
    counts = {kind: sum(one[0] == kind for one in answers) for kind in ("right", "wrong", "missed")}
    return 2 * counts["right"] / (2 * counts["right"] + counts["wrong"] + counts["missed"])


@pytest.mark.parametrize("seed", range(3))
def test_a_detectors_slices_are_those_counted_by_hand(seed: int) -> None:
    results = detected(pictures=40, seed=seed, crowds=0)
    answers = matched_by_hand(results, 0.4)
    found = slices(results, how=QUICK)
    for label, name in enumerate(NAMES):
        mine = [one for one in answers if one[2] == label]
        assert by(found, "class")[name].value == pytest.approx(f1_of(mine))
        assert by(found, "class")[name].rest == pytest.approx(f1_of([one for one in answers if one[2] != label]))
        assert by(found, "class")[name].rows.tolist() == sorted({one[1] for one in mine})
        assert by(found, "class")[name].things == sum(one[0] != "wrong" for one in mine)
    small = [one for one in answers if one[3] < 32**2]
    assert by(found, "object size")["small (below 32² pixels)"].value == pytest.approx(f1_of(small))
    counts = np.bincount(results.truth.picture, minlength=40)
    some = [one for one in answers if counts[one[1]] in (2, 3)]
    assert by(found, "things in the picture")["2 or 3"].value == pytest.approx(f1_of(some))


def test_answers_about_crowds_do_not_count() -> None:
    results = detected(pictures=30, seed=1, crowds=0.4)
    verdicts = judged(results)
    things = int((~results.truth.crowd).sum())
    assert int((verdicts.right | verdicts.missed).sum()) == things
    alone = detected(pictures=30, seed=1, crowds=0)
    assert len(verdicts) < len(judged(alone))


@pytest.mark.parametrize("kind", [presence, single])
def test_a_classifiers_slices_are_scikit_learns(kind: object) -> None:
    results: ClassificationResults = kind(detected(pictures=60, seed=2))  # type: ignore[operator]
    halves = ["odd" if row % 2 else "even" for row in range(len(results))]
    found = slices(results, [Column("half", halves)], how=QUICK)
    said = results.scores > 0.5
    if not results.multi_label:
        said = np.eye(len(NAMES), dtype=bool)[results.logits.argmax(axis=1)]
    for label, name in enumerate(NAMES):
        one, pair = by(found, "class")[name], (results.shown[:, label], said[:, label])
        assert one.value == pytest.approx(f1_score(*pair))
        assert one.precision == pytest.approx(precision_score(*pair))
        assert one.recall == pytest.approx(recall_score(*pair))
    odd = by(found, "half")["odd"]
    assert odd.value == pytest.approx(f1_score(results.shown[1::2], said[1::2], average="micro"))
    assert odd.rest == pytest.approx(by(found, "half")["even"].value)
    if not results.multi_label:
        assert odd.value == pytest.approx((results.logits.argmax(axis=1) == results.targets)[1::2].mean())


def some_labels(count: int, shares: dict[str, float], seed: int) -> tuple[ClassificationResults, list[str]]:
    """A classifier of two classes, right in such a share of the pictures of each part."""
    random = np.random.default_rng(seed)
    part = [list(shares)[place % len(shares)] for place in range(count)]
    right = random.random(count) < np.array([shares[one] for one in part])
    targets = random.integers(0, 2, count)
    logits = np.eye(2, dtype=np.float32)[np.where(right, targets, 1 - targets)]
    return ClassificationResults(pictures=paths(count), class_names=("a", "b"), logits=logits, targets=targets), part


def test_the_worst_come_first_and_the_thin_ones_last() -> None:
    results, part = some_labels(300, {"good": 0.95, "bad": 0.6, "fair": 0.85}, 0)
    part[:3] = ["rare"] * 3
    wrong = results.logits.copy()
    wrong[:3] = wrong[:3, ::-1] * 0 + np.eye(2)[1 - results.targets[:3]]
    found = slices(replace(results, logits=wrong), [Column("part", part)], how=QUICK)
    named = [one.name for one in found if one.by == "part"]
    assert named == ["bad", "fair", "good", "rare"]
    assert by(found, "part")["rare"].pictures < LEAST_PICTURES
    assert by(found, "part")["rare"].value == 0
    assert by(found, "part")["rare"].high > 0.4
    assert [one.name for one in found if one.weak] == ["bad"]


def test_an_interval_of_all_right_is_not_a_point_and_grows_with_fewer_pictures() -> None:
    results, _ = some_labels(60, {"all": 1.0}, 0)
    part = ["few" if place < 8 else "many" for place in range(60)]
    found = by(slices(results, [Column("part", part)], how=QUICK), "part")
    assert found["few"].value == found["many"].value == 1
    assert 0.5 < found["few"].low < found["many"].low < 1


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held, asked = 0, 0
    for seed in range(120):
        results, part = some_labels(160, {"x": 0.9, "y": 0.7}, seed)
        found = by(slices(results, [Column("part", part)], how=Drawing(samples=200, seed=seed)), "part")
        held += (found["x"].low <= 0.9 <= found["x"].high) + (found["y"].low <= 0.7 <= found["y"].high)
        asked += 2
    assert held / asked == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("pictures", [6, 15])
def test_intervals_of_many_things_in_few_pictures_hold_the_truth_too(pictures: int) -> None:
    """Things of one picture are right or wrong together, so that there are fewer answers than things."""
    held, rounds = 0, 150
    for seed in range(rounds):
        random = np.random.default_rng(seed)
        chance = random.beta(4, 2, 2 * pictures)  # of being right, of each picture; 2/3 as a mean
        shown = np.ones((2 * pictures, 12), bool)
        logits = np.where(random.random(shown.shape) < chance[:, None], 1.0, -1.0).astype(np.float32)
        results = ClassificationResults(
            pictures=paths(2 * pictures),
            class_names=tuple("abcdefghijkl"),
            logits=logits,
            targets=shown,
            multi_label=True,
        )
        part = ["x" if place < pictures else "y" for place in range(2 * pictures)]
        one = by(slices(results, [Column("part", part)], how=Drawing(samples=300, seed=seed)), "part")["x"]
        held += one.low <= 0.8 <= one.high  # 2 * (2/3) / (1 + 2/3)
    assert held / rounds == pytest.approx(0.95, abs=0.06)


def test_few_slices_of_an_even_run_are_called_weak() -> None:
    called = 0
    for seed in range(60):
        results, part = some_labels(200, dict.fromkeys("abcdefgh", 0.8), seed)
        found = slices(results, [Column("part", part)], how=Drawing(samples=200, seed=seed))
        called += any(one.weak for one in found if one.by == "part")
    assert called / 60 < 0.12


def test_nothing_to_tell_apart_gives_no_slices() -> None:
    results, _ = some_labels(10, {"x": 0.5}, 0)
    assert {one.by for one in slices(results, [Column("split", ["test"] * 10)], how=QUICK)} == {"class"}
    assert slices(results.take(np.zeros(0, np.int64))) == []


def test_numbers_are_told_apart_in_quarters_and_words_as_they_are() -> None:
    names, member = grouped(Column("light", [*range(1, 9), None, float("nan")], "lux", ("dark", "light")), 10)
    assert [names[place] for place in member] == [
        *["dark quarter: 1 to 2 lux"] * 2,
        *["second quarter: 3 to 4 lux"] * 2,
        *["third quarter: 5 to 6 lux"] * 2,
        *["light quarter: 7 to 8 lux"] * 2,
        *[UNKNOWN] * 2,
    ]
    assert grouped(Column("n", [1, 2, 2.5]), 3)[0] == ["1", "2", "2.5"]
    assert grouped(Column("flag", [True, False, None]), 3)[0] == ["False", "True", UNKNOWN]
    many = [f"cam {place % 50}" for place in range(400)] + ["cam 0"] * 50
    names, member = grouped(Column("camera", many), 450)
    assert len(names) == MOST_NAMES
    assert OTHERS in names
    assert len(member) == 450
    with pytest.raises(DataError, match="3 values for 4 pictures"):
        grouped(Column("camera", ["a"] * 3), 4)
    assert grouped(Column("same", [5.0] * 30), 30)[0] == ["5"]


def test_light_and_sharpness_fall_as_a_picture_is_darkened_and_blurred(tmp_path: Path) -> None:
    photo = open_sample("chelsea").pixels
    dark = Image.fromarray((np.asarray(photo) * 0.3).astype(np.uint8))
    made = {"plain": photo, "dark": dark, "blurred": photo.filter(ImageFilter.GaussianBlur(4))}
    files = [tmp_path / f"{name}.png" for name in made]
    for file, picture in zip(files, made.values(), strict=True):
        picture.save(file)
    files.append(tmp_path / "gone.png")
    told: list[int] = []
    light, sharp = light_columns(files, lambda _stage, done, _total: told.append(done))
    assert light.values[1] == pytest.approx(0.3 * light.values[0], rel=0.02)
    assert light.values[2] == pytest.approx(light.values[0], rel=0.01)
    assert sharp.values[2] < 0.2 * sharp.values[0]
    assert np.isnan(light.values[3])
    assert told == [1, 2, 3, 4]


def test_light_and_sharpness_are_their_definitions() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (40, 50, 3), np.uint8)
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    edged = np.pad(grey, 1, "reflect")
    laplacian = edged[:-2, 1:-1] + edged[2:, 1:-1] + edged[1:-1, :-2] + edged[1:-1, 2:] - 4 * grey
    found = light_of(pixels)
    assert found.brightness == pytest.approx(grey.mean(), rel=1e-5)
    assert found.sharpness == pytest.approx(laplacian.var(), rel=1e-4)


def test_the_index_tells_split_size_and_crowding() -> None:
    builder = IndexBuilder(("cup",))
    builder.add_image("a.png", (100, 50), "test", boxes=[(0, 0, 0, 10, 10, False), (0, 0, 0, 50, 20, False)])
    builder.add_image("b.png", (0, 0), "val", boxes=[(0, 0, 0, 10, 10, True)])
    columns = {
        one.title: one.values for one in index_columns(builder.finish(Path("/nowhere"), "coco"), np.array([1, 0]))
    }
    assert columns["split"] == ["val", "test"]
    np.testing.assert_array_equal(columns["longest edge"], [np.nan, 100])
    assert columns["things in the picture"] == ["none", "2 or 3"]
    np.testing.assert_array_equal(columns["largest thing"], [np.nan, 20])
