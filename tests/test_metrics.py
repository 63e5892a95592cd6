"""Figures of both tasks against the reference implementations: scikit-learn and pycocotools."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, top_k_accuracy_score

from vision_core.data.index import IndexBuilder
from vision_core.training.metrics import ECE_BINS, Boxes, BoxesFound, multi_label, single
from vision_core.training.task_data import TaskData


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Guo et al. 2017, equation 3, written out: the gap of every bin, by its share of the answers."""
    total = 0.0
    for number in range(ECE_BINS):
        low, high = number / ECE_BINS, (number + 1) / ECE_BINS
        mine = (confidence > low) & (confidence <= high)
        if mine.any():
            total += mine.mean() * abs(right[mine].mean() - confidence[mine].mean())
    return total


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60), classes=st.integers(2, 9))
def test_one_class_a_picture_as_scikit_learn_counts_it(seed: int, count: int, classes: int):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, classes)) * random.uniform(0.1, 5)
    targets = random.integers(classes, size=count)
    scores = torch.from_numpy(logits).float().softmax(dim=1)
    found = single(scores, torch.from_numpy(targets))
    plain, guessed = scores.numpy().astype(np.float64), scores.argmax(dim=1).numpy()
    assert found["top1"] == pytest.approx(accuracy_score(targets, guessed), abs=1e-6)
    assert ("top5" in found) == (classes > 5)
    if classes > 5:
        expected = top_k_accuracy_score(targets, plain, k=5, labels=np.arange(classes))
        assert found["top5"] == pytest.approx(expected, abs=1e-6)
    # A class that is neither there nor guessed does not count, in both libraries.
    used = np.union1d(targets, guessed)
    assert found["f1_macro"] == pytest.approx(f1_score(targets, guessed, labels=used, average="macro"), abs=1e-5)
    assert found["ece"] == pytest.approx(calibration_error(plain.max(axis=1), guessed == targets), abs=1e-5)


def test_a_single_class_is_always_right():
    assert single(torch.ones(3, 1), torch.zeros(3, dtype=torch.int64)) == {"top1": 1.0, "f1_macro": 1.0, "ece": 0.0}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 50), classes=st.integers(1, 7), ties=st.booleans())
def test_several_classes_a_picture_as_scikit_learn_counts_them(seed: int, count: int, classes: int, ties: bool):
    """Equal scores count as one threshold, in both libraries."""
    random = np.random.default_rng(seed)
    targets = (random.random((count, classes)) < random.uniform(0.05, 0.6)).astype(np.float32)
    scores = random.random((count, classes)).astype(np.float32)
    if ties:
        scores = np.round(scores * 4) / 4 * 0.98 + 0.01
    found = multi_label(torch.from_numpy(scores), torch.from_numpy(targets))
    shown = targets.any(axis=0)
    guessed = scores > 0.5
    if shown.any():
        each = [average_precision_score(targets[:, k], scores[:, k]) for k in np.flatnonzero(shown)]
        assert found["map"] == pytest.approx(np.mean(each), abs=1e-5)
    else:
        assert "map" not in found
    seen = np.flatnonzero(shown | guessed.any(axis=0))
    assert ("f1_macro" in found) == bool(len(seen))
    if len(seen):
        each = [f1_score(targets[:, k], guessed[:, k]) for k in seen]
        assert found["f1_macro"] == pytest.approx(np.mean(each), abs=1e-5)
        assert found["f1_micro"] == pytest.approx(f1_score(targets.ravel(), guessed.ravel()), abs=1e-5)
    some = targets.any(axis=1)
    if some.any():
        right = targets[some, scores[some].argmax(axis=1)]
        assert found["top1"] == pytest.approx(right.mean(), abs=1e-6)
    else:
        assert "top1" not in found
    answers, wanted = scores.ravel().astype(np.float64), targets.ravel()
    assert found["ece"] == pytest.approx(calibration_error(answers, wanted), abs=1e-5)


Truth = list[tuple[int, float, float, float, float, bool]]


def task(pictures: list[Truth], size_px: int = 200, classes: int = 3) -> TaskData:
    """Detection data of these boxes: class, four edges, crowd."""
    builder = IndexBuilder([f"class {number}" for number in range(classes)])
    for number, boxes in enumerate(pictures):
        builder.add_image(f"{number}.png", (size_px, size_px), "val", None, boxes)
    names = tuple(f"class {number}" for number in range(classes))
    return TaskData(builder.finish(Path("."), "coco"), "detection", names, False, 1.0, 0)


