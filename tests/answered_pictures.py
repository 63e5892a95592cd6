"""Made-up answers of classifiers and detectors about the same pictures, with ties, crowds and empty pictures."""

from __future__ import annotations

import numpy as np

from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, TrueBoxes

NAMES = ("cup", "spoon", "plate", "fork")


def paths(pictures: int) -> tuple[str, ...]:
    return tuple(f"test/{number:03}.png" for number in range(pictures))


def detected(
    pictures: int = 30, seed: int = 0, class_names: tuple[str, ...] = NAMES, crowds: float = 0.05, most: int = 5
) -> DetectionResults:
    """Boxes near the true ones, some missed, some elsewhere, some of another class; scores of one decimal, so that
    many are equal."""
    random = np.random.default_rng(seed)
    classes, size = len(class_names), 200.0
    true = random.integers(0, most + 1, pictures)
    true_picture = np.repeat(np.arange(pictures), true)
    true_boxes = some_boxes(random, len(true_picture), size)
    true_labels = random.integers(0, classes, len(true_picture))
    kept = np.flatnonzero(random.random(len(true_picture)) < 0.8)
    shift = random.normal(0, 6, (len(kept), 4))
    labels = np.where(random.random(len(kept)) < 0.85, true_labels[kept], random.integers(0, classes, len(kept)))
    extra = random.integers(0, 3, pictures)
    picture = np.concatenate([true_picture[kept], np.repeat(np.arange(pictures), extra)])
    boxes = np.concatenate([true_boxes[kept] + shift, some_boxes(random, int(extra.sum()), size)])
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    labels = np.concatenate([labels, random.integers(0, classes, int(extra.sum()))])
    scores = random.integers(1, 11, len(picture)) / 10
    order = np.lexsort((-scores, picture))
    return DetectionResults(
        pictures=paths(pictures),
        class_names=class_names,
        sizes_px=np.full((pictures, 2), int(size)),
        truth=TrueBoxes(true_picture, true_boxes, true_labels, random.random(len(true_picture)) < crowds),
        found=FoundBoxes(picture[order], boxes[order], scores[order], labels[order]),
    )


def some_boxes(random: np.random.Generator, count: int, size: float) -> np.ndarray:
    corner = random.uniform(0, size * 0.7, (count, 2))
    return np.concatenate([corner, corner + random.uniform(10, size * 0.3, (count, 2))], axis=1)


def presence(truth: DetectionResults, seed: int = 1, noise: float = 1.5) -> ClassificationResults:
    """A multi-label classifier of a detector's pictures; logits of one decimal, so that many are equal."""
    random = np.random.default_rng(seed)
    shown = np.zeros((len(truth), len(truth.class_names)), bool)
    shown[truth.truth.picture, truth.truth.labels] = True
    logits = np.round(2.0 * shown - 1 + random.normal(0, noise, shown.shape), 1).astype(np.float32)
    return ClassificationResults(
        pictures=truth.pictures, class_names=truth.class_names, logits=logits, targets=shown, multi_label=True
    )


def single(truth: DetectionResults, seed: int = 2) -> ClassificationResults:
    """A classifier that gives each picture one class, trained on any one of those it shows."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, len(truth.class_names), len(truth))
    targets[truth.truth.picture] = truth.truth.labels
    logits = random.normal(0, 1, (len(truth), len(truth.class_names))).astype(np.float32)
    logits[np.arange(len(truth)), targets] += 1.5
    return ClassificationResults(pictures=truth.pictures, class_names=truth.class_names, logits=logits, targets=targets)
