"""What a run of either task answers to three questions of each picture: what is there, how many, and where?

    said = answers(results, ground, score=0.4)
    said.scores, said.there, said.counts, said.points_xy

A detector's boxes answer all three; a classifier says what is there, cannot say how many, and points where its
activation map peaks, once somebody has asked it to (`vision_core.evaluation.pointing`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vision_core.evaluation.ground import Ground, columns_of
from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, Results

THRESHOLDS = {"classification": 0.5, "detection": 0.4}
"""From which score on a thing is said to be there, where nobody chose: a label above it, as torchmetrics counts, and a
box at or above it, as `predict` shows boxes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """What one run says of the pictures and classes of a ground.

    Attributes:
        scores: `(N, K)` float64, 0..1: how surely each class is there; a detector's best box of it, 0 without one.
        there: `(N, K)` bool: said to be there.
        counts: `(N, K)` int64: objects said to be there; None: cannot say.
        points_xy: `(N, K, 2)` float64, where each class is, in the picture's pixels, NaN where it points nowhere; None:
            cannot say, or was not asked.
        threshold: of the score, from which on a thing is there (see `THRESHOLDS`); None where the best class alone is.
        boxes: what was found, of these pictures and classes; None: a classifier.
    """

    scores: np.ndarray
    there: np.ndarray
    counts: np.ndarray | None
    points_xy: np.ndarray | None
    threshold: float | None
    boxes: DetectionResults | None = None


def answers(
    results: Results, ground: Ground, score: float | None = None, points_xy: np.ndarray | None = None
) -> Answers:
    """What a run says on this ground.

    Args:
        score: from which on a thing is there; by default 0.4 for boxes and 0.5 for labels, and of a classifier that
            gives each picture one class, its best class alone.
        points_xy: `(N, K, 2)`, where a classifier points on this ground's pictures.
    """
    places = {path: row for row, path in reversed(list(enumerate(results.pictures)))}
    results = results.take(np.array([places[path] for path in ground.pictures], np.int64))
    if isinstance(results, ClassificationResults):
        return _of_labels(results, ground, score, points_xy)
    return _of_boxes(results, ground, THRESHOLDS["detection"] if score is None else score)


def _of_labels(
    results: ClassificationResults, ground: Ground, score: float | None, points_xy: np.ndarray | None
) -> Answers:
    columns = [columns_of(results.class_names, name) for name in ground.class_names]
    if results.multi_label:
        scores = np.stack([results.scores[:, own].max(axis=1) for own in columns], axis=1)
        score = THRESHOLDS["classification"] if score is None else score
    else:  # shares of one picture exclude each other, so those of several names for one thing add up
        scores = np.stack([results.scores[:, own].sum(axis=1) for own in columns], axis=1).clip(0, 1)
    if score is None:
        best = results.scores.argmax(axis=1)
        there = np.stack([np.isin(best, own) for own in columns], axis=1)
    else:
        there = scores > score
    return Answers(scores=scores, there=there, counts=None, points_xy=points_xy, threshold=score)


def _of_boxes(results: DetectionResults, ground: Ground, score: float) -> Answers:
    found = _relabelled(results, ground)
    shape = ground.shown.shape
    cell = found.picture * shape[1] + found.labels
    order = np.lexsort((-found.scores, cell))  # stable: of equal scores the first
    cells, first = np.unique(cell[order], return_index=True)
    best = order[first]
    scores, points = np.zeros(shape), np.full((*shape, 2), np.nan)
    scores.reshape(-1)[cells] = found.scores[best]
    points.reshape(-1, 2)[cells] = (found.boxes_xyxy[best, :2] + found.boxes_xyxy[best, 2:]) / 2
    counts = np.bincount(cell[found.scores >= score], minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)
    boxes = None
    if ground.boxes is not None:
        boxes = replace(results, class_names=ground.class_names, truth=ground.boxes, found=found)
    return Answers(scores=scores, there=counts > 0, counts=counts, points_xy=points, threshold=score, boxes=boxes)


def _relabelled(results: DetectionResults, ground: Ground) -> FoundBoxes:
    """The found boxes of the ground's classes, labelled with their places there."""
    new = np.full(len(results.class_names), -1, np.int64)
    for label, name in enumerate(ground.class_names):
        new[columns_of(results.class_names, name)] = label
    found = results.found
    labels = new[found.labels]
    kept = labels >= 0
    return FoundBoxes(found.picture[kept], found.boxes_xyxy[kept], found.scores[kept], labels[kept])