def reference(pictures: list[Truth], found: list[Boxes], classes: int = 3) -> dict[str, float]:
    """pycocotools' own figures, -1 left out."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations: list[dict[str, Any]] = []
    for number, boxes in enumerate(pictures):
        for class_id, left, top, right, bottom, crowd in boxes:
            width, height = right - left, bottom - top
            about = {"id": len(annotations) + 1, "image_id": number + 1, "category_id": class_id + 1}
            box = {"bbox": [left, top, width, height], "area": width * height, "iscrowd": int(crowd)}
            annotations.append(about | box)
    results = [
        {
            "id": index + 1,
            "image_id": number + 1,
            "category_id": int(label) + 1,
            "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
            "score": float(score),
            "iscrowd": 0,
        }
        for index, (number, box, score, label) in enumerate(
            (number, *one)
            for number, boxes in enumerate(found)
            for one in zip(boxes.boxes_xyxy, boxes.scores, boxes.labels, strict=True)
        )
    ]
    images = [{"id": number + 1, "width": 200, "height": 200} for number in range(len(pictures))]
    categories = [{"id": number + 1, "name": str(number)} for number in range(classes)]
    with contextlib.redirect_stdout(io.StringIO()):
        sides: list[Any] = []
        for content in (annotations, results):
            coco: Any = COCO()
            coco.dataset = {"info": {}, "images": images, "annotations": content, "categories": categories}
            coco.createIndex()
            sides.append(coco)
        evaluation: Any = COCOeval(sides[0], sides[1], "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    names = ("map", "map50", "map75", "map_small", "map_medium", "map_large", None, None, "ar100")
    figures = zip(names, evaluation.stats, strict=False)
    return {name: float(value) for name, value in figures if name and value >= 0}


def drawn(random: np.random.Generator, largest_px: float) -> tuple[float, float, float, float]:
    left, top = random.uniform(0, 200 - largest_px, 2)
    width, height = random.uniform(3, largest_px, 2)
    return float(left), float(top), float(left + width), float(top + height)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(1, 6),
    most=st.integers(0, 8),
    crowds=st.sampled_from([0.0, 0.3, 1.0]),
    largest_px=st.sampled_from([25.0, 80.0, 150.0]),
    detected=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_boxes_as_pycocotools_scores_them(
    seed: int, pictures: int, most: int, crowds: float, largest_px: float, detected: float
):
    """With crowds, pictures without objects or detections, sizes that do not occur, and scores that tie."""
    random = np.random.default_rng(seed)
    truths: list[Truth] = []
    found: list[Boxes] = []
    for _ in range(pictures):
        truth = [
            (int(random.integers(3)), *drawn(random, largest_px), bool(random.random() < crowds))
            for _ in range(random.integers(most + 1))
        ]
        near = [(c, np.array(box[:4]) + random.normal(0, 2, 4)) for c, *box in truth if random.random() < detected]
        stray = [(int(random.integers(3)), np.array(drawn(random, largest_px))) for _ in range(random.integers(4))]
        said = near + stray if detected else []
        scores = np.round(random.random(len(said)), 1).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        boxes = np.array([box for _, box in said], np.float32).reshape(-1, 4)
        labels = np.array([label for label, _ in said], np.int64)
        found.append(Boxes(boxes[order], scores[order], labels[order]))
        truths.append(truth)
    collected = BoxesFound(task(truths))
    for row in range(pictures):
        collected.add(np.array([row]), [found[row]])
    ours = collected.score()
    if not any(truths):
        assert ours == {}
        return
    theirs = reference(truths, found)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-6), name


def test_what_was_found_can_be_asked_for():
    collected = BoxesFound(task([[], []]))
    boxes = Boxes(np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    collected.add(np.array([1]), [boxes])
    assert collected.has(1)
    assert not collected.has(0)
    assert collected.of(1) is boxes


def test_all_figures_of_a_perfect_detector_are_one():
    truths: list[Truth] = [[(0, 10, 10, 30, 30, False), (1, 40, 40, 110, 110, False)], [(2, 0, 0, 150, 150, False)]]
    collected = BoxesFound(task(truths))
    for row, truth in enumerate(truths):
        boxes = np.array([box[1:5] for box in truth], np.float32)
        labels = np.array([box[0] for box in truth])
        collected.add(np.array([row]), [Boxes(boxes, np.linspace(0.9, 0.5, len(truth)), labels)])
    assert collected.score() == pytest.approx(
        dict.fromkeys(("map", "map50", "map75", "map_small", "map_medium", "map_large", "ar100"), 1.0)
    )
